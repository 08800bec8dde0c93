//! What the proxy has been told: which slot has the traffic.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Cleared, Digest, Endpoint, FencingToken, Hold, PeerApproval, PerSlot, ReleaseId, Slot,
};

/// No target is switched so often: a higher generation was written by another program, and would leave none to count up
/// to.
pub const HIGHEST_GENERATION: u64 = 1 << 48;

/// Up to here a release is planned: above it there is always room for the switch back and for a repair.
pub const LAST_PLANNED_GENERATION: u64 = HIGHEST_GENERATION - 1_000_000;

/// How far the route can be ahead of the proxy at most. A switch is one generation, and a repair of a store that went
/// back is a few thousand.
const FARTHEST_AHEAD: u64 = 1_000_000;

/// Whether no switch and no repair can have made this generation of a route while the proxy has that one: another
/// program wrote the route.
pub fn is_beyond_any_switch(routed: u64, told: u64) -> bool {
    routed > told.saturating_add(FARTHEST_AHEAD)
}

/// The highest generation that the route and the proxy say: a release is planned one above it.
pub fn highest_generation(
    route: Option<&Route>,
    proxy: Option<&ProxyAnswer>,
    pointer: Option<&PointerState>,
) -> u64 {
    let routed = route.map_or(0, |route| route.generation);
    let told = proxy.map_or(0, |proxy| proxy.generation);
    let last = pointer.map_or(0, PointerState::highest_generation);
    routed.max(told).max(last)
}

/// A generation as it is stored.
pub fn generation<'de, D: Deserializer<'de>>(stored: D) -> Result<u64, D::Error> {
    let generation = u64::deserialize(stored)?;
    if generation > HIGHEST_GENERATION {
        return Err(serde::de::Error::custom(format!(
            "generation {generation} is higher than any switch makes it"
        )));
    }
    Ok(generation)
}

/// The route of a target as the registry keeps it. A generation names one switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Counts up by one with every switch of the target.
    #[serde(deserialize_with = "generation")]
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

/// The last switch that a slot's pointer file records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSwitch {
    /// Its generation.
    pub generation: u64,
    /// The token of the lock it was made under.
    pub token: FencingToken,
}

/// Everything a proxy compares a switch with: which slot its live pointer names, and the last switch of each slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PointerState {
    /// The slot that the live pointer names; none before the first release.
    pub live: Option<Slot>,
    /// The last switch of each slot; none where there was none.
    pub slots: PerSlot<Option<LastSwitch>>,
}

impl PointerState {
    /// The highest token, of either slot: the proxy refuses a switch under a lower one.
    pub fn highest_token(&self) -> FencingToken {
        let tokens = self.switches().map(|last| last.token);
        tokens.max().unwrap_or_default()
    }

    /// The highest generation, of either slot.
    pub fn highest_generation(&self) -> u64 {
        let generations = self.switches().map(|last| last.generation);
        generations.max().unwrap_or_default()
    }

    fn switches(&self) -> impl Iterator<Item = LastSwitch> {
        [self.slots.blue, self.slots.green].into_iter().flatten()
    }
}

/// Writes the current lock's token to a live pointer whose token is higher than any lock of the store can have. It
/// is the only order that lowers a token. The traffic stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebaseOrder {
    /// What the pointer has to say when it is written. Another value means that another driver was there.
    pub from: PointerState,
    /// The generation that the pointer gets. It is so far above any known one that a switch of a driver from before
    /// the store went back, which may still be on its way, is refused as the older generation.
    pub generation: u64,
    /// The token that the pointer gets.
    pub token: FencingToken,
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
    pub peer_approvals: Vec<PeerApproval>,
    /// What it does about an extra key that another target has.
    pub others_keys: OthersKeys,
}

/// What a switch does about an extra key that another target has. It never writes over one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OthersKeys {
    /// The switch is refused.
    Refuse,
    /// The switch is made without that key: the way back is not locked by what another target wrote.
    Leave,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(generation: u64) -> String {
        let digest = format!("sha256:{}", "a".repeat(64));
        serde_json::json!({
            "generation": generation,
            "live": "blue",
            "endpoint": "127.0.0.1:3001",
            "digest": digest,
            "release": "01JD4ZZZZZ0000000000000007",
            "token": 1,
        })
        .to_string()
    }

    #[test]
    fn a_route_has_no_generation_that_is_higher_than_any_switch_makes_it() {
        let highest: Route = serde_json::from_str(&stored(HIGHEST_GENERATION)).unwrap();
        assert_eq!(highest.generation, HIGHEST_GENERATION);
        for generation in [HIGHEST_GENERATION + 1, u64::MAX] {
            let refused = serde_json::from_str::<Route>(&stored(generation)).unwrap_err();
            let said = refused.to_string();
            assert!(said.contains(&generation.to_string()), "{said}");
        }
    }
}
