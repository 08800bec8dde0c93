//! Holds from the command line in a sandbox: they stop promotes, can be overridden with a reason,
//! are left by a rollback, and are cleared. Each record names the operator.

use std::process::Output;
use std::time::Duration;

use greenroom::inventory::{SeenHold, Target};
use greenroom::settings::{Request, Settings};
use greenroom::wire;
use rustix::process::Signal;

use crate::sandbox::{Sandbox, words};
use crate::support::json_lines::json_list;
use crate::support::pairs::Pairs;

fn refused(output: &Output, why: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", words(output));
    assert!(words(output).contains(why), "{}", words(output));
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", words(output));
    words(output)
}

#[test]
fn a_hold_stops_promotes_until_it_is_overridden_or_cleared() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let said = done(&sandbox.run(&["hold"]));
    let nothing = "no hold or freeze is in effect, and no freeze starts within eight days";
    assert!(said.contains(nothing), "{said}");

    // Neither an end in the past nor a hold without a reason.
    let wrong = sandbox.run(&[
        "hold",
        "web",
        "dev",
        "--reason",
        "x",
        "--until",
        "2020-01-01",
    ]);
    assert_eq!(wrong.status.code(), Some(2), "{}", words(&wrong));
    let empty = sandbox.run(&["hold", "web", "dev", "--reason", " "]);
    assert_eq!(empty.status.code(), Some(2), "{}", words(&empty));

    // Hostile text in a reason does not reach another terminal.
    let typed = ["hold", "web", "qa", "--reason", "\u{1b}[31mred\u{202e}"];
    done(&sandbox.run(&typed));
    let stored = done(&sandbox.run(&["--json", "hold", "web", "qa"]));
    assert!(
        !stored.contains("001b") && !stored.contains("202e"),
        "{stored}"
    );
    done(&sandbox.run(&["hold", "web", "qa", "--clear"]));

    done(&sandbox.run(&["hold", "web", "dev", "--reason", "payday", "--until", "3d"]));
    let other = ["hold", "web", "dev", "--reason", "mine"];
    refused(&sandbox.run(&other), "clear this hold first");
    let said = done(&sandbox.run(&["hold"]));
    assert!(
        said.contains("web/dev: held by") && said.contains("payday (until"),
        "{said}"
    );
    let said = done(&sandbox.run(&["status", "web", "dev"]));
    assert!(said.contains("payday"), "{said}");

    let promote = ["promote", "web", "dev", "--version", "1.8.2", "--yes"];
    refused(&sandbox.run(&promote), "payday");
    assert_eq!(sandbox.live("web", "dev"), "1.9.0");
    let over = [&promote[..], &["--override-hold", "the shop is down"]].concat();
    let said = done(&sandbox.run(&over));
    assert!(said.contains("overrides: held by"), "{said}");
    assert_eq!(sandbox.live("web", "dev"), "1.8.2");
    // Overriding does not clear the hold; the release records the override and its reason.
    let next = ["promote", "web", "dev", "--version", "1.9.0", "--yes"];
    refused(&sandbox.run(&next), "payday");
    let found = done(&sandbox.run(&["--json", "history", "web", "dev", "--search", "shop"]));
    assert!(
        found.contains("the shop is down") && found.contains("payday"),
        "{found}"
    );

    let said = done(&sandbox.run(&["hold", "web", "dev", "--clear", "--reason", "paid"]));
    assert!(said.contains("cleared by"), "{said}");
    refused(
        &sandbox.run(&["hold", "web", "dev", "--clear"]),
        "nothing to clear",
    );
    let said = done(&sandbox.run(&["hold", "web", "dev"]));
    assert!(
        said.contains("not held; cleared by") && said.contains("paid"),
        "{said}"
    );
    done(&sandbox.run(&next));

    // A rollback is possible under a hold and leaves its own hold.
    let back = [
        "rollback", "web", "dev", "--to", "1.8.2", "--yes", "--reason", "slow",
    ];
    done(&sandbox.run(&back));
    assert_eq!(sandbox.live("web", "dev"), "1.8.2");
    let said = done(&sandbox.run(&["hold"]));
    assert!(
        said.contains("rolled back from 1.9.0 to 1.8.2: slow"),
        "{said}"
    );
    refused(&sandbox.run(&next), "rolled back from 1.9.0");
    all_holds_are_listed(&sandbox);
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

/// A replaced hold is still in the list, in the history, and on its own page.
fn all_holds_are_listed(sandbox: &Sandbox) {
    let said = done(&sandbox.run(&["hold", "web", "dev"]));
    assert!(
        said.contains("held by")
            && said.contains("ended hold: ")
            && said.contains("payday; cleared by"),
        "{said}"
    );
    let shown = sandbox.run(&["--json", "history", "web", "dev"]);
    let shown = json_list(&shown, "items");
    let holds: Vec<_> = shown.iter().filter(|line| line["kind"] == "hold").collect();
    assert_eq!(holds.len(), 2, "{shown:?}");
    let (left, cleared) = (&holds[0]["hold"], &holds[1]["hold"]);
    assert_eq!(left["cleared"], serde_json::Value::Null);
    assert_eq!(cleared["reason"], "payday");
    assert_eq!(cleared["cleared"]["why"], "paid");
    let rollback = shown.iter().find(|line| line["reason"] == "slow");
    assert_eq!(left["release"], rollback.expect("the rollback")["id"]);
    let found = done(&sandbox.run(&["history", "--search", "payday"]));
    assert!(found.contains("  hold  "), "{found}");
    let id = holds[1]["id"].as_str().expect("an id");
    let page = done(&sandbox.run(&["show", id]));
    assert!(page.contains("because: paid"), "{page}");
    let compared = sandbox.run(&["history", "compare", id, id]);
    assert_eq!(compared.status.code(), Some(2), "{}", words(&compared));
    let csv = done(&sandbox.run(&["history", "web", "dev", "--csv"]));
    assert!(!csv.contains("hold"), "a table of releases: {csv}");
}

#[test]
fn a_read_only_configuration_refuses_changes_and_names_its_line() {
    let sandbox = Sandbox::kept().up();
    let path = sandbox.place().join("greenroom.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let text = match text.split_once("[console]\n") {
        Some((before, after)) => format!("{before}[console]\nread_only = true\n{after}"),
        None => format!("[console]\nread_only = true\n\n{text}"),
    };
    std::fs::write(&path, text).expect("written");
    let undo = ["--set", "console.read_only=false"];
    let undone = sandbox.run(&[&undo[..], &["status"]].concat());
    assert_eq!(undone.status.code(), Some(2), "{}", words(&undone));
    assert!(
        words(&undone).contains("which a variable or flag cannot undo"),
        "{}",
        words(&undone)
    );
    let said = words(&sandbox.run(&["doctor"]));
    assert!(
        said.contains("not allowed: console.read_only is set at"),
        "{said}"
    );
    for verb in [
        &["promote", "web", "dev", "--version", "1.8.2", "--yes"][..],
        &["hold", "web", "dev", "--reason", "payday"],
        &["prune", "web", "dev", "--yes"],
    ] {
        let output = sandbox.run(verb);
        let said = words(&output);
        let is_nothing_to_do = verb[0] == "prune" && said.contains("0 of 0 images");
        assert!(
            is_nothing_to_do || (!output.status.success() && said.contains("console.read_only")),
            "{verb:?}: {said}"
        );
    }
    assert_eq!(sandbox.live("web", "dev"), "1.9.0");
    // No key arms the console.
    let mut pty = sandbox.on_a_terminal(&[]);
    pty.wait_for_text("web · dev", Duration::from_mins(1));
    pty.keys("W");
    pty.wait_for_text("no target can be armed", Duration::from_secs(20));
}

#[test]
fn an_unreadable_hold_is_shown_and_can_be_removed() {
    let mut sandbox = Sandbox::kept().up();
    let store = Pairs::of(&sandbox.place().join("store.sqlite"));
    let garbage = format!("until\u{1b}[31m further notice{}", " and on".repeat(100));
    store.put("targets/web/dev/hold", &garbage);
    let revision = store.revision();
    let promote = ["promote", "web", "dev", "--version", "1.8.2", "--yes"];
    refused(&sandbox.run(&promote), "hold");
    let listed = words(&sandbox.run(&["hold", "web", "dev"]));
    assert!(
        listed.contains("greenroom hold web dev --clear"),
        "{listed}"
    );

    let clear = ["hold", "web", "dev", "--clear", "--reason", "nobody's"];
    let said = done(&sandbox.run(&clear));
    assert!(
        said.contains("further notice") && said.contains(&format!("revision {revision}")),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert!(said.len() < 1_000, "it is cut: {said}");
    let past = done(&sandbox.run(&["hold", "web", "dev"]));
    assert!(past.contains("a hold that could not be read"), "{past}");
    assert!(past.contains("nobody's"), "{past}");
    let again = sandbox.run(&["hold", "web", "dev", "--clear"]);
    refused(&again, "nothing to clear");
    done(&sandbox.run(&promote));
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}

/// One target with a store, and nothing else that answers.
const TARGET: &str = r#"
[environments.dev]
runtime = "process"
store = "sqlite"
proxy = "embedded"
sqlite = { path = "store.sqlite" }
process = { state = "processes", catalogue = "catalogue.json" }
embedded = { answer = "127.0.0.1:8090", state = "proxy" }
[services.web]
image = "sample"
listen = { port = 8080 }
health = { path = "/health" }
[services.web.environments.dev]
endpoints = { blue = "127.0.0.1:1", green = "127.0.0.1:2" }
[services.web.environments.dev.proxy]
server_names = ["localhost"]
listen = "127.0.0.1:8080"
preview_listen = "127.0.0.1:8081"
"#;

#[tokio::test]
async fn only_the_hold_that_was_shown_is_cleared() {
    let room = tempfile::tempdir().expect("a directory");
    let file = room.path().join("greenroom.toml");
    let loaded = Settings::read(&file, TARGET, &Request::default());
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let app = wire::build(&loaded.settings, false).expect("an app");
    let engine = &app.engine;
    let web = Target::new("web".parse().expect("a name"), "dev".parse().expect("one"));
    let changed = async |seen: &SeenHold, now: &str| {
        let refused = engine.clear_seen_hold(&web, seen, None).await;
        let said = refused.expect_err("it changed").to_string();
        assert!(said.contains("changed since it was shown"), "{said}");
        assert!(said.contains(now), "{now}: {said}");
    };
    let place = async |reason: &str| {
        let placed = engine.hold(&web, reason.to_owned(), None).await;
        SeenHold::Readable(Box::new(placed.expect("placed")))
    };
    let shown = place("payday").await;
    // Another operator clears it, and places one for another reason.
    engine.clear_hold(&web, None).await.expect("cleared");
    let other = place("outage").await;
    changed(&shown, "outage").await;
    changed(&SeenHold::Unreadable(1), "outage").await;
    let cleared = engine.clear_seen_hold(&web, &other, None).await;
    assert_eq!(cleared.expect("cleared").reason, "outage");
    changed(&other, "cleared by").await;

    let store = Pairs::of(&room.path().join("store.sqlite"));
    store.put("targets/web/dev/hold", "garbage");
    let revision = store.revision();
    let now = format!("revision {revision}");
    changed(&other, &now).await;
    changed(&SeenHold::Unreadable(revision - 1), &now).await;
    let seen = SeenHold::Unreadable(revision);
    let removed = engine.clear_seen_hold(&web, &seen, None).await;
    removed.expect("removed");
    changed(&seen, "The current hold: none").await;
}
