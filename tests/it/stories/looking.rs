//! Changing the theme, and copying a digest.

use std::cell::Cell;

use super::stage::{ESC, SOON, Stage};

/// The colour of a healthy state: that of the mark in the live slot.
fn well(screen: &vt100::Screen) -> Option<vt100::Color> {
    const FRAME: &str = "║ ";
    let columns = screen.size().1.get();
    (0..)
        .zip(screen.rows(0, columns))
        .find_map(|(row, line)| {
            let (before, _) = line.split_once(&format!("{FRAME}● healthy"))?;
            let column = before.chars().count() + FRAME.chars().count();
            screen.cell(row, u16::try_from(column).ok()?)
        })
        .map(vt100::Cell::fgcolor)
}

fn colour(stage: &Stage) -> vt100::Color {
    let found = Cell::new(None);
    stage
        .pty
        .wait_for("something that is well", SOON, |screen| {
            found.set(well(screen));
            found.get().is_some()
        });
    found.get().expect("it was seen")
}

#[test]
fn a_colour_blind_theme_is_previewed_and_kept() {
    let mut stage = Stage::open(&[], (118, 34));
    let dark = colour(&stage);
    stage.press("T", "dark (in use)");
    stage.press("jjj", "▸ deuteranopia");
    let blue = colour(&stage);
    assert_ne!(blue, dark, "it is worn while the cursor is on it");
    stage.pty.keys(ESC);
    stage.pty.wait_for("the old one, by Esc", SOON, |screen| {
        !screen.contents().contains("(in use)") && well(screen) == Some(dark)
    });
    stage.press("T", "dark (in use)");
    stage.press("jjj\r", "theme deuteranopia is used for now");
    assert_eq!(colour(&stage), blue);
    stage.press(":theme dark\r", "theme dark is used for now");
    assert_eq!(colour(&stage), dark);
    stage.leave();
}

#[test]
fn a_digest_is_copied() {
    let mut stage = Stage::open(&[], (118, 34));
    stage.press("1y", "copied the digest of the live version: sha256:");
    let said = String::from_utf8_lossy(&stage.pty.raw()).into_owned();
    // OSC 52, for the clipboard; "sha256:" in Base64 starts with this.
    assert!(
        said.contains("\u{1b}]52;c;c2hhMjU2O"),
        "nothing was sent to the clipboard"
    );
    stage.leave();
}
