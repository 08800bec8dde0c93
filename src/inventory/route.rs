//! What the proxy has been told: which slot has the traffic.

use serde::{Deserialize, Serialize};

use super::{Digest, Endpoint, FencingToken, ReleaseId, Slot};

/// The route of a target as the registry keeps it. A generation names one switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Counts up by one with every switch of the target.
    pub generation: u64,
    /// The slot with the traffic.
    pub live: Slot,
    /// Where that slot answers.
    pub endpoint: Endpoint,
    /// What runs there.
    pub digest: Digest,
    /// The release that wrote it.
    pub release: ReleaseId,
    /// The token of the lock under which it was written.
    pub token: FencingToken,
}

/// What the proxy itself says it does, read back over a fresh connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyAnswer {
    /// The slot it sends requests to; none before the first release.
    pub slot: Option<Slot>,
    /// The generation its live pointer carries; 0 before the first release.
    pub generation: u64,
    /// The fencing token that stands with it; 0 before the first release.
    pub token: FencingToken,
    /// The mark of the configuration it has loaded (not of the file on disk).
    pub configuration: String,
}
