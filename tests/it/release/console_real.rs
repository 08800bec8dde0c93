//! The console with real servers: what it shows when one of them becomes unreachable.

use std::time::Duration;

use super::fixture::{Fixture, FixtureOptions};
use super::outages::{Line, OwnEtcd};
use crate::support::docker;
use crate::support::pty::Pty;

const SOON: Duration = Duration::from_secs(30);

/// The console with a fixture's configuration.
fn console(fixture: &Fixture) -> Pty {
    let place = fixture.place.path().display().to_string();
    let configuration = format!("{place}/greenroom.toml");
    let environment = [("XDG_STATE_HOME", place.as_str()), ("LC_ALL", "C.UTF-8")];
    Pty::greenroom(&["--config", &configuration], &environment, (118, 34))
}

/// Waits until the screen contains a text, or no longer contains it.
fn until(pty: &Pty, word: &str, says: bool) {
    let what = if says {
        word.to_owned()
    } else {
        format!("no {word}")
    };
    tokio::task::block_in_place(|| {
        pty.wait_for(&what, SOON, |screen| {
            screen.contents().contains(word) == says
        });
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_docker_connection_and_its_return_are_shown() {
    let line = Line::to(&docker());
    let options = FixtureOptions {
        docker: line.address(),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let mut pty = console(&fixture);
    until(&pty, "healthy", true);
    until(&pty, "● LIVE", true);

    line.cut();
    until(&pty, "stale", true);
    // Earlier observations stay, and keys are answered.
    let screen = pty.screen();
    assert!(screen.contains(":1.8.2"), "{screen}");
    pty.keys("?");
    until(&pty, "Keys", true);
    pty.keys("\x1b");
    until(&pty, "Keys", false);

    line.mend();
    until(&pty, "stale", false);
    until(&pty, "● LIVE", true);

    // An engine that hangs reports no change and breaks no connection.
    line.freeze();
    until(&pty, "stale", true);
    line.mend();
    until(&pty, "stale", false);
    until(&pty, "● LIVE", true);
    // The log continues: this line is written by the check that runs now.
    until(&pty, "5 Logs · blue", true);
    pty.keys("q");
    let status = tokio::task::block_in_place(|| pty.exit_status(SOON));
    assert_eq!(status.exit_code(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_etcd_and_its_return_are_shown() {
    let mut etcd = OwnEtcd::start().await;
    let options = FixtureOptions {
        etcd: etcd.url(),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let mut pty = console(&fixture);
    until(&pty, "healthy", true);
    until(&pty, "generation 1", true);

    etcd.kill();
    until(&pty, "stale", true);
    let screen = pty.screen();
    assert!(screen.contains("● LIVE"), "{screen}");
    etcd.run().await;
    until(&pty, "stale", false);
    pty.keys("q");
    let status = tokio::task::block_in_place(|| pty.exit_status(SOON));
    assert_eq!(status.exit_code(), 0);
}
