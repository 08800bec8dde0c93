//! What mends one difference, from what was seen. What runs and answers is the truth of what runs, and
//! the route is the truth of what should have the traffic; where neither can be believed, a person has to
//! look, and it is said why and what for. Pure.

use super::action::{RepairAction, Rewrite, Standing};
use super::seen::Seen;
use crate::inventory::drift::{Drift, Name};
use crate::inventory::{Instance, InstanceState, LAST_PLANNED_GENERATION, PointerState, Slot};
use crate::release::describe::generations_used_up;

/// What mends a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// These actions.
    Actions(Vec<RepairAction>),
    /// It comes from others, and should go away with them.
    Follows(String),
    /// No action is safe: what a person has to do, and why.
    Person(String),
}

fn person(words: impl Into<String>) -> Remedy {
    Remedy::Person(words.into())
}

/// What mends this one, by itself.
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
            "the configuration that is read here is older than what is installed: get the newer greenroom.toml and start again",
        ),
        (Name::ProxyForeign, _) => person(
            "the file in the place of this target's configuration is not this target's: give it back to the target it names, or move it away",
        ),
        (Name::PublicElsewhere, _) => person(
            "the proxy does what the route says, and another slot answers: see what stands between the public address and the proxy, a cache, a balancer, an old worker",
        ),
        (Name::PublicNotOurs, _) => person(
            "what answers on the public address has not come through this proxy: see what listens there, and what stands before it",
        ),
        (Name::PublicUnwell, _) => person(
            "requests arrive where they should: see the log of the live slot, and roll back while another version is warm",
        ),
        (Name::TwoLive, _) => person(
            "the configuration is as it should be, and requests go to both slots: see `nginx -T` and the proxy's old workers",
        ),
        (_, None) => person("which slot it is about is not known: look again"),
    }
}

/// What should have the traffic is made again as its release put it there; what need not be there is not
/// registered any more.
fn gone(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if !seen.should_have_traffic(slot) {
        return Remedy::Actions(vec![RepairAction::Deregister(slot)]);
    }
    let Some(entry) = seen.entry(slot) else {
        return person("what was registered is not known any more: look again");
    };
    let Some(route) = seen.routed(slot) else {
        return person(format!(
            "no route names {slot}, so which release put its version there is not known, and nothing runs there: promote the version that should run"
        ));
    };
    if route.digest != entry.digest {
        return person(format!(
            "the route and the entry name different versions for {slot}, and nothing runs there: promote the one that should run"
        ));
    }
    // Route and entry alone are no more than what another program may have written.
    if let Err(why) = seen.released {
        return person(format!(
            "{} is not started in {slot}: release {} does not prove that it was released and checked there ({why}); promote the version that should run",
            route.digest.short(),
            route.release
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

fn stopped(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if !seen.should_have_traffic(slot) {
        return Remedy::Actions(vec![RepairAction::Deregister(slot)]);
    }
    let Some(instance) = seen.instance(slot) else {
        return person("it is gone meanwhile: look again");
    };
    if instance.state == InstanceState::Restarting {
        return person(format!(
            "{slot} starts and ends again and again: starting it once more changes nothing; see its log, and promote a version that runs"
        ));
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
        return person("it has the traffic: it is not stopped");
    }
    let Some(instance) = seen.instance(slot) else {
        return person("it is gone meanwhile: look again");
    };
    // Pointed away, or with its configuration installed anew, the proxy sends nothing there any more.
    if seen.has_requests(slot) && !seen.is_installed_anew() && !seen.is_pointed_at(slot) {
        return person(format!(
            "requests of the public still arrive in {slot}: see `nginx -T` for what sends them there, then stop it"
        ));
    }
    Remedy::Actions(vec![RepairAction::Stop {
        slot,
        instance: instance.id.clone(),
    }])
}

/// The entry is written as what runs there: what the route says, or, in the other slot, what was
/// registered. Anything else nobody released, and writing it down would make it look so.
fn entry(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let Some(instance) = seen.instance(slot) else {
        return person("it is gone meanwhile: look again");
    };
    if !seen.is_released(slot) {
        return person(format!(
            "{slot} runs a version that nobody released there: promote the one that should run"
        ));
    }
    let Some(release) = seen.release_of(slot) else {
        return person(format!(
            "which release made what runs in {slot} is not known: promote the version that should run"
        ));
    };
    Remedy::Actions(vec![RepairAction::Register {
        slot,
        digest: instance.digest.clone(),
        release,
    }])
}

/// A wrong digest in an entry is never believed. A container cannot change its image: where the very one
/// that was registered runs, or what the route says, it is the entry that was edited.
fn version(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let (Some(instance), Some(registered)) = (seen.instance(slot), seen.entry(slot)) else {
        return person("it is gone meanwhile: look again");
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
            "{slot} has the traffic and runs a version that nobody released and no check has passed: promote the version that should run, it goes into {}",
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
        // The proxy names it, the route does not: once the proxy is pointed away, it is an old version
        // that runs again.
        return match seen.instance(slot).filter(|it| it.is_up()) {
            Some(_) => started(seen, slot),
            None => Remedy::Follows("the proxy is pointed at what the route names".into()),
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
            "{slot} runs another version than the route says, and its entry is gone: promote the version that should run"
        ));
    }
    let mut repair_actions = Vec::new();
    if !instance.is_running() {
        if instance.state == InstanceState::Restarting {
            return person(format!(
                "{slot} starts and ends again and again: see its log"
            ));
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
            "a repair needs the lock itself: see who wrote it, and delete the key when nobody drives this target",
        ),
        (Some("hold"), _) => person(
            "whether this target is held is somebody's word: ask who wrote it; greenroom hold with --clear shows and removes it",
        ),
        _ => person("what was released is never written anew: see who wrote it"),
    }
}

/// The store follows the proxy, which is newer. The route gets a generation that is out of reach for any driver from
/// before, then the pointer gets it, with a token of this store.
fn went_back(seen: &Seen<'_>) -> Remedy {
    let Some(from) = seen.snapshot.pointer else {
        return person("what the live pointer carries cannot be read: look again");
    };
    let Some(proxy) = seen.proxy() else {
        return person(
            "the proxy has no configuration of this target, so what it would send the traffic to is not known: install it first (greenroom repair with --only proxy-not-installed), then repair again",
        );
    };
    let Some(live) = proxy.slot else {
        return live_nowhere(seen, from);
    };
    if from.live != Some(live) {
        return person("the proxy names another slot than its files: look again");
    }
    // A route to what cannot answer is never written. The generation alone stops a driver from before, and with a token
    // of this store the traffic can be moved to what answers.
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

/// Nothing has the traffic by the proxy: the tokens alone are in the way.
fn live_nowhere(seen: &Seen<'_>, from: PointerState) -> Remedy {
    let generation = from.highest_generation();
    let mut repair_actions = vec![RepairAction::Rebase { from, generation }];
    if seen.route().is_some() {
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

/// The route as it should be, and the proxy as the route says.
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
        return person("store and proxy agree meanwhile: look again");
    }
    Remedy::Actions(repair_actions)
}

/// The digest of the route is written anew where its slot's entry, by the same release, is of the very
/// container that runs.
fn route_version(seen: &Seen<'_>) -> Remedy {
    if seen.is_digest_of_route_edited() || seen.store_went_back() {
        return route(seen);
    }
    person(
        "what runs in the live slot is not what the route's release put there, and no check has passed for it: promote the version that should run",
    )
}

/// The route that is to stand.
fn wanted(seen: &Seen<'_>) -> Result<Rewrite, String> {
    let Some(live) = seen.should() else {
        return Err("neither the store nor the proxy says who has the traffic: promote the version that should run".into());
    };
    let told = seen.proxy().map_or(0, |proxy| proxy.generation);
    let named = seen.proxy().and_then(|proxy| proxy.slot);
    let routed = seen.route();
    let generation = match routed {
        _ if seen.store_went_back() => seen.generation_after_all(),
        // The proxy goes on as it does.
        None => told.max(1),
        Some(route) => {
            let believed = seen.believed(route);
            if named == Some(live) && told >= believed {
                // A generation is one switch: another slot has another one.
                let is_one_switch = route.live == live || told > believed;
                told.saturating_add(u64::from(!is_one_switch)).max(1)
            } else if route.live == live && believed > told {
                believed
            } else {
                believed.max(told).saturating_add(1)
            }
        }
    };
    if generation > LAST_PLANNED_GENERATION {
        return Err(generations_used_up(&seen.snapshot.target, generation));
    }
    let from = match routed {
        Some(route) => Standing::Says(route.generation, route.live),
        None if seen.is_unreadable("route") => Standing::Unreadable,
        None => Standing::Missing,
    };
    let same = routed.filter(|route| route.live == live && !seen.is_truth(live));
    let digest = match (same, seen.instance(live)) {
        (Some(_), Some(instance)) if seen.is_digest_of_route_edited() => instance.digest.clone(),
        (Some(route), _) => route.digest.clone(),
        (None, Some(instance)) => instance.digest.clone(),
        (None, None) => {
            return Err(format!(
                "nothing runs in {live}, to which the proxy sends the traffic: promote the version that should run"
            ));
        }
    };
    let release = match same {
        Some(route) => Some(route.release),
        None => seen.release_of(live),
    };
    let release = release.ok_or_else(|| {
        format!("which release made what runs in {live} is not known: promote the version that should run")
    })?;
    Ok(Rewrite {
        from,
        live,
        generation,
        digest,
        release,
    })
}
