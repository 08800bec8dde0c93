//! Choosing a version in the real loop: a slow and large registry, a version that cannot be
//! promoted, and a question that is left open.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use greenroom::console::event::Input;
use greenroom::console::model::LogSource;
use greenroom::console::{Backend, ExitReason};
use greenroom::history::ReleaseKind;
use greenroom::inventory::{Target, Tier, VersionRef, World};
use greenroom::logs::Batch;
use greenroom::release::{
    Approval, Handle, Plan, PlanRequest, Refusal, Refused, Resolved, Rules, Terms,
};
use tokio::sync::{mpsc, watch};

use super::in_process::InProcess;
use super::world::{PRODUCTION, now, operator, plan, target, version, web_production, world};
use crate::support::eventually;

/// How many of these run at the same time.
#[derive(Default)]
struct Count {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

/// Counts as running until it is dropped, because it ended or was cancelled.
struct Counted(Arc<Count>);

impl Counted {
    fn new(count: &Arc<Count>) -> Self {
        let now = count.now.fetch_add(1, Ordering::SeqCst) + 1;
        count.most.fetch_max(now, Ordering::SeqCst);
        count.all.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A fixture with a slow image registry and with rules.
struct Slow {
    tags: Vec<String>,
    listing: Duration,
    looking: Duration,
    look_ups: Arc<Count>,
    /// How often listing the tags fails before it succeeds.
    failures: AtomicUsize,
    warm: bool,
    starts: AtomicUsize,
}

#[async_trait]
impl Backend for Slow {
    async fn versions(&self, _: &Target) -> Result<Vec<String>, String> {
        let _counted = Counted::new(&self.look_ups);
        tokio::time::sleep(self.listing).await;
        let fails = |left: usize| left.checked_sub(1);
        let failures = &self.failures;
        match failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails) {
            Ok(_) => Err("connection refused".to_owned()),
            Err(_) => Ok(self.tags.clone()),
        }
    }

    async fn look_up(&self, _: &Target, reference: &VersionRef) -> Resolved {
        let _counted = Counted::new(&self.look_ups);
        tokio::time::sleep(self.looking).await;
        Resolved::Version(Box::new(version(&reference.to_string(), "c0ffee")))
    }

    async fn terms(&self, _: &Target) -> Result<Terms, String> {
        Ok(Terms {
            rules: Rules {
                only_from: Some("qa".parse().expect("a name")),
                ..Rules::default()
            },
            may_write: true,
            has_health_check: true,
            past: Ok(Vec::new()),
            was_live: Box::default(),
        })
    }

    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused> {
        let mut plan = plan(&request.target, Tier::Protected);
        if self.warm {
            plan.kind = ReleaseKind::WarmRollback;
        }
        Ok(Arc::new(plan))
    }

    async fn begin(&self, _: Arc<Plan>, _: Approval) -> Result<Handle, Refused> {
        self.starts.fetch_add(1, Ordering::SeqCst);
        Err(Refusal::NoStandby.into())
    }

    fn look_at(&self, _: &Target) {}

    fn log(&self, _: &LogSource) -> mpsc::Receiver<Batch> {
        mpsc::channel(1).1
    }
}

struct Stage {
    console: InProcess,
    world: watch::Sender<Arc<World>>,
    backend: Arc<Slow>,
    seconds: Arc<AtomicI64>,
}

impl std::ops::Deref for Stage {
    type Target = InProcess;

    fn deref(&self) -> &InProcess {
        &self.console
    }
}

fn open(tags: usize, listing: Duration, looking: Duration, warm: bool) -> Stage {
    let backend = Arc::new(Slow {
        tags: (0..tags).map(|n| format!("3.0.{n}")).collect(),
        listing,
        looking,
        look_ups: Arc::default(),
        failures: AtomicUsize::new(0),
        warm,
        starts: AtomicUsize::new(0),
    });
    let (world_tx, world_rx) = watch::channel(Arc::new(world(web_production())));
    let seconds = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&seconds);
    let time = move || now() + jiff::SignedDuration::from_secs(clock.load(Ordering::SeqCst));
    let asked: Arc<dyn Backend> = Arc::<Slow>::clone(&backend);
    Stage {
        console: InProcess::start(asked, world_rx, None, operator(), time),
        world: world_tx,
        backend,
        seconds,
    }
}

impl Stage {
    /// On `web/production`, armed, with the version picker open.
    async fn choose(&self) {
        self.shows("web · dev").await;
        self.press("ll⏎W").await;
        self.shows("can be changed until").await;
        self.press("P").await;
        self.shows("which version?").await;
    }
}

const SOON: Duration = Duration::from_millis(5);
/// Longer than any test.
const UNANSWERED: Duration = Duration::from_hours(1);

#[tokio::test]
async fn the_keyboard_shows_why_a_version_cannot_be_promoted() {
    let mut stage = open(3, SOON, SOON, false);
    stage.choose().await;
    stage.shows("✗ not live in qa").await;
    stage.press("3.0.2").await;
    stage.shows("1 version listed").await;
    stage.press("⏎").await;
    stage
        .shows(
            "cannot be chosen: 3.0.2 is not live in qa, which the rules require: promote it there",
        )
        .await;
    // The list is still open, and the versions that fit are one filter away.
    stage.press("⎋P").await;
    stage.shows("▸ 1.9.0").await;
    stage.press("⏎").await;
    stage.shows("1.9.0 to web/production: why?").await;
    stage.press("⎋q").await;
    assert_eq!(stage.console.ended().await, ExitReason::Quit);
}

#[tokio::test]
async fn five_thousand_tags_of_a_slow_registry_do_not_make_the_console_slow() {
    let slow = Duration::from_millis(400);
    let stage = open(5000, slow, slow, false);
    stage.choose().await;
    // Versions of other environments are listed before the registry answers.
    stage.shows("asking the image registry").await;
    stage.shows("live in qa, dev").await;
    stage.shows("5,000 tags in the image registry").await;
    stage.shows("3.0.4999").await;
    stage.shows("◐ asking").await;
    let count = Arc::clone(&stage.backend.look_ups);
    for (keys, shown) in [
        ("4321", "3.0.4321"),
        ("⎋P", "asking the image"),
        ("↓↓", "3.0.49"),
    ] {
        let started = Instant::now();
        stage.press(keys).await;
        stage.shows(shown).await;
        let took = started.elapsed().saturating_sub(slow);
        assert!(took < Duration::from_secs(2), "{keys} took {took:?}");
    }
    // The list fills gradually, with a few requests at a time.
    stage.shows("c0ffeec0ff").await;
    let most = count.most.load(Ordering::SeqCst);
    assert!((1..=4).contains(&most), "{most} at the same time");
    stage.press("⎋").await;
    let idle = || async { count.now.load(Ordering::SeqCst) == 0 };
    eventually(
        "nothing is asked any more",
        Duration::from_millis(300),
        idle,
    )
    .await;
    let all = count.all.load(Ordering::SeqCst);
    tokio::time::sleep(slow * 2).await;
    assert_eq!(count.all.load(Ordering::SeqCst), all, "it still asks");
}

#[tokio::test]
async fn the_open_picker_retries_an_unreachable_registry() {
    // Tags of the same image become one row when they are looked up. No look-up is answered here.
    let mut stage = open(3, SOON, UNANSWERED, false);
    stage.backend.failures.store(1, Ordering::SeqCst);
    stage.choose().await;
    stage.shows("cannot be read: connection refused").await;
    // What the operator does meanwhile is kept.
    stage.press("3.0").await;
    stage.shows("typed").await;
    stage
        .shows("3 tags in the image registry, 4 versions listed")
        .await;
    stage.press("⎋q").await;
    assert_eq!(stage.console.ended().await, ExitReason::Quit);
}

#[tokio::test]
async fn a_typed_name_takes_no_paste_and_an_expired_question_does_nothing() {
    let mut stage = open(1, SOON, SOON, true);
    stage.choose().await;
    stage.shows("▸ 1.9.0").await;
    stage.press("⏎").await;
    stage.shows("why?").await;
    stage.press("⏎").await;
    stage.shows("Type production to continue").await;
    let paste = Input::Paste(PRODUCTION.into());
    stage.send(paste).await;
    stage.shows("the pasted text was ignored").await;
    stage.press("⏎").await;
    stage.shows("type the name production").await;
    // Other observations arrive meanwhile; the typed text is kept.
    stage.press("produ").await;
    for tag in ["1.8.2", "1.8.3", "1.8.4"] {
        let mut seen = world(web_production());
        let dev = super::world::settled(&target("web", "dev"), Tier::Development, tag);
        seen.snapshots.insert(target("web", "dev"), Arc::new(dev));
        stage.world.send(Arc::new(seen)).expect("the loop runs");
    }
    stage.shows("incomplete: ction is missing").await;
    stage.press("ction").await;
    stage.shows("[ Move all traffic back ]").await;
    stage.seconds.store(3600, Ordering::SeqCst);
    stage.press("⏎").await;
    stage.shows("expired. Nothing was changed.").await;
    assert_eq!(stage.backend.starts.load(Ordering::SeqCst), 0);
    stage.press("q").await;
    assert_eq!(stage.console.ended().await, ExitReason::Quit);
}
