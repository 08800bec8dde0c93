//! The guard of each action. Directly before an action, [`allow`] decides from the latest observation whether the
//! action is safe. Each interlock is stated here once, for releases and for repairs. The steps of a release add their
//! own conditions, for example fresh checks. An unknown state is never safe.

use super::action::{Action, Move, Purpose, Rewrite, RouteBefore};
use super::view::{Traffic, View};
use crate::inventory::{
    Consensus, Digest, EdgeReport, Installation, Instance, InstanceId, PointerState, Route, Slot,
    TaskCall, is_beyond_any_switch,
};

/// After the store was wiped, restored or replaced, new generations are multiples of this number.
const FAR_AHEAD: u64 = 1_000;

/// A generation that no earlier driver can have: at least [`FAR_AHEAD`] higher than `generation`.
pub(super) fn out_of_reach(generation: u64) -> u64 {
    (generation / FAR_AHEAD + 1) * FAR_AHEAD + FAR_AHEAD
}

/// Why an action is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The action is not allowed yet. Observe again.
    Wait(String),
    /// Waiting does not help.
    Refuse(String),
    /// The state is not as it was when the plan was made. A new plan is needed.
    Changed(String),
}

use Obstacle::{Changed, Refuse, Wait};

/// Allows the actions of a stage, which are performed in order. Each action is judged in the state that the actions
/// before it lead to.
pub(super) fn allow_all(actions: &[Action], mut view: View<'_>) -> Result<(), Obstacle> {
    for action in actions {
        allow(action, &view)?;
        view = view.after(action);
    }
    Ok(())
}

pub(super) fn allow(action: &Action, view: &View<'_>) -> Result<(), Obstacle> {
    match action {
        Action::Install => match view.edges.installation() {
            Some(Installation::Newer(why)) => {
                Err(Refuse(format!("{why}. The newer configuration is kept")))
            }
            Some(Installation::Foreign(why)) => Err(Refuse(why)),
            _ => Ok(()),
        },
        // If the release has created the instance already, it is only started.
        Action::Create { slot, release, .. } => {
            let Some(members) = view.members(*slot) else {
                return Err(Wait(unseen(*slot, view)));
            };
            if members.iter().any(|it| it.release != Some(*release)) {
                return Err(Wait(format!(
                    "{slot} still has a member that this release did not create"
                )));
            }
            alone(view, |member| member.release == Some(*release))
        }
        Action::Start { slot, instance } => {
            same_member(view, *slot, instance)?;
            if view.runs(*slot, instance) {
                return Err(Wait(format!(
                    "{slot} is running, but no probe has found it healthy yet"
                )));
            }
            alone(view, |member| member.id == *instance)
        }
        Action::Register { slot, digest, .. } => register(view, *slot, digest),
        Action::Route(rewrite) => route(view, rewrite),
        Action::Switch(movement) => switch(view, movement),
        Action::Rebase { from, generation } => rebase(view, from, *generation),
        Action::Deregister(slot) => without_traffic(view, *slot),
        Action::Quiet { slot, instance } => {
            same_member(view, *slot, instance)?;
            without_traffic(view, *slot)
        }
        Action::Stop { slot, instance } => stop(view, *slot, instance),
        Action::Remove { slot, instance } => {
            same_member(view, *slot, instance)?;
            may_end(view, *slot)
        }
        Action::CreateTask(order) | Action::StartTask(order) => not_run(view, &order.call),
        Action::Pull(_) | Action::StopTask(_) => Ok(()),
    }
}

/// Checks that a command of a task has not run in this release (interlock 11).
fn not_run(view: &View<'_>, call: &TaskCall) -> Result<(), Obstacle> {
    let Some(runs) = view.tasks else {
        let why = view.why_blind();
        return Err(Wait(format!("the tasks cannot be observed: {why}")));
    };
    match runs.iter().find(|run| run.call == *call) {
        Some(run) if !run.is_unstarted() => Err(Wait(format!("{call} has already been started"))),
        _ => Ok(()),
    }
}

fn unseen(slot: Slot, view: &View<'_>) -> String {
    format!("{slot} cannot be observed: {}", view.why_blind())
}

/// Checks that a slot has no traffic (interlock 1).
pub(super) fn without_traffic(view: &View<'_>, slot: Slot) -> Result<(), Obstacle> {
    match view.traffic(slot) {
        Traffic::Without => Ok(()),
        Traffic::With(why) => Err(Refuse(why)),
        Traffic::Unknown(why) => Err(Wait(why)),
    }
}

/// Checks that the members of a slot may be stopped or removed: the slot has no traffic (interlock 1), or the stage may
/// stop the live version of an exclusive service.
fn may_end(view: &View<'_>, slot: Slot) -> Result<(), Obstacle> {
    match without_traffic(view, slot) {
        Err(Refuse(_)) if view.stops_live => Ok(()),
        other => other,
    }
}

/// Checks that a member of an exclusive service may be started: no other member of either slot is up (interlock 12).
fn alone(view: &View<'_>, is_itself: impl Fn(&Instance) -> bool) -> Result<(), Obstacle> {
    if !view.definition.is_exclusive() {
        return Ok(());
    }
    for slot in Slot::BOTH {
        let Some(members) = view.members(slot) else {
            return Err(Wait(unseen(slot, view)));
        };
        let mut others = members.iter().filter(|member| !is_itself(member));
        if let Some(up) = others.find(|member| view.may_be_up(member)) {
            return Err(Wait(format!(
                "{} in {slot} may still be running, and two of a scheduler must not run at once",
                up.name
            )));
        }
    }
    Ok(())
}

/// Checks that the slot still has this member.
fn same_member(view: &View<'_>, slot: Slot, instance: &InstanceId) -> Result<(), Obstacle> {
    match view.members(slot) {
        None => Err(Wait(unseen(slot, view))),
        Some(members) if members.get(instance).is_some() => Ok(()),
        Some(_) => Err(Changed(replaced(slot))),
    }
}

/// Says that the slot is empty, or that another container or process is in it.
pub(super) fn replaced(slot: Slot) -> String {
    format!("the container or process of the plan is no longer in {slot}")
}

/// Only a healthy version is registered. The exception is a version that the same stage starts: its health is observed
/// before it gets traffic.
fn register(view: &View<'_>, slot: Slot, digest: &Digest) -> Result<(), Obstacle> {
    let there = match view.healthy(slot) {
        Err(why) if !view.is_started(slot) => {
            return Err(Wait(format!(
                "only a healthy version can be registered: {why}"
            )));
        }
        _ => view.members(slot),
    };
    match there {
        Some(there) if !there.is_empty() && there.digest() != Some(digest) => {
            Err(Changed(format!(
                "{slot} now runs {} instead of {}",
                there.short_digests(),
                digest.short()
            )))
        }
        _ => Ok(()),
    }
}

/// Checks that a slot may get traffic: it is healthy, and it is registered with the version that is running in it
/// (interlock 2). If a release switches back, any registration is enough, because the version had the traffic before.
fn fit_for_traffic(view: &View<'_>, slot: Slot, purpose: Option<&Purpose>) -> Result<(), String> {
    let digest = view.healthy(slot)?;
    let is_back = purpose == Some(&Purpose::BackOut);
    match view.entry(slot) {
        Some(entry) if is_back || entry.digest == *digest => Ok(()),
        Some(_) => Err(format!(
            "{slot} runs another version than the registered one"
        )),
        None => Err(format!("{slot} is not registered")),
    }
}

fn route(view: &View<'_>, rewrite: &Rewrite) -> Result<(), Obstacle> {
    let is_other_kind = |route| view.definition.is_other_kind(route);
    if view.route().is_some_and(is_other_kind) {
        return Err(Refuse(
            "the live version was released as another kind of service, and a proxy may still send requests to it".into(),
        ));
    }
    let current = match view.route() {
        Some(route) => RouteBefore::Contains(route.generation, route.live),
        None if view.is_route_unreadable() => RouteBefore::Unreadable,
        None => RouteBefore::Missing,
    };
    if current != rewrite.from {
        return Err(Changed(
            "the route is not as it was when the plan was made".into(),
        ));
    }
    if let Some(from) = rewrite.lowered() {
        may_be_lowered(view, from, rewrite.generation)?;
    }
    if !only_lowers(view, rewrite)
        && let Err(why) = fit_for_traffic(view, rewrite.live, Some(&rewrite.purpose))
    {
        return Err(Wait(format!(
            "a route may name only a healthy, registered version: {why}"
        )));
    }
    let keeps_digest = view
        .route()
        .is_some_and(|route| route.digest == rewrite.digest);
    if view.digest(rewrite.live) != Some(&rewrite.digest) && !keeps_digest {
        return Err(Changed(format!(
            "{} does not run the version of the planned route",
            rewrite.live
        )));
    }
    Ok(())
}

/// Whether the new route differs from the current one only in a lower generation. Such a route moves no traffic, so the
/// live slot need not be healthy.
fn only_lowers(view: &View<'_>, rewrite: &Rewrite) -> bool {
    let is_same = |route: &Route| {
        route.live == rewrite.live
            && route.digest == rewrite.digest
            && route.addresses == rewrite.addresses
    };
    rewrite.lowered().is_some() && view.route().is_some_and(is_same)
}

/// Checks that no switch can have made the generation `from`, and that `to` is not lower than the generation of any
/// edge. A driver that planned its switch with the old generation cannot write: the route has changed, and that driver
/// no longer has the lock.
fn may_be_lowered(view: &View<'_>, from: u64, to: u64) -> Result<(), Obstacle> {
    if view.edges.is_empty() {
        return Err(Refuse(
            "the generation of the route cannot be lowered: without a proxy, nothing else says how many switches were made".into(),
        ));
    }
    if let Some(EdgeReport { subject, .. }) = view.edges.without_answer() {
        return Err(Wait(format!(
            "the generation of the route cannot be lowered: {subject} does not answer with its generation"
        )));
    }
    let highest = view.edges.answered_generation();
    if to < highest {
        return Err(Changed(format!(
            "the generation of the route cannot be lowered to {to}: the proxy already has generation {highest}"
        )));
    }
    if !is_beyond_any_switch(from, highest) {
        return Err(Changed(format!(
            "the route keeps generation {from}: a switch may have made it, because the proxy has generation {highest}"
        )));
    }
    Ok(())
}

/// The pointer of every edge must be unchanged since the plan was made. A pointer without a live slot may then be
/// written. For any other pointer, the new generation must be higher than all generations in the pointer. If the live
/// slot can answer, the route must already name this slot and the new generation. If the live slot cannot answer, no
/// route to that slot is written. Then only the pointer gets the generation, which must be so high that no earlier
/// driver can have it, and higher than the generation of the route.
fn rebase(view: &View<'_>, from: &PointerState, generation: u64) -> Result<(), Obstacle> {
    if view.edges.pointer() != Consensus::Unanimous(*from) {
        return Err(Changed(
            "the live pointer is not as it was when the plan was made".into(),
        ));
    }
    let Some(live) = from.live else {
        return Ok(());
    };
    let routed = view.route().map(|route| (route.generation, route.live));
    if routed == Some((generation, live)) && generation > from.highest_generation() {
        return Ok(());
    }
    let is_ahead_of_route = view
        .route()
        .is_none_or(|route| route.generation < generation);
    if view.healthy(live).is_err()
        && is_ahead_of_route
        && generation >= out_of_reach(from.highest_generation())
    {
        return Ok(());
    }
    Err(Changed(format!(
        "the live pointer cannot be changed to {live} with generation {generation}: the route does not have this slot and generation, or the generation is too low"
    )))
}

/// Requires that each edge names the slot that the movement takes the traffic from; that `to` is healthy, registered
/// and runs the version of the route; and that the generation is new to each edge, or already the one with which the
/// edge names `to`. If the move does not write the route itself, the stored route must already name `to` and this
/// generation.
fn switch(view: &View<'_>, movement: &Move) -> Result<(), Obstacle> {
    let (to, generation) = (movement.to, movement.generation);
    let purpose = movement.route.as_ref().map(|rewrite| &rewrite.purpose);
    if let Err(why) = fit_for_traffic(view, to, purpose) {
        return Err(Wait(format!("the traffic does not move: {why}")));
    }
    let digest = if let Some(rewrite) = &movement.route {
        route(view, rewrite)?;
        Some(&rewrite.digest)
    } else {
        let routed = view.route().map(|route| (route.generation, route.live));
        if routed != Some((generation, to)) {
            return Err(Changed(format!(
                "the proxy cannot be changed: the route does not name {to} with generation {generation}"
            )));
        }
        view.route().map(|route| &route.digest)
    };
    let edges = view.edges;
    if let Some(EdgeReport { subject, .. }) = edges.without_answer() {
        return Err(Wait(format!(
            "it is not known which slot {subject} names: {subject} does not answer for this target"
        )));
    }
    if let Some((edge, before)) = edges.moved_from(&movement.from) {
        return Err(Changed(format!(
            "{} now names {} instead of {}",
            edge.subject,
            named(edge.slot()),
            named(before)
        )));
    }
    if !edges.is_empty() && is_beyond_any_switch(generation, edges.answered_generation()) {
        return Err(Refuse(format!(
            "the proxy cannot get generation {generation}: no switch can have made it. Run greenroom repair to rewrite the route first"
        )));
    }
    if let Some(edge) = edges.refusing(to, generation) {
        return Err(Changed(format!(
            "{} already has generation {}, and a switch needs a higher one",
            edge.subject,
            edge.generation()
        )));
    }
    if view.digest(to) != digest {
        return Err(Changed(format!(
            "{to} runs another version than the route names"
        )));
    }
    Ok(())
}

/// A slot is deregistered before its members are stopped, so other readers of the store find no stopped instance.
fn stop(view: &View<'_>, slot: Slot, instance: &InstanceId) -> Result<(), Obstacle> {
    same_member(view, slot, instance)?;
    may_end(view, slot)?;
    if view.entry(slot).is_some() && !view.stops_live {
        return Err(Changed(format!(
            "{slot} is registered, so other readers of the store may send requests there"
        )));
    }
    match view.requests(slot) {
        0 => Ok(()),
        many => Err(Wait(format!(
            "{slot} had {many} public requests in the last seconds"
        ))),
    }
}

pub(super) fn named(slot: Option<Slot>) -> &'static str {
    slot.map_or("nothing", Slot::as_str)
}
