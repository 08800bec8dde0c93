//! One action of a repair. Each names its origin and its result, so that doing it twice does no harm (interlock 5), and
//! describes its calls.

use crate::inventory::{
    Digest, FencingToken, InstanceId, PointerState, RebaseOrder, ReleaseId, Slot, SwitchOrder,
    Version, instance_name,
};
use crate::release::Definition;
use crate::release::describe::duration;

/// One action of a repair. The variants are in the order of execution: first the instance that should have the traffic,
/// then the records of who has it, then whatever is no longer needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairAction {
    /// Create a removed instance again, as registered.
    Create {
        slot: Slot,
        version: Version,
        /// The release that it belongs to.
        release: ReleaseId,
    },
    /// Start a stopped instance, or unpause it.
    Start {
        slot: Slot,
        instance: InstanceId,
    },
    Install,
    /// Write the slot's registration from the running instance.
    Register {
        slot: Slot,
        /// The running digest, which must still be running when it is written.
        digest: Digest,
        /// The release that it belongs to.
        release: ReleaseId,
    },
    Route(Rewrite),
    /// Give the live pointer a token of this store, which went back behind the pointer's token.
    Rebase {
        /// The content of the pointer, which must be unchanged when it is written.
        from: PointerState,
        /// The generation of the route, which the live slot gets.
        generation: u64,
    },
    /// Make the proxy follow the route.
    Point {
        /// The slot that the proxy names; none if it names none.
        from: Option<Slot>,
        /// The slot that the route names.
        to: Slot,
        /// The generation of the route.
        generation: u64,
    },
    Deregister(Slot),
    /// Stop an instance without traffic.
    Stop {
        slot: Slot,
        instance: InstanceId,
    },
}

/// How the route is rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The content of the route's key, which must be unchanged when it is written.
    pub from: RouteBefore,
    /// The slot that the new route names.
    pub live: Slot,
    /// The new generation. It is lower only if no switch can have made the current one.
    pub generation: u64,
    /// The digest that runs in that slot.
    pub digest: Digest,
    /// The release that made the version live.
    pub release: ReleaseId,
}

/// The route's key before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteBefore {
    Missing,
    Unreadable,
    /// It contains this generation and slot.
    Contains(u64, Slot),
}

impl RepairAction {
    /// The position in the order of execution: lower ranks first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Create { .. } => 0,
            Self::Start { .. } => 1,
            Self::Install => 2,
            Self::Register { .. } => 3,
            Self::Route(_) => 4,
            Self::Rebase { .. } => 5,
            Self::Point { .. } => 6,
            Self::Deregister(_) => 7,
            Self::Stop { .. } => 8,
        }
    }

    /// Whether it moves or may cut traffic, changes the recorded live slot, or stops an instance.
    pub fn is_grave(&self) -> bool {
        match self {
            Self::Install
            | Self::Route(_)
            | Self::Rebase { .. }
            | Self::Point { .. }
            | Self::Stop { .. } => true,
            Self::Create { .. }
            | Self::Start { .. }
            | Self::Register { .. }
            | Self::Deregister(_) => false,
        }
    }

    /// Whether it lowers the generation of the route. That needs an operator who types the environment's name.
    pub fn lowers_generation(&self) -> bool {
        matches!(self, Self::Route(route) if route.lowered().is_some())
    }

    pub fn title(&self) -> String {
        match self {
            Self::Create { slot, .. } => format!("create {slot} again"),
            Self::Start { slot, .. } => format!("start {slot} again"),
            Self::Install => "install the proxy's configuration".into(),
            Self::Register { slot, .. } => format!("register {slot}"),
            Self::Route(route) => format!("write the route to {}", route.live),
            Self::Rebase { .. } => "give the live pointer a token of this store".into(),
            Self::Point { to, .. } => format!("point the proxy at {to}"),
            Self::Deregister(slot) => format!("deregister {slot}"),
            Self::Stop { slot, .. } => format!("stop {slot}"),
        }
    }

    /// What the operator gives up or risks with this action; none if nothing.
    pub fn cost(&self) -> Option<String> {
        match self {
            Self::Install => Some(
                "the proxy reloads: connections that are kept alive may be cut, and an edit by hand is lost"
                    .into(),
            ),
            Self::Rebase { .. } => Some(
                "a release from before the store went back can no longer switch, even if its driver is still running"
                    .into(),
            ),
            Self::Route(route) if route.lowered().is_some() => Some(
                "the generation of the route gets lower: no switch has made the current one, and no other driver may be running"
                    .into(),
            ),
            Self::Point { from: Some(from), to, .. } if from != to => Some(format!(
                "all traffic moves from {from} to {to}; no connection is cut"
            )),
            Self::Stop { slot, .. } => Some(format!(
                "going back to {slot} then needs a cold start"
            )),
            Self::Deregister(slot) => Some(format!(
                "other readers of the store no longer find {slot}"
            )),
            _ => None,
        }
    }

    /// The switch for the proxy, without the token; none for other actions.
    pub fn order(&self) -> Option<SwitchOrder> {
        match self {
            Self::Point {
                from,
                to,
                generation,
            } => Some(SwitchOrder {
                from: *from,
                to: *to,
                generation: *generation,
                token: FencingToken::default(),
            }),
            _ => None,
        }
    }

    /// The calls that it makes, one per line; those of the proxy in its own words.
    pub(super) fn calls(&self, definition: &Definition, proxy: &dyn ProxySays) -> Vec<String> {
        let name = |slot| instance_name(&definition.target, slot);
        match self {
            Self::Create { slot, version, .. } => vec![format!(
                "engine: create and start {} from {} at {}, pulled first if the engine does not have it",
                name(*slot),
                version.pinned(),
                definition.endpoints.get(*slot)
            )],
            Self::Start { slot, instance } => {
                vec![format!(
                    "engine: start {} ({})",
                    name(*slot),
                    instance.short()
                )]
            }
            Self::Install => proxy.install(),
            Self::Register { slot, digest, .. } => vec![format!(
                "store: write slots/{slot} = {} {}, compared with the lock's token",
                definition.endpoints.get(*slot),
                digest.short()
            )],
            Self::Route(route) => vec![route.describe()],
            Self::Rebase { from, generation } => proxy.rebase(&RebaseOrder {
                from: *from,
                generation: *generation,
                token: FencingToken::default(),
            }),
            Self::Point { .. } => self
                .order()
                .map(|order| proxy.switch(&order))
                .unwrap_or_default(),
            Self::Deregister(slot) => vec![format!(
                "store: remove slots/{slot}, unless the route names it, compared with the lock's token"
            )],
            Self::Stop { slot, instance } => vec![format!(
                "engine: stop {} ({}) with {} to finish; it stays for a cold start",
                name(*slot),
                instance.short(),
                duration(definition.timing.stop_grace)
            )],
        }
    }
}

/// The proxy's descriptions of its calls.
pub trait ProxySays {
    /// The calls that install its configuration.
    fn install(&self) -> Vec<String>;
    /// The calls of a switch.
    fn switch(&self, order: &SwitchOrder) -> Vec<String>;
    /// The calls that give the pointer a token of this store.
    fn rebase(&self, order: &RebaseOrder) -> Vec<String>;
}

impl Rewrite {
    /// The current generation, if it is lowered.
    pub fn lowered(&self) -> Option<u64> {
        match self.from {
            RouteBefore::Contains(stood, _) if stood > self.generation => Some(stood),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        let from = match self.from {
            RouteBefore::Missing => "only if there still is none".to_owned(),
            RouteBefore::Unreadable => "only over what cannot be read".to_owned(),
            RouteBefore::Contains(generation, slot) => {
                format!("only if it still is {slot} generation {generation}")
            }
        };
        format!(
            "store: write the route to {} generation {}, {}, {from}, compared with the lock's token",
            self.live,
            self.generation,
            self.digest.short()
        )
    }
}
