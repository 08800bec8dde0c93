//! The true loop: scripted keys in, a test's backend out, and a desk that answers.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use crossterm::event::{KeyCode, KeyEvent};
use greenroom::console::event::Input;
use greenroom::console::model::LogSource;
use greenroom::console::run::Ears;
use greenroom::console::terminal::Screen;
use greenroom::console::{Charset, Desk, Farewell, Mode, Model, Pace, Wardrobe, run};
use greenroom::inventory::{Target, Tier, World};
use greenroom::logs::{Batch, NewLine};
use greenroom::release::{Approval, Handle, Plan, PlanRequest, Refusal, Refused};
use ratatui::Frame;
use ratatui::backend::TestBackend;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::world::{PRODUCTION, now, operator, plan, target, theme, web_production, world};
use crate::support::eventually;

/// What a test sees of the screen while the loop draws on it.
#[derive(Debug, Clone, Default)]
struct Seen {
    text: Arc<Mutex<String>>,
    draws: Arc<Mutex<u32>>,
    copied: Arc<Mutex<Option<String>>>,
}

struct Watched {
    given_back: Arc<AtomicBool>,
    inner: ratatui::Terminal<TestBackend>,
    seen: Seen,
}

impl Screen for Watched {
    type Error = std::convert::Infallible;

    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), Self::Error> {
        self.inner.draw(render)?;
        let text = super::world::text(self.inner.backend().buffer());
        *self.seen.text.lock().expect("no panic") = text;
        *self.seen.draws.lock().expect("no panic") += 1;
        Ok(())
    }

    fn is_ours(&self) -> bool {
        !self.given_back.load(Ordering::SeqCst)
    }

    fn forget(&mut self) -> Result<(), Self::Error> {
        self.inner.clear()
    }

    fn size(&self) -> Result<(u16, u16), Self::Error> {
        self.inner.size().map(|size| (size.width, size.height))
    }

    fn copy(&mut self, text: &str) -> Result<(), Self::Error> {
        *self.seen.copied.lock().expect("no panic") = Some(text.to_owned());
        Ok(())
    }
}

/// Plans what it is asked, and refuses to begin.
struct Refusing {
    log: Mutex<Option<mpsc::Receiver<Batch>>>,
    begun: Mutex<Vec<Approval>>,
}

#[async_trait]
impl Desk for Refusing {
    async fn versions(&self, _: &Target) -> Result<Vec<String>, String> {
        Ok(vec!["1.9.0".into(), "1.8.2".into()])
    }

    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused> {
        Ok(Arc::new(plan(&request.target, Tier::Protected)))
    }

    async fn begin(&self, _: Arc<Plan>, approval: Approval) -> Result<Handle, Refused> {
        self.begun.lock().expect("no panic").push(approval);
        let what = "generation 41 became 42".to_owned();
        Err(Refusal::WorldChanged { what }.into())
    }

    fn look_at(&self, _: &Target) {}

    fn log(&self, _: &LogSource) -> mpsc::Receiver<Batch> {
        let given = self.log.lock().expect("no panic").take();
        given.unwrap_or_else(|| mpsc::channel(1).1)
    }
}

pub(super) struct Stage {
    given_back: Arc<AtomicBool>,
    keys: mpsc::Sender<Input>,
    world: watch::Sender<Arc<World>>,
    pub(super) lines: mpsc::Sender<Batch>,
    desk: Arc<Refusing>,
    seen: Seen,
    ended: JoinHandle<Farewell>,
}

pub(super) fn open() -> Stage {
    let (keys, input) = mpsc::channel(64);
    let (world_tx, world_rx) = watch::channel(Arc::new(world(web_production())));
    let (lines, log) = mpsc::channel(8);
    let desk = Arc::new(Refusing {
        log: Mutex::new(Some(log)),
        begun: Mutex::default(),
    });
    let seen = Seen::default();
    let given_back = Arc::new(AtomicBool::new(false));
    let mut screen = Watched {
        given_back: Arc::clone(&given_back),
        inner: ratatui::Terminal::new(TestBackend::new(118, 34)).expect("a terminal"),
        seen: seen.clone(),
    };
    let mode = Mode::Armable(Duration::from_mins(5));
    let model = Model::new(operator(), mode, now(), (118, 34));
    let mut ears = Ears {
        input,
        world: world_rx,
        in_flight: Vec::new(),
        open: None,
    };
    let asked: Arc<dyn Desk> = Arc::<Refusing>::clone(&desk);
    let ended = tokio::spawn(async move {
        let wardrobe = Wardrobe::from(theme("dark", Charset::Unicode));
        let Ok(farewell) = run(
            &mut screen,
            &mut ears,
            asked,
            model,
            &wardrobe,
            Pace::default(),
            now,
        )
        .await;
        farewell
    });
    Stage {
        given_back,
        keys,
        world: world_tx,
        lines,
        desk,
        seen,
        ended,
    }
}

impl Stage {
    pub(super) async fn press(&self, keys: &str) {
        for c in keys.chars() {
            let code = match c {
                '⏎' => KeyCode::Enter,
                '⇥' => KeyCode::Tab,
                other => KeyCode::Char(other),
            };
            self.key(code).await;
        }
    }

    pub(super) async fn key(&self, code: KeyCode) {
        let input = Input::Key(KeyEvent::from(code));
        self.keys.send(input).await.expect("the loop runs");
    }

    pub(super) async fn shows(&self, words: &str) {
        let mut last = String::new();
        let _ = write!(last, "the screen shows {words:?}");
        let holds = || async { self.text().contains(words) };
        eventually(&last, Duration::from_secs(5), holds).await;
    }

    fn text(&self) -> String {
        self.seen.text.lock().expect("no panic").clone()
    }

    fn draws(&self) -> u32 {
        *self.seen.draws.lock().expect("no panic")
    }
}

#[tokio::test]
async fn a_promotion_is_asked_for_by_keys_and_its_refusal_is_shown() {
    let stage = open();
    stage.shows("web · dev").await;
    stage.press("ll⏎W").await;
    stage.shows("may be changed until").await;
    stage.press("P").await;
    stage.shows("▸ 1.9.0").await;
    stage.press("⏎").await;
    stage.shows("why?").await;
    stage.press("fix⏎").await;
    stage.shows("Begin the release · web · PRODUCTION").await;
    stage.press("⇥⏎").await;
    stage.shows("generation 41 became 42").await;
    assert_eq!(stage.desk.begun.lock().expect("no panic").len(), 1);
    stage.press("⏎q").await;
    assert_eq!(stage.ended.await.expect("no panic"), Farewell::Quit);
}

#[tokio::test]
async fn nothing_is_drawn_while_nothing_changes() {
    let stage = open();
    stage.shows("web · dev").await;
    // The loop is asked for two frames' time whether it has anything to draw.
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
    let (before, began) = (stage.draws(), std::time::Instant::now());
    stage.press("?").await;
    stage.shows("approve the step that waits").await;
    let slow = began.elapsed();
    assert!(slow < Duration::from_secs(2), "a key took {slow:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let draws = f64::from(stage.draws() - before) / began.elapsed().as_secs_f64();
    assert!(draws <= 33.0, "{draws} draws a second");
    flood.abort();
}

#[tokio::test]
async fn what_is_observed_is_shown_without_a_key() {
    let stage = open();
    stage.shows("web · dev").await;
    let mut seen = world(web_production());
    let dev = target("web", "dev");
    let mut snapshot = seen.get(&dev).expect("a snapshot").clone();
    if let Some(instance) = &mut snapshot.slots.blue.instance {
        instance.tag = Some("9.9.9".into());
    }
    seen.snapshots.insert(dev, Arc::new(snapshot));
    stage.world.send(Arc::new(seen)).expect("the loop runs");
    stage.shows("web:9.9.9").await;
}

#[tokio::test]
async fn copying_goes_to_the_terminal_and_a_lost_terminal_ends_the_loop() {
    let stage = open();
    stage.shows("web · dev").await;
    stage.press("y").await;
    stage.shows("copied").await;
    let copied = stage.seen.copied.lock().expect("no panic").clone();
    assert!(copied.is_some_and(|text| text.starts_with("sha256:")));
    drop(stage.keys);
    assert_eq!(stage.ended.await.expect("no panic"), Farewell::TerminalLost);
}

#[tokio::test]
async fn a_signal_ends_the_loop_whatever_is_open() {
    let stage = open();
    stage.press("?").await;
    stage.shows("approve the step that waits").await;
    stage
        .keys
        .send(Input::Signal("SIGHUP"))
        .await
        .expect("the loop runs");
    assert_eq!(
        stage.ended.await.expect("no panic"),
        Farewell::Signal("SIGHUP")
    );
}

#[tokio::test]
async fn the_environment_is_named_in_every_question() {
    let stage = open();
    stage.shows("web · dev").await;
    stage.press("ll⏎WP⏎").await;
    stage.shows(&format!("web/{PRODUCTION}")).await;
}

#[tokio::test]
async fn nothing_is_drawn_on_a_terminal_that_a_panic_gave_back() {
    let stage = open();
    stage.shows("web · dev").await;
    let before = stage.draws();
    stage.given_back.store(true, Ordering::SeqCst);
    stage.press("?").await;
    assert_eq!(stage.ended.await.expect("no panic"), Farewell::Panicked);
    let after = *stage.seen.draws.lock().expect("no panic");
    assert_eq!(after, before);
}
