//! What somebody else than the operators has written down of a release, a hold or a repair that is over: its last link.
//! Whoever may write over the record cannot write over that, where the store keeps the two apart.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Link, Proof, Provable};
use crate::inventory::Operator;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The link of its end, which is over everything in it.
    pub link: Link,
    /// When it was sealed.
    pub at: Timestamp,
    /// By whom.
    pub by: Operator,
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = crate::inventory::local_time::moment(self.at);
        write!(f, "sealed by {} at {at}", self.by)
    }
}

impl Seal {
    /// Of what is over and whole; or why it is not sealed, in words.
    pub fn of(record: &impl Provable, by: Operator, at: Timestamp) -> Result<Self, String> {
        if !record.is_over(at) {
            return Err("it is not over".to_owned());
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

    /// Whether that is what was sealed. Its own hashes have to hold besides.
    pub fn is_of(&self, record: &impl Provable) -> bool {
        record.last_link() == Some(&self.link)
    }
}
