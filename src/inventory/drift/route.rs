//! Compares the route in the store with the answer of the proxy, and with the slot that the route names.

use super::{Agreement, Drift, Name, keys};
use crate::inventory::{
    Installation, PointerState, ProxyAnswer, Revisioned, Route, Slot, Snapshot,
    is_beyond_any_switch,
};

pub(super) fn compare(snapshot: &Snapshot) -> Agreement {
    let sources = &snapshot.sources;
    let unknown = Agreement::unknown_without("store", &sources.registry)
        .or_else(|| Agreement::unknown_without("proxy", &sources.router));
    if let Some(unknown) = unknown {
        return unknown;
    }
    let unreadable = keys::unreadable(snapshot, |name| name == "route");
    let route = snapshot.route.as_ref();
    let mut drifts = match (&snapshot.proxy, route) {
        (None, Some(route)) => {
            let message = format!(
                "store: {} generation {}; the proxy has no configuration for this target",
                route.value.live, route.value.generation
            );
            vec![Name::ProxyNotInstalled.with_message(message)]
        }
        // A proxy that was never configured agrees with a store that has no route.
        (None, None) => Vec::new(),
        (Some(_), None) if !unreadable.is_empty() => Vec::new(),
        (proxy, route) => route_difference(route, proxy.as_ref())
            .into_iter()
            .collect(),
    };
    drifts.extend(went_back(snapshot));
    drifts.extend(unreadable);
    // Before its first release, a target may have no configuration in the proxy. That is no difference.
    let is_used = snapshot.proxy.is_some() && route.is_some();
    match &snapshot.installation {
        Some(Installation::Outdated(problem)) if is_used => {
            drifts.push(Name::ProxyEdited.with_message(problem.clone()));
        }
        Some(Installation::Newer(problem)) if is_used => {
            drifts.push(Name::ProxyNewer.with_message(problem.clone()));
        }
        Some(Installation::Foreign(problem)) if is_used => {
            drifts.push(Name::ProxyForeign.with_message(problem.clone()));
        }
        Some(Installation::Missing) if is_used => {
            let message = "the proxy still answers, but its configuration file for this target does not exist";
            drifts.push(Name::ProxyNotInstalled.with_message(message.into()));
        }
        _ => {}
    }
    drifts.extend(
        route
            .into_iter()
            .flat_map(|route| differences_from_slot(snapshot, &route.value)),
    );
    match &snapshot.installation_unknown {
        Some(why) if is_used && drifts.is_empty() => {
            Agreement::Unknown(format!("the proxy's configuration cannot be read: {why}"))
        }
        _ => Agreement::of(drifts),
    }
}

/// Compares the tokens in the proxy with the revision of the store. Nothing is compared while a driver holds the lock,
/// because the token of that lock may be newer than the revision in the snapshot.
fn went_back(snapshot: &Snapshot) -> Option<Drift> {
    if snapshot.lock.is_some() {
        return None;
    }
    let revision = snapshot.store_revision?;
    let message = store_went_back(revision, snapshot.proxy.as_ref(), snapshot.pointer.as_ref())?;
    Some(Name::StoreWentBack.with_message(message))
}

/// The message that the store may have been wiped, restored or replaced; none if there is no sign of that. A token is
/// the revision at which its lock was written, and revisions only grow. So if a token in the proxy is above the
/// revision of the store, either the token is from another store, or this store has lost its newest changes.
pub fn store_went_back(
    revision: i64,
    proxy: Option<&ProxyAnswer>,
    pointer: Option<&PointerState>,
) -> Option<String> {
    let reported = proxy.map(|proxy| proxy.token);
    let token = reported.max(pointer.map(PointerState::highest_token))?;
    (token.0 > revision).then(|| {
        format!(
            "the pointer of the proxy carries token {token}, but the store is only at revision {revision}: the store may have been wiped, restored from a backup or replaced"
        )
    })
}

/// How the route in the store and the answer of the proxy differ; none if they agree.
fn route_difference(
    route: Option<&Revisioned<Route>>,
    proxy: Option<&ProxyAnswer>,
) -> Option<Drift> {
    let answered = proxy.and_then(|proxy| proxy.slot);
    let word = answered.map_or("no slot,", Slot::as_str);
    let generation = proxy.map_or(0, |proxy| proxy.generation);
    let Some(route) = route.map(|route| &route.value) else {
        return answered.map(|slot| {
            let message = format!("the proxy sends traffic to {slot}, but the store has no route");
            Name::RouteMissing.with_message(message)
        });
    };
    let name = match answered == Some(route.live) {
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
        "store: {} generation {}; proxy: {word} generation {generation}{why}",
        route.live, route.generation
    )))
}

/// How the route in the store and the answer of the proxy differ, as a message; none if they agree. A proxy that was
/// never configured agrees with a store that has no route.
pub fn difference_of_route(
    route: Option<&Revisioned<Route>>,
    proxy: Option<&ProxyAnswer>,
) -> Option<String> {
    route_difference(route, proxy).map(|drift| drift.message)
}

/// How the route differs from the slot that the route names.
fn differences_from_slot(snapshot: &Snapshot, route: &Route) -> Vec<Drift> {
    let slot_snapshot = snapshot.slots.get(route.live);
    let mut drifts = Vec::new();
    if route.endpoint != slot_snapshot.endpoint {
        let message = format!(
            "the route has address {}, but the address of {} is {}",
            route.endpoint, route.live, slot_snapshot.endpoint
        );
        drifts.push(Name::RouteAddressDiffers.with_message(message));
    }
    let runs = slot_snapshot
        .instance
        .as_ref()
        .filter(|_| snapshot.sources.runtime.is_live());
    let registered = slot_snapshot
        .registration
        .as_ref()
        .map(|entry| &entry.value.digest);
    // If the slot also differs from its registration, the comparison of instances reports that.
    if let Some(instance) = runs
        && instance.digest != route.digest
        && registered == Some(&instance.digest)
    {
        let message = format!(
            "the route has version {}, but {} runs {}",
            route.digest.short(),
            route.live,
            instance.digest.short()
        );
        drifts.push(Name::RouteVersionDiffers.with_message(message));
    }
    drifts
}
