//! The third user, browsing what was released: a failure found and read, and that nobody has altered anything.

use rusqlite::Connection;
use serde_json::Value;

use super::stage::{SOON, UP};
use crate::sandbox::{Sandbox, words};
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
    let promote = [
        "--set",
        "environments.production.rules.allow_yes=true",
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
}

#[test]
fn the_failed_release_of_wallets_is_found_opened_and_its_reason_read() {
    let sandbox = Sandbox::kept().up();
    wallets_fails(&sandbox);
    let mut pty = history(&sandbox);
    // From yesterday on: everything that was released since then and went wrong.
    press(
        &mut pty,
        "/service:wallets outcome:failed since:yesterday",
        "backed out",
    );
    press(&mut pty, "\r", "1 shown");
    press(&mut pty, "\r", "orders");
    pty.wait_for_text("new ledger", SOON);
    // What the candidate wrote is behind it, though the candidate is gone.
    press(&mut pty, "G", "3.2.0 has ended");
    press(&mut pty, "\x1b", "History, newest first");
    pty.keys("q");
    assert_eq!(pty.exit_status(UP).exit_code(), 0);
}

#[test]
fn by_keys_it_is_proven_that_nothing_was_altered_and_seen_when_something_was() {
    let sandbox = Sandbox::kept().up();
    let mut pty = history(&sandbox);
    press(&mut pty, "v", "everything is what was written");
    let screen = pty.screen();
    assert!(screen.contains(" 0 wrong"), "{screen}");
    press(&mut pty, "\x1b", "History, newest first");

    // Somebody changes in the store why a release was made.
    let sql = Connection::open(sandbox.place().join("store.sqlite")).expect("the store");
    let changed = sql
        .execute(
            "UPDATE releases SET head = replace(head, 'the past of the sandbox', 'nobody knows')
             WHERE target = 'wallets/production'",
            [],
        )
        .expect("changed");
    assert!(changed > 0);
    press(&mut pty, "v", "not everything is what was written");
    let screen = pty.screen();
    assert!(screen.contains("wallets/production"), "{screen}");
    pty.keys("q");
    assert_eq!(pty.exit_status(UP).exit_code(), 0);
}
