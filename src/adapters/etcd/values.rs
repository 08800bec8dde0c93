//! Values as they are stored, and what to say about those that are not ours to read.

use etcd_client::KeyValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::store::Store;
use crate::inventory::{Registration, Slot};
use crate::ports::{FailureKind, Result};
use crate::sanitize::{sanitize, sanitize_line};

/// How much of a foreign text is shown in a message.
const SHOWN: usize = 240;
/// How much of a value is shown: all of one of ours.
const SHOWN_VALUE: usize = 4_000;

/// A value of ours as the bytes that are stored.
pub(super) fn encode(store: &Store, doing: &str, value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| store.failure(FailureKind::Rejected, doing, error.to_string()))
}

/// A stored value, or harmless words on why it cannot be read.
pub(super) fn decode<T: DeserializeOwned>(pair: &KeyValue) -> std::result::Result<T, String> {
    serde_json::from_slice(pair.value())
        .map_err(|error| shown(&format!("it cannot be read: {error}")))
}

/// The registration of a slot; one that speaks of another slot is not ours to read.
pub(super) fn decode_registration(
    pair: &KeyValue,
    slot: Slot,
) -> std::result::Result<Registration, String> {
    let entry: Registration = decode(pair)?;
    if entry.slot == slot {
        Ok(entry)
    } else {
        Err(format!("it speaks of {}", entry.slot))
    }
}

/// The key, made harmless.
pub(super) fn key(pair: &KeyValue) -> String {
    sanitize_line(pair.key())
}

/// The value on one line, made harmless and cut.
pub(super) fn value_line(pair: &KeyValue) -> String {
    // What is far behind the cut is not even looked at.
    let bytes = pair.value();
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
