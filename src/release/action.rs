//! The actions that change the servers, as data. Releases and repairs are plans of the same actions. Each action
//! contains the state that it starts from and the state that it leads to, so performing it twice does no harm
//! (interlock 5).
//!
//! A repair records, guards and observes each action separately. A stage of a release may perform several actions in
//! order, for example deregister a slot and then stop its instance. It stops at the first action that fails.

use crate::inventory::{
    Addresses, Digest, EdgeName, EdgeSlots, FencingToken, Hold, InstanceId, PeerApproval,
    PointerState, ReleaseId, Slot, SwitchOrder, TaskCall, Unstarted, Version,
};

/// A change to the servers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    Pull(Version),
    /// Install the proxy's configuration.
    Install,
    /// Create and start a member at each of these addresses that has none. If the runtime does not have the image, it is
    /// pulled first.
    Create {
        slot: Slot,
        addresses: Addresses,
        version: Version,
        /// The release that makes the version live, or made it live.
        release: ReleaseId,
    },
    /// Start a stopped instance, or unpause it.
    Start {
        slot: Slot,
        instance: InstanceId,
    },
    /// Write the slot's registration from the running instance.
    Register {
        slot: Slot,
        /// The digest that was observed in the slot. The registration is written only if this digest is still running.
        digest: Digest,
        /// The tag, if the instance does not name its tag.
        tag: Option<String>,
        release: ReleaseId,
    },
    /// Change the route, but not the proxy.
    Route(Box<Rewrite>),
    Switch(Box<Move>),
    /// Give the live pointer a token of this store. This is needed after the store was wiped, restored or replaced:
    /// then the pointer's token is higher than all tokens of the store, and the proxy refuses every switch.
    Rebase {
        /// The observed content of the pointer, the same at every edge. The pointer is written only if its content is
        /// still the same.
        from: PointerState,
        /// The new generation of the pointer. It is the generation of the route, except if the live slot cannot answer
        /// or the pointer names no slot.
        generation: u64,
    },
    Deregister(Slot),
    /// Tells a member of a worker to take no more jobs.
    Quiet {
        slot: Slot,
        instance: InstanceId,
    },
    /// Stop an instance without traffic.
    Stop {
        slot: Slot,
        instance: InstanceId,
    },
    /// Remove a stopped instance.
    Remove {
        slot: Slot,
        instance: InstanceId,
    },
    /// Create the container of a task's command, and do not start it. A container that an earlier driver created, but
    /// did not start, is replaced.
    CreateTask(Box<TaskOrder>),
    /// Start the container that this driver created for a task's command.
    StartTask(Box<TaskOrder>),
    /// Stop a running task.
    StopTask(InstanceId),
}

/// A command of a task, for one release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskOrder {
    pub call: TaskCall,
    /// The new version, in whose image the command runs.
    pub version: Version,
    pub release: ReleaseId,
    /// What happens to an existing container that was never started.
    pub unstarted: Unstarted,
}

/// One movement of the traffic. Route and edges change in one action: every edge is prepared before the route is
/// written, so a switch that an edge cannot make leaves the route unchanged. The pointers move directly after the
/// route, so store and edges disagree as briefly as possible.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Move {
    /// The new route; none if the route already names this slot and generation.
    pub route: Option<Rewrite>,
    /// The slot that each edge names now. After a switch that did not reach every edge, the edges differ.
    pub from: EdgeSlots,
    /// The slot that gets the traffic.
    pub to: Slot,
    /// The generation that every edge gets. The route has it, too.
    pub generation: u64,
}

/// How the route is rewritten.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rewrite {
    /// The observed content of the route's key. The route is written only if this content is still the same.
    pub from: RouteBefore,
    /// The slot that the new route names.
    pub live: Slot,
    /// The new generation. It may be lower than the current generation only if no switch can have made the current
    /// generation.
    pub generation: u64,
    /// The addresses of the new route.
    pub addresses: Addresses,
    /// The digest of the new route.
    pub digest: Digest,
    /// The release that makes the version live, or made it live.
    pub release: ReleaseId,
    pub purpose: Purpose,
}

/// The route's key before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteBefore {
    Missing,
    Unreadable,
    /// The key contains this generation and slot.
    Contains(u64, Slot),
}

/// Why the route is rewritten. The purpose decides what happens to the hold of the target and to the extra keys of
/// other targets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Purpose {
    Promote {
        /// The hold that was observed before the switch; it does not stop the release. The traffic moves only if the
        /// store still has exactly this hold.
        hold: Option<Hold>,
        /// The approvals by other operators that count. The traffic moves only if all of these approvals still exist.
        peer_approvals: Vec<PeerApproval>,
    },
    /// A rollback places this hold with the route; none if no version was live before.
    Rollback(Option<Hold>),
    /// The release switches back, and clears the hold that it placed.
    BackOut,
    Repair,
}

impl Rewrite {
    /// The current generation of the route, if the new generation is lower.
    pub fn lowered(&self) -> Option<u64> {
        match self.from {
            RouteBefore::Contains(current, _) if current > self.generation => Some(current),
            _ => None,
        }
    }
}

impl RouteBefore {
    /// The state of a route that is missing or can be read.
    pub(super) fn of(route: Option<(u64, Slot)>) -> Self {
        route.map_or(Self::Missing, |(generation, slot)| {
            Self::Contains(generation, slot)
        })
    }
}

impl Move {
    /// The order for one edge.
    pub(super) fn order(&self, edge: &EdgeName, token: FencingToken) -> SwitchOrder {
        SwitchOrder {
            from: self.from.at(edge),
            to: self.to,
            generation: self.generation,
            token,
        }
    }
}

/// A failed action: the message, and what the driver does about the failure.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActionError {
    pub kind: ActionErrorKind,
    pub text: String,
}

/// What the driver does about a failed action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionErrorKind {
    /// The failure may be temporary. The driver observes, and may then try the action again.
    Temporary,
    /// The driver no longer holds the lock. It must stop.
    Fenced,
    /// The action failed for good, for example because a server refused the request.
    Final,
}
