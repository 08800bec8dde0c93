//! What the servers and the machine can do to a release in its middle, under load: nodes of etcd that
//! die, a network that swallows everything, an nginx that is killed, disks that are full, clocks that
//! jump. A release ends done or backed out, or says what stands and is gone on with; the traffic never
//! notices what has nothing to do with it.

mod clock;
mod cluster;
mod disk;
mod engine_faults;
mod network;
mod proxy;
mod store;

use std::process::Output;

use greenroom::history::Step;

use super::command_line;
use super::fixture::{Fixture, Running};

/// Waits until a protected release asks whether it may switch.
async fn until_switch_is_asked(running: &Running) {
    running.until_asked(Step::Register).await;
    running.approve(Step::Register).await;
    running.until_asked(Step::Switch).await;
}

/// Another operator goes on with whatever was left, by the real program.
async fn resumed(fixture: &Fixture, more: &[&str]) -> Output {
    let service = fixture.target.service.to_string();
    let arguments = [&["resume", &service, "production", "--yes"], more].concat();
    command_line::run(fixture, &arguments).await
}

/// All that a command said.
fn words(output: &Output) -> String {
    format!("{}{}", command_line::out(output), command_line::err(output))
}

/// Waits until nobody holds the lock of the target.
async fn until_free(fixture: &Fixture) {
    let soon = std::time::Duration::from_secs(30);
    crate::support::eventually("the lock's lease ends", soon, || async {
        let snapshot = fixture.snapshot().await;
        // Nobody's is what the store says, not what it does not.
        snapshot.sources.registry.is_live() && snapshot.lock.is_none()
    })
    .await;
}
