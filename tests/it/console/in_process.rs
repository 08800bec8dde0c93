//! Runs a console inside the test's process: the real loop with the given backend, a screen that
//! the test reads, and keys that the test sends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent};
use greenroom::console::event::Input;
use greenroom::console::run::Inputs;
use greenroom::console::terminal::Screen;
use greenroom::console::{Backend, Charset, ExitReason, Mode, Model, Pace, ThemeSet, run};
use greenroom::inventory::{Operator, World};
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::backend::TestBackend;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::world::{text, theme};

/// Columns and rows of its screen.
const SIZE: (u16, u16) = (118, 34);

/// How long a step of a sandbox release may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);

/// What the loop did to the terminal.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// The text of every frame, in order.
    frames: Arc<Mutex<Vec<String>>>,
    copied: Arc<Mutex<Option<String>>>,
}

struct TestScreen {
    inner: ratatui::Terminal<TestBackend>,
    given_back: Arc<AtomicBool>,
    seen: Seen,
}

impl Screen for TestScreen {
    type Error = std::convert::Infallible;

    fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> Result<(), Self::Error> {
        self.inner.draw(render)?;
        let frame = text(self.inner.backend().buffer());
        self.seen.frames.lock().expect("no panic").push(frame);
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

/// A console in the test's process.
pub(super) struct InProcess {
    keys: mpsc::Sender<Input>,
    given_back: Arc<AtomicBool>,
    seen: Seen,
    ended: JoinHandle<ExitReason>,
}

impl InProcess {
    /// Starts the loop. Sends on `open` when the first frame is on the screen.
    pub(super) fn start(
        backend: Arc<dyn Backend>,
        world: watch::Receiver<Arc<World>>,
        open: Option<oneshot::Sender<()>>,
        operator: Operator,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> Self {
        let (keys, input) = mpsc::channel(64);
        let given_back = Arc::new(AtomicBool::new(false));
        let seen = Seen::default();
        let mut screen = TestScreen {
            inner: ratatui::Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).expect("a terminal"),
            given_back: Arc::clone(&given_back),
            seen: seen.clone(),
        };
        let mut inputs = Inputs {
            input,
            world,
            in_flight: Vec::new(),
            open,
        };
        let mode = Mode::Armable(Duration::from_mins(5));
        let model = Model::new(operator, mode, now(), SIZE);
        let ended = tokio::spawn(async move {
            let theme_set = ThemeSet::from(theme("dark", Charset::Unicode));
            let pace = Pace::default();
            let Ok(exit_reason) = run(
                &mut screen,
                &mut inputs,
                backend,
                model,
                &theme_set,
                pace,
                now,
            )
            .await;
            exit_reason
        });
        Self {
            keys,
            given_back,
            seen,
            ended,
        }
    }

    /// Presses the keys of these characters. Some characters represent special keys.
    pub(super) async fn press(&self, keys: &str) {
        for c in keys.chars() {
            self.key(match c {
                '⏎' => KeyCode::Enter,
                '⇥' => KeyCode::Tab,
                '⎋' => KeyCode::Esc,
                '↓' => KeyCode::Down,
                '→' => KeyCode::Right,
                other => KeyCode::Char(other),
            })
            .await;
        }
    }

    pub(super) async fn key(&self, code: KeyCode) {
        self.send(Input::Key(KeyEvent::from(code))).await;
    }

    pub(super) async fn send(&self, input: Input) {
        self.keys.send(input).await.expect("the loop runs");
    }

    /// Waits until this text is on the screen.
    pub(super) async fn shows(&self, words: &str) {
        let until = Instant::now() + SOON;
        while !self.now().contains(words) {
            let is_in_time = Instant::now() < until;
            assert!(is_in_time, "{words:?} is not shown:\n{}", self.now());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The current text of the screen.
    pub(super) fn now(&self) -> String {
        let frames = self.seen.frames.lock().expect("no panic");
        frames.last().cloned().unwrap_or_default()
    }

    /// Whether this text was on the screen at any time.
    pub(super) fn showed(&self, words: &str) -> bool {
        let frames = self.seen.frames.lock().expect("no panic");
        frames.iter().any(|frame| frame.contains(words))
    }

    /// Number of frames drawn.
    pub(super) fn draws(&self) -> usize {
        self.seen.frames.lock().expect("no panic").len()
    }

    pub(super) fn copied(&self) -> Option<String> {
        self.seen.copied.lock().expect("no panic").clone()
    }

    /// Gives the terminal back without the loop, as a panic does.
    pub(super) fn release_lock(&self) {
        self.given_back.store(true, Ordering::SeqCst);
    }

    /// Waits until the loop has ended.
    pub(super) async fn ended(&mut self) -> ExitReason {
        (&mut self.ended).await.expect("no panic")
    }

    /// Closes the terminal: no more keys arrive.
    pub(super) async fn without_keys(self) -> ExitReason {
        drop(self.keys);
        self.ended.await.expect("no panic")
    }
}
