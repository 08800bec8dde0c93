//! The clock is set by an hour, forwards or back, while the program drives a release. etcd counts
//! leases, and timeouts use elapsed time. (Only the program gets another time, by a library between
//! it and the system. That does not work for etcd's own clock, and leases do not need it.)

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use greenroom::inventory::Role;

use super::super::command_line::greenroom;
use super::super::fixture::{Fixture, FixtureOptions};
use super::super::{load, nothing_was_noticed};

/// Without a jump it takes five seconds.
const SOON: Duration = Duration::from_secs(40);

/// The library, in the directory of this architecture.
fn faketime() -> PathBuf {
    let places = fs::read_dir("/usr/lib").expect("libraries");
    places
        .map(|place| {
            place
                .expect("a place")
                .path()
                .join("faketime/libfaketimeMT.so.1")
        })
        .find(|path| path.exists())
        .expect("the package faketime is installed")
}

/// Reads until the output contains this.
fn until_said(said: &mut BufReader<ChildStdout>, what: &str) {
    let mut all = String::new();
    while said.read_line(&mut all).expect("its output") > 0 {
        if all.lines().last().is_some_and(|line| line.contains(what)) {
            return;
        }
    }
    panic!("{what} was never said: {all}");
}

/// The rest of the output, and the exit code.
fn ended(mut child: Child, said: BufReader<ChildStdout>) -> (Option<i32>, String) {
    let until = Instant::now() + SOON;
    let rest = std::thread::spawn(move || {
        let lines: Vec<String> = said.lines().map_while(Result::ok).collect();
        lines.join("\n")
    });
    while !rest.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    if !rest.is_finished() {
        child.kill().expect("it runs");
    }
    let code = child.wait().expect("its end").code();
    (code, rest.join().expect("its output"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_by_an_hour_changes_nothing_about_a_release() {
    let options = FixtureOptions {
        lease: ("6s", "2s"),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let library = faketime();
    let clock = fixture.place.path().join("clock");
    let cases = [
        ("+3600", "start begins", "1.9.0"),
        ("-3600", "start begins", "1.8.2"),
        ("+3600", "watch begins", "1.9.0"),
        ("-3600", "watch begins", "1.8.2"),
    ];
    for (jump, moment, tag) in cases {
        fs::write(&clock, "+0").expect("the time");
        let service = fixture.target.service.to_string();
        let promote = ["promote", &service, "production", "--yes", "--version", tag];
        let mut child = greenroom(&fixture, &promote)
            .env("LD_PRELOAD", &library)
            .env("FAKETIME_TIMESTAMP_FILE", &clock)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it runs");
        let mut said = BufReader::new(child.stdout.take().expect("its output"));
        let started = Instant::now();
        let (code, said) = tokio::task::block_in_place(|| {
            until_said(&mut said, moment);
            // In one step: a half-written time would be another time.
            let next = clock.with_extension("next");
            fs::write(&next, jump).expect("the time");
            fs::rename(&next, &clock).expect("the time");
            ended(child, said)
        });
        let took = started.elapsed();
        assert_eq!(code, Some(0), "{jump} at {moment}, {took:?}: {said}");
        println!("{jump} s at {moment}: done in {took:.1?}");
        fixture.stands(tag, Role::Stopped).await;
    }
    let report = load.stop().await;
    println!("clock set: {report}");
    nothing_was_noticed(&report);
}

/// Runs a command whose clock is two hours ahead; returns its output and its exit code.
async fn two_hours_ahead(fixture: &Fixture, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = greenroom(fixture, arguments);
    command
        .env("LD_PRELOAD", faketime())
        .env("FAKETIME", "+7200")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || command.output().expect("it runs"))
        .await
        .expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_two_hours_ahead_does_not_end_a_hold() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let service = fixture.target.service.to_string();
    let hold = ["hold", &service, "production", "--until", "1h"];
    let mut hold = greenroom(&fixture, &[&hold[..], &["--reason", "payday"]].concat());
    assert!(hold.status().expect("it runs").success());
    let promote = ["promote", &service, "production", "--yes", "--version"];
    let promote = [&promote[..], &["1.9.0"]].concat();
    let (code, said) = two_hours_ahead(&fixture, &promote).await;
    assert_ne!(code, Some(0), "{said}");
    assert!(said.contains("clock is 2h ahead of the "), "{said}");
    fixture.stands("1.8.2", Role::Empty).await;
    let (code, said) = two_hours_ahead(&fixture, &["doctor"]).await;
    assert_ne!(code, Some(0), "{said}");
    for other in ["Docker host", "store"] {
        let words = format!("clock is 2h ahead of the {other} of production");
        assert!(said.contains(&words), "{words}: {said}");
    }
    let clear = [
        "hold",
        &service,
        "production",
        "--clear",
        "--reason",
        "paid",
    ];
    // The same clock lists what stops a promote, and clears it.
    let (_, said) = two_hours_ahead(&fixture, &["hold", &service, "production"]).await;
    assert!(said.contains("payday"), "{said}");
    assert!(
        said.contains("counts because the clocks differ: "),
        "{said}"
    );
    let (code, said) = two_hours_ahead(&fixture, &clear).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = two_hours_ahead(&fixture, &promote).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the clocks differ"), "{said}");
    fixture.stands("1.9.0", Role::Stopped).await;
}
