//! The remedy of one difference, from an observation. The registration is corrected to the instance that is running, and
//! the proxy to the slot in the route. If neither is reliable, the remedy is a text that says what a person must do, and
//! why.

use super::action::{RepairAction, Rewrite, RouteBefore};
use super::seen::Seen;
use crate::inventory::drift::{Drift, Name};
use crate::inventory::{
    Digest, Instance, InstanceState, LAST_PLANNED_GENERATION, PointerState, Slot, Target,
};
use crate::release::describe::generations_used_up;

/// The remedy of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    Actions(Vec<RepairAction>),
    /// Other differences cause this one. It should disappear with them, for the given reason.
    Follows(String),
    /// No action is safe: what a person must do, and why.
    Person(String),
}

fn person(task: impl Into<String>) -> Remedy {
    Remedy::Person(task.into())
}

/// The remedy of this difference alone.
pub(super) fn remedy(drift: &Drift, seen: &Seen<'_>) -> Remedy {
    match (drift.name, drift.slot) {
        (Name::InstanceGone, Some(slot)) => gone(seen, slot),
        (Name::InstanceStopped, Some(slot)) => stopped(seen, slot),
        (Name::InstanceStarted, Some(slot)) => started(seen, slot),
        (Name::InstanceReplaced | Name::TagDiffers, Some(slot)) => entry(seen, slot),
        (Name::VersionDiffers, Some(slot)) => version(seen, slot),
        (Name::AddressDiffers, Some(slot)) => address(seen, slot),
        (Name::LiveNotRegistered, Some(slot)) => live(seen, slot),
        (Name::KeyUnreadable, _) => key(seen, drift),
        (Name::ProxyNotInstalled | Name::ProxyEdited, _) => {
            Remedy::Actions(vec![RepairAction::Install])
        }
        (
            Name::RouteMissing
            | Name::ProxyElsewhere
            | Name::GenerationDiffers
            | Name::StoreWentBack
            | Name::RouteAddressDiffers,
            _,
        ) => route(seen),
        (Name::RouteVersionDiffers, _) => route_version(seen),
        (Name::ProxyNewer, _) => person(
            "the configuration of this console is older than the installed one: get the newer greenroom.toml and restart",
        ),
        (Name::ProxyForeign, _) => person(
            "the file in the place of this target's configuration is not this target's: give it back to the target that it names, or move it away",
        ),
        (Name::PublicElsewhere, _) => person(
            "the proxy follows the route, but another slot answers: find what is between the public address and the proxy, for example a cache, a load balancer or an old worker",
        ),
        (Name::PublicNotOurs, _) => person(
            "the answer on the public address does not come through this proxy: find what listens there, and what is in front of it",
        ),
        (Name::PublicUnwell, _) => person(
            "requests reach the right slot: read its log, and roll back while another version is warm",
        ),
        (Name::TwoLive, _) => person(
            "the configuration is correct, but requests go to both slots: check `nginx -T` and the proxy's old workers",
        ),
        (_, None) => person("the slot is not known: run greenroom status again"),
    }
}

/// An instance that should have the traffic is created again as its release created it. Otherwise its registration is
/// removed.
fn gone(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if !seen.should_have_traffic(slot) {
        return Remedy::Actions(vec![RepairAction::Deregister(slot)]);
    }
    let Some(entry) = seen.entry(slot) else {
        return person("the registration was removed: run greenroom status again");
    };
    let Some(route) = seen.routed(slot) else {
        return person(format!(
            "nothing runs in {slot}, and no route says which release made its version live: promote the version that should run"
        ));
    };
    if route.digest != entry.digest {
        return person(format!(
            "nothing runs in {slot}, and route and registration name different versions for it: promote the version that should run"
        ));
    }
    // Route and registration alone prove nothing: another program may have written both.
    if let Err(why) = seen.released {
        return person(format!(
            "{} is not started in {slot}: release {} does not prove that it was released and checked there ({why}); promote the version that should run, it goes into {}; if it is this one: {}",
            route.digest.short(),
            route.release,
            slot.other(),
            promotes(seen, &route.digest)
        ));
    }
    let version = seen.version(entry.tag.clone(), entry.digest.clone());
    Remedy::Actions(vec![
        RepairAction::Create {
            slot,
            version,
            release: route.release,
        },
        RepairAction::Register {
            slot,
            digest: entry.digest.clone(),
            release: route.release,
        },
    ])
}

/// The command that releases this version again, by all steps.
fn promotes(seen: &Seen<'_>, digest: &Digest) -> String {
    let Target {
        service,
        environment,
    } = &seen.snapshot.target;
    format!("greenroom promote {service} {environment} --version {digest}")
}

fn stopped(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if !seen.should_have_traffic(slot) {
        return Remedy::Actions(vec![RepairAction::Deregister(slot)]);
    }
    let Some(instance) = seen.instance(slot) else {
        return person(format!(
            "nothing is left in {slot}: run greenroom status again"
        ));
    };
    if instance.state == InstanceState::Restarting {
        return person(format!(
            "{slot} keeps restarting, so another start does not help: read its log, and promote a version that runs"
        ));
    }
    if let Some(why) = seen.unproven(slot) {
        return person(format!("{slot} is not started: {}", not_proven(slot, why)));
    }
    let mut repair_actions = vec![RepairAction::Start {
        slot,
        instance: instance.id.clone(),
    }];
    if let Some(entry) = seen.entry(slot).filter(|it| it.instance != instance.id) {
        repair_actions.push(RepairAction::Register {
            slot,
            digest: instance.digest.clone(),
            release: entry.release,
        });
    }
    Remedy::Actions(repair_actions)
}

fn started(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if seen.should_have_traffic(slot) {
        return person(format!("{slot} has the traffic, so it is not stopped"));
    }
    let Some(instance) = seen.instance(slot) else {
        return person(format!(
            "nothing is left in {slot}: run greenroom status again"
        ));
    };
    // If the proxy is set to the other slot, or its configuration is installed again, it no longer sends requests
    // there.
    if seen.has_requests(slot) && !seen.is_installed_anew() && !seen.is_pointed_at(slot) {
        return person(format!(
            "public requests still arrive in {slot}: find what sends them there with `nginx -T`, then stop it"
        ));
    }
    Remedy::Actions(vec![RepairAction::Stop {
        slot,
        instance: instance.id.clone(),
    }])
}

/// The registration is corrected to the running instance, if that is what the route says, or, in the other slot, what
/// was registered. Any other version was never released, and recording it would make it look released.
fn entry(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let Some(instance) = seen.instance(slot) else {
        return person(format!(
            "nothing is left in {slot}: run greenroom status again"
        ));
    };
    if !seen.is_released(slot) {
        return person(format!(
            "{slot} runs a version that was never released there: promote the version that should run"
        ));
    }
    let Some(release) = seen.release_of(slot) else {
        return person(format!(
            "the release of the version in {slot} is not known: promote the version that should run"
        ));
    };
    Remedy::Actions(vec![RepairAction::Register {
        slot,
        digest: instance.digest.clone(),
        release,
    }])
}

/// A container cannot change its image. So if exactly the registered instance is running, or the digest in the route, then
/// the digest in the registration was edited, and is corrected.
fn version(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let (Some(instance), Some(registered)) = (seen.instance(slot), seen.entry(slot)) else {
        return person(format!(
            "nothing is left in {slot}: run greenroom status again"
        ));
    };
    if seen.is_truth(slot) {
        return entry(seen, slot);
    }
    let is_same = registered.instance == instance.id;
    let routed = seen.routed(slot).map(|route| &route.digest);
    if routed.map_or(is_same, |digest| *digest == instance.digest) {
        return entry(seen, slot);
    }
    if seen.should_have_traffic(slot) {
        return person(format!(
            "{slot} has the traffic and runs a version that was never released and never passed its checks: promote the version that should run, it goes into {}",
            slot.other()
        ));
    }
    let mut repair_actions = vec![RepairAction::Deregister(slot)];
    if instance.is_running() {
        repair_actions.push(RepairAction::Stop {
            slot,
            instance: instance.id.clone(),
        });
    }
    Remedy::Actions(repair_actions)
}

fn address(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let runs = seen.instance(slot).is_some_and(Instance::is_running);
    if !runs && !seen.should_have_traffic(slot) {
        return Remedy::Follows(format!("{slot} is deregistered"));
    }
    entry(seen, slot)
}

fn live(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if !seen.should_have_traffic(slot) {
        // The proxy names it, but the route does not. Once the proxy is set to the other slot, it is an old version
        // that is running again.
        return match seen.instance(slot).filter(|it| it.is_up()) {
            Some(_) => started(seen, slot),
            None => Remedy::Follows("the proxy is set to the slot in the route".into()),
        };
    }
    let Some(instance) = seen.instance(slot) else {
        return person(format!(
            "nothing runs in {slot}, which has the traffic: promote the version that should run"
        ));
    };
    let routed = seen.routed(slot).map(|route| &route.digest);
    if routed.is_some_and(|digest| *digest != instance.digest) && !seen.is_truth(slot) {
        return person(format!(
            "{slot} runs another version than the route names, and its registration was removed: promote the version that should run"
        ));
    }
    let mut repair_actions = Vec::new();
    if !instance.is_running() {
        if instance.state == InstanceState::Restarting {
            return person(format!("{slot} keeps restarting: read its log"));
        }
        if let Some(why) = seen.unproven(slot) {
            return person(format!("{slot} is not started: {}", not_proven(slot, why)));
        }
        repair_actions.push(RepairAction::Start {
            slot,
            instance: instance.id.clone(),
        });
    }
    match entry(seen, slot) {
        Remedy::Actions(more) => repair_actions.extend(more),
        other => return other,
    }
    Remedy::Actions(repair_actions)
}

fn key(seen: &Seen<'_>, drift: &Drift) -> Remedy {
    match (drift.key.as_deref(), drift.slot) {
        (_, Some(slot)) if seen.should_have_traffic(slot) => live(seen, slot),
        (_, Some(slot)) => Remedy::Actions(vec![RepairAction::Deregister(slot)]),
        (Some("route"), _) => route(seen),
        (Some("lock"), _) => person(
            "a repair itself needs the lock: find who wrote the key, and delete it when no operator drives this target",
        ),
        (Some("hold"), _) => person(
            "only an operator knows whether this target is held: ask who wrote the key; greenroom hold with --clear shows and removes it",
        ),
        _ => person("a release is never rewritten: find who wrote the key"),
    }
}

/// The store follows the proxy, which is newer. The route gets a generation that no earlier driver can have, then the
/// pointer gets it, with a token of this store.
fn went_back(seen: &Seen<'_>) -> Remedy {
    let Some(from) = seen.snapshot.pointer else {
        return person("the live pointer cannot be read: run greenroom doctor");
    };
    let Some(proxy) = seen.proxy() else {
        return person(
            "the proxy has no configuration of this target, so the slot that it would use is not known: install it first (greenroom repair with --only proxy-not-installed), then repair again",
        );
    };
    let Some(live) = proxy.slot else {
        return live_nowhere(seen, from);
    };
    if from.live != Some(live) {
        return person(
            "the proxy answers with another slot than its live pointer: run greenroom status again",
        );
    }
    // A route to a slot that cannot answer is never written. The generation alone excludes an earlier driver, and with
    // a token of this store the traffic can be moved to a slot that answers.
    if !seen.is_fit(live) {
        let generation = seen.generation_after_all();
        if generation > LAST_PLANNED_GENERATION {
            return person(generations_used_up(&seen.snapshot.target, generation));
        }
        return Remedy::Actions(vec![RepairAction::Rebase { from, generation }]);
    }
    let wanted = match wanted(seen) {
        Ok(wanted) => wanted,
        Err(why) => return person(why),
    };
    let mut repair_actions = Vec::new();
    if let Some(instance) = seen.instance(live) {
        let entry = seen.entry(live);
        let is_so = entry
            .is_some_and(|entry| entry.digest == instance.digest && entry.instance == instance.id);
        if !is_so {
            repair_actions.push(RepairAction::Register {
                slot: live,
                digest: instance.digest.clone(),
                release: wanted.release,
            });
        }
    }
    let generation = wanted.generation;
    repair_actions.push(RepairAction::Route(wanted));
    repair_actions.push(RepairAction::Rebase { from, generation });
    Remedy::Actions(repair_actions)
}

/// The proxy names no slot: only the tokens prevent a switch.
fn live_nowhere(seen: &Seen<'_>, from: PointerState) -> Remedy {
    let generation = from.highest_generation();
    let mut repair_actions = vec![RepairAction::Rebase { from, generation }];
    // With a token of this store alone, the next repair says what is missing.
    if seen.route().is_some() && seen.released.is_ok() {
        match wanted(seen) {
            Ok(wanted) => {
                repair_actions.push(RepairAction::Point {
                    from: None,
                    to: wanted.live,
                    generation: wanted.generation,
                });
                repair_actions.push(RepairAction::Route(wanted));
            }
            Err(why) => return person(why),
        }
    }
    Remedy::Actions(repair_actions)
}

/// Rewrites the route as needed, and sets the proxy to it.
fn route(seen: &Seen<'_>) -> Remedy {
    if seen.store_went_back() {
        return went_back(seen);
    }
    let wanted = match wanted(seen) {
        Ok(wanted) => wanted,
        Err(why) => return person(why),
    };
    let mut repair_actions = Vec::new();
    if let Some(proxy) = seen.proxy()
        && (proxy.slot, proxy.generation) != (Some(wanted.live), wanted.generation)
    {
        // Route and registration alone move no traffic: another program may have written both.
        if let Some(why) = seen.unproven(wanted.live) {
            return person(format!(
                "the proxy sends the traffic nowhere, and it is not sent to {}: {}",
                wanted.live,
                not_proven(wanted.live, why)
            ));
        }
        repair_actions.push(RepairAction::Point {
            from: proxy.slot,
            to: wanted.live,
            generation: wanted.generation,
        });
    }
    if !seen.is_route(&wanted) {
        repair_actions.insert(0, RepairAction::Route(wanted));
    }
    if repair_actions.is_empty() {
        return person("store and proxy agree now: run greenroom status again");
    }
    Remedy::Actions(repair_actions)
}

/// What a person does about an unproven slot of the route while the proxy sends the traffic nowhere.
fn not_proven(slot: Slot, why: &str) -> String {
    format!(
        "no release proves that what is in {slot} was checked and live there ({why}); see what it is, and if it should have the traffic, put the proxy's live pointer back to {slot} by hand"
    )
}

/// The digest of the route is rewritten if the registration of its slot, by the same release, belongs to exactly the
/// running container.
fn route_version(seen: &Seen<'_>) -> Remedy {
    if seen.is_digest_of_route_edited() || seen.store_went_back() {
        return route(seen);
    }
    person(
        "the version in the live slot is not the one that the route's release put there, and never passed its checks: promote the version that should run",
    )
}

/// The route as it should be.
fn wanted(seen: &Seen<'_>) -> Result<Rewrite, String> {
    let Some(live) = seen.should() else {
        return Err("neither the store nor the proxy says which slot has the traffic: promote the version that should run".into());
    };
    let proxys = seen.proxy().map_or(0, |proxy| proxy.generation);
    let named = seen.proxy().and_then(|proxy| proxy.slot);
    let routed = seen.route();
    let generation = match routed {
        _ if seen.store_went_back() => seen.generation_after_all(),
        // The proxy keeps its state.
        None => proxys.max(1),
        Some(route) => {
            let routed = seen.possible_generation(route);
            if named == Some(live) && proxys >= routed {
                // A generation is one switch: another slot needs another generation.
                let is_one_switch = route.live == live || proxys > routed;
                proxys.saturating_add(u64::from(!is_one_switch)).max(1)
            } else if route.live == live && routed > proxys {
                routed
            } else {
                routed.max(proxys).saturating_add(1)
            }
        }
    };
    if generation > LAST_PLANNED_GENERATION {
        return Err(generations_used_up(&seen.snapshot.target, generation));
    }
    let from = match routed {
        Some(route) => RouteBefore::Contains(route.generation, route.live),
        None if seen.is_unreadable("route") => RouteBefore::Unreadable,
        None => RouteBefore::Missing,
    };
    let same = routed.filter(|route| route.live == live && !seen.is_truth(live));
    let digest = match (same, seen.instance(live)) {
        (Some(_), Some(instance)) if seen.is_digest_of_route_edited() => instance.digest.clone(),
        (Some(route), _) => route.digest.clone(),
        (None, Some(instance)) => instance.digest.clone(),
        (None, None) => return Err(nothing_live(seen, live)),
    };
    let release = match same {
        Some(route) => Some(route.release),
        None => seen.release_of(live),
    };
    let release = release.ok_or_else(|| {
        format!(
            "the release of the version in {live} is not known: promote the version that should run"
        )
    })?;
    Ok(Rewrite {
        from,
        live,
        generation,
        digest,
        release,
    })
}

/// What a person does if nothing runs in the slot that the proxy names. With a route to the other slot, a release could
/// start the version in neither: the proxy would send it traffic before its checks, or the route says that the slot is
/// live.
fn nothing_live(seen: &Seen<'_>, live: Slot) -> String {
    let nothing = format!("nothing runs in {live}, to which the proxy sends the traffic");
    match seen.route().filter(|route| route.live != live) {
        None => format!("{nothing}: promote the version that should run"),
        Some(route) => format!(
            "{nothing}, and the route to {} is not proven: delete the key `route` of {} from the store (greenroom help etcd shows the keys), then promote the version that should run",
            route.live, seen.snapshot.target
        ),
    }
}
