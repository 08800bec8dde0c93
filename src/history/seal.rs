//! What somebody else than the operators has written down of a release that is over: its last link. Whoever may write over
//! the release cannot write over that, where the store keeps the two apart.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Link, Proof, Recorded, prove};
use crate::inventory::Operator;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The link of the end of the release, which is over everything in it.
    pub link: Link,
    /// When it was sealed.
    pub at: Timestamp,
    /// By whom.
    pub by: Operator,
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sealed by {} at {:.0}", self.by, self.at)
    }
}

impl Seal {
    /// Of a release that is over and whole; or why it is not sealed, in words.
    pub fn of(recorded: &Recorded, by: Operator, at: Timestamp) -> Result<Self, String> {
        if recorded.head.closed.is_none() {
            return Err("it is not over".to_owned());
        }
        let proof = prove(recorded);
        match (&recorded.head.chain, proof) {
            (Some(link), Proof::Whole) => Ok(Self {
                link: link.clone(),
                at,
                by,
            }),
            (_, proof) => Err(proof.to_string()),
        }
    }

    /// Whether a release is what was sealed. Its own chain has to hold besides.
    pub fn is_of(&self, recorded: &Recorded) -> bool {
        recorded.head.chain.as_ref() == Some(&self.link)
    }
}
