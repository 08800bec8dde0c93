//! Compares the route in the store with the answer of the proxy, and with the slot that the route names.

use super::{Agreement, Drift, Name, keys};
use crate::inventory::{
    Edge, EdgeAnswer, Edges, Installation, Instance, ProxyAnswer, Revisioned, Route, Slot,
    SlotSnapshot, Snapshot, is_beyond_any_switch,
};

pub(super) fn compare(snapshot: &Snapshot) -> Agreement {
    let (sources, edges) = (&snapshot.sources, &snapshot.edges);
    let unknown = Agreement::unknown_without("store", &sources.registry)
        .or_else(|| Agreement::unknown_without_edges(edges));
    if let Some(unknown) = unknown {
        return unknown;
    }
    let unreadable = keys::unreadable(snapshot, |name| name == "route");
    let route = snapshot.route.as_ref();
    let compared = || edges.each().filter(|(.., edge)| edge.state.is_live());
    let mut drifts: Vec<Drift> = compared()
        .filter_map(|(name, subject, edge)| {
            let difference = match (&edge.answer, route) {
                (EdgeAnswer::Routes(_), None) if !unreadable.is_empty() => None,
                (EdgeAnswer::Routes(answer), route) => route_difference(route, &subject, answer),
                (_, Some(route)) => {
                    let message = format!(
                        "store: {} generation {}; {subject} has no configuration for this target",
                        route.value.live, route.value.generation
                    );
                    Some(Name::ProxyNotInstalled.with_message(message))
                }
                // A proxy that was never configured agrees with a store that has no route.
                (_, None) => None,
            };
            difference.map(|drift| drift.at(name))
        })
        .collect();
    drifts.extend(lost(snapshot, &unreadable));
    drifts.extend(went_back(snapshot));
    drifts.extend(unreadable);
    drifts.extend(compared().filter_map(|(name, subject, edge)| {
        let drift = configuration_difference(route, &subject, edge);
        drift.map(|drift| drift.at(name))
    }));
    drifts.extend(
        route
            .into_iter()
            .flat_map(|route| differences_from_slot(snapshot, &route.value)),
    );
    let unchecked = || {
        let mut used = compared().filter(|(.., edge)| is_used(route, edge));
        used.find_map(|(_, subject, edge)| {
            let why = edge.installation_unknown.as_ref()?;
            let unknown = format!("{subject}'s configuration cannot be read: {why}");
            Some(Agreement::Unknown(unknown))
        })
    };
    let unknown = drifts
        .is_empty()
        .then(|| Agreement::unknown_because_of_silent_edge(edges).or_else(unchecked));
    unknown.flatten().unwrap_or_else(|| Agreement::of(drifts))
}

/// Before its first release, a target may have no configuration in the proxy. That is no difference.
fn is_used(route: Option<&Revisioned<Route>>, edge: &Edge) -> bool {
    edge.answer.proxy().is_some() && route.is_some()
}

/// How the configuration of an edge differs from the configuration that it should have.
fn configuration_difference(
    route: Option<&Revisioned<Route>>,
    subject: &str,
    edge: &Edge,
) -> Option<Drift> {
    if !is_used(route, edge) {
        return None;
    }
    let (name, problem) = match edge.installation.as_ref()? {
        Installation::Current => return None,
        Installation::Outdated(problem) => (Name::ProxyEdited, problem.clone()),
        Installation::Newer(problem) => (Name::ProxyNewer, problem.clone()),
        Installation::Foreign(problem) => (Name::ProxyForeign, problem.clone()),
        Installation::Missing => {
            let problem = format!(
                "{subject} still answers, but its configuration file for this target does not exist"
            );
            (Name::ProxyNotInstalled, problem)
        }
    };
    Some(name.with_message(problem))
}

/// The lost route of a background service, which no proxy shows. Nothing is compared while a driver holds the lock, because the first
/// release starts its version before it writes the route.
fn lost(snapshot: &Snapshot, unreadable: &[Drift]) -> Option<Drift> {
    let has_route = snapshot.route.is_some() || !unreadable.is_empty();
    if !snapshot.edges.is_empty() || has_route || snapshot.lock.is_some() {
        return None;
    }
    let mut slots = snapshot.slots.iter();
    let is_up = |side: &SlotSnapshot| side.members.iter().any(Instance::is_up);
    let (slot, _) = slots.find(|(_, side)| is_up(side))?;
    let message = format!(
        "{slot} is running, but the store has no route: it is not known whether {slot} is live"
    );
    Some(Name::RouteMissing.with_message(message))
}

/// Compares the tokens in the proxy with the revision of the store. Nothing is compared while a driver holds the lock,
/// because the token of that lock may be newer than the revision in the snapshot.
fn went_back(snapshot: &Snapshot) -> Option<Drift> {
    if snapshot.lock.is_some() {
        return None;
    }
    let message = store_went_back(snapshot.store_revision?, &snapshot.edges)?;
    let (edge, ..) = snapshot.edges.highest_token()?;
    Some(Name::StoreWentBack.with_message(message).at(edge))
}

/// The message that the store may have been wiped, restored or replaced; none if there is no sign of that. A token is
/// the revision at which its lock was written, and revisions only grow. So if a token at any edge is above the revision
/// of the store, either the token is from another store, or this store has lost its newest changes.
pub fn store_went_back(revision: i64, edges: &Edges) -> Option<String> {
    let (_, subject, token) = edges.highest_token()?;
    (token.0 > revision).then(|| {
        format!(
            "the pointer of {subject} carries token {token}, but the store is only at revision {revision}: the store may have been wiped, restored from a backup or replaced"
        )
    })
}

/// How the route in the store and the answer of one edge differ; none if they agree.
fn route_difference(
    route: Option<&Revisioned<Route>>,
    subject: &str,
    answer: &ProxyAnswer,
) -> Option<Drift> {
    let generation = answer.generation;
    let Some(route) = route.map(|route| &route.value) else {
        return answer.slot.map(|slot| {
            let message = format!("{subject} sends traffic to {slot}, but the store has no route");
            Name::RouteMissing.with_message(message)
        });
    };
    let name = match answer.slot == Some(route.live) {
        true if generation == route.generation => return None,
        true => Name::GenerationDiffers,
        false => Name::ProxyElsewhere,
    };
    // Each switch writes the route before the proxy. So the proxy is ahead only if the route was set back, or if the
    // live pointer was edited.
    let is_older = name == Name::ProxyElsewhere && generation > route.generation;
    let why = if is_older {
        "; the proxy is newer than the route: the store was restored from a backup, or the route's key or the live pointer was edited"
    } else if is_beyond_any_switch(route.generation, generation) {
        "; no switch can have made the route's generation: another program wrote the route"
    } else {
        ""
    };
    Some(name.with_message(format!(
        "store: {} generation {}; {}: {} generation {generation}{why}",
        route.live,
        route.generation,
        subject.trim_start_matches("the "),
        answer.slot.map_or("no slot,", Slot::as_str),
    )))
}

/// How the route in the store and the answers of the edges differ, as a message; none if they agree. An edge that was
/// never configured agrees with a store that has no route. An edge that has not answered is not compared.
pub fn difference_of_route(route: Option<&Revisioned<Route>>, edges: &Edges) -> Option<String> {
    let never = ProxyAnswer::default();
    let messages = edges.each().filter_map(|(_, subject, edge)| {
        let answer = match &edge.answer {
            EdgeAnswer::Unknown => return None,
            EdgeAnswer::NotInstalled => &never,
            EdgeAnswer::Routes(answer) => answer,
        };
        route_difference(route, &subject, answer).map(|drift| drift.message)
    });
    let messages: Vec<String> = messages.collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}

/// How the route differs from the slot that the route names.
fn differences_from_slot(snapshot: &Snapshot, route: &Route) -> Vec<Drift> {
    let slot_snapshot = snapshot.slots.get(route.live);
    let mut drifts = Vec::new();
    if !slot_snapshot.is_at(&route.addresses) {
        let message = format!(
            "the route has address {}, but the address of {} is {}",
            route.addresses,
            route.live,
            slot_snapshot.used_addresses()
        );
        drifts.push(Name::RouteAddressDiffers.with_message(message));
    }
    let runs = slot_snapshot.members.digest();
    let runs = runs.filter(|_| snapshot.sources.runtime.is_live());
    let registered = slot_snapshot
        .registration
        .as_ref()
        .map(|entry| &entry.value.digest);
    // If the slot also differs from its registration, the comparison of instances reports that.
    if let Some(digest) = runs
        && *digest != route.digest
        && registered == Some(digest)
    {
        let message = format!(
            "the route has version {}, but {} runs {}",
            route.digest.short(),
            route.live,
            digest.short()
        );
        drifts.push(Name::RouteVersionDiffers.with_message(message));
    }
    drifts
}
