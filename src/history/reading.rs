//! Whether a journal that was read is the requested one, and complete. A store keeps any value: of a newer Greenroom,
//! of another release, or only half of one.

use serde::Deserialize;

use super::{Entry, FORMAT, ReleaseRecord};
use crate::inventory::{ReleaseId, Target};

/// The part of a head that every Greenroom writes in the same way. It is read first, because a newer Greenroom may have
/// changed the rest or its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Written {
    /// The format of the record and its entries.
    pub format: u32,
}

impl Written {
    /// Whether only a newer Greenroom can interpret the record.
    pub fn is_newer(self) -> bool {
        self.format > FORMAT
    }
}

impl ReleaseRecord {
    /// Checks that it is the head of this release; the error names the release that it belongs to.
    pub fn check_is_of(&self, target: &Target, id: ReleaseId) -> Result<(), String> {
        if self.target == *target && self.id == id {
            return Ok(());
        }
        Err(format!("it is of release {} of {}", self.id, self.target))
    }
}

/// Checks that no entry is missing before the last one; the error names the missing one.
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
