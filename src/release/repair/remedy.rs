//! Chooses the remedy of one difference from an observation. A registration is corrected to the running instance, and
//! the proxy is set to the slot in the route. If that is not safe, the remedy is a text that says why, and what a
//! person must do.

mod members;

use members::{missing, no_version};

use super::seen::Seen;
use crate::inventory::drift::{Drift, Name};
use crate::inventory::{
    Consensus, Digest, EdgeReport, EdgeSlots, Instance, InstanceState, LAST_PLANNED_GENERATION,
    LiveSlot, PointerState, Slot, Target,
};
use crate::release::action::{Action, Move, Purpose, Rewrite, RouteBefore};
use crate::release::describe::generations_used_up;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    Actions(Vec<Action>),
    /// The actions for another difference should remove this difference too. The text says which action.
    Follows(String),
    /// No action is safe. The text says why, and what a person must do.
    Person(String),
}

fn person(task: impl Into<String>) -> Remedy {
    Remedy::Person(task.into())
}

/// The remedy of one difference. The remedies of the other differences are not considered.
pub(super) fn remedy(drift: &Drift, seen: &Seen<'_>) -> Remedy {
    match (drift.name, drift.slot) {
        (Name::MembersDiffer, Some(slot)) => {
            missing(seen, slot).unwrap_or_else(|| no_version(seen, slot))
        }
        (Name::InstanceGone, Some(slot)) => gone(seen, slot),
        (Name::InstanceStopped, Some(slot)) => stopped(seen, slot),
        (Name::InstanceStarted, Some(slot)) => started(seen, slot),
        (Name::InstanceReplaced | Name::TagDiffers, Some(slot)) => entry(seen, slot),
        (Name::VersionDiffers, Some(slot)) => version(seen, slot),
        (Name::AddressDiffers, Some(slot)) => address(seen, slot),
        (Name::LiveNotRegistered, Some(slot)) => live(seen, slot),
        (Name::KeyUnreadable, _) => key(seen, drift),
        (Name::ProxyNotInstalled | Name::ProxyEdited, _) => Remedy::Actions(vec![Action::Install]),
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
            "the configuration of this console is older than the installed one: get the newer greenroom.toml and restart Greenroom",
        ),
        (Name::ProxyForeign, _) => person(
            "the proxy's configuration file for this target belongs to another owner: move that file to another path, or configure another path for this target",
        ),
        (Name::PublicElsewhere, _) => person(
            "the proxy follows the route, but another slot answers on the public address: find what is between the public address and the proxy, for example a cache, a load balancer or an old worker",
        ),
        (Name::PublicNotOurs, _) => person(
            "the answer on the public address does not come through this proxy: find what listens there, and what is in front of it",
        ),
        (Name::PublicUnwell, _) => person(
            "requests reach the right slot, but the answer is not healthy: read the log of that slot, and roll back while the previous version is warm",
        ),
        (Name::TwoLive, _) => person(
            "the proxy's configuration is correct, but requests go to both slots: check the output of `nginx -T`, and look for old workers of the proxy",
        ),
        (_, None) => person("the difference does not name its slot: run greenroom status again"),
    }
}

/// The remedy if a registered instance does not exist. If the slot should have no traffic, its registration is removed.
/// If the slot should have the traffic and a release proves its version, the instance is created again. Otherwise a
/// person must act.
fn gone(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if !seen.should_have_traffic(slot) {
        return Remedy::Actions(vec![Action::Deregister(slot)]);
    }
    let Some(entry) = seen.entry(slot) else {
        return person("the registration was removed: run greenroom status again");
    };
    let Some(route) = seen.routed(slot) else {
        return person(format!(
            "{slot} is empty, and no route says which release made its version live: promote the version that should run"
        ));
    };
    if route.digest != entry.digest {
        return person(format!(
            "{slot} is empty, and its route and its registration name different versions: promote the version that should run"
        ));
    }
    // Route and registration alone prove nothing: another program may have written them.
    if let Err(why) = seen.released {
        return person(format!(
            "{} is not started in {slot}: release {} does not prove that this version was checked and live in {slot} ({why}). Promote the version that should run; the release puts it into {}. To promote this version: {}",
            route.digest.short(),
            route.release,
            slot.other(),
            promote_command(seen, &route.digest)
        ));
    }
    if let Some(first) = stop_other_first(seen, slot) {
        return first;
    }
    let version = seen.version(entry.tag.clone(), entry.digest.clone());
    Remedy::Actions(vec![
        Action::Create {
            slot,
            addresses: if seen.definition.is_background() {
                route.addresses.clone()
            } else {
                let configured = seen.definition.endpoints.get(slot);
                configured.first_members(route.addresses.members())
            },
            version,
            release: route.release,
        },
        seen.register(slot, &entry.digest, route.release),
    ])
}

/// The command that promotes this version with all steps.
fn promote_command(seen: &Seen<'_>, digest: &Digest) -> String {
    let Target {
        service,
        environment,
    } = &seen.snapshot.target;
    format!("greenroom promote {service} {environment} --version {digest}")
}

fn stopped(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if !seen.should_have_traffic(slot) {
        return Remedy::Actions(vec![Action::Deregister(slot)]);
    }
    if seen.instance(slot).is_none() {
        return no_version(seen, slot);
    }
    if is_restarting(seen, slot) {
        return person(format!(
            "{slot} restarts again and again: read its log, and promote a version that runs"
        ));
    }
    if let Some(why) = seen.unproven(slot) {
        return person(format!("{slot} is not started: {}", not_proven(slot, why)));
    }
    if let Some(first) = stop_other_first(seen, slot) {
        return first;
    }
    let mut repair_actions = start_all(seen, slot);
    if let (Some(entry), Some(digest)) = (seen.entry(slot), seen.members(slot).digest())
        && !seen.is_registered(slot)
    {
        repair_actions.push(seen.register(slot, digest, entry.release));
    }
    Remedy::Actions(repair_actions)
}

/// What must be done before a scheduler is started, if the other slot may still be running; none otherwise.
fn stop_other_first(seen: &Seen<'_>, slot: Slot) -> Option<Remedy> {
    let other = slot.other();
    let is_up = seen.members(other).iter().any(Instance::is_up);
    (seen.definition.is_exclusive() && is_up).then(|| {
        person(format!(
            "{slot} is not started while {other} may be running, because only one of a scheduler may run: repair or stop {other} first, then repair again"
        ))
    })
}

fn is_restarting(seen: &Seen<'_>, slot: Slot) -> bool {
    let mut members = seen.members(slot).iter();
    members.any(|member| member.state == InstanceState::Restarting)
}

/// Starts every member of a slot that is not running.
fn start_all(seen: &Seen<'_>, slot: Slot) -> Vec<Action> {
    let stopped = seen.members(slot).iter().filter(|it| !it.is_running());
    let start = stopped.map(|member| Action::Start {
        slot,
        instance: member.id.clone(),
    });
    start.collect()
}

/// Stops every member of a slot.
fn stop_all(seen: &Seen<'_>, slot: Slot) -> Vec<Action> {
    let stop = seen.members(slot).ids().map(|id| Action::Stop {
        slot,
        instance: id.clone(),
    });
    stop.collect()
}

fn started(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if seen.should_have_traffic(slot) {
        return person(format!(
            "{slot} is not stopped, because it should have the traffic: run greenroom status again"
        ));
    }
    if seen.instance(slot).is_none() {
        return no_version(seen, slot);
    }
    // If the repair sets the proxy to the other slot, or installs its configuration again, the proxy no longer sends
    // requests to this slot.
    if seen.has_requests(slot) && !seen.needs_install() && !seen.is_pointed_at(slot) {
        return person(format!(
            "{slot} still receives public requests: find out with `nginx -T` what sends them to {slot}, then change that and repair again"
        ));
    }
    let mut repair_actions = Vec::new();
    // Of a scheduler, also a registered version may be one too many.
    if seen.is_registered(slot) {
        repair_actions.push(Action::Deregister(slot));
    }
    repair_actions.extend(stop_all(seen, slot));
    Remedy::Actions(repair_actions)
}

/// Corrects the registration of a slot to the running instance, if its version was released there
/// ([`Seen::is_released`]). Another version is not registered, because it would then look like a released version.
fn entry(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let Some(instance) = seen.instance(slot) else {
        return no_version(seen, slot);
    };
    if !seen.is_released(slot) {
        return person(format!(
            "{slot} runs another version than the released one: promote the version that should run"
        ));
    }
    let Some(release) = seen.release_of(slot) else {
        return person(format!(
            "it is not known which release started the version in {slot}: promote the version that should run"
        ));
    };
    Remedy::Actions(vec![seen.register(slot, &instance.digest, release)])
}

/// The remedy if a slot runs another digest than the registered one. A container cannot change its image. So the digest
/// in the registration was edited if the route names this slot with the running digest, or if the route does not name
/// this slot and the slot runs exactly the registered instance. Then the registration is corrected. It is also
/// corrected if the instance overrules the store ([`Seen::overrules_store`]). Any other version in a slot that should
/// have no traffic is deregistered and stopped. If the slot should have the traffic, a person must act.
fn version(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let Some(instance) = seen.instance(slot) else {
        return no_version(seen, slot);
    };
    if seen.overrules_store(slot) {
        return entry(seen, slot);
    }
    let routed = seen.routed(slot).map(|route| &route.digest);
    if routed.map_or(seen.is_registered(slot), |digest| {
        *digest == instance.digest
    }) {
        return entry(seen, slot);
    }
    if seen.should_have_traffic(slot) {
        return person(format!(
            "{slot} should have the traffic, but runs another version than the registered one: promote the version that should run; the release puts it into {}",
            slot.other()
        ));
    }
    let mut repair_actions = vec![Action::Deregister(slot)];
    if seen.members(slot).is_any_running() {
        repair_actions.extend(stop_all(seen, slot));
    }
    Remedy::Actions(repair_actions)
}

fn address(seen: &Seen<'_>, slot: Slot) -> Remedy {
    let runs = seen.members(slot).is_any_running();
    if !runs && !seen.should_have_traffic(slot) {
        return Remedy::Follows(format!("{slot} is deregistered"));
    }
    entry(seen, slot)
}

fn live(seen: &Seen<'_>, slot: Slot) -> Remedy {
    if !seen.should_have_traffic(slot) {
        // The repair sets the proxy to the other slot, which the route names. Then this slot has no traffic, and what is
        // running in it is stopped like an old version that was started again.
        let mut members = seen.members(slot).iter();
        return if members.any(Instance::is_up) {
            started(seen, slot)
        } else {
            Remedy::Follows("the proxy is set to the slot in the route".into())
        };
    }
    let Some(instance) = seen.instance(slot) else {
        if !seen.members(slot).is_empty() {
            return no_version(seen, slot);
        }
        return person(format!(
            "{slot} should have the traffic, but is empty: promote the version that should run"
        ));
    };
    let routed = seen.routed(slot).map(|route| &route.digest);
    if routed.is_some_and(|digest| *digest != instance.digest) && !seen.overrules_store(slot) {
        return person(format!(
            "{slot} is not registered, and runs another version than the route names: promote the version that should run"
        ));
    }
    let mut repair_actions = Vec::new();
    if !seen.members(slot).are_running() {
        if is_restarting(seen, slot) {
            return person(format!(
                "{slot} restarts again and again: read its log, and promote a version that runs"
            ));
        }
        if let Some(why) = seen.unproven(slot) {
            return person(format!("{slot} is not started: {}", not_proven(slot, why)));
        }
        if let Some(first) = stop_other_first(seen, slot) {
            return first;
        }
        repair_actions.extend(start_all(seen, slot));
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
        (_, Some(slot)) => Remedy::Actions(vec![Action::Deregister(slot)]),
        (Some("route"), _) => route(seen),
        (Some("lock"), _) => person(
            "a repair needs the lock, and the lock cannot be read: find out who wrote the key, and delete the key when no operator drives this target",
        ),
        (Some("hold"), _) => person(
            "the hold cannot be read, so an operator must decide whether promotes stay stopped: find out who wrote the key; greenroom hold with --clear shows the value and removes it",
        ),
        _ => person("a repair never rewrites this key: find out who wrote it"),
    }
}

/// The remedy if the store was wiped, restored or replaced. The proxy is newer, so the store is changed to the proxy's
/// slot. First the route gets a generation that no earlier driver can have. Then the pointer gets the same generation,
/// with a token of this store. If the proxy's slot cannot answer, only the pointer is changed.
fn went_back(seen: &Seen<'_>) -> Remedy {
    let edges = seen.edges();
    let from = match edges.pointer() {
        Consensus::Unanimous(from) => from,
        Consensus::Split => {
            return person(
                "the live pointers of the proxies differ, and a repair writes a token only to equal pointers: make them equal by hand, then repair again",
            );
        }
        Consensus::Unknown => {
            return person("the live pointer is missing or cannot be read: run greenroom doctor");
        }
    };
    if let Some(EdgeReport { subject, .. }) = edges.without_answer() {
        return person(format!(
            "{subject} does not answer for this target, and a repair must know its live slot: start the proxy if it is not running, or install its configuration (greenroom repair with --only proxy-not-installed), then repair again"
        ));
    }
    let live = match edges.live() {
        Consensus::Split => {
            return person(
                "the proxies name different slots: repair again in a few seconds; if they still differ, run greenroom doctor",
            );
        }
        live => live.unanimous().flatten().and_then(LiveSlot::slot),
    };
    let Some(live) = live else {
        return live_nowhere(seen, from);
    };
    if from.live != Some(live) {
        return person(format!(
            "the proxy answers with {live}, but its live pointer names {}: repair again in a few seconds; if they still differ, run greenroom doctor",
            from.live.map_or("no slot", Slot::as_str)
        ));
    }
    // No route is written to a slot that cannot answer. The new generation alone stops earlier drivers. With a token of
    // this store, a release can move the traffic to a slot that answers.
    if !seen.can_answer(live) {
        let generation = seen.generation_out_of_reach();
        if generation > LAST_PLANNED_GENERATION {
            return person(generations_used_up(&seen.snapshot.target, generation));
        }
        return Remedy::Actions(vec![Action::Rebase { from, generation }]);
    }
    let wanted = match wanted(seen) {
        Ok(wanted) => wanted,
        Err(why) => return person(why),
    };
    let mut repair_actions = Vec::new();
    if let Some(instance) = seen.instance(live) {
        let entry = seen.entry(live);
        let is_digest = entry.is_some_and(|entry| entry.digest == instance.digest);
        if !is_digest || !seen.is_registered(live) {
            repair_actions.push(seen.register(live, &instance.digest, wanted.release));
        }
    }
    let generation = wanted.generation;
    repair_actions.push(Action::Route(Box::new(wanted)));
    repair_actions.push(Action::Rebase { from, generation });
    Remedy::Actions(repair_actions)
}

/// The remedy if the store was wiped, restored or replaced, and the proxy names no slot. The pointer gets a token of
/// this store. If a release proves the route, the proxy is also set to the route's slot.
fn live_nowhere(seen: &Seen<'_>, from: PointerState) -> Remedy {
    let generation = from.highest_generation();
    let mut repair_actions = vec![Action::Rebase { from, generation }];
    // Without a proven route, only the token is replaced. The next repair says what else is missing.
    if seen.route().is_some() && seen.released.is_ok() {
        match wanted(seen) {
            Ok(wanted) => {
                repair_actions.extend(seen.edges().slots().map(|named| point(named, &wanted)));
                repair_actions.push(Action::Route(Box::new(wanted)));
            }
            Err(why) => return person(why),
        }
    }
    Remedy::Actions(repair_actions)
}

/// The remedy for differences of the route: corrects the route if it is wrong, and sets the proxy to the route's slot.
fn route(seen: &Seen<'_>) -> Remedy {
    if seen.store_went_back() {
        return went_back(seen);
    }
    let wanted = match wanted(seen) {
        Ok(wanted) => wanted,
        Err(why) => return person(why),
    };
    let mut repair_actions = Vec::new();
    let edges = seen.edges();
    if let Some(named) = edges.slots().filter(|_| edges.does_any_answer())
        && !edges.are_at(wanted.live, wanted.generation)
    {
        // A route and a registration alone move no traffic, because another program may have written them.
        if let Some(why) = seen.unproven(wanted.live) {
            return person(format!(
                "the proxy does not send the traffic to {}, and a repair does not change that: {}",
                wanted.live,
                not_proven(wanted.live, why)
            ));
        }
        // A switch needs a registered slot, but the comparison reports a missing registration only if the proxy names
        // the slot.
        if seen.entry(wanted.live).is_none()
            && let Remedy::Actions(registering) = live(seen, wanted.live)
        {
            repair_actions.extend(registering);
        }
        repair_actions.push(point(named, &wanted));
    }
    if !seen.is_route(&wanted) {
        repair_actions.insert(0, Action::Route(Box::new(wanted)));
    }
    if repair_actions.is_empty() {
        return person("store and proxy agree now: run greenroom status again");
    }
    Remedy::Actions(repair_actions)
}

/// The action that sets each edge from its slot in `from` to the slot and generation of the route.
fn point(from: EdgeSlots, route: &Rewrite) -> Action {
    Action::Switch(Box::new(Move {
        route: None,
        from,
        to: route.live,
        generation: route.generation,
    }))
}

/// Says that no release proves that the version in a slot was checked and live there, and what a person must do.
fn not_proven(slot: Slot, why: &str) -> String {
    format!(
        "no release proves that the version in {slot} was checked and live there ({why}). Find out which version it is. If it should have the traffic, set the proxy's live pointer to {slot} by hand, then repair again"
    )
}

/// The remedy if the live slot runs another digest than the route names. The route is rewritten if the registration of
/// the slot names the same release as the route, and exactly the running container. The route is also rewritten if the
/// store was wiped, restored or replaced. Otherwise a person must act.
fn route_version(seen: &Seen<'_>) -> Remedy {
    if seen.is_digest_of_route_edited() || seen.store_went_back() {
        return route(seen);
    }
    person(
        "the live slot runs another version than the route names, and no release proves that this version passed its checks: promote the version that should run",
    )
}

/// The route as it should be after the repair. The error says what a person must do.
fn wanted(seen: &Seen<'_>) -> Result<Rewrite, String> {
    let Some(live) = seen.slot_for_traffic() else {
        return Err("store and proxy do not say which slot has the traffic: promote the version that should run".into());
    };
    let edges = seen.edges();
    let proxy_generation = edges.answered_generation();
    let named = edges.slot();
    let routed = seen.route();
    let generation = match routed {
        _ if seen.store_went_back() => seen.generation_out_of_reach(),
        // The proxy keeps its generation.
        None => proxy_generation.max(1),
        Some(route) => {
            let route_generation = seen.possible_generation(route);
            if named == Some(live) && proxy_generation >= route_generation {
                // If the route names the other slot with the same generation, the two are from different switches, and
                // each switch needs its own generation.
                let may_keep = route.live == live || proxy_generation > route_generation;
                proxy_generation.saturating_add(u64::from(!may_keep)).max(1)
            } else if route.live == live && edges.refusing(live, route_generation).is_none() {
                // Every edge accepts the generation of the route, or has it already.
                route_generation
            } else {
                route_generation.max(proxy_generation).saturating_add(1)
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
    let kept_route = routed.filter(|route| route.live == live && !seen.overrules_store(live));
    let digest = match (kept_route, seen.instance(live)) {
        (Some(_), Some(instance)) if seen.is_digest_of_route_edited() => instance.digest.clone(),
        (Some(route), _) => route.digest.clone(),
        (None, Some(instance)) => instance.digest.clone(),
        (None, None) => {
            return Err(match seen.members(live).difference() {
                Some(difference) => {
                    format!("{live} {difference}: remove the one that does not belong to {live}")
                }
                None => nothing_live(seen, live),
            });
        }
    };
    let release = match kept_route {
        Some(route) => Some(route.release),
        None => seen.release_of(live),
    };
    let release = release.ok_or_else(|| {
        format!(
            "it is not known which release started the version in {live}: promote the version that should run"
        )
    })?;
    Ok(Rewrite {
        from,
        live,
        generation,
        addresses: seen.addresses(live),
        digest,
        release,
        purpose: Purpose::Repair,
    })
}

/// Says what a person must do if the slot that the proxy names is empty. If the route names the other slot, no release
/// can start: in the proxy's slot the new version would get traffic before its checks, and the route says that the
/// other slot is live. So a person must delete the route first.
fn nothing_live(seen: &Seen<'_>, live: Slot) -> String {
    let nothing = format!("{live} is empty, but the proxy sends the traffic to it");
    match seen.route().filter(|route| route.live != live) {
        None => format!("{nothing}: promote the version that should run"),
        Some(route) => format!(
            "{nothing}, and no release proves the route to {}: delete the key `route` of {} from the store (greenroom help etcd shows the keys), then promote the version that should run",
            route.live, seen.snapshot.target
        ),
    }
}
