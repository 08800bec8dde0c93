//! The actions of a repair. Each action contains the state that it starts from and the state that it leads to, so
//! performing it twice does no harm (interlock 5). Each action also describes its calls for the plan.

use crate::inventory::{
    Digest, FencingToken, InstanceId, PointerState, RebaseOrder, ReleaseId, Slot, SwitchOrder,
    Version, instance_name,
};
use crate::release::Definition;
use crate::release::describe::duration;

/// One action of a repair. The variants are in the order of execution: first the instance that should have the traffic,
/// then the registrations, the route and the proxy, then what is no longer needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairAction {
    /// Create a removed instance again, in the version that is registered.
    Create {
        slot: Slot,
        version: Version,
        /// The release that made the version live.
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
        /// The digest that was observed in the slot. The registration is written only if this digest is still running.
        digest: Digest,
        /// The release that made the version live.
        release: ReleaseId,
    },
    Route(Rewrite),
    /// Give the live pointer a token of this store. This is needed after the store was wiped, restored or replaced:
    /// then the pointer's token is higher than all tokens of the store, and the proxy refuses every switch.
    Rebase {
        /// The observed content of the pointer. The pointer is written only if its content is still the same.
        from: PointerState,
        /// The new generation of the pointer. It is the generation of the route, except if the live slot cannot answer
        /// or the pointer names no slot.
        generation: u64,
    },
    /// Make the proxy follow the route.
    Point {
        /// The slot that the proxy names now; none if the proxy names no slot.
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
    /// The observed content of the route's key. The route is written only if this content is still the same.
    pub from: RouteBefore,
    /// The slot that the new route names.
    pub live: Slot,
    /// The new generation. It may be lower than the current generation only if no switch can have made the current
    /// generation.
    pub generation: u64,
    /// The digest of the new route.
    pub digest: Digest,
    /// The release that made the version live.
    pub release: ReleaseId,
}

/// The route's key before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteBefore {
    Missing,
    Unreadable,
    /// The key contains this generation and slot.
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

    /// Whether the action moves traffic, may cut connections, rewrites the route or the live pointer, or stops an
    /// instance.
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

    /// Whether the action lowers the generation of the route. An operator confirms such an action by typing the name of
    /// the environment.
    pub fn lowers_generation(&self) -> bool {
        matches!(self, Self::Route(route) if route.lowered().is_some())
    }

    pub fn title(&self) -> String {
        match self {
            Self::Create { slot, .. } => format!("create {slot} again"),
            Self::Start { slot, .. } => format!("start {slot} again"),
            Self::Install => "install the proxy's configuration".into(),
            Self::Register { slot, .. } => format!("register {slot}"),
            Self::Route(route) => format!("set the route to {}", route.live),
            Self::Rebase { .. } => "give the live pointer a token of this store".into(),
            Self::Point { to, .. } => format!("point the proxy at {to}"),
            Self::Deregister(slot) => format!("deregister {slot}"),
            Self::Stop { slot, .. } => format!("stop {slot}"),
        }
    }

    /// A description of what the operator loses or risks with this action; none if nothing.
    pub fn cost(&self) -> Option<String> {
        match self {
            Self::Install => Some(
                "the proxy reloads its configuration. Open connections may be cut, and manual changes of the configuration are lost"
                    .into(),
            ),
            Self::Rebase { .. } => Some(
                "a release that was opened before the store went back can no longer switch, even if its driver is still running"
                    .into(),
            ),
            Self::Route(route) if route.lowered().is_some() => Some(
                "the generation of the route gets lower, because no switch can have made the current one. No other driver of this target may be running"
                    .into(),
            ),
            Self::Point { from: Some(from), to, .. } if from != to => Some(format!(
                "all traffic moves from {from} to {to}"
            )),
            Self::Stop { slot, .. } => Some(format!(
                "a rollback to {slot} then needs a cold start"
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

    /// The calls of the action, one per line. `proxy` describes the calls to the proxy.
    pub(super) fn calls(&self, definition: &Definition, proxy: &dyn ProxySays) -> Vec<String> {
        let name = |slot| instance_name(&definition.target, slot);
        match self {
            Self::Create { slot, version, .. } => vec![format!(
                "engine: create and start {} from {} at {}; the image is pulled first if it is missing",
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
                "store: write slots/{slot} = {} {}, only while this driver holds the lock",
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
                "store: remove slots/{slot}, only if the route does not name it, and only while this driver holds the lock"
            )],
            Self::Stop { slot, instance } => vec![format!(
                "engine: stop {} ({}), with {} to finish; it is kept for a cold start",
                name(*slot),
                instance.short(),
                duration(definition.timing.stop_grace)
            )],
        }
    }
}

/// Describes the calls of a repair to the proxy, for the plan. Each method returns one line for each call.
pub trait ProxySays {
    /// The calls that install the proxy's configuration.
    fn install(&self) -> Vec<String>;
    fn switch(&self, order: &SwitchOrder) -> Vec<String>;
    /// The calls that give the live pointer a token of this store.
    fn rebase(&self, order: &RebaseOrder) -> Vec<String>;
}

impl Rewrite {
    /// The current generation of the route, if the new generation is lower.
    pub fn lowered(&self) -> Option<u64> {
        match self.from {
            RouteBefore::Contains(current, _) if current > self.generation => Some(current),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        let from = match self.from {
            RouteBefore::Missing => "only if there still is no route".to_owned(),
            RouteBefore::Unreadable => "only if the route is still unreadable".to_owned(),
            RouteBefore::Contains(generation, slot) => {
                format!("only if the route still is {slot} generation {generation}")
            }
        };
        format!(
            "store: set the route to {} generation {}, {}, {from}, only while this driver holds the lock",
            self.live,
            self.generation,
            self.digest.short()
        )
    }
}
