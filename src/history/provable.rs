//! Records that can be verified: a release, a hold, a repair. Pure.

use jiff::Timestamp;

use super::{Link, Proof, Recorded, departs, prove};
use crate::inventory::ReleaseId;

/// A record that can be verified.
pub trait Provable {
    /// Its id.
    fn id(&self) -> ReleaseId;

    /// Its kind, in one word.
    fn kind(&self) -> &'static str;

    /// Verifies its hashes.
    fn prove(&self) -> Proof;

    /// The first part of `read` that differs from this record, except for allowed later changes.
    fn departs(&self, read: &Self) -> Option<String>;

    /// Whether the record is final.
    fn is_over(&self, now: Timestamp) -> bool;

    /// The last hash that was written.
    fn last_link(&self) -> Option<&Link>;
}

impl Provable for Recorded {
    fn id(&self) -> ReleaseId {
        self.head.id
    }

    fn kind(&self) -> &'static str {
        "release"
    }

    fn prove(&self) -> Proof {
        prove(self)
    }

    fn departs(&self, read: &Self) -> Option<String> {
        departs(self, read)
    }

    fn is_over(&self, _: Timestamp) -> bool {
        self.head.closed.is_some()
    }

    fn last_link(&self) -> Option<&Link> {
        self.head.chain.as_ref()
    }
}
