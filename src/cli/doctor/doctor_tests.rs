//! The tests of the doctor, in the order in which their results are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::diagnostics;
use crate::inventory::drift::store_went_back;
use crate::inventory::{
    ClockReading, Edge, EdgeAnswer, Edges, Installation, Instance, PointerState, Probe,
    ProxyAnswer, Slot, SlotMembers, StoredKey, Watcher, engine_of, local_time, store_of,
};
use crate::ports::{
    Connection, DoctorResult, DoctorTest, Failure, FailureKind, Result, RouterReader,
};
use crate::release::{Site, Writing, unread_approvals};
use crate::wire::{self, App};

/// A test, and the place it tests: an environment, a target, a notice channel, or Greenroom itself.
pub(super) struct PlacedTest<'a> {
    pub(super) place: String,
    pub(super) doctor_test: DoctorTest<'a>,
}

fn placed<'a>(place: &str, doctor_test: DoctorTest<'a>) -> PlacedTest<'a> {
    PlacedTest {
        place: place.to_owned(),
        doctor_test,
    }
}

/// Shorter than the time limit of a test, so that the result says what took too long.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(4);

pub(super) fn all(app: &App) -> Vec<PlacedTest<'_>> {
    let mut doctor_tests = greenroom_tests(app);
    doctor_tests.extend(server_tests(app));
    doctor_tests.extend(channel_tests(app));
    let of_inbox = app.try_inbox(SOURCE_TIMEOUT).into_iter();
    doctor_tests.extend(of_inbox.map(|(place, doctor_test)| placed(&place, doctor_test)));
    for site in app.engine.sites() {
        doctor_tests.extend(target_tests(site));
    }
    doctor_tests
}

fn greenroom_tests(app: &App) -> Vec<PlacedTest<'_>> {
    let fact = |what, text: String| DoctorTest::new(what, async { DoctorResult::Works(text) });
    let changes = match &app.read_only {
        Some(why) => format!("not allowed: {why}"),
        None => "allowed, unless a server refuses them to this user".to_owned(),
    };
    let mut doctor_tests = vec![
        fact("version", env!("CARGO_PKG_VERSION").to_owned()),
        fact("operator", app.engine.operator().to_string()),
        fact("changes", changes),
        fact("config", app.file.display().to_string()),
        DoctorTest::new("log", log()),
        DoctorTest::new("archive", app.try_archive()),
    ];
    doctor_tests.extend(app.try_directories());
    let doctor_tests = doctor_tests.into_iter();
    doctor_tests
        .map(|doctor_test| placed("greenroom", doctor_test))
        .collect()
}

async fn log() -> Result<String> {
    let failed = |reason: String| {
        let doing = "writing the log";
        Failure::new(FailureKind::Denied, "greenroom", doing, reason)
            .hint("set XDG_STATE_HOME to a directory that this user may write")
    };
    let directory = diagnostics::log_directory().ok_or_else(|| {
        failed("there is no directory for the log, because HOME is not set".to_owned())
    })?;
    let tried = wire::try_directory(&directory).await;
    tried.map_err(|failure| failed(format!("{}: {}", failure.doing, failure.message)))
}

/// The tests of the servers. A server that several targets use is tested once.
fn server_tests(app: &App) -> Vec<PlacedTest<'_>> {
    let mut seen = BTreeSet::new();
    let mut tests = Vec::new();
    for site in app.engine.sites() {
        let environment = site.definition.target.environment.as_str();
        let read = &site.read;
        if seen.insert(Arc::as_ptr(&read.runtime).cast::<()>() as usize) {
            let runtime = async {
                let info = read.runtime.engine().await?;
                Ok(format!("{}, API {}", info.name, info.api))
            };
            tests.push(placed(
                environment,
                DoctorTest::new::<Result<_>>("runtime", runtime).at(read.runtime.address()),
            ));
            let name = engine_of(&site.definition.target.environment);
            let clock = DoctorTest::new("clock", clock(app, name, read.runtime.clock()));
            tests.push(placed(environment, clock.at(read.runtime.address())));
        }
        if seen.insert(Arc::as_ptr(&read.registry).cast::<()>() as usize) {
            let registry = DoctorTest::new("store", read.registry.store());
            tests.push(placed(environment, registry.at(read.registry.address())));
            let name = store_of(&site.definition.target.environment);
            let clock = DoctorTest::new("clock", clock(app, name, read.registry.clock()));
            tests.push(placed(environment, clock.at(read.registry.address())));
            let following = app.engine.sites().filter(|other| {
                Arc::ptr_eq(&other.read.registry, &read.registry)
                    && !other.definition.follows.is_empty()
            });
            let following: Vec<&Site> = following.collect();
            if !following.is_empty() {
                let agents = DoctorTest::new("agents", agents(following));
                tests.push(placed(environment, agents.at(read.registry.address())));
            }
        }
        if let Some(router) = &read.router
            && seen.insert(Arc::as_ptr(router).cast::<()>() as usize)
        {
            let doctor_tests = proxy_tests(router.as_ref(), site.write.as_ref()).into_iter();
            let at = router.address();
            tests.extend(
                doctor_tests.map(|doctor_test| placed(environment, doctor_test.at(at.clone()))),
            );
        }
    }
    tests
}

/// The most targets that are named if no agent follows them.
const MOST_NAMED: usize = 5;

/// Looks for the agents of targets that follow tags and have the same store. The test fails if one of the targets has no
/// agent.
async fn agents(sites: Vec<&Site>) -> Result<String> {
    let reads = sites.iter().map(|site| {
        let (registry, target) = (&site.read.registry, &site.definition.target);
        async move { Ok((registry, target, registry.read(target).await?)) }
    });
    // Each agent by the name of its process, with the time of its start and the number of its targets.
    let mut agents: BTreeMap<String, (Watcher, usize)> = BTreeMap::new();
    let (mut at, mut without) = (String::new(), Vec::new());
    for read in join_all(reads).await {
        let (registry, target, record) = read?;
        let found = record.watching.into_iter().filter(|it| it.is_agent);
        let found: Vec<Watcher> = found.collect();
        if found.is_empty() {
            at = registry.address();
            without.push(target.to_string());
        }
        for agent in found {
            let (first, targets) = agents
                .entry(agent.console.clone())
                .or_insert_with(|| (agent.clone(), 0));
            first.since = first.since.min(agent.since);
            *targets += 1;
        }
    }
    if !without.is_empty() {
        let more = without.len().saturating_sub(MOST_NAMED);
        without.truncate(MOST_NAMED);
        let mut named = without.join(", ");
        if more > 0 {
            named = format!("{named} and {more} more");
        }
        let reason = format!("no agent is running for {named}: pushes wait in the queue");
        let failure = Failure::new(FailureKind::Missing, at, "looking for agents", reason);
        return Err(failure.hint("start an agent: greenroom agent"));
    }
    let agents = agents.into_values().map(|(agent, targets)| {
        let since = local_time::moment(agent.since);
        let targets = match targets {
            1 => "1 target".to_owned(),
            targets => format!("{targets} targets"),
        };
        format!("{} since {since}, follows {targets}", agent.operator)
    });
    Ok(agents.collect::<Vec<_>>().join("; "))
}

/// Compares the clock of this machine with the clock of the server that `name` names.
async fn clock(
    app: &App,
    name: String,
    asking: impl Future<Output = Result<Option<Timestamp>>>,
) -> DoctorResult {
    let own = app.engine.clock();
    let before = own.now();
    let time = match asking.await {
        Ok(Some(time)) => time,
        Ok(None) => {
            return DoctorResult::NotTried(format!(
                "{name} is on this machine, or does not report its time"
            ));
        }
        Err(failure) => return DoctorResult::Failed(failure),
    };
    let reading = ClockReading::new(name, (before, own.now()), time);
    if !reading.differs() {
        return DoctorResult::Works(format!("{reading}, within a few seconds"));
    }
    let reason = format!(
        "{reading}. A hold or freeze ends only when all clocks have passed its end. An approval expires when one clock has passed its end"
    );
    let place = reading.of.clone();
    let doing = "comparing the clocks";
    let failure = Failure::new(FailureKind::Conflict, place, doing, reason);
    DoctorResult::Failed(
        failure.hint("correct the clock of the machine that is wrong, for example with chrony"),
    )
}

/// The tests of the proxy. If changes are allowed, a test that writes replaces the read-only test of the same name.
fn proxy_tests<'a>(
    router: &'a dyn RouterReader,
    write: Option<&'a Writing>,
) -> Vec<DoctorTest<'a>> {
    let writing = write.and_then(|write| write.router.as_ref());
    let writing = writing.map_or_else(Vec::new, |writer| writer.doctor_tests());
    let replaced: BTreeSet<&str> = writing.iter().map(|doctor_test| doctor_test.name).collect();
    let mut doctor_tests = router.doctor_tests();
    doctor_tests.retain(|doctor_test| !replaced.contains(doctor_test.name));
    doctor_tests.extend(writing);
    doctor_tests
}

/// For each notice channel, tests whether everything that is needed to send notices is available. Nothing is sent.
fn channel_tests(app: &App) -> Vec<PlacedTest<'_>> {
    let mut doctor_tests = Vec::new();
    for channel in app.channels() {
        let ready = async {
            let place = channel.notifier.ready().await?;
            let events: Vec<&str> = channel.events.iter().map(|event| event.as_str()).collect();
            let events = events.join(", ");
            Ok(format!("{place} gets {events}; nothing was sent"))
        };
        let doctor_test = DoctorTest::new::<Result<_>>("notices", ready);
        doctor_tests.push(placed(&format!("notices.{}", channel.name), doctor_test));
    }
    doctor_tests
}

fn target_tests(site: &Site) -> Vec<PlacedTest<'_>> {
    let (read, definition) = (&site.read, &site.definition);
    let place = definition.target.to_string();
    let images = DoctorTest::new("images", images(site));
    let images = images.at(read.images.address(&definition.repository));
    let keys = DoctorTest::new("keys", keys(site)).at(read.registry.address());
    let Some(router) = &read.router else {
        let members = DoctorTest::new("health", members_run(site)).at(read.runtime.address());
        return [images, keys, members]
            .map(|doctor_test| placed(&place, doctor_test))
            .into();
    };
    let (at, slots) = (router.address(), &definition.endpoints);
    let slots = format!("blue at {}, green at {}", slots.blue, slots.green);
    let address = definition.public.as_ref();
    let address = address.map_or(String::new(), |it| {
        format!(", {} at {}", it.host, it.endpoint)
    });
    let doctor_tests = [
        images,
        keys,
        DoctorTest::new("route", route(site, router.as_ref()))
            .at(format!("{at}, {}", read.registry.address())),
        DoctorTest::new("health", health(site, router.as_ref())).at(format!("{at}, {slots}")),
        DoctorTest::new("public", public(site, router.as_ref())).at(format!("{at}{address}")),
    ];
    doctor_tests
        .map(|doctor_test| placed(&place, doctor_test))
        .into()
}

async fn images(site: &Site) -> Result<String> {
    let repository = &site.definition.repository;
    let tags = site.read.images.tags(repository).await?;
    Ok(format!("{repository}: {} tags", tags.len()))
}

/// Reads the stored keys of the target. The test fails if a problem with a key counts as drift. Other problems are only
/// mentioned.
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
        let mut remarks = vec!["the stored records can be read".to_owned()];
        remarks.extend(
            others
                .iter()
                .map(|(key, why)| StoredKey::line(target, key, why)),
        );
        remarks.extend(unread);
        return Ok(remarks.join("; "));
    }
    let problems = wrong_keys.into_iter();
    let reasons: Vec<String> = problems.map(|(key, why)| format!("{key}: {why}")).collect();
    Err(target_failure(
        site,
        FailureKind::Garbled,
        "reading the stored keys",
        reasons.join("; "),
    )
    .hint("find out what writes these keys; greenroom status says what a repair can do about them"))
}

/// Tests the proxy's configuration for the target, and whether the store was wiped, restored or replaced. If the test
/// passes, the text says which slot is live, whether the next release installs the configuration again, or that the
/// configuration is not installed yet.
async fn route(site: &Site, router: &dyn RouterReader) -> Result<String> {
    let target = &site.definition.target;
    let (installation, answer) = tokio::join!(router.installation(target), router.answer(target));
    if installation
        .as_ref()
        .is_ok_and(|it| *it == Installation::Missing)
    {
        return Ok(
            "the proxy configuration is not installed yet: the first release installs it"
                .to_owned(),
        );
    }
    // If the configuration was rejected, the test fails even if the proxy answers.
    let unusable = |failure: &Failure| failure.kind == FailureKind::Rejected;
    if installation.as_ref().is_err_and(unusable) {
        return installation.map(|_| String::new());
    }
    let answer = answer?;
    let (record, pointer) = tokio::join!(site.read.registry.read(target), router.pointer(target));
    if let (Ok(record), Ok(pointer)) = (record, pointer)
        && record.lock.is_none()
        && let Some(reason) = store_went_back(record.revision, &edges(&answer, pointer))
    {
        let doing = format!("comparing the pointer of {target} with the store");
        let hint = format!(
            "find out what happened to the store, then run greenroom repair {} {}",
            target.service, target.environment
        );
        return Err(target_failure(site, FailureKind::Conflict, doing, reason).hint(hint));
    }
    let live = match answer.slot {
        Some(slot) => format!("{slot} has the traffic, generation {}", answer.generation),
        None => "nothing is live".to_owned(),
    };
    Ok(match installation? {
        Installation::Outdated(why) => {
            format!(
                "the proxy says: {live}. The next release installs the proxy configuration again, because it is outdated: {why}"
            )
        }
        Installation::Newer(why) => {
            let doing = format!("comparing the proxy configuration of {target}");
            return Err(Failure::new(FailureKind::Conflict, router.address(), doing, why)
                .hint("get the newer configuration file; if the file on this machine is correct, save it again"));
        }
        Installation::Foreign(why) => {
            let doing = format!("reading the proxy configuration of {target}");
            return Err(Failure::new(
                FailureKind::Conflict,
                router.address(),
                doing,
                why,
            ));
        }
        Installation::Current | Installation::Missing => format!("the proxy says: {live}"),
    })
}

/// The only edge, with this answer and this pointer.
fn edges(answer: &ProxyAnswer, pointer: Option<PointerState>) -> Edges {
    Edges::from(Edge {
        answer: EdgeAnswer::Routes(answer.clone()),
        pointer,
        ..Edge::default()
    })
}

/// The live slot, as the proxy reports it; `None` if nothing is live, or if the proxy has no configuration for the
/// target yet. If the live slot is unknown, the live version cannot be tested, and the error is the result of these
/// tests.
async fn live(
    site: &Site,
    router: &dyn RouterReader,
) -> std::result::Result<Option<Slot>, DoctorResult> {
    let target = &site.definition.target;
    match router.answer(target).await {
        Ok(answer) => Ok(answer.slot),
        Err(_) => match router.installation(target).await {
            Ok(Installation::Missing) => Ok(None),
            _ => Err(DoctorResult::NotTried(
                "the live slot is unknown: the test of the route says why".to_owned(),
            )),
        },
    }
}

/// Requests the health endpoint of the live version. The test fails if no health endpoint is configured.
async fn health(site: &Site, router: &dyn RouterReader) -> DoctorResult {
    let definition = &site.definition;
    let Some(check) = &definition.health else {
        let reason = "no health endpoint is configured, and a release needs one";
        let failure = target_failure(site, FailureKind::Missing, "testing the health", reason).hint(
            "add `health = { path = \"/health\" }`, or another path that answers 200 when the service is healthy",
        );
        return DoctorResult::Failed(failure);
    };
    let path = &check.path;
    let slot = match live(site, router).await {
        Ok(Some(slot)) => slot,
        Ok(None) => {
            return DoctorResult::NotTried(format!("nothing is live, so {path} was not requested"));
        }
        Err(not_tried) => return not_tried,
    };
    let configured = definition.endpoints.get(slot);
    let at = &match site.read.runtime.instances(&definition.target).await {
        Ok(instances) => SlotMembers::by_slot(instances)
            .get(slot)
            .addresses(configured),
        Err(_) => configured.clone(),
    };
    let probe = site.read.checker.health_of_slot(at, check).await;
    if probe.healthy {
        return DoctorResult::Works(format!("{path} of {slot} at {at} answers {}", probe.detail));
    }
    let doing = format!("requesting {path} of {slot} at {at}");
    let target = &definition.target;
    let hint = format!(
        "read the log of the live version in the console, and check `health` of the service in the configuration. To go back to the previous version: greenroom rollback {} {}",
        target.service, target.environment
    );
    DoctorResult::Failed(
        target_failure(site, FailureKind::Unreachable, doing, probe.detail).hint(hint),
    )
}

/// Tests whether all members of a worker's live version are running and healthy.
async fn members_run(site: &Site) -> DoctorResult {
    let target = &site.definition.target;
    let (record, instances) = tokio::join!(
        site.read.registry.read(target),
        site.read.runtime.instances(target)
    );
    let (record, instances) = match (record, instances) {
        (Ok(record), Ok(instances)) => (record, instances),
        (Err(failure), _) | (_, Err(failure)) => return DoctorResult::Failed(failure),
    };
    let Some(route) = record.route else {
        let mut problems = record.problems.iter();
        let unreadable = problems.find(|(key, _)| StoredKey::is_named(target, key, "route"));
        return match unreadable {
            None if !instances.iter().any(Instance::is_up) => {
                DoctorResult::NotTried("nothing is live".to_owned())
            }
            None => {
                let why = "something is running, but the store has no route".to_owned();
                let doing = "finding the live version";
                DoctorResult::Failed(target_failure(site, FailureKind::Missing, doing, why))
            }
            Some((key, why)) => {
                let why = format!("{key}: {why}");
                let kind = FailureKind::Garbled;
                DoctorResult::Failed(target_failure(site, kind, "reading the route", why))
            }
        };
    };
    let slot = route.value.live;
    let slots = SlotMembers::by_slot(instances);
    let members = slots.get(slot);
    let why = match members.unhealthy(Some(&Probe::without_address())) {
        None if members.is_empty() => "the slot is empty".to_owned(),
        Some(why) => why,
        None => return DoctorResult::Works(format!("{slot} is live, and its members are healthy")),
    };
    let hint = format!(
        "to see what differs and what to do, run: greenroom status {} {}",
        target.service, target.environment
    );
    let doing = format!("observing {slot}, which is live");
    DoctorResult::Failed(target_failure(site, FailureKind::Missing, doing, why).hint(hint))
}

/// Tests whether the live version answers at the public address.
async fn public(site: &Site, router: &dyn RouterReader) -> DoctorResult {
    let Some(address) = &site.definition.public else {
        return DoctorResult::NotTried("no public address is configured".to_owned());
    };
    let slot = match live(site, router).await {
        Ok(Some(slot)) => slot,
        Ok(None) => {
            return DoctorResult::NotTried("nothing is live, so nothing was requested".to_owned());
        }
        Err(not_tried) => return not_tried,
    };
    let answer = site.read.checker.public(address, Connection::Fresh).await;
    let by = match answer.slot {
        Some(slot) => slot.as_str(),
        None => "a server that names no slot",
    };
    let at = format!("{} at {}", address.host, address.endpoint);
    match answer.status {
        Some(status) if answer.slot == Some(slot) && answer.detail.is_empty() => {
            DoctorResult::Works(format!("{at} answers {status} from {slot}"))
        }
        status => {
            let reason = match status {
                Some(status) if answer.slot == Some(slot) => {
                    format!("{slot} is live, but answers {status}: {}", answer.detail)
                }
                Some(status) => format!(
                    "{slot} is live, but {by} answers {status}: {}",
                    answer.detail
                ),
                None => answer.detail,
            };
            let reason = reason.trim_end_matches(": ").to_owned();
            let doing = format!("requesting {at}");
            let target = &site.definition.target;
            let hint = format!(
                "to see what differs and what to do, run: greenroom status {} {}",
                target.service, target.environment
            );
            DoctorResult::Failed(
                target_failure(site, FailureKind::Unreachable, doing, reason).hint(hint),
            )
        }
    }
}

fn target_failure(
    site: &Site,
    kind: FailureKind,
    doing: impl Into<String>,
    reason: impl Into<String>,
) -> Failure {
    Failure::new(kind, site.definition.target.to_string(), doing, reason)
}
