//! Whether what was read of a journal is what was asked for, and all of it. A store keeps whatever is
//! put into it: what a newer Greenroom wrote, what belongs to another release, half of one.

use serde::Deserialize;

use super::{Entry, FORMAT, ReleaseRecord};
use crate::inventory::{ReleaseId, Target};

/// The part of a head that every Greenroom writes alike. It is read before the rest, which a newer one
/// may have changed, or may mean otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Written {
    /// The format of the record and its entries.
    pub format: u32,
}

impl Written {
    /// Whether only a newer Greenroom knows what it means.
    pub fn is_newer(self) -> bool {
        self.format > FORMAT
    }
}

impl ReleaseRecord {
    /// Whether it is the head of this release, or in words whose it is.
    pub fn check_is_of(&self, target: &Target, id: ReleaseId) -> Result<(), String> {
        if self.target == *target && self.id == id {
            return Ok(());
        }
        Err(format!("it is of release {} of {}", self.id, self.target))
    }
}

/// Whether these entries are all that were written up to the last one, or in words which is missing.
pub fn check_whole(entries: &[Entry]) -> Result<(), String> {
    for (number, entry) in (1..).zip(entries) {
        if entry.sequence != number {
            return Err(format!(
                "entry {number} is missing, and entry {} follows",
                entry.sequence
            ));
        }
    }
    Ok(())
}
