//! Checks that a journal that was read is the requested one and is complete. A store accepts any value, e.g. the record
//! of a newer Greenroom, the record of another release, or an incomplete record.

use super::{Entry, ReleaseRecord};
use crate::inventory::{ReleaseId, Target};

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
