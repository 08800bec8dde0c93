//! An engineer browses the history: finds a failure, reads its reason, and verifies that no record
//! was altered.

use greenroom::adapters::archive::Archive;
use greenroom::history::Filter;
use greenroom::inventory::ReleaseId;
use greenroom::ports::{ArchiveReader, ArchiveWriter};
use jiff::SignedDuration;
use serde_json::Value;

use super::stage::{SOON, UP};
use crate::sandbox::{Sandbox, words};
use crate::support::pairs::Pairs;
use crate::support::pty::Pty;

fn press(pty: &mut Pty, keys: &str, shows: &str) {
    pty.keys(keys);
    pty.wait_for_text(shows, SOON);
}

/// A console with the history on its screen.
fn history(sandbox: &Sandbox) -> Pty {
    let mut pty = sandbox.on_a_terminal(&[]);
    pty.resize((118, 34));
    pty.wait_for_text("web · dev", UP);
    press(&mut pty, "H", "History, newest first");
    pty
}

/// A release of wallets to production fails in its checks.
fn wallets_fails(sandbox: &Sandbox) {
    let path = sandbox.place().join("catalogue.json");
    let text = std::fs::read_to_string(&path).expect("the catalogue");
    let mut programs: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let is_it = |it: &&mut Value| it["repository"] == "sandbox/wallets" && it["tag"] == "3.2.0";
    for program in programs.iter_mut().filter(is_it) {
        let words = program["argv"].as_array_mut().expect("its arguments");
        *words.last_mut().expect("its fault") = "failing-checks".into();
    }
    std::fs::write(&path, serde_json::to_string(&programs).expect("JSON")).expect("written");
    allow_yes_in_production(sandbox, true);
    let promote = [
        "promote",
        "wallets",
        "production",
        "--version",
        "3.2.0",
        "--yes",
        "--reason",
        "new ledger",
    ];
    let failed = sandbox.run(&promote);
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    allow_yes_in_production(sandbox, false);
}

/// Rules can be loosened only in the file.
fn allow_yes_in_production(sandbox: &Sandbox, is_allowed: bool) {
    let path = sandbox.place().join("greenroom.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let (without, with) = (
        "[environments.production]\n",
        "[environments.production]\nrules = { allow_yes = true }\n",
    );
    let text = if is_allowed {
        text.replacen(without, with, 1)
    } else {
        text.replacen(with, without, 1)
    };
    std::fs::write(&path, text).expect("written");
}

/// Moves the newest release of wallets, with everything archived about it, to the day before.
async fn a_day_ago(sandbox: &Sandbox) {
    let archive = Archive::open(sandbox.place().join("archive.sqlite"))
        .await
        .expect("the archive");
    let wallets = Filter {
        service: Some("wallets".into()),
        ..Filter::default()
    };
    let newest = archive.list(&wallets, None, 1).await.expect("a list");
    let id = newest[0].head.id;
    let mut aged = archive
        .release(id)
        .await
        .expect("read")
        .expect("it is kept")
        .recorded;
    let day = SignedDuration::from_hours(24);
    aged.head.id = ReleaseId(ulid::Ulid::from_parts(
        id.0.timestamp_ms() - 24 * 60 * 60 * 1000,
        id.0.random(),
    ));
    aged.head.opened_at -= day;
    if let Some((at, _)) = &mut aged.head.closed {
        *at -= day;
    }
    for entry in &mut aged.entries {
        entry.at -= day;
    }
    let logs = archive.logs(id).await.expect("read");
    let aged_id = aged.head.id;
    archive.keep(vec![aged]).await.expect("kept");
    assert!(!logs.is_empty(), "the logs of the release");
    for log in &logs {
        archive.keep_log(aged_id, log).await.expect("kept");
    }
}

#[tokio::test]
async fn the_reason_of_yesterdays_failed_release_is_found() {
    let sandbox = Sandbox::kept().up();
    wallets_fails(&sandbox);
    a_day_ago(&sandbox).await;
    let mut pty = history(&sandbox);
    // Today's failed as well.
    press(
        &mut pty,
        "/service:wallets outcome:failed since:yesterday",
        "2 shown",
    );
    press(&mut pty, " until:yesterday", "1 shown");
    pty.wait_for_text("backed out", SOON);
    press(&mut pty, "\r", "1 shown");
    press(&mut pty, "\r", "orders");
    pty.wait_for_text("new ledger", SOON);
    // The candidate's output is still there, although the candidate is gone.
    press(&mut pty, "G", "3.2.0 has ended");
    press(&mut pty, "\x1b", "History, newest first");
    pty.keys("q");
    assert_eq!(pty.exit_status(UP).exit_code(), 0);
}

#[test]
fn a_key_verifies_the_history_and_shows_an_altered_record() {
    let sandbox = Sandbox::kept().up();
    let mut pty = history(&sandbox);
    press(&mut pty, "v", "all records are intact");
    let screen = pty.screen();
    assert!(screen.contains(" 0 altered"), "{screen}");
    press(&mut pty, "\x1b", "History, newest first");

    // Another program changes the reason of a release in the store.
    let store = Pairs::of(&sandbox.place().join("store.sqlite"));
    let heads = "targets/wallets/production/releases/*";
    let changed = store.replace(heads, "the past of the sandbox", "nobody knows");
    assert!(changed > 0);
    press(&mut pty, "v", "not all records are intact");
    let screen = pty.screen();
    assert!(screen.contains("wallets/production"), "{screen}");
    pty.keys("q");
    assert_eq!(pty.exit_status(UP).exit_code(), 0);
}
