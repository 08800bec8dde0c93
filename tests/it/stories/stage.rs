//! A sandbox's console on a terminal, and common actions with it.

use std::time::Duration;

use tempfile::TempDir;

use crate::sandbox::{assert_given_back, console_with};
use crate::support::pty::Pty;

/// How long the slowest step of a sandbox may take on a busy machine.
pub(crate) const UP: Duration = Duration::from_mins(1);
/// How long the answer to a key may take there.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Right, then Enter: from *cancel* to the answer that confirms.
pub(crate) const YES: &str = "\x1b[C\r";
pub(crate) const ESC: &str = "\x1b";

/// Short timings for stories that are not about waiting.
pub(crate) const HURRIED: [&str; 2] = [
    "environments.production.timing.minimum_healthy=100ms",
    "environments.production.timing.watch=500ms",
];

/// A sandbox's console on a terminal.
pub(crate) struct Stage {
    pub(crate) pty: Pty,
    room: TempDir,
}

impl Stage {
    /// A console that has observed every target, with `web/dev` open, and with values set over its
    /// configuration.
    pub(crate) fn open(laid: &[&str], size: (u16, u16)) -> Self {
        let more: Vec<&str> = laid.iter().flat_map(|value| ["--set", *value]).collect();
        Self::with(&more, size)
    }

    /// The same with any arguments.
    pub(crate) fn with(more: &[&str], size: (u16, u16)) -> Self {
        let (pty, room) = console_with(more, size);
        Self { pty, room }
    }

    /// Types, then waits until a text is on the screen.
    pub(crate) fn press(&mut self, keys: &str, shows: &str) {
        self.pty.keys(keys);
        self.pty.wait_for_text(shows, SOON);
    }

    /// Waits until a text is on the screen.
    pub(crate) fn shows(&self, text: &str) {
        self.pty.wait_for_text(text, UP);
    }

    /// Waits until the screen fulfils a condition.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        self.pty
            .wait_for(what, SOON, |screen| holds(&screen.contents()));
    }

    /// Opens `web/production` and arms it.
    pub(crate) fn arm_production(&mut self) {
        self.press("1\x1b[C\x1b[C\r", "PRODUCTION (protected)");
        self.press("", "web:1.8.2");
        self.press("W", "armed");
    }

    /// Chooses the version of qa, gives a reason, and starts the release.
    pub(crate) fn begin_what_qa_runs(&mut self) {
        // The end of a release is shown a moment before the release of its lock.
        self.until("nobody drives it", |text| !text.contains("lock: "));
        self.press("P", "▸ 1.9.0");
        self.press("\r", "1.9.0 to web/production: why?");
        self.press("lamp sale\r", "[ Begin the release ]");
        self.pty.keys(YES);
        self.shows("register waits");
    }

    pub(crate) fn register(&mut self) {
        self.press("A", "[ Register the candidate ]");
        self.press(YES, "switch waits");
    }

    /// Approves *switch* with the environment's name.
    pub(crate) fn switch(&mut self) {
        self.press("A", "Type production to continue");
        self.pty.keys("production\r");
    }

    /// Quits a console without a release in flight; nothing was lost and nothing is left.
    pub(crate) fn leave(mut self) {
        self.pty.keys("q");
        assert_eq!(self.pty.exit_status(UP).exit_code(), 0);
        let screen = self.pty.screen();
        assert!(screen.contains(" 0 failed"), "{screen}");
        assert_given_back(&self.pty, &self.room);
    }
}
