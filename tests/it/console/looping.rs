//! The real loop with scripted keys and a test backend.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use greenroom::console::event::Input;
use greenroom::console::model::LogSource;
use greenroom::console::{Backend, ExitReason};
use greenroom::inventory::{EntryId, EntryState, QueueEntry, Target, Tier, World};
use greenroom::logs::{Batch, NewLine};
use greenroom::release::{Approval, Handle, Plan, PlanRequest, Refusal, Refused};
use tokio::sync::{mpsc, watch};

use super::in_process::InProcess;
use super::queue;
use super::world::{PRODUCTION, now, operator, plan, target, web_production, world};

/// Makes the requested plan, and refuses to start it.
struct Refusing {
    log: Mutex<Option<mpsc::Receiver<Batch>>>,
    approvals: Mutex<Vec<Approval>>,
    dismissed: Mutex<Vec<EntryId>>,
}

#[async_trait]
impl Backend for Refusing {
    async fn versions(&self, _: &Target) -> Result<Vec<String>, String> {
        Ok(vec!["1.9.0".into(), "1.8.2".into()])
    }

    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused> {
        Ok(Arc::new(plan(&request.target, Tier::Protected)))
    }

    async fn begin(&self, _: Arc<Plan>, approval: Approval) -> Result<Handle, Refused> {
        self.approvals.lock().expect("no panic").push(approval);
        let change = "generation 41 became 42".to_owned();
        Err(Refusal::WorldChanged { change }.into())
    }

    async fn dismiss_push(
        &self,
        _: &Target,
        id: &EntryId,
        reason: Option<String>,
    ) -> Result<QueueEntry, Refused> {
        self.dismissed.lock().expect("no panic").push(id.clone());
        let by = operator();
        Ok(queue::entry(
            "develop",
            60,
            EntryState::Dismissed { by, reason },
        ))
    }

    fn look_at(&self, _: &Target) {}

    fn log(&self, _: &LogSource) -> mpsc::Receiver<Batch> {
        let given = self.log.lock().expect("no panic").take();
        given.unwrap_or_else(|| mpsc::channel(1).1)
    }
}

pub(super) struct Stage {
    console: InProcess,
    world: watch::Sender<Arc<World>>,
    pub(super) lines: mpsc::Sender<Batch>,
    backend: Arc<Refusing>,
}

pub(super) fn open() -> Stage {
    let (world_tx, world_rx) = watch::channel(Arc::new(world(web_production())));
    let (lines, log) = mpsc::channel(8);
    let backend = Arc::new(Refusing {
        log: Mutex::new(Some(log)),
        approvals: Mutex::default(),
        dismissed: Mutex::default(),
    });
    let asked: Arc<dyn Backend> = Arc::<Refusing>::clone(&backend);
    Stage {
        console: InProcess::start(asked, world_rx, None, operator(), now),
        world: world_tx,
        lines,
        backend,
    }
}

impl std::ops::Deref for Stage {
    type Target = InProcess;

    fn deref(&self) -> &InProcess {
        &self.console
    }
}

#[tokio::test]
async fn a_refused_promote_shows_its_reasons() {
    let mut stage = open();
    stage.shows("web · dev").await;
    stage.press("ll⏎W").await;
    stage.shows("can be changed until").await;
    stage.press("P").await;
    stage.shows("▸ 1.9.0").await;
    stage.press("⏎").await;
    stage.shows("why?").await;
    stage.press("fix⏎").await;
    stage.shows("Begin the release · web · PRODUCTION").await;
    stage.press("⇥⏎").await;
    stage.shows("generation 41 became 42").await;
    assert_eq!(stage.backend.approvals.lock().expect("no panic").len(), 1);
    stage.press("⏎q").await;
    assert_eq!(stage.console.ended().await, ExitReason::Quit);
}

#[tokio::test]
async fn a_push_is_dismissed_after_a_question() {
    let mut stage = open();
    let push = queue::entry("develop", 60, queue::waiting("held until 18:00"));
    let mut snapshot = web_production();
    snapshot.queue = vec![push.clone()];
    let world = Arc::new(world(snapshot));
    stage.world.send(world).expect("the loop runs");
    stage.shows("web · dev").await;
    stage.press("ll⏎").await;
    stage
        .shows("develop of team/web waits: held until 18:00")
        .await;
    stage.press("e").await;
    stage.shows("Queue of web/production").await;
    stage.press("WX").await;
    stage.shows("Dismiss the push of develop").await;
    stage.press("old⇥⏎").await;
    stage.shows("the push of develop is now dismissed").await;
    let dismissed = stage.backend.dismissed.lock().expect("no panic").clone();
    assert_eq!(dismissed, [push.id]);
    stage.press("qq").await;
    assert_eq!(stage.console.ended().await, ExitReason::Quit);
}

#[tokio::test]
async fn nothing_is_drawn_while_nothing_changes() {
    let stage = open();
    stage.shows("web · dev").await;
    // For two frames' time the loop has the chance to draw.
    tokio::time::sleep(Duration::from_millis(80)).await;
    let before = stage.draws();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(stage.draws(), before);
}

#[tokio::test]
async fn a_flood_of_lines_neither_delays_a_key_nor_draws_more_than_thirty_times_a_second() {
    let stage = open();
    stage.shows("web · dev").await;
    let lines = stage.lines.clone();
    let flood = tokio::spawn(async move {
        loop {
            let batch = (0..512)
                .map(|n| NewLine::notice(format!("flood {n}")))
                .collect();
            if lines.send(batch).await.is_err() {
                return;
            }
        }
    });
    stage.shows("flood").await;
    let (before, started) = (stage.draws(), std::time::Instant::now());
    stage.press("?").await;
    stage.shows("approve the waiting step").await;
    let slow = started.elapsed();
    assert!(slow < Duration::from_secs(2), "a key took {slow:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let draws = f64::from(u32::try_from(stage.draws() - before).expect("a number"))
        / started.elapsed().as_secs_f64();
    assert!(draws <= 33.0, "{draws} draws a second");
    flood.abort();
}

#[tokio::test]
async fn observations_are_shown_without_a_key() {
    let stage = open();
    stage.shows("web · dev").await;
    let mut seen = world(web_production());
    let dev = target("web", "dev");
    let mut snapshot = seen.get(&dev).expect("a snapshot").clone();
    if let Some(instance) = snapshot.slots.blue.members.iter_mut().next() {
        instance.tag = Some("9.9.9".into());
    }
    seen.snapshots.insert(dev, Arc::new(snapshot));
    stage.world.send(Arc::new(seen)).expect("the loop runs");
    stage.shows("web:9.9.9").await;
}

#[tokio::test]
async fn copying_writes_to_the_terminal_and_a_lost_terminal_ends_the_loop() {
    let stage = open();
    stage.shows("web · dev").await;
    stage.press("y").await;
    stage.shows("copied").await;
    let copied = stage.copied();
    assert!(copied.is_some_and(|text| text.starts_with("sha256:")));
    assert_eq!(stage.console.without_keys().await, ExitReason::TerminalLost);
}

#[tokio::test]
async fn a_signal_ends_the_loop_under_an_open_question() {
    let mut stage = open();
    stage.press("?").await;
    stage.shows("approve the waiting step").await;
    stage.send(Input::Signal("SIGHUP")).await;
    assert_eq!(stage.console.ended().await, ExitReason::Signal("SIGHUP"));
}

#[tokio::test]
async fn every_question_names_the_environment() {
    let stage = open();
    stage.shows("web · dev").await;
    stage.press("ll⏎WP⏎").await;
    stage.shows(&format!("web/{PRODUCTION}")).await;
}

#[tokio::test]
async fn nothing_is_drawn_after_a_panic_restored_the_terminal() {
    let mut stage = open();
    stage.shows("web · dev").await;
    let before = stage.draws();
    stage.release_lock();
    stage.press("?").await;
    assert_eq!(stage.console.ended().await, ExitReason::Panicked);
    assert_eq!(stage.draws(), before);
}
