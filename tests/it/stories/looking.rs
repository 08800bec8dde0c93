//! Seeing and taking away what is on the screen: another theme, a digest.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::stage::{ESC, SOON, Stage};

/// The colours of the letters on the screen.
fn colours(stage: &Stage) -> BTreeSet<String> {
    let found = RefCell::new(BTreeSet::new());
    stage.pty.wait_for("colours", SOON, |screen| {
        let all = (0..34).flat_map(|row| (0..118).filter_map(move |at| screen.cell(row, at)));
        found.replace(all.map(|cell| format!("{:?}", cell.fgcolor())).collect());
        true
    });
    found.into_inner()
}

#[test]
fn a_colour_blind_theme_is_tried_on_and_kept() {
    let mut stage = Stage::open(&[], (118, 34));
    let dark = colours(&stage);
    stage.press("T", "dark (worn)");
    stage.press("jjj", "▸ deuteranopia");
    assert_ne!(
        colours(&stage),
        dark,
        "it is worn while the cursor is on it"
    );
    stage.pty.keys(ESC);
    stage.pty.wait_for("the list is gone", SOON, |screen| {
        !screen.contents().contains("(worn)")
    });
    assert_eq!(colours(&stage), dark, "Esc gives the old one back");
    stage.press("T", "dark (worn)");
    stage.press("jjj\r", "theme deuteranopia for now");
    assert_ne!(colours(&stage), dark);
    stage.press(":theme dark\r", "theme dark for now");
    stage.leave();
}

#[test]
fn a_digest_is_copied() {
    let mut stage = Stage::open(&[], (118, 34));
    stage.press("1y", "copied the digest that is live there: sha256:");
    let said = String::from_utf8_lossy(&stage.pty.raw()).into_owned();
    // OSC 52, for the clipboard; "sha256:" in Base64 begins so.
    assert!(
        said.contains("\u{1b}]52;c;c2hhMjU2O"),
        "nothing was sent to the clipboard"
    );
    stage.leave();
}
