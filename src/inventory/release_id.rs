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
