//! Hostile output of an instance, from the engine's bytes to the terminal's bytes: the terminal
//! gets no control sequence of it, and its words can be read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use greenroom::adapters::http::HttpChecker;
use greenroom::adapters::secrets::LocalSecrets;
use greenroom::console::Model;
use greenroom::console::event::Event;
use greenroom::console::{Charset, view};
use greenroom::inventory::{
    Addresses, EngineImage, EnvironmentValue, Instance, InstanceId, Occupancy, SecretSource, Slot,
    Target, Version,
};
use greenroom::logs::{self, NewLine};
use greenroom::ports::{
    Checker, EngineInfo, Failure, FailureKind, LogChunk, LogStream, Result, RuntimeReader, Secrets,
    TargetSecrets,
};
use jiff::Timestamp;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use tokio::sync::mpsc;

use super::world::{ago, model, press, tell, theme, web_production, with_candidate};

const SIZE: (u16, u16) = (118, 60);

type Chunks = BoxStream<'static, Result<LogChunk>>;

/// A runtime that has nothing but one log: what it says each time it is opened, and then it is gone.
struct Hostile(Mutex<VecDeque<Chunks>>);

impl Hostile {
    fn saying(streams: impl IntoIterator<Item = Chunks>) -> Arc<dyn RuntimeReader> {
        Arc::new(Self(Mutex::new(streams.into_iter().collect())))
    }
}

fn nothing<T>(kind: FailureKind) -> Result<T> {
    Err(Failure::new(kind, "script", "asking", "only a log"))
}

#[async_trait]
impl RuntimeReader for Hostile {
    async fn engine(&self) -> Result<EngineInfo> {
        nothing(FailureKind::Unsupported)
    }
    async fn instances(&self, _: &Target) -> Result<Vec<Instance>> {
        nothing(FailureKind::Unsupported)
    }
    async fn all_instances(&self) -> Result<BTreeMap<Target, Vec<Instance>>> {
        nothing(FailureKind::Unsupported)
    }
    async fn occupancy(&self, _: &Target, _: Slot, _: &Addresses) -> Result<Occupancy> {
        nothing(FailureKind::Unsupported)
    }
    async fn has_image(&self, _: &Version) -> Result<bool> {
        nothing(FailureKind::Unsupported)
    }
    async fn images(&self, _: &str) -> Result<Vec<EngineImage>> {
        Ok(Vec::new())
    }

    async fn changes(&self) -> Result<BoxStream<'static, Result<()>>> {
        nothing(FailureKind::Unsupported)
    }
    async fn logs(&self, _: &InstanceId, _: Option<Timestamp>, _: usize) -> Result<Chunks> {
        let next = self.0.lock().expect("no panic").pop_front();
        next.map_or_else(|| nothing(FailureKind::Missing), Ok)
    }
}

/// A line of so many seconds ago.
fn chunk(seconds: u64, line: &[u8]) -> LogChunk {
    LogChunk {
        at: Some(ago(seconds)),
        stream: LogStream::Out,
        bytes: line.to_vec(),
        dropped: 0,
    }
}

/// The lines of an output as the crate reads them.
pub(crate) async fn lines_of(output: &[u8]) -> Vec<NewLine> {
    lines_masked_by(output, Arc::new(HttpChecker::new())).await
}

/// The same for a target whose secrets this masker knows.
async fn lines_masked_by(output: &[u8], checker: Arc<dyn Checker>) -> Vec<NewLine> {
    let lines = output.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    let chunks: Vec<_> = lines.map(|line| Ok(chunk(3, line))).collect();
    let of = (Hostile::saying([stream::iter(chunks).boxed()]), checker);
    let mut batches = logs::follow_hidden(of, InstanceId("i".into()), 100);
    let mut lines = Vec::new();
    let taking = async {
        while let Some(batch) = batches.recv().await {
            lines.extend(batch);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), taking)
        .await
        .expect("an end");
    lines
}

#[tokio::test]
async fn a_log_shows_no_secret_of_its_target() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("password");
    std::fs::write(&file, "pl4nted-hunter2\n").expect("written");
    let secrets: Arc<dyn Secrets> = Arc::new(LocalSecrets::default());
    let names = ["PASSWORD", "API_KEY", "REGION"].map(str::to_owned);
    let values = [
        EnvironmentValue::Secret(SecretSource::File(file)),
        EnvironmentValue::from("pl4nted-plain"),
        EnvironmentValue::from("eu-central"),
    ];
    let of = TargetSecrets::of(Arc::clone(&secrets), names.iter().zip(&values), [], []);
    let checker = HttpChecker::reading(secrets).for_target(of);
    let output =
        b"\x1b[31mlogin with pl4nted-hunter2 failed\nkey pl4nted-plain\nin \x1b[1meu-central";
    let lines = lines_masked_by(output, Arc::new(checker)).await;
    let texts: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
    assert_eq!(texts[0], "login with (hidden) failed");
    assert_eq!(texts[1], "key (hidden)");
    // Text without a secret stays as the application wrote it.
    assert!(texts[2].contains("eu-central"), "{texts:?}");
}

/// A target with a secret that a command prints, and the checker that knows it once the command was run here.
fn with_a_command() -> (SecretSource, Arc<dyn Secrets>, Arc<dyn Checker>) {
    let source = SecretSource::Command(["printf", "pl4nted-hunter2"].map(str::to_owned).to_vec());
    let secrets: Arc<dyn Secrets> = Arc::new(LocalSecrets::default());
    let (name, value) = (
        "PASSWORD".to_owned(),
        EnvironmentValue::Secret(source.clone()),
    );
    let of = TargetSecrets::of(Arc::clone(&secrets), [(&name, &value)], [], []);
    let checker = HttpChecker::reading(Arc::clone(&secrets)).for_target(of);
    (source, secrets, Arc::new(checker))
}

/// A log that a test goes on with.
fn growing() -> (mpsc::UnboundedSender<LogChunk>, Chunks) {
    let (say, said) = mpsc::unbounded_channel();
    let said = stream::unfold(said, |mut said| async move {
        Some((Ok(said.recv().await?), said))
    });
    (say, said.boxed())
}

async fn next_texts(batches: &mut mpsc::Receiver<logs::Batch>) -> Vec<String> {
    let batch = tokio::time::timeout(Duration::from_secs(10), batches.recv()).await;
    let batch = batch.expect("in time").expect("the log is open");
    batch.iter().map(|line| line.text.to_string()).collect()
}

#[tokio::test]
async fn a_secret_that_is_read_while_a_log_is_open_is_hidden_in_later_lines() {
    let (source, secrets, checker) = with_a_command();
    let (say, said) = growing();
    let of = (Hostile::saying([said]), checker);
    let mut batches = logs::follow_hidden(of, InstanceId("i".into()), 100);
    say.send(chunk(3, b"before pl4nted-hunter2")).expect("open");
    // No command is run only to hide what it prints.
    assert_eq!(next_texts(&mut batches).await, ["before pl4nted-hunter2"]);
    secrets.read(&source).await.expect("read");
    say.send(chunk(2, b"after pl4nted-hunter2")).expect("open");
    assert_eq!(next_texts(&mut batches).await, ["after (hidden)"]);
}

#[tokio::test]
async fn a_line_that_comes_again_with_its_secret_hidden_is_no_other_line() {
    let (source, secrets, checker) = with_a_command();
    let (first, said) = growing();
    let (again, said_again) = growing();
    let of = (Hostile::saying([said, said_again]), checker);
    let mut batches = logs::follow_hidden(of, InstanceId("i".into()), 100);
    first
        .send(chunk(3, b"login pl4nted-hunter2"))
        .expect("open");
    assert_eq!(next_texts(&mut batches).await, ["login pl4nted-hunter2"]);
    secrets.read(&source).await.expect("read");
    again
        .send(chunk(3, b"login pl4nted-hunter2"))
        .expect("open");
    again.send(chunk(2, b"ready")).expect("open");
    drop(first);
    assert_eq!(next_texts(&mut batches).await, ["ready"]);
}

fn filled(lines: Vec<NewLine>) -> Model {
    let mut model = model(SIZE, with_candidate(web_production()));
    let source = model.log.source().cloned().expect("a log");
    let batch = lines;
    tell(&mut model, Event::LogArrived { source, batch });
    press(&mut model, "5");
    model
}

/// The bytes that a terminal gets for a screen.
pub(crate) fn drawn(model: &Model) -> Vec<u8> {
    let mut bytes = Vec::new();
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    let options = TerminalOptions {
        viewport: Viewport::Fixed(area),
    };
    let backend = CrosstermBackend::new(&mut bytes);
    let mut terminal = Terminal::with_options(backend, options).expect("a terminal");
    let theme = theme("dark", Charset::Unicode);
    terminal
        .draw(|frame| view::draw(model, &theme, frame))
        .expect("drawn");
    drop(terminal);
    bytes
}

/// What a byte stream contains apart from characters, cursor positions and styles.
#[derive(Default)]
struct Controls(Vec<String>);

impl vte::Perform for Controls {
    fn print(&mut self, c: char) {
        let hides = matches!(c, '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if hides {
            self.0.push(format!("print {c:?}"));
        }
    }
    fn execute(&mut self, byte: u8) {
        self.0.push(format!("execute {byte}"));
    }
    fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, action: char) {
        self.0.push(format!("device control {action}"));
    }
    fn osc_dispatch(&mut self, parts: &[&[u8]], _: bool) {
        let parts = parts.iter().map(|part| String::from_utf8_lossy(part));
        self.0.push(format!("OSC {}", parts.collect::<String>()));
    }
    fn csi_dispatch(&mut self, _: &vte::Params, marks: &[u8], _: bool, action: char) {
        let is_private = !marks.is_empty();
        if is_private && !matches!(action, 'h' | 'l') || !matches!(action, 'H' | 'm' | 'h' | 'l') {
            self.0.push(format!("CSI {marks:?} {action}"));
        }
    }
    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.0.push(format!("ESC {byte}"));
    }
}

pub(crate) fn controls(bytes: &[u8]) -> Vec<String> {
    let mut controls = Controls::default();
    vte::Parser::new().advance(&mut controls, bytes);
    controls.0
}

/// What a terminal displays.
fn shown(bytes: &[u8]) -> String {
    let (columns, rows) = (SIZE.0.try_into(), SIZE.1.try_into());
    let mut terminal = vt100::Parser::new(rows.expect("rows"), columns.expect("columns"), 0);
    terminal.process(bytes);
    terminal.screen().contents()
}

#[tokio::test]
async fn no_hostile_sequence_reaches_the_terminal_and_every_line_is_readable() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs");
    let plain = drawn(&filled(Vec::new()));
    assert_eq!(controls(&plain), [""; 0], "a screen without a log");
    let mut files = 0;
    for entry in std::fs::read_dir(directory).expect("fixtures") {
        let path = entry.expect("a file").path();
        let output = std::fs::read(&path).expect("its bytes");
        files += 1;
        let hostile = controls(&output);
        let name = path.display();
        let lines = output.split(|byte| *byte == b'\n').count() - 1;
        let mut model = filled(lines_of(&output).await);
        for keys in ["", "w", "/readable", "t"] {
            press(&mut model, keys);
            let bytes = drawn(&model);
            assert_eq!(controls(&bytes), [""; 0], "{name}, which had {hostile:?}");
            let screen = shown(&bytes);
            // Where characters were removed from a word, a mark replaces them.
            let words = screen.replace('\u{fffd}', "");
            assert!(words.matches("able-").count() >= lines, "{name}:\n{screen}");
        }
    }
    assert!(files >= 5, "{files} fixtures");
}

#[tokio::test]
async fn a_line_of_a_megabyte_is_cut_with_a_mark_and_its_end_is_readable() {
    let mut output = b"readable beginning ".to_vec();
    output.resize(1024 * 1024, b'x');
    output.extend(b"\nafter it\n");
    let mut model = filled(lines_of(&output).await);
    let screen = shown(&drawn(&model));
    assert!(screen.contains("readable beginning xxxx"), "{screen}");
    assert!(screen.contains("after it"), "{screen}");
    press(&mut model, "w");
    let screen = shown(&drawn(&model));
    assert!(screen.contains("[line cut, 1024 KiB in total]"), "{screen}");
    assert!(screen.contains("after it"), "{screen}");
    press(&mut model, "g");
    let screen = shown(&drawn(&model));
    assert!(screen.contains("readable beginning xxxx"), "{screen}");
}

#[tokio::test]
async fn hostile_text_in_release_steps_is_sanitized() {
    let mut model = filled(Vec::new());
    let mut status = super::world::verifying();
    let mut plan = (*status.plan).clone();
    plan.reason = Some("\u{1b}]0;owned\u{7}\u{202e}readable".into());
    status.plan = Arc::new(plan);
    tell(&mut model, Event::ReleaseMoved(Arc::new(status)));
    press(&mut model, "ooo");
    let bytes = drawn(&model);
    assert_eq!(controls(&bytes), [""; 0]);
    assert!(shown(&bytes).contains("readable"));
}
