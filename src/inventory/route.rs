//! The route of a target says which slot has the traffic. The store keeps the route, and the live pointer of the proxy
//! repeats it.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    Addresses, Cleared, Digest, FencingToken, Hold, PeerApproval, PerSlot, ReleaseId, Slot,
};

/// The highest generation. No target is switched this often. If a stored generation is higher, another program wrote
/// it.
pub const HIGHEST_GENERATION: u64 = 1 << 48;

/// The highest generation from which a release is planned. The generations above it are left for the switch back and
/// for a repair.
pub const LAST_PLANNED_GENERATION: u64 = HIGHEST_GENERATION - 1_000_000;

/// How far the generation of the route can be above the generation of the proxy. A switch adds one. A repair after the
/// store was wiped, restored or replaced adds at most a few thousand.
const FARTHEST_AHEAD: u64 = 1_000_000;

/// Whether the generation of the route is so far above the generation of the proxy that no switch and no repair can
/// have made it. Then another program wrote the route.
pub fn is_beyond_any_switch(routed: u64, pointed: u64) -> bool {
    routed > pointed.saturating_add(FARTHEST_AHEAD)
}

/// Decodes a stored generation. Fails if it is above [`HIGHEST_GENERATION`].
pub fn generation<'de, D: Deserializer<'de>>(stored: D) -> Result<u64, D::Error> {
    let generation = u64::deserialize(stored)?;
    if generation > HIGHEST_GENERATION {
        return Err(serde::de::Error::custom(format!(
            "generation {generation} is higher than any switch can make it"
        )));
    }
    Ok(generation)
}

/// The route of a target in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// A number that grows with every switch of the target. A repair can change it without a switch.
    #[serde(deserialize_with = "generation")]
    pub generation: u64,
    /// The slot with the traffic.
    pub live: Slot,
    /// The addresses of the members of that slot.
    pub addresses: Addresses,
    /// The digest that runs in that slot.
    pub digest: Digest,
    /// The release that wrote the route.
    pub release: ReleaseId,
    /// The token of the lock under which the route was written.
    pub token: FencingToken,
}

/// What a proxy reports about a target. Greenroom opens a new connection each time that it reads this. By default, the
/// answer of a proxy without a live pointer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProxyAnswer {
    /// The slot that gets the requests; none without a live pointer, e.g. before the first release.
    pub slot: Option<Slot>,
    /// The generation in the live pointer; 0 without a live pointer.
    pub generation: u64,
    /// The fencing token in the live pointer; 0 without a live pointer.
    pub token: FencingToken,
    /// A mark that identifies the configuration that the proxy has loaded. The file on disk can have another mark.
    pub configuration: String,
}

/// The last switch that the pointer file of a slot records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LastSwitch {
    pub generation: u64,
    /// The token of the lock under which the switch was made.
    pub token: FencingToken,
}

/// What a proxy checks before a switch: the slot that its live pointer names, and the last switch of each slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct PointerState {
    /// The slot that the live pointer names; none without a live pointer, e.g. before the first release.
    pub live: Option<Slot>,
    /// The last switch to each slot, prepared or made. None for a slot without such a switch.
    pub slots: PerSlot<Option<LastSwitch>>,
}

impl PointerState {
    /// The highest token of the two slots. The proxy refuses a switch with a lower token.
    pub fn highest_token(&self) -> FencingToken {
        let tokens = self.switches().map(|last| last.token);
        tokens.max().unwrap_or_default()
    }

    /// The highest generation of the two slots.
    pub fn highest_generation(&self) -> u64 {
        let generations = self.switches().map(|last| last.generation);
        generations.max().unwrap_or_default()
    }

    fn switches(&self) -> impl Iterator<Item = LastSwitch> {
        [self.slots.blue, self.slots.green].into_iter().flatten()
    }
}

/// The order to write the token of the current lock to a live pointer whose token is above the revision of the store.
/// Only this order can lower a token. The traffic does not move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebaseOrder {
    /// The content of the pointer when the order was made. If the pointer has another content now, the order is
    /// refused.
    pub from: PointerState,
    /// The new generation of the pointer, far above any known generation. Before the store was wiped, restored or
    /// replaced, a driver may have sent a switch that arrives later. The proxy refuses such a switch, because its
    /// generation is lower.
    pub generation: u64,
    /// The new token of the pointer.
    pub token: FencingToken,
}

/// The state of the proxy's configuration for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Installation {
    /// The configuration is right, and the proxy has loaded it.
    Current,
    /// The proxy has no configuration for the target.
    Missing,
    /// The configuration on disk is not what the settings require, or the proxy has not loaded it. The text describes
    /// the difference.
    Outdated(String),
    /// The configuration was installed from settings that are newer than the settings of this console. The text
    /// describes the difference.
    Newer(String),
    /// Another target owns the file in the place of the configuration, or Greenroom did not write that file. Greenroom
    /// never replaces the file. The text says which of these is the case and what to do.
    Foreign(String),
}

/// How many connections a slot still has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connections {
    Open(u64),
    /// The connections cannot be counted. The text is the reason.
    Uncounted(String),
}

/// The order to switch the proxy from one slot to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchOrder {
    /// The slot that has the traffic now; none before the first release.
    pub from: Option<Slot>,
    /// The slot that gets the traffic.
    pub to: Slot,
    /// The generation that this switch makes.
    pub generation: u64,
    /// The token of the lock under which the switch is made. The proxy refuses a switch whose token is lower than the
    /// highest token that it knows.
    pub token: FencingToken,
}

/// The order to change the route in the store. The store makes the change only if the old route is still current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    /// Generation and slot of the old route; none if there is no route yet.
    pub from: Option<(u64, Slot)>,
    pub to: Route,
    /// What happens to the hold of the target.
    pub hold: HoldChange,
    /// The approvals on which the switch is based. If one of these approvals was changed or removed, nothing is
    /// switched.
    pub peer_approvals: Vec<PeerApproval>,
    /// What happens if an extra key already belongs to another target.
    pub others_keys: OthersKeys,
}

/// What a switch does if an extra key already belongs to another target. The key is never overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OthersKeys {
    /// The switch is refused.
    Refuse,
    /// The switch is made without the key, so that another target's key cannot prevent a switch back.
    Leave,
}

/// What a switch does to the hold of its target. Hold and route are written in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldChange {
    /// The hold stays unchanged. The switch does not depend on it.
    Keep,
    /// The hold stays unchanged. The stored hold must be the hold that was read when the switch was decided. Otherwise
    /// nothing is switched, so a promote cannot slip past an operator who places a hold at the same moment.
    Same(Option<Hold>),
    /// A rollback places this hold, unless another hold is active.
    Leave(Hold),
    /// The release switches back. If this release placed the hold, the hold is cleared.
    Clear(Cleared),
}

impl HoldChange {
    /// The hold to write if `release` makes the switch while `current` is stored; none if the stored hold stays
    /// unchanged.
    pub fn after(&self, current: Option<Hold>, release: ReleaseId) -> Option<Hold> {
        match (self, current) {
            (Self::Leave(hold), current) => {
                let is_free = current.is_none_or(|current| !current.is_active(hold.since));
                is_free.then(|| hold.clone())
            }
            (Self::Clear(cleared), Some(current)) => {
                let is_its_own = current.release == Some(release) && current.cleared.is_none();
                is_its_own.then(|| current.cleared(cleared.clone()))
            }
            (Self::Keep | Self::Same(_), _) | (Self::Clear(_), None) => None,
        }
    }

    /// Whether the switch may be made while the hold `current` is stored.
    pub fn allows(&self, current: Option<&Hold>) -> bool {
        match self {
            Self::Same(expected) => expected.as_ref() == current,
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
            "addresses": ["127.0.0.1:3001"],
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
            let message = refused.to_string();
            assert!(message.contains(&generation.to_string()), "{message}");
        }
    }
}
