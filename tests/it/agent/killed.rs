//! The real agent is killed at every entry that it writes about a rollout, and started again. Each push is released
//! exactly once.

use std::collections::VecDeque;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use greenroom::inventory::{EntryId, EntryState, StateKind};
use rusqlite::Connection;
use tokio::task::{block_in_place, spawn_blocking};

use super::world::{RunningAgent, World};
use crate::support::is_fast;

/// How long one rollout and the end of a lease may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);

/// Number of worlds that have a trial at the same time. A trial mostly waits, for the end of a lease and for a version
/// that must stay healthy.
const AT_ONCE: usize = 4;

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

/// The remaining moments.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<VecDeque<Moment>>>);

impl Queue {
    fn next(&self) -> Option<Moment> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    }
}

/// A world, and the process that reports the pushes there.
struct Arena {
    world: World,
    reader: RunningAgent,
    pushes: usize,
}

impl Arena {
    fn new() -> Self {
        let world = World::following(&[("qa", "1.*")]);
        Self {
            reader: world.reader(),
            world,
            pushes: 0,
        }
    }

    /// Pushes the version that is not live.
    async fn push(&mut self) -> (&'static str, EntryId) {
        let tag = VERSIONS[self.pushes % VERSIONS.len()];
        let id = self.reader.push(tag, &format!("d{}", self.pushes)).await;
        self.pushes += 1;
        (tag, id)
    }

    /// An undisturbed rollout. Returns how many entries it has.
    async fn undisturbed(&mut self) -> usize {
        let _agent = Process::start(&self.world);
        let (_, id) = self.push().await;
        self.reader.until("qa", &id, StateKind::Done).await;
        self.reader.until_settled("qa").await;
        Store::of(&self.world).recorded(&id).expect("recorded")
    }

    /// A push, a kill, another agent.
    async fn trial(&mut self, moment: Moment) {
        let store = Store::of(&self.world);
        let mut agent = Process::start(&self.world);
        let (tag, id) = self.push().await;
        // A moment is short, so this waits without a pause of the runtime.
        block_in_place(|| store.wait_for(moment, &id));
        agent.kill();
        let _next = Process::start(&self.world);
        let reader = &self.reader;
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
        let live = self.world.sandbox.live("web", "qa");
        assert_eq!(live, tag, "{moment:?}");
    }

    async fn try_all(mut self, queue: Queue) {
        while let Some(moment) = queue.next() {
            self.trial(moment).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_releases_a_push_once() {
    let arenas = if is_fast() { 1 } else { AT_ONCE };
    let others = (1..arenas).map(|_| spawn_blocking(Arena::new));
    let others: Vec<_> = others.collect();
    let mut first = Arena::new();
    let count = first.undisturbed().await;
    assert!(count > 10, "{count}");
    let mut moments = VecDeque::from([Moment::Stored, Moment::Named]);
    moments.extend((1..count).map(Moment::Recorded));
    if is_fast() {
        moments = [Moment::Recorded(count / 2)].into();
    }
    let queue = Queue(Arc::new(Mutex::new(moments)));
    let mut trials = vec![tokio::spawn(first.try_all(queue.clone()))];
    for other in others {
        let other = other.await.expect("a world");
        trials.push(tokio::spawn(other.try_all(queue.clone())));
    }
    for trials in trials {
        trials.await.expect("a world's trials");
    }
}
