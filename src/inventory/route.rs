//! What the proxy has been told: which slot has the traffic.

use serde::{Deserialize, Serialize};

use super::{Cleared, Digest, Endorsement, Endpoint, FencingToken, Hold, ReleaseId, Slot};

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

/// Whether the proxy's configuration for a target is what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Installation {
    /// Loaded and as it should be.
    Current,
    /// Not there.
    Missing,
    /// There, and another shape than the configuration asks for; said in words.
    Outdated(String),
    /// There, as it was installed from a newer configuration than the one that is read here; said in words.
    Newer(String),
    /// What is in its place belongs to another target, or Greenroom did not write it. It is never replaced; said in words,
    /// with the owner and what to do.
    Foreign(String),
}

/// The connections a slot still has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connections {
    /// This many are open.
    Open(u64),
    /// They cannot be counted here, and why.
    Uncounted(String),
}

/// One switch, naming where it comes from and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchOrder {
    /// The slot that has the traffic now; none before the first release.
    pub from: Option<Slot>,
    /// The slot that gets it.
    pub to: Slot,
    /// The generation this switch makes.
    pub generation: u64,
    /// The token of the lock it is made under; the proxy refuses a lower one than it has.
    pub token: FencingToken,
}

/// A switch as the registry sees it: from a route to a route, and only if it still is the former.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    /// Generation and slot that stand now; none when there is no route yet.
    pub from: Option<(u64, Slot)>,
    /// What is to stand.
    pub to: Route,
    /// What becomes of the hold.
    pub hold: HoldChange,
    /// What others had approved when it was decided: each has to stand still, or nothing is switched.
    pub endorsed: Vec<Endorsement>,
}

/// What a switch does about the hold of its target, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldChange {
    /// Nothing, whatever it is.
    Keep,
    /// Nothing, and it has to be the one that was seen when it was decided, or nothing is switched: a
    /// promote is not to be a moment faster than whoever holds it.
    Same(Option<Hold>),
    /// A rollback leaves this one, where none stands.
    Leave(Hold),
    /// It is switched back: the one that the release of this very route has left is cleared.
    Clear(Cleared),
}

impl HoldChange {
    /// What is to be written where `stands` stands and `release` makes the switch; none where it stays so.
    pub fn after(&self, stands: Option<Hold>, release: ReleaseId) -> Option<Hold> {
        match (self, stands) {
            (Self::Leave(hold), stands) => {
                let is_free = stands.is_none_or(|stands| !stands.stands(hold.since));
                is_free.then(|| hold.clone())
            }
            (Self::Clear(cleared), Some(stands)) => {
                let is_its_own = stands.release == Some(release) && stands.cleared.is_none();
                is_its_own.then(|| stands.cleared(cleared.clone()))
            }
            (Self::Keep | Self::Same(_), _) | (Self::Clear(_), None) => None,
        }
    }

    /// Whether the switch may be made where `stands` stands.
    pub fn allows(&self, stands: Option<&Hold>) -> bool {
        match self {
            Self::Same(seen) => seen.as_ref() == stands,
            _ => true,
        }
    }
}
