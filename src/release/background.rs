//! Reasons against a release or a repair of a background service. The proxy of another service shows that a route was lost, or that the
//! store was restored from a backup. A background service has no proxy, so whatever may be live counts as live (interlock 1).

use super::{Definition, Facts, FormerKind, Refusal};
use crate::history::ReleaseRecord;
use crate::inventory::{
    Instance, Occupancy, RegistryRecord, ReleaseId, Route, Slot, SlotMembers, StoredKey,
};

/// What the store says about a background service.
pub(super) struct Store<'a> {
    pub(super) route: Option<&'a Route>,
    /// Whether there is a route that cannot be read. Other refusals then say so.
    pub(super) is_route_unreadable: bool,
    /// The newest release; none if there is no release.
    pub(super) newest: Option<ReleaseId>,
    /// The release that has not ended; none if all releases have ended.
    pub(super) open: Option<ReleaseId>,
}

/// The reasons against the plan of a release. While a driver holds the lock, its release may be the first one, which has
/// no route yet: then only the kind of the service counts.
pub(super) fn against(
    definition: &Definition,
    facts: &Facts,
    record: &RegistryRecord,
) -> Vec<Refusal> {
    let route = record.route.as_ref().map(|route| &route.value);
    let mut against: Vec<Refusal> = kind_changed(definition, route).into_iter().collect();
    if !definition.is_background() || record.lock.is_some() {
        return against;
    }
    let past = match &facts.past {
        Ok(past) => past,
        Err(why) => {
            against.push(Refusal::Unknown {
                fact: "which releases the target had".to_owned(),
                why: why.clone(),
            });
            return against;
        }
    };
    let is_open = |head: &&ReleaseRecord| head.closed.is_none();
    let mut problems = record.problems.keys();
    let store = Store {
        route,
        is_route_unreadable: problems
            .any(|key| StoredKey::is_named(&definition.target, key, "route")),
        newest: facts.newest(),
        open: past.first().filter(is_open).map(|head| head.id),
    };
    let slots = facts.slots.iter().filter_map(|(slot, found)| match found {
        Ok(Occupancy::Ours(members)) => Some((slot, members)),
        _ => None,
    });
    against.extend(live_unknown(definition, &store, slots));
    against
}

/// Refuses if the live version was released as another kind of service: its slots then have other addresses, and a proxy
/// may still send requests to them; or several of its members run, and only one may.
pub(super) fn kind_changed(definition: &Definition, route: Option<&Route>) -> Option<Refusal> {
    let route = route?;
    let was = match definition.is_background() {
        true if definition.is_other_kind(route) => FormerKind::Http,
        false if definition.is_other_kind(route) => FormerKind::Background,
        _ if definition.is_too_many(route) => FormerKind::SeveralMembers,
        _ => return None,
    };
    Some(Refusal::KindChanged {
        target: definition.target.clone(),
        was,
    })
}

/// Refuses for each slot that may be live although the route does not name it, because a member is up and there is no
/// route, or because the store does not know the release that started a member.
pub(super) fn live_unknown<'a>(
    definition: &Definition,
    store: &Store<'_>,
    slots: impl Iterator<Item = (Slot, &'a SlotMembers)>,
) -> Vec<Refusal> {
    if !definition.is_background() {
        return Vec::new();
    }
    let refusals = slots.filter_map(|(slot, members)| {
        let mut up = members.iter().filter(|member| member.is_up()).peekable();
        up.peek()?;
        let why = if up.any(|member| is_lost(store, member)) {
            format!("the store does not know the release that started it. {BY_HAND}")
        } else if store.route.is_some() || store.is_route_unreadable {
            return None;
        } else if let Some(open) = store.open.filter(|open| members.release() == Some(*open)) {
            format!("release {open}, which started it, has not ended: resume it, back it out or leave it")
        } else {
            format!("the store has no route. {BY_HAND}")
        };
        Some(Refusal::LiveUnknown {
            target: definition.target.clone(),
            why: format!("{slot} is not stopped ({}), and {why}", members.names()),
        })
    });
    refusals.collect()
}

/// What to do if the store has lost what it said.
const BY_HAND: &str = "Find out what happened to the store, stop and remove by hand the version that should not run, then plan again";

/// Whether the store has lost the release of a member. Without any release in the store, a member without a release
/// counts as lost too.
fn is_lost(store: &Store<'_>, member: &Instance) -> bool {
    match member.release {
        Some(release) => Some(release) > store.newest,
        None => store.newest.is_none(),
    }
}
