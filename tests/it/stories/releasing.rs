//! Promoting, rolling back, and what the screen shows meanwhile.

use super::stage::{ESC, HURRIED, SOON, Stage, UP, YES};

#[test]
fn the_version_of_qa_is_promoted_to_production_with_its_log_in_view() {
    let mut stage = Stage::open(&[], (118, 34));
    stage.arm_production();
    stage.begin_what_qa_runs();
    // Reading the log meanwhile: it is the candidate's, and the view stays at its start.
    stage.press("5", "5 Logs · green web:1.9.0 · following");
    stage.press("g", "paused");
    stage.press("f", "following");
    stage.register();
    stage.press("A", "Type production to continue");
    stage.press("productio\r", "n is missing; Esc cancels");
    stage.press(ESC, "cancelled: nothing was changed");
    stage.switch();
    stage.shows("1.9.0 is live. 1.8.2 is kept warm");
    stage
        .pty
        .wait_for("blue on standby next to a live green", SOON, |screen| {
            let text = screen.contents();
            text.contains("BLUE  ◐ STANDBY") && text.contains("GREEN  ● LIVE")
        });
    stage.shows("5 Logs · green web:1.9.0");
    stage.press("S", "Type production to continue");
    stage.press("production\r", "✓ done");
    stage.press("", "web/production: healthy");
    stage.leave();
}

#[test]
fn a_release_is_backed_out_at_each_step_by_keys() {
    let mut stage = Stage::open(&HURRIED, (118, 34));
    stage.arm_production();

    // Before registration: a yes, and the candidate is removed.
    stage.begin_what_qa_runs();
    stage.press("X", "[ Back out ]");
    stage.pty.keys(YES);
    stage.shows("backed out");
    stage.shows("nothing is running");

    // Registered, without traffic.
    stage.begin_what_qa_runs();
    stage.register();
    stage.press("X", "[ Back out ]");
    stage.pty.keys(YES);
    stage.shows("backed out");
    stage.shows("nothing is running");

    // With the traffic: it needs the environment's name, and 1.8.2 has the traffic again.
    stage.begin_what_qa_runs();
    stage.register();
    stage.switch();
    stage.shows("1.9.0 is live. 1.8.2 is kept warm");
    stage.press("X", "Type production to continue");
    stage.pty.keys("production\r");
    stage.pty.wait_for("blue live, green empty", UP, |screen| {
        let text = screen.contents();
        text.contains("BLUE  ● LIVE") && text.contains("nothing is running")
    });
    stage.shows("backed out");
    stage.leave();
}

#[test]
fn a_warm_version_gets_its_traffic_back_with_one_key_and_the_name() {
    let mut stage = Stage::open(&HURRIED, (118, 34));
    stage.arm_production();
    stage.begin_what_qa_runs();
    stage.register();
    stage.switch();
    stage.shows("1.9.0 is live. 1.8.2 is kept warm");
    stage.press("R", "Type production to continue");
    stage.pty.keys("production\r");
    stage.pty.wait_for("blue live, green warm", UP, |screen| {
        let text = screen.contents();
        text.contains("BLUE  ● LIVE") && text.contains("GREEN  ◐ STANDBY")
    });
    stage.shows("1.8.2 is live. 1.9.0 is kept warm");
    // The release that keeps 1.9.0 warm is in flight: quitting says so and leaves it warm.
    stage.press("q", "stay in the console");
    stage.pty.keys(ESC);
    stage.until("the question is closed", |text| {
        !text.contains("stay in the console")
    });
    stage.press("S", "Type production to continue");
    stage.press("production\r", "✓ done");
    stage.leave();
}

#[test]
fn a_release_continues_while_the_terminal_shrinks() {
    let mut stage = Stage::open(&HURRIED, (118, 34));
    stage.arm_production();
    stage.begin_what_qa_runs();
    stage.pty.resize((80, 24));
    // One pane at a time, with the ladder still visible.
    stage.pty.wait_for("tabs and the ladder", SOON, |screen| {
        let text = screen.contents();
        text.contains("register waits") && text.contains("5 Logs") && !text.contains("┐┌")
    });
    stage.press("5", "web:1.9.0");
    stage.register();
    stage.press("A", "Type production to continue");
    // Too narrow for use, with a question open: the screen says so, and the question returns.
    stage.pty.resize((20, 5));
    stage.pty.wait_for("a card", SOON, |screen| {
        screen.contents().contains("60") && !screen.contents().contains("Type production")
    });
    stage.pty.resize((80, 24));
    stage.shows("Type production to continue");
    stage.pty.keys("production\r");
    stage.shows("kept warm");
    stage.pty.resize((118, 34));
    stage.pty.wait_for("all panes", SOON, |screen| {
        let text = screen.contents();
        text.contains("1 Environments") && text.contains("GREEN  ● LIVE")
    });
    stage.press("X", "Type production to continue");
    stage.pty.keys("production\r");
    stage.shows("backed out");
    stage.leave();
}
