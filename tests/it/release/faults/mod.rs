//! Faults of servers and of the machine during a release under load: dead nodes of etcd, a network
//! that loses everything, a killed nginx, full disks, clocks that jump. A release ends done or
//! backed out, or reports its state and is resumed. Traffic is not affected by faults of other
//! parts.

mod clock;
mod cluster;
mod disk;
mod engine_faults;
mod network;
mod proxy;
mod store_outage;

use std::process::Output;

use greenroom::history::Step;

use super::command_line;
use super::fixture::{Fixture, Running};

/// Waits until a protected release asks for the approval of its switch.
async fn until_switch_is_asked(running: &Running) {
    running.until_asked(Step::Register).await;
    running.approve(Step::Register).await;
    running.until_asked(Step::Switch).await;
}

/// Another operator resumes the release with the real program.
async fn resumed(fixture: &Fixture, more: &[&str]) -> Output {
    let service = fixture.target.service.to_string();
    let arguments = [&["resume", &service, "production", "--yes"], more].concat();
    command_line::run(fixture, &arguments).await
}

/// The whole output of a command.
fn words(output: &Output) -> String {
    format!("{}{}", command_line::out(output), command_line::err(output))
}

/// Waits until the lock of the target is free.
async fn until_free(fixture: &Fixture) {
    let soon = std::time::Duration::from_secs(30);
    crate::support::eventually("the lock's lease ends", soon, || async {
        let snapshot = fixture.snapshot().await;
        // Only an answer of the store counts as free, not its silence.
        snapshot.sources.registry.is_live() && snapshot.lock.is_none()
    })
    .await;
}
