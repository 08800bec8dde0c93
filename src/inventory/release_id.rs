//! The id of a release. Ids sort by time, and no coordinator is needed to make them unique.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The end of the year 2199, in milliseconds since 1970. Ids from a later time are invalid.
const LATEST: u64 = 7_258_118_400_000;

const SHORT: usize = 8;

/// A ULID. Where space is short, only its last eight characters are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseId(pub Ulid);

impl ReleaseId {
    /// A new id that is greater than `newest`, even if `newest` was made by a machine whose clock is ahead. So the
    /// order of ids is the order of releases.
    pub fn after(newest: Option<Self>) -> Self {
        let generated = Self(Ulid::generate());
        match newest {
            // If the random part is at its maximum, the time part grows by one.
            Some(newest) if newest >= generated => newest
                .0
                .0
                .checked_add(1)
                .map_or(generated, |next| Self(Ulid(next))),
            _ => generated,
        }
    }

    /// The last eight characters. The first characters are a time, and two releases of one day share most of them. An
    /// id that [`ReleaseId::after`] made from a newer id differs from that id only at the end.
    pub fn short(self) -> String {
        let text = self.0.to_string();
        text.split_at(text.len() - SHORT).1.to_owned()
    }

    /// Whether a typed text means this id: it is the beginning of the id, or its end with at least eight characters.
    pub fn is_meant_by(self, typed: &str) -> bool {
        let text = self.0.to_string();
        let typed = typed.trim().to_ascii_uppercase();
        let is_end = typed.len() >= SHORT && text.ends_with(&typed);
        !typed.is_empty() && (text.starts_with(&typed) || is_end)
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a release id: a release id is a ULID of 26 characters, with a time before the year 2200"
)]
pub struct InvalidReleaseId(pub String);

impl FromStr for ReleaseId {
    type Err = InvalidReleaseId;

    fn from_str(text: &str) -> Result<Self, InvalidReleaseId> {
        // An id after `LATEST` is refused: no correct clock makes one, and the ids of later releases might not be
        // greater.
        Ulid::from_string(text)
            .ok()
            .filter(|id| id.timestamp_ms() < LATEST)
            .map(Self)
            .ok_or_else(|| InvalidReleaseId(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_greater_than_the_newest_at_any_clock() {
        let first = ReleaseId::after(None);
        assert!(ReleaseId::after(Some(first)) > first);
        let millisecond = first.0.timestamp_ms() + 3 * 60 * 60 * 1000;
        let ahead = ReleaseId(Ulid::from_parts(millisecond, 7));
        let next = ReleaseId::after(Some(ahead));
        assert!(next > ahead);
        assert!(ReleaseId::after(Some(next)) > next);
        let full = ReleaseId(Ulid::from_parts(millisecond, u128::MAX));
        assert!(ReleaseId::after(Some(full)) > full);
    }

    #[test]
    fn ids_that_follow_each_other_have_different_short_forms() {
        let first = ReleaseId::after(None);
        let next = ReleaseId::after(Some(ReleaseId(Ulid(first.0.0 | (1 << 100)))));
        let following = ReleaseId::after(Some(next));
        assert_ne!(next.short(), following.short());
        assert_eq!(first.short().len(), SHORT);
    }

    #[test]
    fn an_id_is_meant_by_its_beginning_or_its_short_form() {
        let id: ReleaseId = "01JD4ZZZZZ00000000ABCDEFGH".parse().unwrap();
        for typed in ["0", "01JD4ZZZZZ", "01jd4zzzzz0", "ABCDEFGH", " 0abcdefgh "] {
            assert!(id.is_meant_by(typed), "{typed}");
        }
        assert!(id.is_meant_by(&id.short()) && id.is_meant_by(&id.to_string()));
        for typed in ["", " ", "H", "BCDEFGH", "01JD5", "ABCDEFGX"] {
            assert!(!id.is_meant_by(typed), "{typed}");
        }
    }

    #[test]
    fn an_id_without_room_for_a_next_one_is_invalid() {
        let first = ReleaseId::after(None);
        assert_eq!(first.to_string().parse(), Ok(first));
        for text in ["7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "", "web"] {
            assert!(text.parse::<ReleaseId>().is_err(), "{text}");
        }
    }
}
