//! Two real consoles on one release, in a sandbox with its own visitors: a handover on request, and
//! a forced takeover. No request of the visitors fails meanwhile.

use std::time::Duration;

use rustix::process::Signal;

use crate::sandbox::{Sandbox, words};
use crate::support::pty::Pty;

/// How long a step of a sandbox release may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);

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

/// Moves from *cancel* to the answer that confirms.
const YES: &str = "\x1b[C\r";

/// Promotes the version of qa, up to the question before *register*.
fn promote(pty: &mut Pty) {
    // Enter chooses the version under the cursor. The cursor starts on the newest version until the
    // others are known.
    press(pty, "P", "▸ 1.9.0");
    press(pty, "\r", "1.9.0 to web/production: why?");
    press(pty, "lamp sale\r", "[ Begin the release ]");
    press(pty, YES, "A answers: register waits for you");
}

fn ask(pty: &mut Pty, message: &str) {
    press(pty, "C", "Driven by ana@");
    press(pty, "j\r", "Message to ana@");
    press(pty, message, message);
    press(pty, "\r", "[ Ask to take over ]");
    press(pty, YES, "you ask to take over");
}

#[test]
fn a_requested_handover_lets_the_new_driver_finish_the_release() {
    let mut sandbox = Sandbox::kept().up();
    let mut ana = console(&sandbox, "ana");
    promote(&mut ana);
    let mut ben = console(&sandbox, "ben");
    ben.wait_for_text("driven by ana@", SOON);
    ana.wait_for_text("1 watch", SOON);
    let status = words(&sandbox.run(&["status", "web", "production"]));
    assert!(
        status.contains("> ben@") && status.contains("has watched this target since"),
        "{status}"
    );

    // Ben asks, Ana refuses, and Ben is told.
    ask(&mut ben, "may I?");
    ana.wait_for_text("asks to take over", SOON);
    press(&mut ana, "C", "answer later");
    ana.keys("jj\r");
    ben.wait_for_text("keeps driving", SOON);

    // Ben asks again, and Ana hands over: Ben continues without another question.
    ask(&mut ben, "your train leaves");
    ana.wait_for_text("asks to take over (waiting", SOON);
    let status = words(&sandbox.run(&["status", "web", "production"]));
    assert!(status.contains("requested the handover at"), "{status}");
    press(&mut ana, "C", "answer later");
    ana.keys("j\r");
    ben.wait_for_text("A answers: register waits for you", SOON);
    ben.wait_for_text("lock: you", SOON);
    ana.wait_for_text("driven by ben@", SOON);

    // The former driver now watches.
    press(&mut ben, "A", "[ Register the candidate ]");
    press(&mut ben, YES, "A answers: switch waits for you");
    ana.wait_for_text("switch waits for ben@", SOON);
    press(&mut ben, "A", "Type production to continue");
    press(&mut ben, "production\r", "is kept warm");
    ana.wait_for_text("is kept warm", SOON);
    ana.wait_for_text("✓ switch", SOON);

    ana.keys("q");
    assert_eq!(ana.exit_status(SOON).exit_code(), 0);
    ben.wait_for("nobody watches", SOON, |screen| {
        !screen.contents().contains("1 watch")
    });
    assert_eq!(sandbox.live("web", "production"), "1.9.0");
    drop(ben);
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

#[test]
fn a_forced_takeover_needs_a_reason_and_the_old_console_watches() {
    let mut sandbox = Sandbox::kept().up();
    let mut ana = console(&sandbox, "ana");
    promote(&mut ana);
    let mut ben = console(&sandbox, "ben");
    ben.wait_for_text("driven by ana@", SOON);
    press(&mut ben, "C", "Driven by ana@");
    press(&mut ben, "jj\r", "why?");
    // Not without a reason.
    press(&mut ben, "\r", "type why you take over the release");
    press(
        &mut ben,
        "she went home\r",
        "the lock holder's next write is refused",
    );
    press(
        &mut ben,
        "production\r",
        "A answers: register waits for you",
    );
    // Ana's console notices it and parks, whatever she does.
    ana.wait_for_text("lost to ben@", SOON);
    ana.wait_for_text("driven by ben@", SOON);
    press(&mut ben, "X", "[ Back out ]");
    press(&mut ben, YES, "backed out: requested at the console");
    ana.wait_for_text("backed out: requested at the console", SOON);
    assert_eq!(sandbox.live("web", "production"), "1.8.2");
    let journal = words(&sandbox.run(&["--json", "status", "web", "production"]));
    assert!(journal.contains(r#""interrupted":[]"#), "{journal}");
    drop((ana, ben));
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}
