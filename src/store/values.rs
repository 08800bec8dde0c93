//! Encodes and decodes stored values, and describes those that cannot be read.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Store;
use crate::inventory::{Registration, Slot};
use crate::ports::kv::Pair;
use crate::ports::{FailureKind, Result};
use crate::sanitize::{sanitize, sanitize_line};

/// The most characters of an error text that a message shows.
const SHOWN: usize = 240;
/// The most characters of a value that are shown. Greenroom's own values are shorter.
const SHOWN_VALUE: usize = 4_000;

/// Encodes a value as it is stored.
pub(super) fn encode(store: &Store, doing: &str, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| store.failure(FailureKind::Rejected, doing, error.to_string()))
}

/// Decodes a stored value. The error is a sanitized text that says why it cannot be read.
pub(super) fn decode<T: DeserializeOwned>(pair: &Pair) -> std::result::Result<T, String> {
    serde_json::from_slice(&pair.value)
        .map_err(|error| shown(&format!("the value is not valid: {error}")))
}

/// Decodes the registration of a slot. It is an error if the value names another slot.
pub(super) fn decode_registration(
    pair: &Pair,
    slot: Slot,
) -> std::result::Result<Registration, String> {
    let entry: Registration = decode(pair)?;
    if entry.slot == slot {
        Ok(entry)
    } else {
        Err(format!(
            "the value names the slot {} instead of {slot}",
            entry.slot
        ))
    }
}

/// The key as sanitized text.
pub(super) fn key(pair: &Pair) -> String {
    sanitize_line(&pair.key)
}

/// The value as sanitized text on one line, shortened.
pub(super) fn value_line(pair: &Pair) -> String {
    // Bytes far beyond the limit are not decoded.
    let bytes = pair.value.as_slice();
    let bytes = bytes.get(..SHOWN_VALUE * 4 + 4).unwrap_or(bytes);
    cut(&String::from_utf8_lossy(bytes), SHOWN_VALUE)
}

fn shown(text: &str) -> String {
    cut(text, SHOWN)
}

fn cut(text: &str, most: usize) -> String {
    let text = sanitize(text);
    match text.char_indices().nth(most) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// Whether two values have the same stored form. `==` is not enough, because it compares only the digests of versions.
pub(super) fn same<T: Serialize>(left: &T, right: &T) -> bool {
    match (serde_json::to_value(left), serde_json::to_value(right)) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}
