//! The tests of the doctor, in the order in which they are shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::diagnostics;
use crate::inventory::drift::store_went_back;
use crate::inventory::{ClockReading, Installation, Slot, StoredKey, engine_of, store_of};
use crate::ports::{Connection, Failure, FailureKind, Proof, Result, Trial};
use crate::release::{Site, unread_approvals};
use crate::wire::{self, App};

/// A trial, and the place it belongs to.
pub(super) struct Named<'a> {
    pub(super) place: String,
    pub(super) trial: Trial<'a>,
}

fn named<'a>(place: &str, trial: Trial<'a>) -> Named<'a> {
    Named {
        place: place.to_owned(),
        trial,
    }
}

/// All trials.
pub(super) fn all(app: &App) -> Vec<Named<'_>> {
    let mut all = own(app);
    all.extend(servers(app));
    all.extend(channels(app));
    for site in app.engine.sites() {
        all.extend(target(site));
    }
    all
}

fn own(app: &App) -> Vec<Named<'_>> {
    let known = |what, said: String| Trial::new(what, async { Proof::Works(said) });
    let changes = match &app.read_only {
        Some(why) => format!("not possible from here: {why}"),
        None => "possible, as far as the servers allow this user".to_owned(),
    };
    let mut all = vec![
        known("version", env!("CARGO_PKG_VERSION").to_owned()),
        known("operator", app.engine.operator().to_string()),
        known("changes", changes),
        known("config", app.file.display().to_string()),
        Trial::new("log", log()),
        Trial::new("archive", app.try_archive()),
    ];
    all.extend(app.try_directories());
    let all = all.into_iter();
    all.map(|trial| named("greenroom", trial)).collect()
}

async fn log() -> Result<String> {
    let failed = |said: String| {
        let doing = "writing its log";
        Failure::new(FailureKind::Denied, "greenroom", doing, said)
            .hint("set XDG_STATE_HOME to a directory that this user may write")
    };
    let directory = diagnostics::log_directory()
        .ok_or_else(|| failed("no directory for the log is known: HOME is not set".to_owned()))?;
    let tried = wire::try_directory(&directory).await;
    tried.map_err(|failure| failed(format!("{}: {}", failure.doing, failure.said)))
}

/// Each server once, even if several targets use it.
fn servers(app: &App) -> Vec<Named<'_>> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for site in app.engine.sites() {
        let environment = site.definition.target.environment.as_str();
        let read = &site.read;
        if seen.insert(Arc::as_ptr(&read.runtime).cast::<()>() as usize) {
            let runtime = async {
                let info = read.runtime.engine().await?;
                Ok(format!("{}, API {}", info.name, info.api))
            };
            all.push(named(
                environment,
                Trial::new::<Result<_>>("runtime", runtime).at(read.runtime.address()),
            ));
            let of = engine_of(&site.definition.target.environment);
            let clock = Trial::new("clock", clock(app, of, read.runtime.clock()));
            all.push(named(environment, clock.at(read.runtime.address())));
        }
        if seen.insert(Arc::as_ptr(&read.registry).cast::<()>() as usize) {
            let registry = Trial::new("store", read.registry.store());
            all.push(named(environment, registry.at(read.registry.address())));
            let of = store_of(&site.definition.target.environment);
            let clock = Trial::new("clock", clock(app, of, read.registry.clock()));
            all.push(named(environment, clock.at(read.registry.address())));
        }
        if seen.insert(Arc::as_ptr(&read.router).cast::<()>() as usize) {
            let trials = proxy(site).into_iter();
            let at = read.router.address();
            all.extend(trials.map(|trial| named(environment, trial.at(at.clone()))));
        }
    }
    all
}

/// The difference between this machine's clock and another machine's.
async fn clock(
    app: &App,
    of: String,
    asking: impl Future<Output = Result<Option<Timestamp>>>,
) -> Proof {
    let own = app.engine.clock();
    let asked = own.now();
    let time = match asking.await {
        Ok(Some(time)) => time,
        Ok(None) => return Proof::NotTried(format!("{of} has no clock of its own")),
        Err(failure) => return Proof::Broken(failure),
    };
    let reading = ClockReading::new(of, (asked, own.now()), time);
    if !reading.differs() {
        return Proof::Works(format!("{reading}, within a few seconds"));
    }
    let said = format!(
        "{reading}: holds and freezes end only when both clocks say so, and approvals when one does"
    );
    let place = reading.of.clone();
    let doing = "comparing the clocks";
    let failure = Failure::new(FailureKind::Conflict, place, doing, said);
    Proof::Broken(
        failure.hint("set the clock of the machine that is wrong, for example with chrony"),
    )
}

/// If changes are allowed, tests by writing.
fn proxy(site: &Site) -> Vec<Trial<'_>> {
    let write = site.write.as_ref();
    let writing = write.map_or_else(Vec::new, |write| write.router.trials());
    let replaced: BTreeSet<&str> = writing.iter().map(|trial| trial.what).collect();
    let mut trials = site.read.router.trials();
    trials.retain(|trial| !replaced.contains(trial.what));
    trials.extend(writing);
    trials
}

/// Whether everything that is needed to send notices is available. Nothing is sent.
fn channels(app: &App) -> Vec<Named<'_>> {
    let mut all = Vec::new();
    for channel in app.channels() {
        let ready = async {
            let place = channel.notifier.ready().await?;
            let events: Vec<&str> = channel.events.iter().map(|event| event.as_str()).collect();
            let events = events.join(", ");
            Ok(format!("{place}, gets {events}; nothing was sent"))
        };
        let trial = Trial::new::<Result<_>>("notices", ready);
        all.push(named(&format!("notices.{}", channel.name), trial));
    }
    all
}

fn target(site: &Site) -> Vec<Named<'_>> {
    let (read, definition) = (&site.read, &site.definition);
    let (router, slots) = (read.router.address(), &definition.endpoints);
    let slots = format!("blue at {}, green at {}", slots.blue, slots.green);
    let address = definition.public.as_ref();
    let address = address.map_or(String::new(), |it| {
        format!(", {} at {}", it.host, it.endpoint)
    });
    let trials = [
        Trial::new("images", images(site)).at(read.images.address(&definition.repository)),
        Trial::new("keys", keys(site)).at(read.registry.address()),
        Trial::new("route", route(site)).at(format!("{router}, {}", read.registry.address())),
        Trial::new("health", health(site)).at(format!("{router}, {slots}")),
        Trial::new("public", public(site)).at(format!("{router}{address}")),
    ];
    let place = site.definition.target.to_string();
    trials.map(|trial| named(&place, trial)).into()
}

async fn images(site: &Site) -> Result<String> {
    let repository = &site.definition.repository;
    let tags = site.read.images.tags(repository).await?;
    Ok(format!("{repository}: {} tags", tags.len()))
}

/// Whether the stored records of the target can be read.
async fn keys(site: &Site) -> Result<String> {
    let target = &site.definition.target;
    let record = site.read.registry.read(target).await?;
    let unread = unread_approvals(target, &record.problems);
    let is_approval = |key: &str| StoredKey::of(target, key) == StoredKey::Approval;
    let problems = record.problems.iter();
    let problems = problems.filter(|(key, _)| !is_approval(key));
    let (wrong_keys, others): (Vec<_>, Vec<_>) =
        problems.partition(|(key, _)| StoredKey::of(target, key).is_drift());
    if wrong_keys.is_empty() {
        let mut said = vec!["its stored records can be read".to_owned()];
        said.extend(
            others
                .iter()
                .map(|(key, why)| StoredKey::line(target, key, why)),
        );
        said.extend(unread);
        return Ok(said.join("; "));
    }
    let problems = wrong_keys.into_iter();
    let said: Vec<String> = problems.map(|(key, why)| format!("{key}: {why}")).collect();
    Err(wrong(
        site,
        FailureKind::Garbled,
        "reading its keys",
        said.join("; "),
    )
    .hint("see who writes there; greenroom status says what a repair can do about it"))
}

/// What the proxy has loaded for the target, and which slot it uses.
async fn route(site: &Site) -> Result<String> {
    let target = &site.definition.target;
    let router = &site.read.router;
    let (installation, answer) = tokio::join!(router.installation(target), router.answer(target));
    if installation
        .as_ref()
        .is_ok_and(|it| *it == Installation::Missing)
    {
        return Ok("not installed yet: the first release installs it".to_owned());
    }
    // This configuration cannot be used, whatever the proxy answers.
    let unusable = |failure: &Failure| failure.kind == FailureKind::Rejected;
    if installation.as_ref().is_err_and(unusable) {
        return installation.map(|_| String::new());
    }
    let answer = answer?;
    let (record, pointer) = tokio::join!(site.read.registry.read(target), router.pointer(target));
    if let (Ok(record), Ok(pointer)) = (record, pointer)
        && record.lock.is_none()
        && let Some(says) = store_went_back(record.revision, Some(&answer), pointer.as_ref())
    {
        let doing = format!("comparing the pointer of {target} with the store");
        let hint = format!(
            "see what happened to the store, then run greenroom repair {} {}",
            target.service, target.environment
        );
        return Err(wrong(site, FailureKind::Conflict, doing, says).hint(hint));
    }
    let live = match answer.slot {
        Some(slot) => format!("{slot} has the traffic, generation {}", answer.generation),
        None => "nothing is live".to_owned(),
    };
    Ok(match installation? {
        Installation::Outdated(why) => {
            format!("the proxy says: {live}; the next release installs it again: {why}")
        }
        Installation::Newer(why) => {
            let doing = format!("comparing the configuration of {target}");
            let place = "the proxy of this target";
            return Err(Failure::new(FailureKind::Conflict, place, doing, why)
                .hint("get the newer greenroom.toml; if this one is correct, save it again"));
        }
        Installation::Foreign(why) => {
            let doing = format!("looking at the configuration of {target}");
            return Err(Failure::new(
                FailureKind::Conflict,
                "the proxy of this target",
                doing,
                why,
            ));
        }
        Installation::Current | Installation::Missing => format!("the proxy says: {live}"),
    })
}

/// The slot that the proxy names; none where nothing is installed or live.
async fn live(site: &Site) -> std::result::Result<Option<Slot>, Proof> {
    let target = &site.definition.target;
    let router = &site.read.router;
    match router.answer(target).await {
        Ok(answer) => Ok(answer.slot),
        Err(_) => match router.installation(target).await {
            Ok(Installation::Missing) => Ok(None),
            _ => Err(Proof::NotTried(
                "the proxy does not say what is live".to_owned(),
            )),
        },
    }
}

/// The health endpoint of the live version.
async fn health(site: &Site) -> Proof {
    let definition = &site.definition;
    let Some(check) = &definition.health else {
        let said = "no health endpoint is configured: nothing can be released";
        let failure = wrong(site, FailureKind::Missing, "asking for its health", said).hint(
            "add `health = { path = \"/health\" }`, or another path that answers 200 when the service is healthy",
        );
        return Proof::Broken(failure);
    };
    let path = &check.path;
    let slot = match live(site).await {
        Ok(Some(slot)) => slot,
        Ok(None) => {
            return Proof::NotTried(format!("nothing is live, so {path} was not requested"));
        }
        Err(proof) => return proof,
    };
    let at = definition.endpoints.get(slot);
    let probe = site.read.checker.health(at, check).await;
    if probe.healthy {
        return Proof::Works(format!("{path} of {slot} at {at} answers {}", probe.detail));
    }
    let doing = format!("asking {path} of {slot} at {at}");
    let target = &definition.target;
    let hint = format!(
        "see its log in the console, or go back: greenroom rollback {} {}",
        target.service, target.environment
    );
    Proof::Broken(wrong(site, FailureKind::Unreachable, doing, probe.detail).hint(hint))
}

/// Whether the live version answers the public.
async fn public(site: &Site) -> Proof {
    let Some(address) = &site.definition.public else {
        return Proof::NotTried("no public address is configured".to_owned());
    };
    let slot = match live(site).await {
        Ok(Some(slot)) => slot,
        Ok(None) => return Proof::NotTried("nothing is live yet".to_owned()),
        Err(proof) => return proof,
    };
    let answer = site.read.checker.public(address, Connection::Fresh).await;
    let by = match answer.slot {
        Some(slot) => slot.as_str(),
        None => "something that is not this proxy",
    };
    let at = format!("{} at {}", address.host, address.endpoint);
    match answer.status {
        Some(status) if answer.slot == Some(slot) && answer.detail.is_empty() => {
            Proof::Works(format!("{at} answers {status} from {slot}"))
        }
        status => {
            let said = match status {
                Some(status) => format!(
                    "{by} answers {status}, and {slot} is live; {}",
                    answer.detail
                ),
                None => answer.detail,
            };
            let said = said.trim_end_matches("; ").to_owned();
            let doing = format!("asking {at}");
            let hint = "greenroom status says what differs and what repairs it";
            Proof::Broken(wrong(site, FailureKind::Unreachable, doing, said).hint(hint))
        }
    }
}

fn wrong(
    site: &Site,
    kind: FailureKind,
    doing: impl Into<String>,
    said: impl Into<String>,
) -> Failure {
    Failure::new(kind, site.definition.target.to_string(), doing, said)
}
