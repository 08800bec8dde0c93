//! Encodes and decodes stored values, and describes values that cannot be read.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Store;
use crate::history::FORMAT;
use crate::inventory::{QueueEntry, Registration, Slot, Target};
use crate::ports::kv::Pair;
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::{sanitize, sanitize_line};

/// The most characters of an error text that a message shows.
const SHOWN: usize = 240;
/// The most characters of a value that are shown. Greenroom's own values are shorter.
const SHOWN_VALUE: usize = 4_000;

/// A record as it is stored, with the format of the Greenroom that wrote it.
#[derive(Serialize)]
struct Written<'a, T> {
    format: u32,
    #[serde(flatten)]
    record: &'a T,
}

/// The part of a stored record that is decoded first, because a newer Greenroom may have changed the other parts.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// Why a stored value cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// A newer Greenroom wrote the record, in this format.
    Newer(u64),
    /// The value is wrong. The text is sanitized.
    Damaged(String),
}

impl Unreadable {
    /// The failure of a call that needs the record. `wrong` makes the failure for a wrong value.
    pub(super) fn failure(
        self,
        store: &Store,
        doing: &str,
        pair: &Pair,
        wrong: impl FnOnce(&str) -> Failure,
    ) -> Failure {
        match &self {
            Self::Newer(_) => self.newer(store, doing, pair),
            Self::Damaged(reason) => wrong(reason),
        }
    }

    fn newer(&self, store: &Store, doing: &str, pair: &Pair) -> Failure {
        let message = format!("{}: {self}", key(pair));
        store
            .failure(FailureKind::Unsupported, doing, message)
            .hint("use the newer Greenroom")
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(format) => write!(
                f,
                "the value has format {format}, but this Greenroom reads format {FORMAT}: a newer Greenroom wrote it"
            ),
            Self::Damaged(reason) => f.write_str(reason),
        }
    }
}

impl From<String> for Unreadable {
    fn from(reason: String) -> Self {
        Self::Damaged(reason)
    }
}

pub(super) type Decoded<T> = std::result::Result<T, Unreadable>;

/// Encodes a record as it is stored. A record that does not state its format gets the current one.
pub(super) fn encode(store: &Store, doing: &str, record: &impl Serialize) -> Result<String> {
    let encoded = || {
        let bare = serde_json::to_string(record)?;
        if serde_json::from_str::<Format>(&bare).is_ok() {
            return Ok(bare);
        }
        let format = FORMAT;
        serde_json::to_string(&Written { format, record })
    };
    encoded().map_err(|error: serde_json::Error| {
        store.failure(FailureKind::Rejected, doing, error.to_string())
    })
}

/// Decodes a stored record, unless a newer Greenroom wrote it. A record without a format is decoded in the current one.
pub(super) fn decode<T: DeserializeOwned>(pair: &Pair) -> Decoded<T> {
    match serde_json::from_slice::<Format>(&pair.value) {
        Ok(Format { format }) if format > u64::from(FORMAT) => Err(Unreadable::Newer(format)),
        _ => serde_json::from_slice(&pair.value)
            .map_err(|error| shortened(&format!("the value is not valid: {error}")).into()),
    }
}

/// Decodes a record that the caller may replace: none if the key does not exist or its value is wrong. It is a failure
/// if a newer Greenroom wrote the record.
pub(super) fn decode_replaceable<T: DeserializeOwned>(
    store: &Store,
    doing: &str,
    pair: Option<&Pair>,
) -> Result<Option<T>> {
    let Some(pair) = pair else {
        return Ok(None);
    };
    match decode(pair) {
        Ok(record) => Ok(Some(record)),
        Err(Unreadable::Damaged(_)) => Ok(None),
        Err(newer) => Err(newer.newer(store, doing, pair)),
    }
}

/// Decodes the registration of a slot. It is an error if the value names another slot or no member.
pub(super) fn decode_registration(pair: &Pair, slot: Slot) -> Decoded<Registration> {
    let entry: Registration = decode(pair)?;
    if entry.slot != slot {
        return Err(Unreadable::Damaged(format!(
            "the value names the slot {} instead of {slot}",
            entry.slot
        )));
    }
    if entry.members.is_empty() {
        return Err(Unreadable::Damaged("the value has no members".to_owned()));
    }
    Ok(entry)
}

/// Decodes an entry of a queue. It is an error if the value names another target or another id than its key, or if the
/// repository or the tag of its push is malformed: an agent asks the image registry for this tag.
pub(super) fn decode_queue_entry(pair: &Pair, target: &Target) -> Decoded<QueueEntry> {
    let entry: QueueEntry = decode(pair)?;
    let key = pair.key.as_slice();
    let is_named = key.ends_with(format!("/{}", entry.id).as_bytes());
    if entry.target != *target || !is_named {
        return Err(Unreadable::Damaged(format!(
            "the value is the entry {} of {}",
            entry.id, entry.target
        )));
    }
    match entry.push.check() {
        Ok(()) => Ok(entry),
        Err(bad) => Err(shortened(&bad.to_string()).into()),
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

fn shortened(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::drift::world_tests::{entry, instance, side};

    fn decoded(entry: &Registration, slot: Slot) -> std::result::Result<Registration, String> {
        let pair = Pair {
            key: b"slots/blue".to_vec(),
            value: serde_json::to_vec(entry).expect("encoded"),
            revision: 1,
            lease: None,
        };
        decode_registration(&pair, slot).map_err(|unreadable| unreadable.to_string())
    }

    #[test]
    fn a_registration_names_its_own_slot_and_at_least_one_member() {
        let valid = entry(&side(Slot::Blue), &instance(Slot::Blue, 'a', 7)).value;
        assert_eq!(decoded(&valid, Slot::Blue), Ok(valid.clone()));
        let refused = decoded(&valid, Slot::Green).expect_err("another slot");
        assert_eq!(refused, "the value names the slot blue instead of green");
        let mut empty = valid;
        empty.members.clear();
        let refused = decoded(&empty, Slot::Blue).expect_err("no member");
        assert_eq!(refused, "the value has no members");
    }
}
