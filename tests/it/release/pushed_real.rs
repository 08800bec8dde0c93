//! A pushed image, from the push to the live version, on real servers under load: the image registry calls the inbox of
//! the real agent. The agent is killed and the registry is stopped in between.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use greenroom::history::{Entry, JournalEvent, Outcome, ReleaseRecord, Step};
use greenroom::inventory::{EntryState, QueueEntry, Role, StateKind};
use greenroom::ports::JournalReader;

use super::command_line::{err, greenroom, out, run};
use super::fixture::{Fixture, FixtureOptions};
use super::{load, nothing_was_noticed};
use crate::docker::fixture::{PASSWORD, PrivateRegistry, USER};
use crate::support::free_port;
use crate::support::versions::Versions;

/// How long a rollout or the end of a lease may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);
const TOKEN: &str = "the token of the registry";

/// The real agent.
struct Agent(Child);

impl Agent {
    fn start(fixture: &Fixture) -> Self {
        let mut command = greenroom(fixture, &["agent"]);
        let log = fixture.place.path().join("agent.log");
        let log = std::fs::File::options().create(true).append(true).open(log);
        let log = log.expect("a file");
        command.stdout(log.try_clone().expect("the same file"));
        Self(
            command
                .stderr(log)
                .stdin(Stdio::null())
                .spawn()
                .expect("the agent"),
        )
    }
}

impl Drop for Agent {
    /// Kills it, as the system does when it is out of memory.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A target that follows the tags of a private registry, which calls the inbox of the target's agent.
struct FollowingTarget {
    fixture: Fixture,
    registry: PrivateRegistry,
    versions: Versions,
}

impl FollowingTarget {
    /// The first version is live. The registry could not deliver its push yet, because no agent is running.
    async fn new() -> Self {
        let inbox = free_port();
        let endpoint = format!(
            "{{name: greenroom, url: 'http://127.0.0.1:{inbox}/push/registry', timeout: 2s, threshold: 2, \
             backoff: 200ms, headers: {{Authorization: ['Bearer {TOKEN}']}}}}"
        );
        let notifications = format!("notifications: {{endpoints: [{endpoint}]}}\n");
        let registry = PrivateRegistry::start_configured("", &notifications).await;
        let options = FixtureOptions {
            standby: "200ms",
            lease: ("6s", "1s"),
            ..FixtureOptions::default()
        };
        let mut fixture = Fixture::new(options).await;
        let versions = Versions::in_private(&registry, &fixture.target.service.to_string()).await;
        let secret = |name: &str, content: &str| {
            let file = fixture.place.path().join(name);
            std::fs::write(&file, content).expect("written");
            format!("{{ file = \"{}\" }}", file.display())
        };
        let (token, password) = (secret("token", TOKEN), secret("password", PASSWORD));
        let image = crate::support::from_environment("GREENROOM_TEST_IMAGE");
        let target = format!(
            "[services.{}.environments.production]\n",
            fixture.target.service
        );
        fixture
            .rebuild(|text| {
                let text = text
                    .replace(&image, &versions.image())
                    .replace(
                        "registry = { plain_http = true }",
                        &format!(
                            "registry = {{ plain_http = true, user = \"{USER}\", password = {password} }}"
                        ),
                    )
                    .replace(&target, &format!("{target}follow = [\"1.*\"]\n"));
                format!(
                    "{text}\n[agent]\nlisten = \"127.0.0.1:{inbox}\"\n\n[agent.senders.registry]\n\
                     kind = \"distribution\"\ntoken = {token}\n"
                )
            })
            .await;
        let first = versions.another("none").await;
        Self {
            fixture: fixture.with(&first).await,
            registry,
            versions,
        }
    }

    fn journal(&self) -> &dyn JournalReader {
        let site = self.fixture.app.engine.site(&self.fixture.target);
        site.expect("the target").read.journal.as_ref()
    }

    async fn queue(&self) -> Vec<QueueEntry> {
        let site = self.fixture.app.engine.site(&self.fixture.target);
        let registry = &site.expect("the target").read.registry;
        let record = registry.read(&self.fixture.target).await;
        record.expect("the record").queue
    }

    /// Waits until the push of a tag is in this state, and returns its entry.
    async fn until(
        &self,
        tag: &str,
        what: &str,
        holds: impl Fn(&EntryState) -> bool,
    ) -> QueueEntry {
        let end = Instant::now() + SOON;
        loop {
            let queue = self.queue().await;
            let entry = queue.iter().find(|it| it.push.tag == tag);
            if let Some(entry) = entry.filter(|it| holds(&it.state)) {
                return entry.clone();
            }
            assert!(
                Instant::now() < end,
                "{tag} is not {what}: {queue:?}\n{}",
                self.agent_log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_kind(&self, tag: &str, kind: StateKind) -> QueueEntry {
        self.until(tag, kind.as_str(), |state| state.kind() == kind)
            .await
    }

    fn agent_log(&self) -> String {
        let log = std::fs::read_to_string(self.fixture.place.path().join("agent.log"));
        log.unwrap_or_default()
    }

    /// The releases that a push of this tag has caused.
    async fn releases(&self, tag: &str) -> Vec<ReleaseRecord> {
        let releases = self.journal().releases(&self.fixture.target, 100).await;
        let mut releases = releases.expect("the releases");
        releases.retain(|head| head.trigger.is_some() && head.to.1.tag.as_deref() == Some(tag));
        releases
    }

    /// Waits until the release of this tag begins a step.
    async fn until_step(&self, tag: &str, wanted: Step) {
        let is_begun = |entry: &Entry| matches!(entry.event, JournalEvent::Intent { step, .. } if step == wanted);
        crate::support::eventually("the step begins", SOON, || async {
            let Some(head) = self.releases(tag).await.pop() else {
                return false;
            };
            let recorded = self.journal().release(&self.fixture.target, head.id).await;
            recorded
                .expect("the journal")
                .is_some_and(|it| it.entries.iter().any(is_begun))
        })
        .await;
    }

    /// Waits until no release is open, and asserts what is live.
    async fn stands(&self, live: &str, other: Role) {
        crate::support::eventually("the release has ended", SOON, || async {
            let newest = self.journal().releases(&self.fixture.target, 1).await;
            let is_locked = self.fixture.snapshot().await.lock.is_some();
            !is_locked
                && newest
                    .expect("the releases")
                    .iter()
                    .all(|head| head.closed.is_some())
        })
        .await;
        self.fixture.stands(live, other).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pushed_image_becomes_live_without_a_failed_request() {
    let mut world = FollowingTarget::new().await;
    let load = load(&world.fixture).await;
    let agent = Agent::start(&world.fixture);

    // The registry delivers the first push again. That version is live already.
    world.until_kind("1.1.0", StateKind::Done).await;
    assert_eq!(world.releases("1.1.0").await.len(), 0);

    let second = world.versions.another("none").await;
    let pushed = Instant::now();
    world.until_kind(&second, StateKind::RollingOut).await;
    let opened = pushed.elapsed();
    let done = world.until_kind(&second, StateKind::Done).await;
    println!(
        "from the push to its release {opened:.1?}, to live and watched {:.1?}",
        pushed.elapsed()
    );
    assert_eq!(done.push.by.as_deref(), Some(USER));
    world.stands(&second, Role::Stopped).await;
    let releases = world.releases(&second).await;
    assert_eq!(releases.len(), 1, "{releases:?}");
    assert_eq!(
        releases[0].trigger.as_ref().map(|it| &it.entry),
        Some(&done.id)
    );

    let failing = world.versions.another("failing-checks").await;
    let failed = world.until_kind(&failing, StateKind::Failed).await;
    let words = format!("{:?}", failed.state);
    assert!(
        words.contains("orders"),
        "the failed check is named: {words}"
    );
    world.stands(&second, Role::Empty).await;

    let third = world.versions.another("none").await;
    world.until_step(&third, Step::Start).await;
    drop(agent);
    let agent = Agent::start(&world.fixture);
    world.until_kind(&third, StateKind::Done).await;
    world.stands(&third, Role::Stopped).await;
    let releases = world.releases(&third).await;
    assert_eq!(releases.len(), 1, "{releases:?}");
    assert!(
        matches!(releases[0].closed, Some((_, Outcome::Done))),
        "{releases:?}"
    );
    drop(agent);

    // The stopped registry loses its notification, so an operator reports the push.
    let fourth = world.versions.another("none").await;
    world.registry.stop();
    let _agent = Agent::start(&world.fixture);
    let service = world.fixture.target.service.to_string();
    let reported = run(&world.fixture, &["notify", &service, &fourth]).await;
    assert!(
        reported.status.success(),
        "{}{}",
        out(&reported),
        err(&reported)
    );
    let host = world.registry.host.clone();
    world
        .until(
            &fourth,
            "waiting for the registry",
            |state| matches!(state, EntryState::Waiting { why: Some(why) } if why.contains(&host)),
        )
        .await;
    let listed = out(&run(&world.fixture, &["queue"]).await);
    assert!(
        listed.contains("waiting") && listed.contains(&host),
        "{listed}"
    );
    world.fixture.stands(&third, Role::Stopped).await;
    world.registry.run().await;
    world.until_kind(&fourth, StateKind::Done).await;
    world.stands(&fourth, Role::Stopped).await;

    let report = load.stop().await;
    println!("pushed: {report}");
    nothing_was_noticed(&report);
}
