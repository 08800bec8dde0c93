//! The forms of a secret that are searched for: the secret and its encodings. Escapes are not forms, because the views
//! undo escapes before the search.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::SHORTEST_FORM;
use super::view::folded;

/// Separators between the letters of a text that is spelled out. White space is not in the list, because a view
/// contains none.
const SEPARATORS: [char; 5] = [':', '-', '.', '_', ','];

/// The alphabet of RFC 4648, in lower case like the views.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The forms of one secret, folded in the same way as the views.
pub(super) struct Forms {
    /// The forms whose beginning is also hidden if the text was cut inside the form.
    pub(super) direct: Vec<String>,
    /// The forms that are searched for only as a whole.
    pub(super) packed: Vec<String>,
}

pub(super) fn forms_of(secret: &str) -> Forms {
    let mut direct = vec![folded(secret)];
    if secret.contains(' ') {
        // HTML forms encode a blank as `+`.
        direct.push(folded(&secret.replace(' ', "+")));
    }
    direct.push(hexadecimal(secret, None));
    let mut packed = Vec::new();
    for before in 0..3 {
        let text = inside_base64(secret.as_bytes(), before);
        packed.extend(
            (0..3)
                .map(|outer| inside_base64(text.as_bytes(), outer))
                .filter(|twice| twice.len() > SHORTEST_FORM)
                .map(|twice| folded(&twice)),
        );
        if text.len() > SHORTEST_FORM {
            direct.push(folded(&text.replace('+', "-").replace('/', "_")));
            direct.push(folded(&text));
        }
    }
    packed.extend((0..5).map(|before| inside_base32(secret.as_bytes(), before)));
    packed.push(folded(&secret.chars().rev().collect::<String>()));
    for separator in SEPARATORS {
        packed.push(hexadecimal(secret, Some(separator)));
        packed.push(folded(&spelled(secret, separator)));
    }
    direct.retain(|form| form.len() >= SHORTEST_FORM);
    packed.retain(|form| form.len() >= SHORTEST_FORM);
    Forms { direct, packed }
}

fn hexadecimal(secret: &str, separator: Option<char>) -> String {
    let mut text = String::with_capacity(3 * secret.len());
    for byte in secret.bytes() {
        if !text.is_empty() {
            text.extend(separator);
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn spelled(secret: &str, separator: char) -> String {
    let letters: Vec<String> = secret.chars().map(String::from).collect();
    letters.join(&separator.to_string())
}

/// The base64 encoding of `bytes` when `before` other bytes precede them. The characters that also encode bits of
/// neighbours are left out.
fn inside_base64(bytes: &[u8], before: usize) -> String {
    let mut padded = vec![0; before];
    padded.extend_from_slice(bytes);
    let mut text = STANDARD_NO_PAD.encode(&padded);
    text.truncate(padded.len() * 8 / 6);
    text.split_off((before * 8).div_ceil(6))
}

/// The base32 encoding of `bytes` when `before` other bytes precede them. The characters that also encode bits of
/// neighbours are left out.
fn inside_base32(bytes: &[u8], before: usize) -> String {
    let bits = |byte: &u8| (0..8).rev().map(|at| byte >> at & 1).collect::<Vec<u8>>();
    let mut all_bits = vec![0; before * 8];
    all_bits.extend(bytes.iter().flat_map(bits));
    let number = |bits: &[u8]| {
        bits.iter()
            .fold(0_usize, |sum, bit| 2 * sum + usize::from(*bit))
    };
    let digits = all_bits.chunks_exact(5).map(number);
    digits
        .skip((before * 8).div_ceil(5))
        .map(|digit| char::from(BASE32[digit]))
        .collect()
}
