//! The name of one release: sortable by time, unique without a coordinator.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// A ULID. Shown by its first ten characters where space is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseId(pub Ulid);

impl ReleaseId {
    /// A new id, greater than `newest`. The order of ids is the order of releases, also where a clock that was ahead
    /// has made the newest: no clock decides which release came last.
    pub fn after(newest: Option<Self>) -> Self {
        let generated = Self(Ulid::generate());
        match newest {
            Some(newest) if newest >= generated => {
                // The random part is full once in 2^80 ids.
                newest.0.increment().map_or(generated, Self)
            }
            _ => generated,
        }
    }

    /// The first ten characters: the time part.
    pub fn short(self) -> String {
        let mut text = self.0.to_string();
        text.truncate(10);
        text
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

/// A text that names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a release id: it is a ULID of 26 characters")]
pub struct InvalidReleaseId(pub String);

impl FromStr for ReleaseId {
    type Err = InvalidReleaseId;

    fn from_str(text: &str) -> Result<Self, InvalidReleaseId> {
        Ulid::from_string(text)
            .map(Self)
            .map_err(|_| InvalidReleaseId(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_greater_than_the_newest_whatever_the_clocks_say() {
        let first = ReleaseId::after(None);
        assert!(ReleaseId::after(Some(first)) > first);
        let millisecond = first.0.timestamp_ms() + 3 * 60 * 60 * 1000;
        let ahead = ReleaseId(Ulid::from_parts(millisecond, 7));
        let next = ReleaseId::after(Some(ahead));
        assert!(next > ahead);
        assert!(ReleaseId::after(Some(next)) > next);
    }
}
