//! A seal: the last link of an ended release, hold or repair, written by another party than the operators. If the store
//! separates the two, a writer who can change the record cannot change its seal.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Link, Proof, Provable};
use crate::inventory::Operator;

/// A seal; see the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The link of its end, which covers everything in the record.
    pub link: Link,
    /// When the record was sealed.
    pub at: Timestamp,
    /// The sealer.
    pub by: Operator,
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = crate::inventory::local_time::moment(self.at);
        write!(f, "sealed by {} at {at}", self.by)
    }
}

impl Seal {
    /// Seals a record that has ended and is whole; otherwise the reason why not, for people.
    pub fn of(record: &impl Provable, by: Operator, at: Timestamp) -> Result<Self, String> {
        if !record.is_over(at) {
            return Err("it has not ended".to_owned());
        }
        match (record.last_link(), record.prove()) {
            (Some(link), Proof::Whole) => Ok(Self {
                link: link.clone(),
                at,
                by,
            }),
            (_, proof) => Err(proof.to_string()),
        }
    }

    /// Whether this record is the sealed one. Its own hashes must be verified separately.
    pub fn is_of(&self, record: &impl Provable) -> bool {
        record.last_link() == Some(&self.link)
    }
}
