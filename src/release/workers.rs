//! Reasons against a release or a repair of a worker. The proxy of another service shows that a route was lost, or that the
//! store was restored from a backup. A worker has no proxy, so whatever may be live counts as live (interlock 1).

use super::{Definition, Facts, Refusal};
use crate::history::ReleaseRecord;
use crate::inventory::{Occupancy, RegistryRecord, ReleaseId, Route, Slot, SlotMembers};

/// The reasons against the plan of a release.
pub(super) fn against(
    definition: &Definition,
    facts: &Facts,
    record: &RegistryRecord,
) -> Vec<Refusal> {
    let route = record.route.as_ref().map(|route| &route.value);
    let store = Store {
        route,
        newest: facts.newest(),
        past: facts.past.as_deref().unwrap_or_default(),
    };
    let slots = facts.slots.iter().filter_map(|(slot, found)| match found {
        Ok(Occupancy::Ours(members)) => Some((slot, members)),
        _ => None,
    });
    let changed = kind_changed(definition, route).into_iter();
    changed
        .chain(live_unknown(definition, &store, slots))
        .collect()
}

/// Refuses if the live version was released as the other kind of service: its slots then have other addresses, and a
/// proxy may still send requests to them.
pub(super) fn kind_changed(definition: &Definition, route: Option<&Route>) -> Option<Refusal> {
    let changed = definition.is_other_kind(route?);
    changed.then(|| Refusal::KindChanged {
        target: definition.target.clone(),
        was_worker: !definition.is_worker(),
    })
}

/// What the store says about the releases of a worker.
pub(super) struct Store<'a> {
    pub(super) route: Option<&'a Route>,
    /// The newest release; none if there is no release.
    pub(super) newest: Option<ReleaseId>,
    /// The newest releases; empty if they are not known.
    pub(super) past: &'a [ReleaseRecord],
}

/// Refuses for each running slot that may be live although the route does not name it: no route is there, or the store
/// does not know the release that started a member.
pub(super) fn live_unknown<'a>(
    definition: &Definition,
    store: &Store<'_>,
    slots: impl Iterator<Item = (Slot, &'a SlotMembers)>,
) -> Vec<Refusal> {
    if !definition.is_worker() {
        return Vec::new();
    }
    let running = slots.filter(|(_, members)| members.is_any_running());
    let refusals = running.filter_map(|(slot, members)| {
        let why = if is_lost(store, members) {
            "the store does not know the release that started it"
        } else if store.route.is_none() && may_have_been_live(store, members) {
            "the store has no route"
        } else {
            return None;
        };
        Some(Refusal::LiveUnknown {
            target: definition.target.clone(),
            why: format!("{slot} is running ({}), but {why}", members.names()),
        })
    });
    refusals.collect()
}

/// Whether the store has lost the release of a member. Without any release in the store, a member without a release
/// counts as lost too.
fn is_lost(store: &Store<'_>, members: &SlotMembers) -> bool {
    members.iter().any(|member| match member.release {
        Some(release) => Some(release) > store.newest,
        None => store.newest.is_none(),
    })
}

/// A version was never live if the release of each member has ended and was not live, e.g. because its checks failed.
fn may_have_been_live(store: &Store<'_>, members: &SlotMembers) -> bool {
    let was_never_live = |release: ReleaseId| {
        let mut past = store.past.iter();
        let head = past.find(|head| head.id == release);
        head.is_some_and(|head| head.closed.is_some() && head.live.is_none())
    };
    let mut releases = members.iter().map(|member| member.release);
    !releases.all(|release| release.is_some_and(was_never_live))
}
