//! Disks that are full during a release: the one of nginx's live pointer, and the one of a single
//! machine's store. The disks are small ones in memory, mounted by the test.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use greenroom::history::Outcome;
use greenroom::inventory::{Role, Slot};

use super::super::fixture::{Fixture, FixtureOptions, version};
use super::super::{load, nothing_was_noticed};
use super::until_switch_is_asked;
use crate::sandbox::{Sandbox, until};
use crate::support::disk::Disk;

/// The pointer cannot be moved, so no traffic moves, and the registry agrees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_the_live_pointer_backs_the_release_out() {
    let options = FixtureOptions {
        tier: "protected",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await;
    let disk = Disk::mounted(&fixture.place.path().join("live"), "64k");
    let fixture = fixture.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    disk.fill();
    let finished = running.finish().await;
    let reason = finished
        .outcome()
        .and_then(|it| it.reason().map(str::to_owned));
    assert!(finished.is_backed_out(), "{finished:?}");
    let reason = reason.expect("a reason");
    assert!(reason.contains("No space left"), "{reason}");
    fixture.stands("1.8.2", Role::Empty).await;
    disk.make_room();
    let next = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("a full disk under the pointer: {reason}; then {report}");
    assert_eq!(next.outcome(), Some(Outcome::Done), "{next:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
    assert_eq!(fixture.snapshot().await.live(), Some(Slot::Green));
    drop(disk);
}

/// An act that cannot be recorded is not done. The lease cannot be renewed either, so another
/// operator may resume the release once there is room.
#[test]
fn a_full_disk_under_the_store_stops_a_release_until_there_is_room() {
    // Dropped after the sandbox, which ends its processes.
    let mut disk = None;
    let sandbox = Sandbox::kept_on(|at| {
        disk = Some(Disk::mounted(at, "64m"));
        let own = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(at, own).expect("for its user alone");
    })
    .up();
    let full = disk.as_ref().expect("mounted");
    let hurried = [
        "--set",
        "environments.qa.lock.lease=3s",
        "--set",
        "environments.qa.lock.heartbeat=1s",
        "--set",
        "environments.qa.timing.standby=1s",
    ];
    let before = sandbox.live("web", "qa");
    let promote = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
    let mut child = sandbox
        .command(&[&promote[..], &hurried].concat())
        .stdout(Stdio::piped())
        .spawn()
        .expect("greenroom");
    let mut said = BufReader::new(child.stdout.take().expect("its output"));
    let mut all = String::new();
    while !all.contains("start begins") {
        assert!(said.read_line(&mut all).expect("its output") > 0, "{all}");
    }
    full.fill();
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    let rest = rest.join("\n");
    assert_eq!(
        child.wait().expect("its end").code(),
        Some(3),
        "{all}{rest}"
    );
    assert!(rest.contains("the driver has stopped"), "{rest}");
    println!(
        "a full disk under the store: {}",
        rest.lines().last().unwrap_or_default()
    );
    full.make_room();
    assert_eq!(sandbox.live("web", "qa"), before);
    let resume = [&["resume", "web", "qa", "--yes"], &hurried[..]].concat();
    until("it is resumed", Duration::from_secs(30), || {
        sandbox.run(&resume).status.success()
    });
    assert_eq!(sandbox.live("web", "qa"), "1.8.2");
}
