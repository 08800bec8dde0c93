//! What releases, holds and repairs have in common for verification and sealing.

use jiff::Timestamp;

use super::{Integrity, Link, Recorded, first_difference, prove};
use crate::inventory::ReleaseId;

/// A record with hashes that can be verified.
pub trait Provable {
    fn id(&self) -> ReleaseId;

    /// One word: `release`, `hold` or `repair`.
    fn kind(&self) -> &'static str;

    fn prove(&self) -> Integrity;

    /// `self` is the archived record, and `read` is the same record in the store. Names the first part that differs or
    /// is missing in the store. Changes that the record may still get, such as new entries or its end, are no
    /// difference.
    fn first_difference(&self, read: &Self) -> Option<String>;

    /// Whether the record is final at `now`.
    fn is_over(&self, now: Timestamp) -> bool;

    /// The hash that covers the whole record. None if the record was written without hashes, or if the release has not
    /// ended.
    fn last_link(&self) -> Option<&Link>;
}

impl Provable for Recorded {
    fn id(&self) -> ReleaseId {
        self.head.id
    }

    fn kind(&self) -> &'static str {
        "release"
    }

    fn prove(&self) -> Integrity {
        prove(self)
    }

    fn first_difference(&self, read: &Self) -> Option<String> {
        first_difference(self, read)
    }

    fn is_over(&self, _: Timestamp) -> bool {
        self.head.closed.is_some()
    }

    fn last_link(&self) -> Option<&Link> {
        self.head.chain.as_ref()
    }
}
