//! A sandbox whose targets follow tags, with agents in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use greenroom::agent::{Agent, Stop};
use greenroom::history::ReleaseRecord;
use greenroom::inventory::{
    EntryId, EntryState, Push, PushSource, QueueEntry, RegistryRecord, StateKind, Target,
};
use greenroom::ports::{PushReceiver, Received};
use greenroom::release::{Engine, Site};
use greenroom::settings::{Request, Settings};
use greenroom::wire;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::sandbox::Sandbox;

/// How long one rollout may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);

/// A sandbox in which only the targets that the test names follow tags.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
}

/// One agent, as if it were a process of its own.
pub(crate) struct RunningAgent {
    pub(crate) engine: Arc<Engine>,
    pub(crate) receiver: Arc<dyn PushReceiver>,
    stop: Stop,
    running: JoinHandle<()>,
}

/// The settings of a process of this operator, with other values of the configuration.
pub(crate) fn settings(file: &Path, operator: &str, values: &[(&str, &str)]) -> Settings {
    let own = [("operator.name", operator), ("history.keep_logs", "false")];
    let values = own.iter().chain(values);
    let loaded = Settings::load(&Request {
        path: Some(file.to_owned()),
        overrides: values
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        may_loosen: true,
        ..Request::default()
    });
    loaded.expect("the configuration").settings
}

pub(crate) fn engine(settings: &Settings) -> Arc<Engine> {
    wire::build(settings, false).expect("an application").engine
}

impl World {
    /// A world in which each of these targets of `web` follows this pattern.
    pub(crate) fn following(patterns: &[(&str, &str)]) -> Self {
        let lines = patterns
            .iter()
            .map(|(environment, pattern)| (*environment, format!("follow = [{pattern:?}]\n")));
        Self::with_lines(&lines.collect::<Vec<_>>())
    }

    /// A world in which the tables of these targets of `web` have more lines.
    pub(crate) fn with_lines(lines: &[(&str, String)]) -> Self {
        let sandbox = Sandbox::kept().up().hurried().following_nothing();
        let path = sandbox.place().join("greenroom.toml");
        let mut text = std::fs::read_to_string(&path).expect("the configuration");
        for (environment, lines) in lines {
            let table = format!("[services.web.environments.{environment}]\n");
            assert!(text.contains(&table), "{text}");
            text = text.replace(&table, &format!("{table}{lines}"));
        }
        // Only operators may use this rule: an agent releases nothing in production.
        let production = "[environments.production]\n";
        let text = text.replace(
            production,
            &format!("{production}rules = {{ allow_yes = true }}\n"),
        );
        // A killed agent must not keep a target locked for long.
        let lock = "lock = { lease = \"1s\", heartbeat = \"300ms\" }\n";
        let text = text.replace(
            "runtime = \"process\"\n",
            &format!("runtime = \"process\"\n{lock}"),
        );
        std::fs::write(&path, text).expect("written");
        Self { sandbox }
    }

    /// Makes a tag of the catalogue name another image, which behaves as the image of another tag.
    pub(crate) fn name(&self, service: &str, tag: &str, of: &str) {
        let path = self.sandbox.place().join("catalogue.json");
        let text = std::fs::read_to_string(&path).expect("the catalogue");
        let mut programs: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
        let repository = format!("sandbox/{service}");
        let meant = programs
            .iter()
            .find(|it| it["repository"] == repository.as_str() && it["tag"] == of);
        let mut program = meant.expect("the program").clone();
        program["tag"] = tag.into();
        let argv = program["argv"].as_array_mut().expect("arguments");
        argv.extend(["--work".into(), format!("{}ms", programs.len()).into()]);
        programs.push(program);
        let text = serde_json::to_string(&programs).expect("JSON");
        std::fs::write(&path, text).expect("written");
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.sandbox.place().join("greenroom.toml")
    }

    /// An engine as a process of its own has it.
    pub(crate) fn engine(&self, name: &str) -> Arc<Engine> {
        self.engine_with(name, &[])
    }

    /// Like [`World::engine`], with other values of the configuration.
    fn engine_with(&self, name: &str, values: &[(&str, &str)]) -> Arc<Engine> {
        engine(&settings(&self.configuration(), name, values))
    }

    /// What reads the queue and reports pushes, but follows nothing.
    pub(crate) fn reader(&self) -> RunningAgent {
        let engine = self.engine("reader");
        let agent = Agent::new(Arc::clone(&engine));
        RunningAgent {
            receiver: agent.receiver(),
            engine,
            stop: Stop::default(),
            running: tokio::spawn(async {}),
        }
    }

    /// An agent with other values of the configuration.
    pub(crate) fn agent_with(&self, values: &[(&str, &str)]) -> RunningAgent {
        RunningAgent::start(self.engine_with("agent", values))
    }

    pub(crate) fn agent(&self) -> RunningAgent {
        RunningAgent::start(self.engine("agent"))
    }
}

impl RunningAgent {
    fn start(engine: Arc<Engine>) -> Self {
        let agent = Agent::new(Arc::clone(&engine));
        let receiver = agent.receiver();
        let stop = Stop::default();
        let running = tokio::spawn(agent.run(stop.clone()));
        Self {
            engine,
            receiver,
            stop,
            running,
        }
    }

    /// Stops the agent as a signal does.
    pub(crate) async fn stop(self) {
        self.stop.now();
        self.running.await.expect("the agent ends");
    }

    /// Reports a push, and returns the id of its entry.
    pub(crate) async fn push(&self, tag: &str, delivery: &str) -> EntryId {
        let (id, received) = self.report("sandbox/web", tag, delivery).await;
        assert!(matches!(received, Received::Queued(_)), "{received:?}");
        id
    }

    pub(crate) async fn report(
        &self,
        repository: &str,
        tag: &str,
        delivery: &str,
    ) -> (EntryId, Received) {
        let source = PushSource::Inbox("test".into());
        let push = Push::new(repository, tag, source, delivery, Timestamp::now());
        let push = push.expect("a push").by(Some("ci"));
        let id = EntryId::of(&push);
        (id, self.receiver.receive(push).await.expect("stored"))
    }

    pub(crate) fn site(&self, environment: &str) -> Site {
        let site = self.engine.site(&web(environment));
        site.expect("a target").clone()
    }

    pub(crate) async fn record(&self, environment: &str) -> RegistryRecord {
        let registry = self.site(environment).read.registry;
        registry.read(&web(environment)).await.expect("the record")
    }

    pub(crate) async fn entry(&self, environment: &str, id: &EntryId) -> QueueEntry {
        let record = self.record(environment).await;
        let entry = record.queue.into_iter().find(|it| it.id == *id);
        entry.expect("the entry")
    }

    /// The releases that agents have opened, newest first.
    pub(crate) async fn rollouts(&self, environment: &str) -> Vec<ReleaseRecord> {
        let journal = self.site(environment).read.journal;
        let releases = journal.releases(&web(environment), 100).await;
        let mut releases = releases.expect("the releases");
        releases.retain(|head| head.trigger.is_some());
        releases
    }

    pub(crate) async fn until_queue(
        &self,
        environment: &str,
        what: &str,
        holds: impl Fn(&[QueueEntry]) -> bool,
    ) -> Vec<QueueEntry> {
        let end = Instant::now() + SOON;
        loop {
            let queue = self.record(environment).await.queue;
            if holds(&queue) {
                return queue;
            }
            assert!(
                Instant::now() < end,
                "{what}: not within {SOON:?}: {queue:?}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until an entry has a state of this kind.
    pub(crate) async fn until(
        &self,
        environment: &str,
        id: &EntryId,
        kind: StateKind,
    ) -> EntryState {
        let what = format!("{id} is {kind}");
        let state = self
            .until_state(environment, id, &what, |state| state.kind() == kind)
            .await;
        assert_eq!(state.kind(), kind);
        state
    }

    /// Waits until no process drives a release of the target and no release of it is open.
    pub(crate) async fn until_settled(&self, environment: &str) {
        let journal = self.site(environment).read.journal;
        let end = Instant::now() + SOON;
        loop {
            let is_locked = self.record(environment).await.lock.is_some();
            let newest = journal.releases(&web(environment), 1).await;
            let newest = newest.expect("the releases");
            if !is_locked && newest.iter().all(|head| head.closed.is_some()) {
                return;
            }
            assert!(Instant::now() < end, "{newest:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn until_state(
        &self,
        environment: &str,
        id: &EntryId,
        what: &str,
        holds: impl Fn(&EntryState) -> bool,
    ) -> EntryState {
        let end = Instant::now() + SOON;
        loop {
            let entry = self.entry(environment, id).await;
            if holds(&entry.state) {
                return entry.state;
            }
            assert!(
                Instant::now() < end,
                "{what}: not within {SOON:?}: {entry:?}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(crate) fn web(environment: &str) -> Target {
    Target::new(
        "web".parse().expect("a name"),
        environment.parse().expect("a name"),
    )
}
