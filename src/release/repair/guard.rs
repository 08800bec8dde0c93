//! The interlocks of a repair. Directly before an action, [`guard`] decides from the latest observation whether the
//! action is safe. After the action, [`is_true`] decides whether its result was observed. An unknown state is never
//! safe.

use super::seen::out_of_reach;
use crate::inventory::{
    Installation, Instance, PointerState, Registration, Route, Slot, Snapshot, StoredKey,
    is_beyond_any_switch,
};
use crate::release::Definition;
use crate::release::action::{Action, Move, Rewrite, RouteBefore};

/// The result of a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::release) enum Verdict {
    Act,
    /// The result of the action is already observed, so there is nothing to do.
    Already,
    /// The action is not safe yet, for this reason. Observe again.
    Wait(String),
    /// The action is not safe, for this reason. Waiting does not help.
    Refuse(String),
}

/// The latest observation of one target.
struct Now<'a> {
    snapshot: &'a Snapshot,
    definition: &'a Definition,
}

impl<'a> Now<'a> {
    fn instance(&self, slot: Slot) -> Option<&'a Instance> {
        self.snapshot.slots.get(slot).instance.as_ref()
    }

    fn entry(&self, slot: Slot) -> Option<&'a Registration> {
        Some(&self.snapshot.slots.get(slot).registration.as_ref()?.value)
    }

    fn route(&self) -> Option<&'a Route> {
        Some(&self.snapshot.route.as_ref()?.value)
    }

    fn is_unreadable(&self, name: &str) -> bool {
        let target = &self.snapshot.target;
        let mut keys = self.snapshot.problems.keys();
        keys.any(|key| StoredKey::is_named(target, key, name))
    }

    /// The running instance in a slot, if the probe of this observation found it healthy. The error says why the slot
    /// has no healthy instance.
    fn healthy(&self, slot: Slot) -> Result<&'a Instance, String> {
        let Some(instance) = self.instance(slot) else {
            return Err(format!("{slot} is empty"));
        };
        if !instance.is_running() {
            return Err(format!("{slot} is not running"));
        }
        // The image's own HEALTHCHECK does not count: a repair restores a version that was released with this
        // HEALTHCHECK.
        match &self.snapshot.slots.get(slot).probe {
            Some(probe) if probe.healthy => Ok(instance),
            Some(probe) => Err(format!("{slot} is not healthy: {}", probe.detail)),
            None => Err(format!(
                "{slot} was not probed: check that a health endpoint is configured"
            )),
        }
    }

    /// Why a slot may have traffic. None if proxy and route are known, and neither of them names the slot.
    fn traffic(&self, slot: Slot) -> Option<String> {
        let Some(proxy) = &self.snapshot.proxy else {
            return Some(format!(
                "it is not known whether {slot} has traffic: the proxy does not answer for this target"
            ));
        };
        if proxy.slot == Some(slot) {
            return Some(format!("{slot} has the traffic: the proxy names it"));
        }
        if self.is_unreadable("route") {
            return Some(format!(
                "it is not known whether {slot} has traffic: the route cannot be read"
            ));
        }
        self.route()
            .is_some_and(|route| route.live == slot)
            .then(|| format!("{slot} has the traffic: the route names it"))
    }
}

/// Decides whether an action may be performed now.
pub(in crate::release) fn guard(
    repair_action: &Action,
    snapshot: &Snapshot,
    definition: &Definition,
) -> Verdict {
    if is_true(repair_action, snapshot, definition).is_ok() {
        return Verdict::Already;
    }
    let now = Now {
        snapshot,
        definition,
    };
    match repair_action {
        Action::Create { slot, release, .. } => match now.instance(*slot) {
            None => Verdict::Act,
            // An earlier try created the instance and did not start it.
            Some(there) if there.release == Some(*release) && !there.is_up() => Verdict::Act,
            // Either this repair created the instance a moment ago, or another program started something in the slot.
            Some(_) => Verdict::Wait(format!(
                "{slot} is occupied, but the planned version is not healthy in it yet"
            )),
        },
        Action::Start { slot, instance } => match now.instance(*slot) {
            Some(there) if there.id == *instance && there.is_running() => Verdict::Wait(format!(
                "{slot} is running, but no probe has found it healthy yet"
            )),
            Some(there) if there.id == *instance => Verdict::Act,
            _ => Verdict::Refuse(replaced(*slot)),
        },
        Action::Install => match &now.snapshot.installation {
            Some(Installation::Foreign(why)) => Verdict::Refuse(why.clone()),
            _ => Verdict::Act,
        },
        Action::Register { slot, digest, .. } => match now.healthy(*slot) {
            Ok(there) if there.digest == *digest => Verdict::Act,
            Ok(there) => Verdict::Refuse(format!(
                "{slot} now runs {} instead of {}. Repair again to make a new plan",
                there.digest.short(),
                digest.short()
            )),
            Err(why) => Verdict::Wait(format!("only a healthy version can be registered: {why}")),
        },
        Action::Route(rewrite) => route(&now, rewrite),
        Action::Rebase { from, generation } => rebase(&now, from, *generation),
        Action::Switch(movement) => point(&now, movement),
        Action::Deregister(slot) => match now.traffic(*slot) {
            Some(why) => Verdict::Wait(why),
            None => Verdict::Act,
        },
        Action::Stop { slot, instance } => stop(&now, *slot, instance),
        Action::Pull(_) | Action::Remove { .. } => {
            Verdict::Refuse("a repair does not perform this action".into())
        }
    }
}

/// A slot may get traffic only if it is healthy, and registered as the version that is running in it (interlock 2).
fn fit_for_traffic(now: &Now<'_>, slot: Slot) -> Result<(), String> {
    let instance = now.healthy(slot)?;
    match now.entry(slot) {
        Some(entry) if entry.digest == instance.digest => Ok(()),
        Some(_) => Err(format!(
            "{slot} runs another version than the registered one"
        )),
        None => Err(format!("{slot} is not registered")),
    }
}

fn route(now: &Now<'_>, rewrite: &Rewrite) -> Verdict {
    let current = match now.route() {
        Some(route) => RouteBefore::Contains(route.generation, route.live),
        None if now.is_unreadable("route") => RouteBefore::Unreadable,
        None => RouteBefore::Missing,
    };
    if current != rewrite.from {
        return Verdict::Refuse(
            "the route is not as it was when the plan was made. Repair again to make a new plan"
                .into(),
        );
    }
    if let Some(from) = rewrite.lowered()
        && let Err(verdict) = may_be_lowered(now, from, rewrite.generation)
    {
        return verdict;
    }
    if !only_lowers(now, rewrite)
        && let Err(why) = fit_for_traffic(now, rewrite.live)
    {
        return Verdict::Wait(format!(
            "a route may name only a healthy, registered version: {why}"
        ));
    }
    let runs = now.instance(rewrite.live).map(|there| &there.digest);
    let keeps_digest = now
        .route()
        .is_some_and(|route| route.digest == rewrite.digest);
    if runs != Some(&rewrite.digest) && !keeps_digest {
        return Verdict::Refuse(format!(
            "{} does not run the version of the planned route. Repair again to make a new plan",
            rewrite.live
        ));
    }
    Verdict::Act
}

/// Whether the new route differs from the current one only in a lower generation. Such a route moves no traffic, so the
/// live slot need not be healthy.
fn only_lowers(now: &Now<'_>, rewrite: &Rewrite) -> bool {
    let is_same = |route: &Route| {
        route.live == rewrite.live
            && route.digest == rewrite.digest
            && route.endpoint == *now.definition.endpoints.get(rewrite.live)
    };
    rewrite.lowered().is_some() && now.route().is_some_and(is_same)
}

/// Checks that no switch can have made the generation `from`, and that `to` is not lower than the proxy's generation. A
/// driver that planned its switch with the old generation cannot write: the route has changed, and that driver no
/// longer has the lock.
fn may_be_lowered(now: &Now<'_>, from: u64, to: u64) -> Result<(), Verdict> {
    let Some(proxy) = &now.snapshot.proxy else {
        let why = "the generation of the route cannot be lowered: the proxy does not answer with its generation";
        return Err(Verdict::Wait(why.into()));
    };
    if !is_beyond_any_switch(from, proxy.generation) || to < proxy.generation {
        return Err(Verdict::Refuse(format!(
            "the generation of the route cannot be lowered from {from} to {to}: the proxy has generation {}. Repair again to make a new plan",
            proxy.generation
        )));
    }
    Ok(())
}

/// The pointer must be unchanged since the plan. A pointer without a live slot may then be written. For any other
/// pointer, the new generation must be higher than all generations in the pointer. If the live slot can answer, the
/// route must already name this slot and the new generation. If the live slot cannot answer, no route to that slot is
/// written. Then only the pointer gets the generation, which must be so high that no earlier driver can have it, and
/// higher than the generation of the route.
fn rebase(now: &Now<'_>, from: &PointerState, generation: u64) -> Verdict {
    if now.snapshot.pointer != Some(*from) {
        return Verdict::Refuse(
            "the live pointer is not as it was when the plan was made. Repair again to make a new plan".into(),
        );
    }
    let Some(live) = from.live else {
        return Verdict::Act;
    };
    let routed = now.route().map(|route| (route.generation, route.live));
    if routed == Some((generation, live)) && generation > from.highest_generation() {
        return Verdict::Act;
    }
    let is_ahead_of_route = now
        .route()
        .is_none_or(|route| route.generation < generation);
    if now.healthy(live).is_err()
        && is_ahead_of_route
        && generation >= out_of_reach(from.highest_generation())
    {
        return Verdict::Act;
    }
    Verdict::Refuse(format!(
        "the live pointer cannot be changed to {live} with generation {generation}: the route does not have this slot and generation, or the generation is too low. Repair again to make a new plan"
    ))
}

/// The proxy may be set only to the slot and the generation of the route, and only if that slot is healthy and
/// registered.
fn point(now: &Now<'_>, movement: &Move) -> Verdict {
    let (to, generation) = (movement.to, movement.generation);
    let routed = now.route().map(|route| (route.generation, route.live));
    if routed != Some((generation, to)) {
        return Verdict::Refuse(format!(
            "the proxy cannot be changed: the route does not name {to} with generation {generation}. Repair again to make a new plan"
        ));
    }
    let Some(proxy) = &now.snapshot.proxy else {
        return Verdict::Wait(
            "it is not known which slot the proxy names: the proxy does not answer for this target"
                .into(),
        );
    };
    if proxy.slot != movement.from {
        return Verdict::Refuse(format!(
            "the proxy now names {} instead of {}. Repair again to make a new plan",
            named(proxy.slot),
            named(movement.from)
        ));
    }
    if is_beyond_any_switch(generation, proxy.generation) {
        return Verdict::Refuse(format!(
            "the proxy cannot get generation {generation}: no switch can have made it. Repair again to rewrite the route first"
        ));
    }
    if proxy.generation >= generation {
        return Verdict::Refuse(format!(
            "the proxy already has generation {}, and a switch needs a higher one. Repair again to make a new plan",
            proxy.generation
        ));
    }
    if let Err(why) = fit_for_traffic(now, to) {
        return Verdict::Wait(format!("the traffic cannot be moved: {why}"));
    }
    let runs = now.instance(to).map(|there| &there.digest);
    if runs != now.route().map(|route| &route.digest) {
        return Verdict::Refuse(format!(
            "{to} runs another version than the route names. Repair again to make a new plan"
        ));
    }
    Verdict::Act
}

fn stop(now: &Now<'_>, slot: Slot, instance: &crate::inventory::InstanceId) -> Verdict {
    if now.instance(slot).is_none_or(|there| there.id != *instance) {
        return Verdict::Refuse(replaced(slot));
    }
    if let Some(why) = now.traffic(slot) {
        return Verdict::Refuse(why);
    }
    if now.entry(slot).is_some() {
        return Verdict::Refuse(format!(
            "{slot} is registered, so other readers of the store may send requests there. Repair again to deregister it first"
        ));
    }
    let rates = now.snapshot.slots.get(slot).rates.as_ref();
    match rates.map_or(0, |rates| rates.requests) {
        0 => Verdict::Act,
        many => Verdict::Wait(format!(
            "{slot} had {many} public requests in the last seconds"
        )),
    }
}

/// Whether the result of an action was observed; the error says what is missing.
pub(in crate::release) fn is_true(
    repair_action: &Action,
    snapshot: &Snapshot,
    definition: &Definition,
) -> Result<(), String> {
    let now = Now {
        snapshot,
        definition,
    };
    match repair_action {
        Action::Create { slot, version, .. } => {
            let instance = now.healthy(*slot)?;
            require(instance.digest == version.digest, || {
                format!(
                    "{slot} runs {} instead of {}",
                    instance.digest.short(),
                    version.digest.short()
                )
            })
        }
        Action::Start { slot, instance } => {
            let running = now.healthy(*slot)?;
            require(running.id == *instance, || replaced(*slot))
        }
        Action::Install => {
            let is_current = snapshot.installation == Some(Installation::Current);
            require(is_current && snapshot.proxy.is_some(), || {
                "the proxy does not run the new configuration, or does not answer for this target"
                    .into()
            })
        }
        Action::Register {
            slot,
            digest,
            release,
            ..
        } => {
            let endpoint = now.definition.endpoints.get(*slot);
            let running = now.instance(*slot);
            let is_so = now.entry(*slot).is_some_and(|entry| {
                entry.digest == *digest
                    && entry.release == *release
                    && entry.endpoint == *endpoint
                    && running.is_some_and(|running| {
                        running.id == entry.instance
                            && (running.tag.is_none() || running.tag == entry.tag)
                    })
            });
            require(is_so, || {
                format!("the registration of {slot} does not match the version that runs in {slot}")
            })
        }
        Action::Route(wanted) => {
            let endpoint = now.definition.endpoints.get(wanted.live);
            let is_so = now.route().is_some_and(|route| {
                (route.generation, route.live) == (wanted.generation, wanted.live)
                    && route.digest == wanted.digest
                    && route.endpoint == *endpoint
            });
            require(is_so, || "the route is not the planned one".into())
        }
        Action::Rebase { from, generation } => {
            let highest = snapshot.pointer.map(|pointer| pointer.highest_token().0);
            let is_reached = highest.is_some_and(|token| Some(token) <= snapshot.store_revision);
            let answers = snapshot.proxy.as_ref().map(|proxy| proxy.generation);
            require(
                is_reached && (from.live.is_none() || answers == Some(*generation)),
                || {
                    "the live pointer does not have a token of this store, or the proxy does not have the planned generation".into()
                },
            )
        }
        Action::Switch(movement) => {
            let Move { to, generation, .. } = movement.as_ref();
            let proxy = snapshot.proxy.as_ref();
            let answer = proxy.map(|proxy| (proxy.slot, proxy.generation));
            require(answer == Some((Some(*to), *generation)), || {
                format!(
                    "the proxy does not answer with {to} and generation {generation}; it names {}",
                    proxy.map_or("no slot, because it does not answer", |it| named(it.slot))
                )
            })
        }
        Action::Deregister(slot) => {
            let is_there =
                now.entry(*slot).is_some() || now.is_unreadable(&format!("slots/{slot}"));
            require(!is_there, || format!("{slot} is still registered"))
        }
        Action::Stop { slot, instance } => match now.instance(*slot) {
            None => Ok(()),
            Some(there) if there.id == *instance => {
                require(!there.is_up(), || format!("{slot} is still running"))
            }
            Some(_) => Err(replaced(*slot)),
        },
        Action::Pull(_) | Action::Remove { .. } => Err("a repair does not perform it".into()),
    }
}

fn require(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

/// Says that the slot is empty, or that another container or process is in it.
fn replaced(slot: Slot) -> String {
    format!(
        "the container or process of the plan is no longer in {slot}. Repair again to make a new plan"
    )
}

fn named(slot: Option<Slot>) -> &'static str {
    slot.map_or("nothing", Slot::as_str)
}
