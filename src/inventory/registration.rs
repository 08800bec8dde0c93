//! A slot's entry in the registry.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Endpoint, FencingToken, InstanceId, ReleaseId, Slot};

/// A slot's entry: which instance answers, and which version it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The slot.
    pub slot: Slot,
    /// The address at which it answers.
    pub endpoint: Endpoint,
    /// The tag it was released by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest that runs there.
    pub digest: Digest,
    /// The instance that was registered.
    pub instance: InstanceId,
    /// The release that registered it.
    pub release: ReleaseId,
    /// The time of the registration.
    pub registered_at: Timestamp,
    /// The token of the lock under which it was written.
    pub token: FencingToken,
}

/// A value as it was read, with the revision of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisioned<T> {
    /// The value.
    pub value: T,
    /// The revision that wrote it. Compare-and-swap compares this.
    pub revision: i64,
}

/// One key under a target, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// The whole key, sanitized.
    pub key: String,
    /// Its value on one line, sanitized and cut.
    pub value: String,
    /// The revision of its last change.
    pub revision: i64,
    /// Seconds left, if it is on a lease and the store reports it.
    pub ttl_seconds: Option<i64>,
}
