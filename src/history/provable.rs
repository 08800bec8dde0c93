//! What can be held against what was written: a release, a hold, a repair. Pure.

use jiff::{SignedDuration, Timestamp};

use super::kept::canonical;
use super::{AuditRecord, Link, Proof, Recorded, departs, prove};
use crate::inventory::ReleaseId;

/// How long after its end a hold counts as over: until then one whose clock is behind may clear it.
const CLOCKS: SignedDuration = SignedDuration::from_hours(1);

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

impl Provable for AuditRecord {
    fn id(&self) -> ReleaseId {
        AuditRecord::id(self)
    }

    fn kind(&self) -> &'static str {
        AuditRecord::kind(self)
    }

    fn prove(&self) -> Proof {
        self.proof()
    }

    fn departs(&self, read: &Self) -> Option<String> {
        let is_same = canonical(self) == canonical(read) || self.goes_on(read);
        (!is_same).then(|| format!("the {}", self.kind()))
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let has_ended = |record: &Self| {
            let until = record.ended_at();
            until.is_some_and(|until| now.duration_since(until) >= CLOCKS)
        };
        self.is_settled() || has_ended(self)
    }

    fn last_link(&self) -> Option<&Link> {
        self.chain()
    }
}
