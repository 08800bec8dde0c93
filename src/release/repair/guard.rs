//! The interlocks of a repair, over the latest observation: directly before an action, whether it is safe, and after it,
//! whether its result is true. An unknown state is never safe.

use super::action::{RepairAction, Rewrite, RouteBefore};
use super::seen::out_of_reach;
use crate::inventory::{
    Installation, Instance, PointerState, Registration, Route, Slot, Snapshot, StoredKey,
    is_beyond_any_switch,
};
use crate::release::Definition;

/// The result of a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::release) enum Verdict {
    Act,
    /// The result of the action is already true.
    Already,
    /// The action is not safe yet, for this reason. Observe again.
    Wait(String),
    /// The action is not safe, for this reason. Waiting does not help.
    Refuse(String),
}

/// The observation of one target, with access to its parts.
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

    /// The instance in a slot, if a fresh probe says that it is healthy.
    fn healthy(&self, slot: Slot) -> Result<&'a Instance, String> {
        let Some(instance) = self.instance(slot) else {
            return Err(format!("nothing runs in {slot}"));
        };
        if !instance.is_running() {
            return Err(format!("{slot} is not running"));
        }
        // The image's own HEALTHCHECK does not count: a repair restores a version that was released with it.
        match &self.snapshot.slots.get(slot).probe {
            Some(probe) if probe.healthy => Ok(instance),
            Some(probe) => Err(format!("{slot} is not healthy: {}", probe.detail)),
            None => Err(format!(
                "{slot} was not probed: is a health endpoint configured?"
            )),
        }
    }

    /// Why a slot may have traffic; none if it certainly has none.
    fn traffic(&self, slot: Slot) -> Option<String> {
        let Some(proxy) = &self.snapshot.proxy else {
            return Some(format!(
                "whether {slot} has traffic is not known: the proxy does not say"
            ));
        };
        if proxy.slot == Some(slot) {
            return Some(format!("{slot} has the traffic: the proxy names it"));
        }
        if self.is_unreadable("route") {
            return Some(format!(
                "whether {slot} has traffic is not known: the route cannot be read"
            ));
        }
        self.route()
            .is_some_and(|route| route.live == slot)
            .then(|| format!("{slot} has the traffic: the route names it"))
    }
}

/// Whether an action may be done now.
pub(in crate::release) fn guard(
    repair_action: &RepairAction,
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
        RepairAction::Create { slot, .. } => match now.instance(*slot) {
            None => Verdict::Act,
            // Created a moment ago, and not healthy yet.
            Some(_) => Verdict::Wait(format!("{slot} is occupied, but not healthy yet")),
        },
        RepairAction::Start { slot, instance } => match now.instance(*slot) {
            Some(there) if there.id == *instance && there.is_running() => {
                Verdict::Wait(format!("{slot} runs and is not healthy yet"))
            }
            Some(there) if there.id == *instance => Verdict::Act,
            _ => Verdict::Refuse(format!("nothing is left in {slot}")),
        },
        RepairAction::Install => match &now.snapshot.installation {
            Some(Installation::Foreign(why)) => Verdict::Refuse(why.clone()),
            _ => Verdict::Act,
        },
        RepairAction::Register { slot, digest, .. } => match now.healthy(*slot) {
            Ok(there) if there.digest == *digest => Verdict::Act,
            Ok(there) => Verdict::Refuse(format!(
                "{slot} runs {} now, not {}",
                there.digest.short(),
                digest.short()
            )),
            Err(why) => Verdict::Wait(format!("only a healthy version is registered: {why}")),
        },
        RepairAction::Route(rewrite) => route(&now, rewrite),
        RepairAction::Rebase { from, generation } => rebase(&now, from, *generation),
        RepairAction::Point {
            from,
            to,
            generation,
        } => point(&now, *from, *to, *generation),
        RepairAction::Deregister(slot) => match now.traffic(*slot) {
            Some(why) => Verdict::Wait(why),
            None => Verdict::Act,
        },
        RepairAction::Stop { slot, instance } => stop(&now, *slot, instance),
    }
}

/// A slot may get traffic only if it is healthy, and registered as the version that is running in it (interlock 2).
fn fit_for_traffic(now: &Now<'_>, slot: Slot) -> Result<(), String> {
    let instance = now.healthy(slot)?;
    match now.entry(slot) {
        Some(entry) if entry.digest == instance.digest => Ok(()),
        Some(_) => Err(format!("{slot} runs another version than is registered")),
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
            "another operator or program has changed the route since the plan was made".into(),
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
            "the route may only name a healthy, registered version: {why}"
        ));
    }
    let runs = now.instance(rewrite.live).map(|there| &there.digest);
    let keeps_digest = now
        .route()
        .is_some_and(|route| route.digest == rewrite.digest);
    if runs != Some(&rewrite.digest) && !keeps_digest {
        return Verdict::Refuse(format!("{} runs another version now", rewrite.live));
    }
    Verdict::Act
}

/// Whether only the generation of the route changes, and gets lower. Then nothing is routed to another place, so the live
/// slot need not be healthy.
fn only_lowers(now: &Now<'_>, rewrite: &Rewrite) -> bool {
    let is_same = |route: &Route| {
        route.live == rewrite.live
            && route.digest == rewrite.digest
            && route.endpoint == *now.definition.endpoints.get(rewrite.live)
    };
    rewrite.lowered().is_some() && now.route().is_some_and(is_same)
}

/// A generation is lowered only if no switch can have made it, and never below the proxy's. A driver that planned with
/// the old one finds another route, and has no lock.
fn may_be_lowered(now: &Now<'_>, from: u64, to: u64) -> Result<(), Verdict> {
    let Some(proxy) = &now.snapshot.proxy else {
        let why = "the generation of the route is not lowered while the proxy does not say its own";
        return Err(Verdict::Wait(why.into()));
    };
    if !is_beyond_any_switch(from, proxy.generation) || to < proxy.generation {
        return Err(Verdict::Refuse(format!(
            "the generation of the route is not lowered from {from} to {to}: the proxy has generation {}",
            proxy.generation
        )));
    }
    Ok(())
}

/// Only the observed pointer gets a token of this store, and only with a generation that no driver from before the
/// store went back can have. The route already has that generation, unless the live slot cannot answer: no route is
/// written to such a slot, but its traffic must be movable.
fn rebase(now: &Now<'_>, from: &PointerState, generation: u64) -> Verdict {
    if now.snapshot.pointer != Some(*from) {
        return Verdict::Refuse(
            "another driver has changed the live pointer since the plan was made".into(),
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
        "the live pointer is not changed: it may only get {live} with generation {generation} after the route has them. Repair again to write the route first"
    ))
}

/// The proxy is only set to what the route says.
fn point(now: &Now<'_>, from: Option<Slot>, to: Slot, generation: u64) -> Verdict {
    let routed = now.route().map(|route| (route.generation, route.live));
    if routed != Some((generation, to)) {
        return Verdict::Refuse(format!(
            "the proxy is not changed: the route does not name {to} with generation {generation}"
        ));
    }
    let Some(proxy) = &now.snapshot.proxy else {
        return Verdict::Wait("which slot the proxy names is not known".into());
    };
    if proxy.slot != from {
        return Verdict::Refuse(format!(
            "the proxy names {} now, not {}",
            named(proxy.slot),
            named(from)
        ));
    }
    if is_beyond_any_switch(generation, proxy.generation) {
        return Verdict::Refuse(format!(
            "the proxy is not given generation {generation}, which no switch can have made. Repair again to rewrite the route first"
        ));
    }
    if proxy.generation >= generation {
        return Verdict::Refuse(format!(
            "the proxy already has generation {}, and its generation is never lowered",
            proxy.generation
        ));
    }
    if let Err(why) = fit_for_traffic(now, to) {
        return Verdict::Wait(format!("the traffic is not moved: {why}"));
    }
    let runs = now.instance(to).map(|there| &there.digest);
    if runs != now.route().map(|route| &route.digest) {
        return Verdict::Refuse(format!("{to} runs another version than the route says"));
    }
    Verdict::Act
}

fn stop(now: &Now<'_>, slot: Slot, instance: &crate::inventory::InstanceId) -> Verdict {
    if now.instance(slot).is_none_or(|there| there.id != *instance) {
        return Verdict::Refuse(format!(
            "what runs in {slot} was replaced after the plan was made"
        ));
    }
    if let Some(why) = now.traffic(slot) {
        return Verdict::Refuse(why);
    }
    if now.entry(slot).is_some() {
        return Verdict::Refuse(format!(
            "{slot} is registered: other readers of the store send requests there"
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

/// Whether the result of an action is true; the error says what is missing.
pub(in crate::release) fn is_true(
    repair_action: &RepairAction,
    snapshot: &Snapshot,
    definition: &Definition,
) -> Result<(), String> {
    let now = Now {
        snapshot,
        definition,
    };
    match repair_action {
        RepairAction::Create { slot, version, .. } => {
            let instance = now.healthy(*slot)?;
            require(instance.digest == version.digest, || {
                format!("{slot} runs {}", instance.digest.short())
            })
        }
        RepairAction::Start { slot, instance } => {
            let running = now.healthy(*slot)?;
            require(running.id == *instance, || {
                format!("what runs in {slot} was replaced after the plan was made")
            })
        }
        RepairAction::Install => {
            let is_current = snapshot.installation == Some(Installation::Current);
            require(is_current && snapshot.proxy.is_some(), || {
                "the proxy does not answer with its configuration".into()
            })
        }
        RepairAction::Register {
            slot,
            digest,
            release,
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
                format!("the registration of {slot} does not match what runs there")
            })
        }
        RepairAction::Route(wanted) => {
            let endpoint = now.definition.endpoints.get(wanted.live);
            let is_so = now.route().is_some_and(|route| {
                (route.generation, route.live) == (wanted.generation, wanted.live)
                    && route.digest == wanted.digest
                    && route.endpoint == *endpoint
            });
            require(is_so, || "the route has other values".into())
        }
        RepairAction::Rebase { from, generation } => {
            let highest = snapshot.pointer.map(|pointer| pointer.highest_token().0);
            let is_reached = highest.is_some_and(|token| Some(token) <= snapshot.store_revision);
            let answers = snapshot.proxy.as_ref().map(|proxy| proxy.generation);
            require(
                is_reached && (from.live.is_none() || answers == Some(*generation)),
                || "the live pointer has another token or generation".into(),
            )
        }
        RepairAction::Point { to, generation, .. } => {
            let proxy = snapshot.proxy.as_ref();
            let answer = proxy.map(|proxy| (proxy.slot, proxy.generation));
            require(answer == Some((Some(*to), *generation)), || {
                format!("the proxy names {}", named(proxy.and_then(|it| it.slot)))
            })
        }
        RepairAction::Deregister(slot) => {
            let is_there =
                now.entry(*slot).is_some() || now.is_unreadable(&format!("slots/{slot}"));
            require(!is_there, || format!("{slot} is registered"))
        }
        RepairAction::Stop { slot, instance } => match now.instance(*slot) {
            None => Ok(()),
            Some(there) if there.id == *instance => {
                require(!there.is_up(), || format!("{slot} is running"))
            }
            Some(_) => Err(format!(
                "what runs in {slot} was replaced after the plan was made"
            )),
        },
    }
}

fn require(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

fn named(slot: Option<Slot>) -> &'static str {
    slot.map_or("nothing", Slot::as_str)
}
