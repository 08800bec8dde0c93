//! Watching a release that the command line drives elsewhere: the real loop with real parts in a
//! sandbox, while the real binary releases in another process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;
use futures_util::FutureExt;
use greenroom::settings::{Request, Settings};
use greenroom::watchers;
use greenroom::wire::{self, EngineBackend};
use tokio::sync::oneshot;

use super::in_process::InProcess;
use crate::sandbox::Sandbox;
use crate::support::eventually;

/// How long a step of a sandbox release may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);

/// A console in this process, wired as `cli::console` does.
struct Console {
    console: InProcess,
    _watching: watchers::Watching,
}

impl std::ops::Deref for Console {
    type Target = InProcess;

    fn deref(&self) -> &InProcess {
        &self.console
    }
}

impl Console {
    fn open(configuration: &Path) -> Self {
        let request = Request {
            path: Some(configuration.to_owned()),
            environment: std::collections::BTreeMap::new(),
            overrides: vec![("operator.name".into(), "ana".into())],
            ..Request::default()
        };
        let loaded = Settings::load(&request).unwrap_or_else(|problems| panic!("{problems}"));
        let app = wire::build(&loaded.settings, false).unwrap_or_else(|report| panic!("{report}"));
        let (open, opened) = oneshot::channel();
        let watched = opened.map(|_| ());
        let watching = watchers::start(&app.engine, app.frame.clone(), watched);
        let clock = Arc::clone(app.engine.clock());
        let backend = Arc::new(EngineBackend::new(Arc::clone(&app.engine), &watching));
        let operator = app.engine.operator().clone();
        let now = move || clock.now();
        let world = watching.world.clone();
        Self {
            console: InProcess::start(backend, world, Some(open), operator, now),
            _watching: watching,
        }
    }

    /// Opens an environment of `web` by its column.
    async fn open_column(&self, column: usize, title: &str) {
        for _ in 0..column {
            self.key(KeyCode::Right).await;
        }
        self.key(KeyCode::Enter).await;
        self.shows(title).await;
    }
}

async fn sandbox() -> Sandbox {
    up(Sandbox::kept).await
}

async fn up(sandbox: fn() -> Sandbox) -> Sandbox {
    let starting = tokio::task::spawn_blocking(move || sandbox().up());
    starting.await.expect("a sandbox")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_of_the_command_line_is_watched_to_its_end() {
    let sandbox = Arc::new(sandbox().await);
    let console = Console::open(&sandbox.place().join("greenroom.toml"));
    console.shows("web · dev").await;
    console.open_column(1, "2 Slots · web · qa").await;
    // At rest: the last release with its operator, and the checks of the live version.
    console.shows("web 1.8.2 → 1.9.0").await;
    console.shows("✓ done").await;
    console.shows("live 1.9.0 · 3 passed").await;
    let elsewhere = Arc::clone(&sandbox);
    let promote = tokio::task::spawn_blocking(move || {
        let promote = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
        let laid = [
            "--reason",
            "the basket is slow",
            "--set",
            "environments.qa.timing.standby=3s",
            "--set",
            "operator.name=ben",
        ];
        elsewhere.run(&[&promote[..], &laid[..]].concat())
    });
    console.shows("driven by ben@").await;
    console.shows("web 1.9.0 → 1.8.2").await;
    for step_status in ["✓ start", "✓ verify", "✓ register", "✓ switch", "✓ drain"] {
        console.shows(step_status).await;
    }
    assert!(console.showed("back out now: "), "what backing out costs");
    console.shows("3 passed").await;
    console.shows("1.8.2 is live. 1.9.0 is kept warm").await;
    console.key(KeyCode::Char('W')).await;
    console.key(KeyCode::Char('X')).await;
    console.shows("driven by ben@").await;
    console.shows("✓ done").await;
    let output = promote.await.expect("no panic");
    assert!(output.status.success(), "{output:?}");
    // Without a lock and a release the ladder shows no changes.
    console.shows("· ended").await;
    assert!(
        !console.showed("interrupted"),
        "its end was known before its lock was gone"
    );
    // A console that is started later shows the same, although it did not watch.
    let later = Console::open(&sandbox.place().join("greenroom.toml"));
    later.shows("web · dev").await;
    later.open_column(1, "2 Slots · web · qa").await;
    later.shows("live 1.8.2 · 3 passed").await;
    for words in [
        "UTC by release ",
        "web 1.9.0 → 1.8.2",
        "\"the basket is slow\"",
        "ben@",
        "✓ switch",
        "✓ done",
        "switched at",
    ] {
        later.shows(words).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_killed_elsewhere_is_resumed_here_and_backed_out() {
    let sandbox = Arc::new(sandbox().await);
    let console = Console::open(&sandbox.place().join("greenroom.toml"));
    console.shows("web · dev").await;
    console.open_column(2, "PRODUCTION (protected)").await;
    let elsewhere = Arc::clone(&sandbox);
    let pty = tokio::task::spawn_blocking(move || {
        // The first environment opens the store that all of them share.
        let mut pty = elsewhere.on_a_terminal(&[
            "--set",
            "environments.dev.lock.lease=3s",
            "--set",
            "environments.dev.lock.heartbeat=1s",
            "promote",
            "web",
            "production",
            "--from",
            "qa",
            "--reason",
            "a test",
        ]);
        pty.wait_for_text("begin? type yes:", SOON);
        pty.keys("yes\r");
        pty
    });
    let pty = pty.await.expect("no panic");
    console.shows("to approve it (for").await;
    console.shows("web/production: register waits").await;
    let waits = "waits for ben@";
    assert!(console.now().contains(waits), "{}", console.now());
    // Dropping it kills it. Nothing releases the lock, so its lease expires.
    drop(pty);
    console.shows("interrupted after verify at").await;
    console.shows("web/production: interrupted").await;
    console.shows("observed: blue has the traffic now").await;
    let gone = || async { !console.now().contains("lock: ") };
    eventually("the lock is gone", SOON, gone).await;

    console.key(KeyCode::Char('W')).await;
    console.shows("can be changed until").await;
    console.key(KeyCode::Char('C')).await;
    console.shows("Interrupted · web/production").await;
    console.shows("verify ended at").await;
    console.shows("blue 1.8.2 has the traffic now").await;
    // The first row changes nothing.
    console.key(KeyCode::Enter).await;
    console.shows("nothing was decided: C asks again").await;
    console.key(KeyCode::Char('C')).await;
    console.shows("Interrupted · web/production").await;
    console.key(KeyCode::Char('j')).await;
    console.key(KeyCode::Enter).await;
    console.shows("[ Continue the release ]").await;
    console.key(KeyCode::Right).await;
    console.key(KeyCode::Enter).await;
    // That yes resumes the release and does not confirm the step: the step asks again.
    console.shows("A answers: register waits for you").await;
    console.shows("lock: you").await;
    console.key(KeyCode::Char('X')).await;
    console.shows("Back out · web").await;
    console.key(KeyCode::Right).await;
    console.key(KeyCode::Enter).await;
    console.shows("↶ backed out just now").await;
    console.shows(": requested at the console").await;
    console.shows("blue   127.0.0.1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_an_agent_releases_is_watched_and_retried() {
    let sandbox = Arc::new(up(Sandbox::with_agent).await);
    let console = Console::open(&sandbox.place().join("greenroom.toml"));
    console.shows("web · dev").await;
    console.open_column(1, "2 Slots · web · qa").await;
    console.shows("agent ●").await;
    let elsewhere = Arc::clone(&sandbox);
    let push = tokio::task::spawn_blocking(move || {
        elsewhere.run(&[
            "sandbox",
            "push",
            "web",
            "1.9.4",
            "--fault",
            "failing-checks",
        ])
    });
    console.shows("driven by agent@").await;
    let pushed = push.await.expect("no panic");
    assert!(pushed.status.success(), "{pushed:?}");
    console.shows("web/qa: push failed;").await;
    console.key(KeyCode::Char('e')).await;
    console.shows("Queue of web/qa: 0 pending of 1").await;
    console.shows("↶ failed").await;
    console.key(KeyCode::Enter).await;
    console.shows("Push of 1.9.4 for web/qa").await;
    console.shows("Enter show release").await;
    console.key(KeyCode::Char('W')).await;
    console.shows("can be changed until").await;
    console.key(KeyCode::Char('R')).await;
    console.shows("Retry the push of 1.9.4 · web/qa").await;
    console.key(KeyCode::Tab).await;
    console.key(KeyCode::Enter).await;
    console.shows("Queue of web/qa: 1 pending of 1").await;
    console.shows("◐ rolling out").await;
    console.shows("Queue of web/qa: 0 pending of 1").await;
    console.shows("retried by ana@").await;
}
