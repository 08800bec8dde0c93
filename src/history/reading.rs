//! Checks that a journal that was read is the requested one and is complete. A store accepts any value, e.g. the record
//! of a newer Greenroom, the record of another release, or half a record.

use serde::Deserialize;

use super::{Entry, FORMAT, ReleaseRecord};
use crate::inventory::{ReleaseId, Target};

/// The part of a head that every Greenroom writes in the same way. It is decoded first, because a newer Greenroom may
/// have changed the rest of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Written {
    /// The format of the record and its entries.
    pub format: u32,
}

impl Written {
    /// Whether only a newer Greenroom can decode the record.
    pub fn is_newer(self) -> bool {
        self.format > FORMAT
    }
}

impl ReleaseRecord {
    /// Checks that this is the head of the given release. The error names the release to which the head belongs.
    pub fn check_is_of(&self, target: &Target, id: ReleaseId) -> Result<(), String> {
        if self.target == *target && self.id == id {
            return Ok(());
        }
        Err(format!(
            "the record belongs to release {} of {}",
            self.id, self.target
        ))
    }
}

/// Checks that no entry before the last one is missing. The error names the first missing entry.
pub fn check_whole(entries: &[Entry]) -> Result<(), String> {
    for (number, entry) in (1..).zip(entries) {
        if entry.sequence != number {
            return Err(format!(
                "entry {number} is missing before entry {}",
                entry.sequence
            ));
        }
    }
    Ok(())
}
