//! What is looked for: a secret itself, and what it becomes where it is packed. Escapes are not among it: the views undo
//! them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::SHORTEST;
use super::view::folded;

/// The forms of one secret, each folded as views are.
pub(super) fn forms_of(secret: &str) -> Vec<String> {
    let mut forms = vec![folded(secret)];
    if secret.contains(' ') {
        // As a form sends it.
        forms.push(folded(&secret.replace(' ', "+")));
    }
    forms.push(hexadecimal(secret));
    for before in 0..3 {
        let text = inside_base64(secret.as_bytes(), before);
        if text.len() > SHORTEST {
            forms.push(folded(&text.replace('+', "-").replace('/', "_")));
            forms.push(folded(&text));
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

fn hexadecimal(secret: &str) -> String {
    let mut text = String::with_capacity(2 * secret.len());
    for byte in secret.bytes() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What base64 makes of `bytes` where so many other bytes are before it, without the characters that it shares with its
/// neighbours.
fn inside_base64(bytes: &[u8], before: usize) -> String {
    let mut all = vec![0; before];
    all.extend_from_slice(bytes);
    let mut text = STANDARD_NO_PAD.encode(&all);
    text.truncate(all.len() * 8 / 6);
    text.split_off((before * 8).div_ceil(6))
}
