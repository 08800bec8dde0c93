//! A clock that somebody sets by an hour, forwards or back, while the program drives a release. Leases are
//! counted by etcd, and patience by what has really passed. (The program alone is told another time, by
//! a library between it and the system; etcd's own clock cannot be told so, and is not asked for leases.)

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use greenroom::inventory::Role;

use super::super::command_line::greenroom;
use super::super::house::{House, Wishes};
use super::super::{load, nothing_was_noticed};

/// An undisturbed one takes five seconds.
const SOON: Duration = Duration::from_secs(40);

/// The library, wherever this architecture has it.
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

/// Reads on until that is said.
fn until_said(said: &mut BufReader<ChildStdout>, what: &str) {
    let mut all = String::new();
    while said.read_line(&mut all).expect("its output") > 0 {
        if all.lines().last().is_some_and(|line| line.contains(what)) {
            return;
        }
    }
    panic!("{what} was never said: {all}");
}

/// The rest of what is said, and the exit code.
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
    let wishes = Wishes {
        lease: ("6s", "2s"),
        ..Wishes::default()
    };
    let house = House::new(wishes).await.with("1.8.2").await;
    let load = load(&house).await;
    let library = faketime();
    let told = house.place.path().join("clock");
    let cases = [
        ("+3600", "start begins", "1.9.0"),
        ("-3600", "start begins", "1.8.2"),
        ("+3600", "watch begins", "1.9.0"),
        ("-3600", "watch begins", "1.8.2"),
    ];
    for (jump, moment, tag) in cases {
        fs::write(&told, "+0").expect("the time");
        let service = house.target.service.to_string();
        let promote = ["promote", &service, "production", "--yes", "--version", tag];
        let mut child = greenroom(&house, &promote)
            .env("LD_PRELOAD", &library)
            .env("FAKETIME_TIMESTAMP_FILE", &told)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it runs");
        let mut said = BufReader::new(child.stdout.take().expect("its output"));
        let began = Instant::now();
        let (code, said) = tokio::task::block_in_place(|| {
            until_said(&mut said, moment);
            // In one step: a half written time is another time.
            let next = told.with_extension("next");
            fs::write(&next, jump).expect("the time");
            fs::rename(&next, &told).expect("the time");
            ended(child, said)
        });
        let took = began.elapsed();
        assert_eq!(code, Some(0), "{jump} at {moment}, {took:?}: {said}");
        println!("{jump} s at {moment}: done in {took:.1?}");
        house.stands(tag, Role::Stopped).await;
    }
    let report = load.stop().await;
    println!("clock set: {report}");
    nothing_was_noticed(&report);
}
