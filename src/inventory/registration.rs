//! What the registry says about a slot.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Endpoint, FencingToken, InstanceId, ReleaseId, Slot};

/// A slot's entry: who answers there and what runs there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Which slot.
    pub slot: Slot,
    /// Where it answers.
    pub endpoint: Endpoint,
    /// The tag it was released by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What runs there.
    pub digest: Digest,
    /// The instance that was registered.
    pub instance: InstanceId,
    /// The release that registered it.
    pub release: ReleaseId,
    /// When.
    pub registered_at: Timestamp,
    /// The token of the lock under which it was written.
    pub token: FencingToken,
}

/// A value as it was read, with the store's revision of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisioned<T> {
    /// The value.
    pub value: T,
    /// The revision that wrote it; what a compare-and-swap compares.
    pub revision: i64,
}

/// One key under a target, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// The whole key, made harmless.
    pub key: String,
    /// Its value on one line, made harmless and cut.
    pub value: String,
    /// The revision of its last change.
    pub revision: i64,
    /// Seconds left, if it is on a lease and the store tells.
    pub ttl_seconds: Option<i64>,
}
