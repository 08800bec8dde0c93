//! One thing that a repair does. Each says what it comes from and where it goes, so that doing it twice
//! does no harm (interlock 5), and in words what is called.

use crate::inventory::{
    Digest, FencingToken, InstanceId, PointerState, RebaseOrder, ReleaseId, Slot, SwitchOrder,
    Version, instance_name,
};
use crate::release::Definition;
use crate::release::describe::duration;

/// See the module. The order of the variants is the order in which they are done: first what should
/// have the traffic, then who is said to have it, and only then what nobody needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairAction {
    /// Make what was removed again, as it is registered.
    Create {
        /// Where.
        slot: Slot,
        /// What.
        version: Version,
        /// The release that it is of.
        release: ReleaseId,
    },
    /// Start what was stopped, or let it go on.
    Start {
        /// Where.
        slot: Slot,
        /// Which.
        instance: InstanceId,
    },
    /// Install the proxy's configuration.
    Install,
    /// Write the slot's entry as what runs there.
    Register {
        /// Where.
        slot: Slot,
        /// What runs there, and has to when it is written.
        digest: Digest,
        /// The release that it is of.
        release: ReleaseId,
    },
    /// Write the route.
    Route(Rewrite),
    /// Give the live pointer a token of this store, which went back behind the one it has.
    Rebase {
        /// What the pointer says, and has to when it is written.
        from: PointerState,
        /// The generation that the route has, and that the live slot gets.
        generation: u64,
    },
    /// Have the proxy do what the route says.
    Point {
        /// The slot that the proxy names; none when it names none.
        from: Option<Slot>,
        /// The slot that the route names.
        to: Slot,
        /// The generation that the route has.
        generation: u64,
    },
    /// Remove the slot's entry.
    Deregister(Slot),
    /// Stop what runs without traffic.
    Stop {
        /// Where.
        slot: Slot,
        /// Which.
        instance: InstanceId,
    },
}

/// How the route is written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// What stands.
    pub from: Standing,
    /// The slot it names then.
    pub live: Slot,
    /// Its generation then: a lower one only where no switch can have made the one that stands.
    pub generation: u64,
    /// What runs there.
    pub digest: Digest,
    /// The release that it is of.
    pub release: ReleaseId,
}

/// The route's key as it stands before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Missing,
    /// There is one that cannot be read.
    Unreadable,
    /// It says this generation and slot.
    Says(u64, Slot),
}

impl RepairAction {
    /// Where in the order it is done.
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

    /// Whether it moves or may cut traffic, says who has it, or ends something that runs.
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

    /// Whether it lowers the generation of the route, which is done only by a person who types the environment's name.
    pub fn lowers_generation(&self) -> bool {
        matches!(self, Self::Route(route) if route.lowered().is_some())
    }

    /// What it is called in a line.
    pub fn title(&self) -> String {
        match self {
            Self::Create { slot, .. } => format!("make {slot} again"),
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

    /// What it costs, where it costs anything.
    pub fn cost(&self) -> Option<String> {
        match self {
            Self::Install => Some(
                "the proxy reloads: connections that are kept alive may be cut, and an edit by hand is lost"
                    .into(),
            ),
            Self::Rebase { .. } => Some(
                "a release that was driven before the store went back cannot switch any more, also where its driver still runs"
                    .into(),
            ),
            Self::Route(route) if route.lowered().is_some() => Some(
                "the generation of the route gets lower: no switch has made the one that stands, and no other driver may run"
                    .into(),
            ),
            Self::Point { from: Some(from), to, .. } if from != to => Some(format!(
                "all traffic moves from {from} to {to}; no connection is cut"
            )),
            Self::Stop { slot, .. } => Some(format!(
                "{slot} can then only be gone back to by a cold start"
            )),
            Self::Deregister(slot) => Some(format!(
                "whoever reads the store finds {slot} no more"
            )),
            _ => None,
        }
    }

    /// The switch that the proxy is asked for, but for the token; none of another action.
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

    /// The calls it makes, one a line; those of the proxy in its own words.
    pub(super) fn calls(&self, definition: &Definition, proxy: &dyn ProxySays) -> Vec<String> {
        let name = |slot| instance_name(&definition.target, slot);
        match self {
            Self::Create { slot, version, .. } => vec![format!(
                "engine: create and start {} from {} at {}, pulled first where the engine has it not",
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
            Self::Route(route) => vec![route.words()],
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

/// The proxy's own words for what it would be asked to do.
pub trait ProxySays {
    /// For installing its configuration.
    fn install(&self) -> Vec<String>;
    /// For a switch.
    fn switch(&self, order: &SwitchOrder) -> Vec<String>;
    /// For giving the pointer a token of this store.
    fn rebase(&self, order: &RebaseOrder) -> Vec<String>;
}

impl Rewrite {
    /// The generation that stands, where it is lowered.
    pub fn lowered(&self) -> Option<u64> {
        match self.from {
            Standing::Says(stood, _) if stood > self.generation => Some(stood),
            _ => None,
        }
    }

    fn words(&self) -> String {
        let from = match self.from {
            Standing::Missing => "only if there still is none".to_owned(),
            Standing::Unreadable => "only over what cannot be read".to_owned(),
            Standing::Says(generation, slot) => {
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
