//! Describes the actions of a repair for its plan: titles, calls and costs.

use crate::inventory::{EdgeName, FencingToken, RebaseOrder, Slot, SwitchOrder, instance_name};
use crate::release::Definition;
use crate::release::action::{Action, Rewrite, RouteBefore};
use crate::release::describe::duration;

/// Describes the calls of a repair to the proxy, for the plan. Each method returns one line for each call.
pub trait ProxyCalls {
    /// The calls that install the proxy's configuration.
    fn install(&self) -> Vec<String>;
    fn switch(&self, order: &SwitchOrder) -> Vec<String>;
    /// The calls that give the live pointer a token of this store.
    fn rebase(&self, order: &RebaseOrder) -> Vec<String>;
}

impl Action {
    /// The position in the order of execution of a repair: first the instance that should have the traffic, then
    /// the proxy's configuration, the registrations, the route and the proxy's pointer, then the removal of what is no
    /// longer needed.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Pull(_) => 0,
            Self::Create { .. } => 1,
            Self::Start { .. } => 2,
            Self::Install => 3,
            Self::Register { .. } => 4,
            Self::Route(_) => 5,
            Self::Rebase { .. } => 6,
            Self::Switch(_) => 7,
            Self::Deregister(_) => 8,
            Self::Stop { .. } => 9,
            Self::Remove { .. } => 10,
            // No repair has these.
            Self::Quiet { .. } | Self::CreateTask(_) | Self::StartTask(_) | Self::StopTask(_) => 11,
        }
    }

    /// Whether the action moves traffic, may cut connections, rewrites the route or the live pointer, or stops an
    /// instance.
    pub fn is_grave(&self) -> bool {
        match self {
            Self::Install
            | Self::Route(_)
            | Self::Rebase { .. }
            | Self::Switch(_)
            | Self::Stop { .. }
            | Self::Remove { .. }
            | Self::Quiet { .. }
            | Self::StartTask(_)
            | Self::StopTask(_) => true,
            Self::Pull(_)
            | Self::Create { .. }
            | Self::Start { .. }
            | Self::Register { .. }
            | Self::Deregister(_)
            | Self::CreateTask(_) => false,
        }
    }

    /// Whether the action lowers the generation of the route. An operator confirms such an action by typing the name of
    /// the environment.
    pub fn lowers_generation(&self) -> bool {
        matches!(self, Self::Route(route) if route.lowered().is_some())
    }

    pub fn title(&self) -> String {
        match self {
            Self::Pull(version) => format!("pull {}", version.name()),
            Self::Create { slot, .. } => format!("create {slot} again"),
            Self::Start { slot, .. } => format!("start {slot} again"),
            Self::Install => "install the proxy's configuration".into(),
            Self::Register { slot, .. } => format!("register {slot}"),
            Self::Route(route) => format!("set the route to {}", route.live),
            Self::Rebase { .. } => "give the live pointer a token of this store".into(),
            Self::Switch(movement) => format!("point the proxy at {}", movement.to),
            Self::Deregister(slot) => format!("deregister {slot}"),
            Self::Stop { slot, .. } => format!("stop {slot}"),
            Self::Remove { slot, .. } => format!("remove {slot}"),
            Self::Quiet { slot, .. } => format!("quiet {slot}"),
            Self::CreateTask(order) => format!("create the container of {}", order.call),
            Self::StartTask(order) => format!("start {}", order.call),
            Self::StopTask(run) => format!("stop the task {}", run.short()),
        }
    }

    /// Describes what the operator loses or risks with the action; none if the action has no cost.
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
            Self::Switch(movement) => {
                let (from, to) = (movement.to.other(), movement.to);
                let is_moving = movement.from.contains(from);
                is_moving.then(|| format!("all traffic moves from {from} to {to}"))
            }
            Self::Stop { slot, .. } => Some(format!(
                "a rollback to {slot} then needs a cold start"
            )),
            Self::Deregister(slot) => Some(format!(
                "other readers of the store no longer find {slot}"
            )),
            _ => None,
        }
    }

    /// The calls of the action, one per line. `proxy` describes the calls to the proxy.
    pub(super) fn calls(&self, definition: &Definition, proxy: &dyn ProxyCalls) -> Vec<String> {
        let names = |slot: Slot, members: usize| {
            let names = (1..=members).map(|number| instance_name(&definition.target, slot, number));
            names.collect::<Vec<_>>().join(", ")
        };
        // The order names the member by its id.
        let one = |slot: Slot| match definition.endpoints.get(slot).members() {
            1 => names(slot, 1),
            _ => format!("a member of {slot}"),
        };
        let call = match self {
            Self::Install => return proxy.install(),
            Self::Switch(movement) => {
                let mut calls: Vec<String> = movement.route.iter().map(Rewrite::describe).collect();
                let order = movement.order(&EdgeName::default(), FencingToken::default());
                calls.extend(proxy.switch(&order));
                return calls;
            }
            Self::Rebase { from, generation } => {
                return proxy.rebase(&RebaseOrder {
                    from: *from,
                    generation: *generation,
                    token: FencingToken::default(),
                });
            }
            Self::Pull(version) => format!("engine: pull {}", version.pinned()),
            Self::Create {
                slot,
                addresses,
                version,
                ..
            } => format!(
                "engine: create and start {} from {}{}{}; the image is pulled first if it is missing",
                names(*slot, addresses.members()),
                version.pinned(),
                addresses.at(),
                match addresses.members() {
                    1 => "",
                    _ => ", except those that exist",
                }
            ),
            Self::Start { slot, instance } => {
                format!("engine: start {} ({})", one(*slot), instance.short())
            }
            Self::Register { slot, digest, .. } => format!(
                "store: write slots/{slot} = {} {}, only while this driver holds the lock",
                definition.endpoints.get(*slot),
                digest.short()
            ),
            Self::Route(route) => route.describe(),
            Self::Deregister(slot) => format!(
                "store: remove slots/{slot}, only if the route does not name it, and only while this driver holds the lock"
            ),
            Self::Stop { slot, instance } => format!(
                "engine: stop {} ({}), with {} to finish; it is kept for a cold start",
                one(*slot),
                instance.short(),
                duration(definition.timing.stop_grace)
            ),
            Self::Remove { slot, instance } => {
                format!("engine: remove {} ({})", one(*slot), instance.short())
            }
            Self::Quiet { .. } | Self::CreateTask(_) | Self::StartTask(_) | Self::StopTask(_) => {
                format!("engine: {}", self.title())
            }
        };
        vec![call]
    }
}

impl Rewrite {
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
