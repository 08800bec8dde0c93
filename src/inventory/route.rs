//! The route of a target: which slot has the traffic, in the registry and in the proxy.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Cleared, Digest, Endpoint, FencingToken, Hold, PeerApproval, PerSlot, ReleaseId, Slot,
};

/// The highest generation. No target is switched this often: another program wrote a higher one, and there would be
/// none left to count up to.
pub const HIGHEST_GENERATION: u64 = 1 << 48;

/// The highest generation from which a release is planned. Above it there is always room for the switch back and for a
/// repair.
pub const LAST_PLANNED_GENERATION: u64 = HIGHEST_GENERATION - 1_000_000;

/// How far the route can be ahead of the proxy. A switch adds one generation; a repair of a store that went back adds a
/// few thousand.
const FARTHEST_AHEAD: u64 = 1_000_000;

/// Whether no switch and no repair can have made the route's generation while the proxy has generation `told`. Then
/// another program wrote the route.
pub fn is_beyond_any_switch(routed: u64, told: u64) -> bool {
    routed > told.saturating_add(FARTHEST_AHEAD)
}

/// The highest generation in the route, the proxy and the pointer. A release is planned one above it.
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

/// Reads a stored generation; refuses one that is too high.
pub fn generation<'de, D: Deserializer<'de>>(stored: D) -> Result<u64, D::Error> {
    let generation = u64::deserialize(stored)?;
    if generation > HIGHEST_GENERATION {
        return Err(serde::de::Error::custom(format!(
            "generation {generation} is higher than any switch makes it"
        )));
    }
    Ok(generation)
}

/// The route of a target in the registry. A generation names one switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Grows by one with every switch of the target.
    #[serde(deserialize_with = "generation")]
    pub generation: u64,
    /// The slot with the traffic.
    pub live: Slot,
    /// Where that slot answers.
    pub endpoint: Endpoint,
    /// The digest that runs there.
    pub digest: Digest,
    /// The release that wrote it.
    pub release: ReleaseId,
    /// The token of the lock under which it was written.
    pub token: FencingToken,
}

/// What the proxy reports, read over a fresh connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyAnswer {
    /// The slot that it sends requests to; none before the first release.
    pub slot: Option<Slot>,
    /// The generation in its live pointer; 0 before the first release.
    pub generation: u64,
    /// The fencing token in its live pointer; 0 before the first release.
    pub token: FencingToken,
    /// The mark of the configuration that it has loaded (not of the file on disk).
    pub configuration: String,
}

/// The last switch that a slot's pointer file records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSwitch {
    /// Its generation.
    pub generation: u64,
    /// The token of the lock under which it was made.
    pub token: FencingToken,
}

/// What a proxy compares a switch with: the slot that its live pointer names, and the last switch of each slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PointerState {
    /// The slot that the live pointer names; none before the first release.
    pub live: Option<Slot>,
    /// The last switch of each slot; none if there was none.
    pub slots: PerSlot<Option<LastSwitch>>,
}

impl PointerState {
    /// The highest token of both slots. The proxy refuses a switch with a lower one.
    pub fn highest_token(&self) -> FencingToken {
        let tokens = self.switches().map(|last| last.token);
        tokens.max().unwrap_or_default()
    }

    /// The highest generation of both slots.
    pub fn highest_generation(&self) -> u64 {
        let generations = self.switches().map(|last| last.generation);
        generations.max().unwrap_or_default()
    }

    fn switches(&self) -> impl Iterator<Item = LastSwitch> {
        [self.slots.blue, self.slots.green].into_iter().flatten()
    }
}

/// Writes the current lock's token to a live pointer whose token is higher than any lock of the store can have. No
/// other order lowers a token. The traffic does not move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebaseOrder {
    /// What the pointer must contain when it is written. Another value means that another driver changed it.
    pub from: PointerState,
    /// The new generation of the pointer. It is far above any known one. A driver from before the store went back may
    /// have sent a switch that has not arrived yet; the proxy then refuses it as older.
    pub generation: u64,
    /// The new token of the pointer.
    pub token: FencingToken,
}

/// Whether the proxy's configuration for a target is what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Installation {
    /// The proxy has loaded it, and it is as it should be.
    Current,
    /// There is none.
    Missing,
    /// It differs from what the configuration asks for; how, for people.
    Outdated(String),
    /// It was installed from a newer configuration than the one that this console reads; how, for people.
    Newer(String),
    /// Another target owns the file in its place, or Greenroom did not write it. It is never replaced. The text names
    /// the owner and what to do.
    Foreign(String),
}

/// The connections a slot still has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connections {
    /// This many are open.
    Open(u64),
    /// They cannot be counted here; why.
    Uncounted(String),
}

/// One switch, with its origin and its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchOrder {
    /// The slot that has the traffic now; none before the first release.
    pub from: Option<Slot>,
    /// The slot that gets it.
    pub to: Slot,
    /// The generation this switch makes.
    pub generation: u64,
    /// The token of the lock under which it is made. The proxy refuses a lower token than it has.
    pub token: FencingToken,
}

/// A switch in the registry: from one route to another, and only if the first is still current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    /// The current generation and slot; none if there is no route yet.
    pub from: Option<(u64, Slot)>,
    /// The new route.
    pub to: Route,
    /// What happens to the hold.
    pub hold: HoldChange,
    /// The approvals on which the switch was decided. Each must still exist unchanged, or nothing is switched.
    pub peer_approvals: Vec<PeerApproval>,
    /// What it does about an extra key that another target has written.
    pub others_keys: OthersKeys,
}

/// What a switch does about an extra key that another target has written. It never overwrites one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OthersKeys {
    /// The switch is refused.
    Refuse,
    /// The switch is made without that key, so that another target's key cannot block a switch back.
    Leave,
}

/// What a switch does about the hold of its target, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldChange {
    /// It stays, whatever it is.
    Keep,
    /// It stays, and must be the one that was seen when the switch was decided, or nothing is switched. So a promote
    /// cannot pass an operator who places a hold at the same moment.
    Same(Option<Hold>),
    /// A rollback leaves this one, if no hold is active.
    Leave(Hold),
    /// The release is switched back: the hold that this release left is cleared.
    Clear(Cleared),
}

impl HoldChange {
    /// The hold to write if the current one is `stands` and `release` makes the switch; none if it stays unchanged.
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

    /// Whether the switch may be made with the current hold `stands`.
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
    fn a_generation_that_no_switch_can_make_is_refused() {
        let highest: Route = serde_json::from_str(&stored(HIGHEST_GENERATION)).unwrap();
        assert_eq!(highest.generation, HIGHEST_GENERATION);
        for generation in [HIGHEST_GENERATION + 1, u64::MAX] {
            let refused = serde_json::from_str::<Route>(&stored(generation)).unwrap_err();
            let said = refused.to_string();
            assert!(said.contains(&generation.to_string()), "{said}");
        }
    }
}
