//! The entries of slots in the store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Address, Digest, FencingToken, InstanceId, ReleaseId, Slot};

/// The entry of a slot: which instance answers at its address, and which version that instance runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    pub slot: Slot,
    pub endpoint: Address,
    /// The tag that was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest that runs in the slot.
    pub digest: Digest,
    pub instance: InstanceId,
    /// The release that wrote the entry.
    pub release: ReleaseId,
    pub registered_at: Timestamp,
    /// The token of the lock under which the entry was written.
    pub token: FencingToken,
}

/// A stored value with the revision of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisioned<T> {
    pub value: T,
    /// The revision of the store that wrote the value. A later write compares this revision with the current one, to
    /// detect a change in between.
    pub revision: i64,
}

/// One key below a target, for a list of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// The whole key, sanitized.
    pub key: String,
    /// The value on one line, sanitized and cut.
    pub value: String,
    pub revision: i64,
    /// Seconds until the key expires; none if the key has no lease, or if the store does not report it.
    pub ttl_seconds: Option<i64>,
}
