//! Measures the cost of a log line from the engine's bytes to the log, and of a frame that shows a
//! full log: `cargo bench --bench logs`. The budget is 50,000 lines a second in less than a third of one core, which is
//! 6 µs a line, and a frame time that does not grow with the log.

#![expect(
    clippy::expect_used,
    reason = "a benchmark may panic when its set-up fails"
)]

#[path = "../it/console/world.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod world;

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use greenroom::adapters::http::HttpChecker;
use greenroom::adapters::secrets::LocalSecrets;
use greenroom::console::event::Event;
use greenroom::console::{Charset, Model, view};
use greenroom::inventory::{EnvironmentValue, Slot};
use greenroom::logs::{Hiding, LineId, Log, NewLine, Wanted, plain};
use greenroom::ports::{LogChunk, LogStream, Secrets, TargetSecrets};
use ratatui::backend::TestBackend;

/// The number of lines that a log keeps.
const FULL: usize = 20_000;

fn main() {
    divan::main();
}

/// What the instance writes: plain text, text coloured by a terminal's logger, or other scripts.
#[derive(Debug, Clone, Copy)]
enum Voice {
    Plain,
    Coloured,
    Wide,
}

fn chunk(voice: Voice, number: usize) -> LogChunk {
    let text = match voice {
        Voice::Plain => format!(
            "INFO  GET /basket/{number} 200 {}ms items=3 customer=4711",
            number % 90
        ),
        Voice::Coloured => format!(
            "\u{1b}[2m2026-11-20\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m GET /basket/{number} \u{1b}[1m200\u{1b}[0m"
        ),
        Voice::Wide => format!("INFO  注文 {number} を受け付けました é ü items=3"),
    };
    LogChunk {
        at: Some(world::now()),
        stream: LogStream::Out,
        bytes: text.into_bytes(),
        dropped: 0,
    }
}

fn chunks(voice: Voice) -> Vec<LogChunk> {
    (0..FULL).map(|number| chunk(voice, number)).collect()
}

fn lines(voice: Voice) -> Vec<NewLine> {
    chunks(voice).iter().map(NewLine::from_chunk).collect()
}

fn wanted(search: &str, filter: &str) -> Wanted {
    Wanted {
        search: search.into(),
        filter: filter.into(),
        since: None,
    }
}

/// Turns bytes into sanitized lines.
#[divan::bench(args = [Voice::Plain, Voice::Coloured, Voice::Wide])]
fn sanitize(bencher: Bencher<'_, '_>, voice: Voice) {
    let chunks = chunks(voice);
    bencher.counter(ItemsCount::new(FULL)).bench_local(|| {
        for chunk in &chunks {
            black_box(NewLine::from_chunk(chunk));
        }
    });
}

/// The checker of a target with so many secrets.
fn checker(secrets: usize) -> Arc<HttpChecker> {
    let read: Arc<dyn Secrets> = Arc::new(LocalSecrets::default());
    let names: Vec<_> = (0..secrets).map(|it| format!("TOKEN_{it}")).collect();
    let values = (0..secrets).map(|it| EnvironmentValue::from(secret(it).as_str()));
    let values: Vec<_> = values.collect();
    let of = TargetSecrets::of(Arc::clone(&read), names.iter().zip(&values), [], []);
    Arc::new(HttpChecker::reading(read).for_target(of))
}

fn secret(number: usize) -> String {
    format!("hunter{number}-pl4nted-{}", number * 7919)
}

/// Bytes become lines of a target with so many secrets, of which no line has one.
#[divan::bench(args = [Voice::Plain, Voice::Coloured, Voice::Wide], consts = [1, 20])]
fn hide<const SECRETS: usize>(bencher: Bencher<'_, '_>, voice: Voice) {
    let chunks = chunks(voice);
    let mut hiding = Hiding::new(Some(checker(SECRETS)));
    bencher.counter(ItemsCount::new(FULL)).bench_local(|| {
        for chunk in &chunks {
            black_box(hiding.line(chunk));
        }
    });
}

/// The same, of lines that have one each.
#[divan::bench]
fn hide_one_in_each_line(bencher: Bencher<'_, '_>) {
    let with_one = |number: usize| {
        let mut chunk = chunk(Voice::Plain, number);
        chunk.bytes.extend(b" token=");
        chunk.bytes.extend(secret(number % 20).into_bytes());
        chunk
    };
    let chunks: Vec<_> = (0..FULL).map(with_one).collect();
    let mut hiding = Hiding::new(Some(checker(20)));
    bencher.counter(ItemsCount::new(FULL)).bench_local(|| {
        for chunk in &chunks {
            black_box(hiding.line(chunk));
        }
    });
}

/// Turns bytes into lines of a full log: with no search, with a search, and with a filter too.
#[divan::bench(args = [("", ""), ("42", ""), ("error", "basket")])]
fn ingest(bencher: Bencher<'_, '_>, (search, filter): (&str, &str)) {
    let chunks = chunks(Voice::Plain);
    let mut log = Log::default();
    log.extend(lines(Voice::Plain));
    log.want(&wanted(search, filter), plain(30));
    bencher.counter(ItemsCount::new(FULL)).bench_local(|| {
        for batch in chunks.chunks(512) {
            log.extend(batch.iter().map(NewLine::from_chunk));
        }
    });
}

/// Merges the lines of one slot by time into the log of both, while the other slot writes as much.
#[divan::bench]
fn interleave(bencher: Bencher<'_, '_>) {
    let lines = lines(Voice::Plain);
    let (mut blue, mut green, mut both) = (Log::default(), Log::default(), Log::default());
    bencher.counter(ItemsCount::new(FULL)).bench_local(|| {
        for batch in lines.chunks(512) {
            for (slot, log) in [(Slot::Blue, &mut blue), (Slot::Green, &mut green)] {
                let from: LineId = log.ring().end();
                log.extend(batch.iter().take(256).cloned());
                both.interleave(slot, log, from);
            }
        }
    });
}

/// Adds one letter to a search in a full log.
#[divan::bench]
fn searched(bencher: Bencher<'_, '_>) {
    let mut log = Log::default();
    log.extend(lines(Voice::Plain));
    let mut searches = ["4", "42"].into_iter().cycle();
    bencher.bench_local(|| {
        let search = searches.next().unwrap_or_default();
        log.want(&wanted(search, ""), plain(30));
    });
}

fn model(voice: Voice, keys: &str) -> Model {
    let mut model = world::model((118, 60), world::with_candidate(world::web_production()));
    let source = model.log.source().cloned().expect("a log");
    let batch = lines(voice);
    world::tell(&mut model, Event::LogArrived { source, batch });
    world::press(&mut model, "5");
    world::press(&mut model, keys);
    model
}

/// Draws one frame of a full log: plain, wrapped, with a search, and with a search in a filter.
#[divan::bench(args = ["", "w", "/items", "&basket"])]
fn frame(bencher: Bencher<'_, '_>, keys: &str) {
    let model = model(Voice::Plain, keys);
    let theme = world::theme("dark", Charset::Unicode);
    let mut terminal = ratatui::Terminal::new(TestBackend::new(118, 60)).expect("a terminal");
    bencher.bench_local(|| {
        terminal
            .draw(|frame| view::draw(black_box(&model), &theme, frame))
            .expect("drawn");
    });
}
