//! The rules that protect production, with keys alone: a hold stops a promote, is overridden with a
//! reason, and traffic waits for a second person at another console.

use std::time::Duration;

use rustix::process::Signal;

use crate::sandbox::{Sandbox, words};
use crate::support::json_lines::json_list;
use crate::support::pty::Pty;

/// How long a step of a sandbox release may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);
/// Moves from *cancel* to the answer that confirms.
const YES: &str = "\x1b[C\r";

/// The console of this operator on `web/production`, armed.
fn console(sandbox: &Sandbox, name: &str) -> Pty {
    let operator = format!("operator.name={name}");
    let mut pty = sandbox.on_a_terminal(&["--set", &operator]);
    pty.resize((150, 40));
    pty.wait_for_text("web · dev", SOON);
    press(&mut pty, "1\x1b[C\x1b[C\r", "PRODUCTION (protected)");
    press(&mut pty, "", "web:1.8.2");
    press(&mut pty, "W", "armed");
    pty
}

fn press(pty: &mut Pty, keys: &str, shows: &str) {
    pty.keys(keys);
    pty.wait_for_text(shows, SOON);
}

/// Ben gets a notice, and approves from his console with a note and the environment's name.
fn ben_approves(sandbox: &Sandbox) -> Pty {
    let as_ben = ["--set", "operator.name=ben", "status", "web", "production"];
    let status = words(&sandbox.run(&as_ben));
    assert!(
        status.contains("you can approve it: greenroom approve web production"),
        "{status}"
    );
    let mut ben = console(sandbox, "ben");
    ben.wait_for_text("1 waits for you (a)", SOON);
    ben.wait_for_text("waits for your approval", SOON);
    let bells = ben.raw().into_iter().filter(|byte| *byte == 7).count();
    assert_eq!(bells, 1, "the bell rings once for it");
    press(&mut ben, "a", "approve the release of ana@");
    press(&mut ben, "\r", "Type production to continue");
    ben.wait_for_text("because:", SOON);
    press(&mut ben, "\tlooked at it", "looked at it_");
    press(&mut ben, "\rproduction\r", "you approved the release");
    ben
}

#[test]
fn a_hold_is_overridden_with_a_second_person_at_another_console() {
    let mut sandbox = Sandbox::kept().up();
    let mut ana = console(&sandbox, "ana");
    // An operator freezes production.
    press(&mut ana, "F", "Hold web/production: why?");
    press(&mut ana, "payday\r", "until when?");
    press(&mut ana, "3d\r", "is held by ana@");
    ana.wait_for_text("web/production: held", SOON);

    // Every interface refuses a promote, which can be overridden with a separate reason.
    let refused = sandbox.run(&[
        "promote",
        "web",
        "production",
        "--from",
        "qa",
        "--reason",
        "x",
    ]);
    assert!(!refused.status.success(), "{}", words(&refused));
    press(&mut ana, "P", "▸ 1.9.0");
    press(&mut ana, "\r", "is held: override it?");
    press(
        &mut ana,
        "the shop is down\r",
        "1.9.0 to web/production: why?",
    );
    press(&mut ana, "lamp sale\r", "[ Begin the release ]");
    ana.wait_for_text("overrides: held by ana@", SOON);
    ana.wait_for_text("the switch needs 1 approval by someone else", SOON);
    press(&mut ana, YES, "A answers: register waits for you");
    press(&mut ana, "A", "[ Register the candidate ]");
    press(&mut ana, YES, "switch waits for approvals");
    ana.wait_for_text("needs 1 approval by someone else, has 0", SOON);
    // She cannot continue alone, and no operator can approve their own release.
    press(
        &mut ana,
        "A",
        "Approvals can be given by anyone except ana@",
    );
    press(&mut ana, "", "greenroom approve web production");
    press(&mut ana, "\x1b", "A shows who can approve");
    let own = [
        "--set",
        "operator.name=ana",
        "approve",
        "web",
        "production",
        "--note",
        "me",
    ];
    let own = sandbox.run(&own);
    assert!(
        words(&own).contains("operators cannot approve their own release"),
        "{}",
        words(&own)
    );

    let ben = ben_approves(&sandbox);
    ana.wait_for_text("needs 1 approval by someone else, has 1: ben@", SOON);
    let status = words(&sandbox.run(&["status", "web", "production"]));
    assert!(
        status.contains("approved by ben@") && status.contains("looked at it"),
        "{status}"
    );

    press(&mut ana, "A", "Type production to continue");
    press(
        &mut ana,
        "production\r",
        "1.9.0 is live. 1.8.2 is kept warm",
    );
    assert_eq!(sandbox.live("web", "production"), "1.9.0");
    // The name is asked for once: *stop* does not ask again.
    press(&mut ana, "S", "Type production to continue");
    press(&mut ana, "production\r", "✓ done");

    // The record says who overrode what, who approved, and what they saw.
    let found = words(&sandbox.run(&["--json", "history", "web", "production", "--limit", "1"]));
    assert!(found.contains("the shop is down"), "{found}");
    let newest = ["--json", "history", "web", "production", "--limit", "1"];
    let listed = json_list(&sandbox.run(&newest), "items");
    let id = listed[0]["id"].as_str().expect("its id");
    let shown = words(&sandbox.run(&["show", id]));
    assert!(
        shown.contains("ben@") && shown.contains("approved the release, from ben@"),
        "{shown}"
    );
    assert!(
        shown.contains("because: looked at it")
            && shown.contains("checks passed")
            && shown.contains("overrode a hold: held by"),
        "{shown}"
    );
    let verified = sandbox.run(&["history", "verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
    drop((ana, ben));
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}
