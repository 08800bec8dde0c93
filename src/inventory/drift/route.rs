//! Compares the route in the registry with what the proxy says, and with the slot that the route names.

use super::{Agreement, Drift, Name, keys};
use crate::inventory::{
    Installation, PointerState, ProxyAnswer, Revisioned, Route, Slot, Snapshot,
    is_beyond_any_switch,
};

pub(super) fn compare(snapshot: &Snapshot) -> Agreement {
    let sources = &snapshot.sources;
    let unknown = Agreement::needs("store", &sources.registry)
        .or_else(|| Agreement::needs("proxy", &sources.router));
    if let Some(unknown) = unknown {
        return unknown;
    }
    let unreadable = keys::unreadable(snapshot, |name| name == "route");
    let route = snapshot.route.as_ref();
    let mut all = match (&snapshot.proxy, route) {
        (None, Some(route)) => {
            let says = format!(
                "store: {} generation {}; the proxy has no configuration for it",
                route.value.live, route.value.generation
            );
            vec![Name::ProxyNotInstalled.says(says)]
        }
        // A proxy that was never configured agrees with a registry that has no route.
        (None, None) => Vec::new(),
        (Some(_), None) if !unreadable.is_empty() => Vec::new(),
        (proxy, route) => named(route, proxy.as_ref()).into_iter().collect(),
    };
    all.extend(went_back(snapshot));
    all.extend(unreadable);
    // A target without any release yet may have no configuration.
    let is_used = snapshot.proxy.is_some() && route.is_some();
    match &snapshot.installation {
        Some(Installation::Outdated(words)) if is_used => {
            all.push(Name::ProxyEdited.says(words.clone()));
        }
        Some(Installation::Newer(words)) if is_used => {
            all.push(Name::ProxyNewer.says(words.clone()));
        }
        Some(Installation::Foreign(words)) if is_used => {
            all.push(Name::ProxyForeign.says(words.clone()));
        }
        Some(Installation::Missing) if is_used => {
            let says = "the proxy still answers, but its configuration is gone";
            all.push(Name::ProxyNotInstalled.says(says.into()));
        }
        _ => {}
    }
    all.extend(
        route
            .into_iter()
            .flat_map(|route| of_slot(snapshot, &route.value)),
    );
    match &snapshot.installation_unknown {
        Some(why) if is_used && all.is_empty() => {
            Agreement::Unknown(format!("the proxy's configuration cannot be read: {why}"))
        }
        _ => Agreement::of(all),
    }
}

/// Only known at rest: the driver of a release has a newer lock than the revision that was read here.
fn went_back(snapshot: &Snapshot) -> Option<Drift> {
    if snapshot.lock.is_some() {
        return None;
    }
    let revision = snapshot.store_revision?;
    let says = store_went_back(revision, snapshot.proxy.as_ref(), snapshot.pointer.as_ref())?;
    Some(Name::StoreWentBack.says(says))
}

/// Why the store must have been wiped, restored or replaced, for people; none if nothing points to it. A token is the
/// revision of the store that wrote its lock, and revisions only grow, so the proxy cannot carry a higher one.
pub fn store_went_back(
    revision: i64,
    proxy: Option<&ProxyAnswer>,
    pointer: Option<&PointerState>,
) -> Option<String> {
    let told = proxy.map(|proxy| proxy.token);
    let token = told.max(pointer.map(PointerState::highest_token))?;
    (token.0 > revision).then(|| {
        format!(
            "the pointer of the proxy carries token {token}, the store is at revision {revision}: the store was wiped, restored from a backup or replaced by another one"
        )
    })
}

/// How the registry's route and the proxy's answer differ; none if they agree.
fn named(route: Option<&Revisioned<Route>>, proxy: Option<&ProxyAnswer>) -> Option<Drift> {
    let answered = proxy.and_then(|proxy| proxy.slot);
    let word = answered.map_or("nothing", Slot::as_str);
    let generation = proxy.map_or(0, |proxy| proxy.generation);
    let Some(route) = route.map(|route| &route.value) else {
        return answered.map(|slot| {
            let says = format!("the proxy sends traffic to {slot}, the store has no route");
            Name::RouteMissing.says(says)
        });
    };
    let name = match answered == Some(route.live) {
        true if generation == route.generation => return None,
        true => Name::GenerationDiffers,
        false => Name::ProxyElsewhere,
    };
    // Each switch writes the route first, so the proxy cannot be ahead of it.
    let is_older = name == Name::ProxyElsewhere && generation > route.generation;
    let why = if is_older {
        "; the proxy was switched after this route was written: the store was restored from a backup, or its key edited"
    } else if is_beyond_any_switch(route.generation, generation) {
        "; no switch has made that generation: another program wrote the route"
    } else {
        ""
    };
    Some(name.says(format!(
        "store: {} generation {}; proxy: {word} generation {generation}{why}",
        route.live, route.generation
    )))
}

/// How the registry's route and the proxy's answer differ, for people; none if they agree. A proxy that was never
/// configured answers nothing and agrees with a registry that has no route.
pub fn difference_of_route(
    route: Option<&Revisioned<Route>>,
    proxy: Option<&ProxyAnswer>,
) -> Option<String> {
    named(route, proxy).map(|drift| drift.says)
}

/// How the route differs from the slot that it names.
fn of_slot(snapshot: &Snapshot, route: &Route) -> Vec<Drift> {
    let side = snapshot.slots.get(route.live);
    let mut all = Vec::new();
    if route.endpoint != side.endpoint {
        let says = format!(
            "the route says {}, but {} answers at {}",
            route.endpoint, route.live, side.endpoint
        );
        all.push(Name::RouteAddressDiffers.says(says));
    }
    let runs = side
        .instance
        .as_ref()
        .filter(|_| snapshot.sources.runtime.is_live());
    let registered = side.registration.as_ref().map(|entry| &entry.value.digest);
    // A slot that also differs from its registration is reported there.
    if let Some(instance) = runs
        && instance.digest != route.digest
        && registered == Some(&instance.digest)
    {
        let says = format!(
            "the route says {}, but {} runs {}",
            route.digest.short(),
            route.live,
            instance.digest.short()
        );
        all.push(Name::RouteVersionDiffers.says(says));
    }
    all
}
