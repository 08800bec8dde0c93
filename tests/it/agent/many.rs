//! Many pushes to many services, and two agents: each target ends with its newest push, and nothing is released twice.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use greenroom::adapters::process::{Program, catalogue_json};
use greenroom::agent::{Agent, Stop};
use greenroom::inventory::{ImageLabels, Push, PushSource, StateKind, Target};
use greenroom::ports::{PushReceiver, Received};
use greenroom::release::Site;
use greenroom::wire;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::world::{engine, settings};
use crate::support::free_port;

/// How long everything may take on a busy machine.
const DEADLINE: Duration = Duration::from_mins(4);
const TAGS: [&str; 4] = ["1", "2", "3", "4"];

const ENVIRONMENT: &str = r#"
[environments.qa]
runtime = "process"
process = { state = "processes", catalogue = "catalogue.json" }
store = "sqlite"
sqlite = { path = "store.sqlite" }
proxy = "embedded"
embedded = { answer = "127.0.0.1:PORT", state = "proxy" }
timing = { health_deadline = "30s", minimum_healthy = "50ms", watch = "50ms", drain = "2s", standby = "1ms", stop_grace = "5s" }
"#;

/// How many services and pushes there are. More by hand: `GREENROOM_TEST_PUSHES=20,500`.
fn size() -> (usize, usize) {
    let number = |text: &str| text.parse().expect("a number");
    match std::env::var("GREENROOM_TEST_PUSHES") {
        Ok(text) => {
            let (services, pushes) = text.split_once(',').expect("two numbers");
            (number(services), number(pushes))
        }
        Err(_) => (4, 40),
    }
}

fn name(number: usize) -> String {
    format!("s{number}")
}

fn target(number: usize) -> Target {
    Target::new(
        name(number).parse().expect("a name"),
        "qa".parse().expect("a name"),
    )
}

fn configuration(services: usize) -> String {
    let mut text = ENVIRONMENT.replace("PORT", &free_port().to_string());
    for number in 0..services {
        let name = name(number);
        let [public, preview, blue, green] = [(); 4].map(|()| free_port());
        let _ = write!(
            text,
            r#"
[services.{name}]
image = "many/{name}"
listen = {{ port = 8080 }}
health = {{ path = "/health", interval = "100ms" }}
[services.{name}.environments.qa]
follow = ["*"]
endpoints = {{ blue = "127.0.0.1:{blue}", green = "127.0.0.1:{green}" }}
[services.{name}.environments.qa.proxy]
server_names = ["localhost"]
listen = "127.0.0.1:{public}"
preview_listen = "127.0.0.1:{preview}"
"#
        );
    }
    text
}

fn catalogue(services: usize) -> String {
    let program = |number: usize, tag: &str| {
        let binary = env!("CARGO_BIN_EXE_greenroom");
        let argv = [binary, "sample-app", "--version", tag].map(str::to_owned);
        let repository = format!("many/{}", name(number));
        Program::identified(repository, tag, argv.to_vec(), ImageLabels::default())
    };
    let of_service = |number| TAGS.map(|tag| program(number, tag));
    let programs: Vec<Program> = (0..services).flat_map(of_service).collect();
    catalogue_json(&programs).expect("JSON")
}

async fn push(receiver: &dyn PushReceiver, number: usize, tag: &str, delivery: usize) {
    let repository = format!("many/{}", name(number));
    let source = PushSource::Inbox("test".into());
    let push = Push::new(
        &repository,
        tag,
        source,
        &delivery.to_string(),
        Timestamp::now(),
    );
    let received = receiver.receive(push.expect("a push")).await;
    let expected = Received::Queued(vec![target(number)]);
    assert_eq!(received.expect("stored"), expected);
}

/// Waits until no push of the target waits and no release is open.
async fn settled(site: &Site, until: Instant) {
    let target = &site.definition.target;
    loop {
        let record = site.read.registry.read(target).await.expect("the record");
        let releases = site.read.journal.releases(target, 100).await;
        let releases = releases.expect("the releases");
        let is_pending = record.queue.iter().any(|it| it.state.is_pending());
        let is_open = releases.iter().any(|head| head.closed.is_none());
        if !is_pending && !is_open && record.lock.is_none() {
            return;
        }
        assert!(Instant::now() < until, "{target}: {:?}", record.queue);
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_ends_with_its_newest_push() {
    let (services, pushes) = size();
    let room = tempfile::tempdir().expect("a directory");
    let file = room.path().join("greenroom.toml");
    std::fs::write(&file, configuration(services)).expect("written");
    std::fs::write(room.path().join("catalogue.json"), catalogue(services)).expect("written");
    let of = |operator: &str| settings(&file, operator, &[]);
    let proxies = wire::start_embedded_proxies(&of("reader")).await;
    let proxies = proxies.expect("the proxies");
    let stop = Stop::default();
    let reader = engine(&of("reader"));
    let mut agents = Vec::new();
    let mut receivers = Vec::new();
    for _ in 0..2 {
        let agent = Agent::new(engine(&of("agent")));
        receivers.push(agent.receiver());
        agents.push(tokio::spawn(agent.run(stop.clone())));
    }
    let tag_of = |delivery: usize| TAGS[(delivery * 7 + delivery / services) % TAGS.len()];
    for delivery in 0..pushes {
        let number = delivery % services;
        // Each report reaches both agents, as after a lost answer.
        for receiver in &receivers {
            push(receiver.as_ref(), number, tag_of(delivery), delivery).await;
        }
    }
    let until = Instant::now() + DEADLINE;
    let mut rollouts = 0;
    for number in 0..services {
        let site = reader.site(&target(number)).expect("a site").clone();
        settled(&site, until).await;
        let newest = (0..pushes)
            .rev()
            .find(|delivery| delivery % services == number);
        let wanted = tag_of(newest.expect("a push"));
        let record = site.read.registry.read(&target(number)).await;
        let record = record.expect("the record");
        let live = record.route.expect("a route").value.live;
        let live = record.slots.get(live).clone().expect("registered").value;
        assert_eq!(live.tag.as_deref(), Some(wanted), "{number}");
        let ended = record.queue.iter().map(|it| it.state.kind());
        let ended: BTreeSet<StateKind> = ended.collect();
        let expected = BTreeSet::from([StateKind::Done, StateKind::Skipped]);
        assert!(ended.is_subset(&expected), "{number}: {ended:?}");
        let releases = site.read.journal.releases(&target(number), 100).await;
        let releases = releases.expect("the releases");
        let entries = releases.iter().filter_map(|head| head.trigger.as_ref());
        let entries: BTreeSet<_> = entries.map(|it| it.entry.clone()).collect();
        assert_eq!(entries.len(), releases.len(), "{number}");
        for pair in releases.windows(2) {
            assert_ne!(pair[0].to.1.digest, pair[1].to.1.digest, "{number}");
        }
        rollouts += releases.len();
    }
    println!("{pushes} pushes to {services} services, each reported twice: {rollouts} rollouts");
    stop.now();
    for agent in agents {
        agent.await.expect("the agent ends");
    }
    for proxy in proxies {
        proxy.stop(Duration::from_secs(2)).await;
    }
    let problems = greenroom::sandbox::stop_instances(&reader, true).await;
    assert_eq!(problems, Vec::<String>::new());
}
