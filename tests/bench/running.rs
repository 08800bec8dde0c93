//! Measures the running console: time to the first frame, processor time while nothing happens,
//! time from key to screen, and a container that never stops writing. `tests/measure` starts the
//! servers and runs it. It prints a table that also has the figures of similar programs, and exits
//! with 1 when a budget is missed. Absolute times depend on the machine and on its other load.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement prints its results, and may panic when its set-up fails"
)]

#[path = "running/crowd.rs"]
mod crowd;
#[path = "running/process.rs"]
mod process;
#[path = "../it/support/pty.rs"]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod pty;
#[path = "running/table.rs"]
mod table;

use std::time::{Duration, Instant};

use crowd::Crowd;
use process::Burnt;
use pty::Pty;
use table::{Budget, Table};

const SIZE: (u16, u16) = (118, 34);
const SOON: Duration = Duration::from_mins(1);

fn main() {
    let seconds = |name: &str, otherwise: u64| {
        let given = std::env::var(name).ok();
        Duration::from_secs(
            given
                .and_then(|text| text.parse().ok())
                .unwrap_or(otherwise),
        )
    };
    let idle = seconds("GREENROOM_MEASURE_IDLE", 20);
    let flood = seconds("GREENROOM_MEASURE_FLOOD", 40);
    let mut table = Table::default();
    let only = std::env::var("GREENROOM_MEASURE_ONLY").ok();
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only.contains(part));
    if wanted("alone") {
        alone(&mut table, 5, [20.0, 50.0, 0.3, 0.5, 16.0], idle);
        alone(&mut table, 100, [20.0, 60.0, 0.5, 2.0, 24.0], idle);
    }
    if wanted("flood") {
        flooded(&mut table, 20_000, flood);
        flooded(&mut table, 50_000, flood);
    }
    if wanted("crowd") {
        crowded(&mut table, idle);
    }
    println!("{table}");
    if table.missed() > 0 {
        println!("{} budgets missed", table.missed());
        std::process::exit(1);
    }
}

/// The cost while nothing happens, and the response times then. The budgets have the order in which
/// the lines are printed.
fn alone(table: &mut Table, containers: usize, budgets: [f64; 5], idle: Duration) {
    let [first, whole, busy, engine, memory] = budgets.map(Budget::Below);
    let crowd = Crowd::of(containers, 0);
    let about = |what: &str| format!("{what}, {containers} containers");
    let (frame, data) = first_frames(&crowd);
    table.add(&about("first frame"), "ms", frame, first);
    table.add(&about("first frame with data"), "ms", data, whole);
    let quiet = quiet(&crowd, idle);
    table.add(&about("idle CPU"), "%", quiet.console, busy);
    let what = about("idle CPU of the engine beyond its own");
    table.add(&what, "%", quiet.engine, engine);
    let what = about("idle bytes to the terminal");
    table.add(&what, "B/s", quiet.bytes, Budget::Zero);
    table.add(&about("memory"), "MB", quiet.memory, memory);
    keys(
        table,
        &quiet.console_pty,
        &format!("{containers} containers"),
    );
}

fn keys(table: &mut Table, pty: &std::cell::RefCell<Pty>, whose: &str) {
    let (median, p95) = key_to_screen(pty, 200);
    let what = format!("key to screen, median, {whose}");
    table.add(&what, "ms", median, Budget::Below(2.0));
    let what = format!("key to screen, p95, {whose}");
    table.add(&what, "ms", p95, Budget::Below(5.0));
}

/// A container that never stops writing.
fn flooded(table: &mut Table, rate: u64, flood: Duration) {
    let talk = listen(&Crowd::talking(rate), flood);
    let about = |what: &str| format!("{what}, {rate} lines/s");
    // A frame, a batch and the engine's own delay together take up to a third of a second; the
    // marks come twenty times a second.
    let most = Budget::Below(0.3 * rate_of(rate));
    table.add(&about("lines behind"), "", talk.behind, most);
    let most = Budget::Below(30.0 * rate_of(rate) / 20_000.0);
    table.add(&about("CPU"), "%", talk.burnt, most);
    table.add(&about("memory"), "MB", talk.memory, Budget::Below(48.0));
    let what = about("key to screen, p95");
    table.add(&what, "ms", talk.key_p95, Budget::Below(16.0));
}

/// 200 targets, 1,000 containers, and an etcd with 10,000 keys of other programs.
fn crowded(table: &mut Table, idle: Duration) {
    let crowd = Crowd::of(400, 600).with_foreign_keys(10_000);
    let (frame, data) = first_frames(&crowd);
    table.add("first frame, 200 targets", "ms", frame, Budget::Below(60.0));
    let what = "first frame with data, 200 targets";
    table.add(what, "ms", data, Budget::Below(300.0));
    let quiet = quiet(&crowd, idle);
    table.add("idle CPU, 200 targets", "%", quiet.console, Budget::None);
    table.add("memory, 200 targets", "MB", quiet.memory, Budget::None);
    keys(table, &quiet.console_pty, "200 targets");
}

fn rate_of(rate: u64) -> f64 {
    f64::from(u32::try_from(rate).unwrap_or(u32::MAX))
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn console(crowd: &Crowd) -> Pty {
    let place = crowd.place().display().to_string();
    let configuration = format!("{place}/greenroom.toml");
    let environment = [("XDG_STATE_HOME", place.as_str()), ("LC_ALL", "C.UTF-8")];
    let program = std::env::var("GREENROOM_MEASURE_BINARY").expect("run by tests/measure");
    let arguments = ["--config", &configuration, "--read-only"];
    Pty::start(&program, &arguments, &environment, SIZE)
}

/// Time from start to a complete frame, and to a frame in which everything is known. The best of
/// five counts, because only other load on the machine makes a run slower.
fn first_frames(crowd: &Crowd) -> (f64, f64) {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        let started = Instant::now();
        let mut pty = console(crowd);
        pty.wait_for_text("1 Environments", SOON);
        let frame = millis(started.elapsed());
        pty.wait_for("what runs and what is stored", SOON, |screen| {
            let text = screen.contents();
            text.contains("● LIVE") && text.contains("running") && text.contains("route")
        });
        let data = millis(started.elapsed());
        best = (best.0.min(frame), best.1.min(data));
        pty.keys("q");
        pty.exit_status(SOON);
    }
    best
}

struct Quiet {
    console: f64,
    engine: f64,
    bytes: f64,
    memory: f64,
    console_pty: std::cell::RefCell<Pty>,
}

/// Measures a console that receives no input.
fn quiet(crowd: &Crowd, span: Duration) -> Quiet {
    let alone = Burnt::by(crowd.engine(), span);
    let pty = console(crowd);
    pty.wait_for_text("1.8.2", SOON);
    let process = pty.process_id();
    // Start-up has ended once the process has been idle for a second.
    process::until_calm(process, SOON);
    let before = pty.raw().len();
    let console = Burnt::begin(process);
    let engine = Burnt::begin(crowd.engine());
    std::thread::sleep(span);
    let (console, engine) = (console.end(), engine.end());
    let written = pty.raw().len() - before;
    let written = u32::try_from(written).unwrap_or(u32::MAX);
    Quiet {
        console,
        engine: (engine - alone).max(0.0),
        bytes: f64::from(written) / span.as_secs_f64(),
        memory: process::memory(process),
        console_pty: std::cell::RefCell::new(pty),
    }
}

/// Time from a key press to its answer on the screen.
fn key_to_screen(pty: &std::cell::RefCell<Pty>, times: usize) -> (f64, f64) {
    let mut pty = pty.borrow_mut();
    let mut spans = Vec::new();
    for _ in 0..times / 2 {
        for (key, shows) in [("?", true), ("\x1b", false)] {
            // The console draws at most every 33 ms; a person's next key comes later than that.
            std::thread::sleep(Duration::from_millis(40));
            let started = Instant::now();
            pty.keys(key);
            pty.wait_for("help", SOON, |screen| {
                screen
                    .contents()
                    .contains("only these keys change anything")
                    == shows
            });
            spans.push(millis(started.elapsed()));
        }
    }
    spans.sort_by(f64::total_cmp);
    (spans[spans.len() / 2], spans[spans.len() * 95 / 100])
}

struct Talk {
    behind: f64,
    burnt: f64,
    memory: f64,
    key_p95: f64,
}

/// Measures a console that follows a container that never stops writing.
fn listen(crowd: &Crowd, span: Duration) -> Talk {
    let pty = console(crowd);
    pty.wait_for_text("mark ", SOON);
    let process = pty.process_id();
    let burnt = Burnt::begin(process);
    std::thread::sleep(span);
    let burnt = burnt.end();
    // A mark on the screen says when it was written. One line in a thousand is a mark.
    let late = std::cell::Cell::new(0.0);
    pty.wait_for("a mark", SOON, |screen| {
        let text = screen.contents();
        let mark = text.lines().rev().find_map(|line| {
            let (_, rest) = line.split_once("mark ")?;
            rest.split_whitespace().next()?.parse::<f64>().ok()
        });
        mark.inspect(|mark| late.set(process::uptime() - mark))
            .is_some()
    });
    let late = late.get();
    let memory = process::memory(process);
    let pty = std::cell::RefCell::new(pty);
    let (_, key_p95) = key_to_screen(&pty, 60);
    Talk {
        behind: late.max(0.0) * rate_of(crowd.rate()),
        burnt,
        memory,
        key_p95,
    }
}
