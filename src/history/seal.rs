//! Seals protect the records of ended releases, holds and repairs. A seal is a copy of the last hash of a record. A
//! separate user of the store should write the seals, and no driver should use that user. If only that user may write
//! seals, a writer who can change a record cannot change its seal.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Integrity, Link, Provable};
use crate::inventory::Operator;

/// The last hash of one record, and who sealed the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The link of the end of the record. It covers the whole record.
    pub link: Link,
    pub at: Timestamp,
    pub by: Operator,
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = crate::inventory::local_time::moment(self.at);
        write!(f, "sealed by {} at {at}", self.by)
    }
}

impl Seal {
    /// Seals a record that is final and whose hashes match. Otherwise the error says why the record cannot be sealed.
    pub fn of(record: &impl Provable, by: Operator, at: Timestamp) -> Result<Self, String> {
        if !record.is_over(at) {
            return Err("the record is not final yet".to_owned());
        }
        match (record.last_link(), record.prove()) {
            (Some(link), Integrity::Whole) => Ok(Self {
                link: link.clone(),
                at,
                by,
            }),
            (_, integrity) => Err(integrity.to_string()),
        }
    }

    /// Whether the last hash of this record is the sealed hash. The hashes of the record must be verified separately.
    pub fn is_of(&self, record: &impl Provable) -> bool {
        record.last_link() == Some(&self.link)
    }
}
