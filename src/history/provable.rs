//! What can be held against what was written: a release, a hold, a repair. Pure.

use jiff::Timestamp;

use super::{Link, Proof, Recorded, departs, prove};
use crate::inventory::ReleaseId;

/// See the module.
pub trait Provable {
    /// Its id.
    fn id(&self) -> ReleaseId;

    /// What it is, in a word.
    fn kind(&self) -> &'static str;

    /// Recomputes its hashes.
    fn prove(&self) -> Proof;

    /// What in `read` is not this, and not what it may have become since; the first part of it.
    fn departs(&self, read: &Self) -> Option<String>;

    /// Whether nothing more will be written of it.
    fn is_over(&self, now: Timestamp) -> bool;

    /// The hash that was written last.
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
