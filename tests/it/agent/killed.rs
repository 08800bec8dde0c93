//! The real agent is killed at every entry that it writes about a rollout, and started again. Each push is released
//! exactly once.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use greenroom::inventory::{EntryId, EntryState, StateKind};
use rusqlite::Connection;

use super::world::{RunningAgent, World};

/// How long one rollout and the end of a lease may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);

/// A version that works, and another one: each push of a trial makes the other one live.
const VERSIONS: [&str; 2] = ["1.8.2", "1.9.0"];

/// When the agent is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The push is stored.
    Stored,
    /// The entry names its release.
    Named,
    /// This many entries of the release are stored.
    Recorded(usize),
}

/// The real agent.
struct Process(Child);

impl Process {
    fn start(world: &World) -> Self {
        let mut command = world.sandbox.command(&["agent"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.expect("the agent"))
    }

    fn kill(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("it ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Reads the store as another process would.
struct Store(Connection);

impl Store {
    fn of(world: &World) -> Self {
        let store = Connection::open(world.sandbox.place().join("store.sqlite"));
        let store = store.expect("the store");
        store.busy_timeout(SOON).expect("set");
        Self(store)
    }

    /// How many entries of the release of this push are stored; none if the entry names no release.
    fn recorded(&self, id: &EntryId) -> Option<usize> {
        let key = format!("targets/web/qa/queue/{id}");
        let read = "SELECT CAST(value AS BLOB) FROM pairs WHERE key = ?1";
        let value: Vec<u8> = self.0.query_row(read, [&key], |row| row.get(0)).ok()?;
        let entry: greenroom::inventory::QueueEntry =
            serde_json::from_slice(&value).expect("an entry");
        let release = entry.state.release()?;
        let read =
            "SELECT count(*) FROM pairs WHERE key LIKE 'targets/web/qa/steps/' || ?1 || '/%'";
        let count = self
            .0
            .query_row(read, [release.to_string()], |row| row.get::<_, i64>(0));
        usize::try_from(count.expect("a number")).ok()
    }

    /// Waits for the moment.
    fn wait_for(&self, moment: Moment, id: &EntryId) {
        let end = Instant::now() + SOON;
        let wanted = match moment {
            Moment::Stored => return,
            Moment::Named => 0,
            Moment::Recorded(count) => count,
        };
        loop {
            if self.recorded(id).is_some_and(|recorded| recorded >= wanted) {
                return;
            }
            assert!(Instant::now() < end, "{moment:?}: not within {SOON:?}");
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// One trial in a world: a push, a kill, another agent.
async fn trial(world: &World, reader: &RunningAgent, moment: Moment, number: usize) {
    let store = Store::of(world);
    let mut agent = Process::start(world);
    let tag = VERSIONS[number % VERSIONS.len()];
    let id = reader.push(tag, &format!("d{number}")).await;
    store.wait_for(moment, &id);
    agent.kill();
    let _next = Process::start(world);
    let state = reader.until("qa", &id, StateKind::Done).await;
    let of_push = reader.rollouts("qa").await.into_iter();
    let of_push = of_push.filter(|head| head.trigger.as_ref().is_some_and(|it| it.entry == id));
    let releases: Vec<_> = of_push.map(|head| head.id).collect();
    assert_eq!(releases.len(), 1, "{moment:?}: {releases:?}");
    assert_eq!(
        state,
        EntryState::Done {
            release: Some(releases[0])
        },
        "{moment:?}"
    );
    reader.until_settled("qa").await;
    assert_eq!(world.sandbox.live("web", "qa"), tag, "{moment:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_releases_a_push_once() {
    let world = World::following(&[("qa", "1.*")]);
    let reader = world.reader();
    // An undisturbed rollout says how many entries there are.
    let count = {
        let _agent = Process::start(&world);
        let id = reader.push("1.8.2", "first").await;
        reader.until("qa", &id, StateKind::Done).await;
        reader.until_settled("qa").await;
        Store::of(&world).recorded(&id).expect("recorded")
    };
    assert!(count > 10, "{count}");
    let mut moments = vec![Moment::Stored, Moment::Named];
    moments.extend((1..count).map(Moment::Recorded));
    if std::env::var_os("GREENROOM_TEST_FAST").is_some() {
        moments = vec![Moment::Recorded(count / 2)];
    }
    for (number, moment) in moments.into_iter().enumerate() {
        trial(&world, &reader, moment, number + 1).await;
    }
}
