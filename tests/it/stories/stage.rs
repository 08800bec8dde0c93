//! A sandbox's console on a terminal, and the few things everybody does with it.

use std::time::Duration;

use tempfile::TempDir;

use crate::sandbox::{assert_given_back, console_with};
use crate::support::pty::Pty;

/// How long the slowest step of a sandbox may take on a busy machine.
pub(crate) const UP: Duration = Duration::from_mins(1);
/// How long an answer to a key may take there.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Right, then Enter: from *cancel* to the answer that does it.
pub(crate) const YES: &str = "\x1b[C\r";
/// Esc.
pub(crate) const ESC: &str = "\x1b";

/// The hurry of stories that are not about waiting.
pub(crate) const HURRIED: [&str; 2] = [
    "environments.production.timing.minimum_healthy=100ms",
    "environments.production.timing.watch=500ms",
];

/// See the module.
pub(crate) struct Stage {
    pub(crate) pty: Pty,
    room: TempDir,
}

impl Stage {
    /// A console that has seen the world, with `web/dev` open, and values laid over its configuration.
    pub(crate) fn open(laid: &[&str], size: (u16, u16)) -> Self {
        let more: Vec<&str> = laid.iter().flat_map(|value| ["--set", *value]).collect();
        Self::with(&more, size)
    }

    /// The same with any arguments.
    pub(crate) fn with(more: &[&str], size: (u16, u16)) -> Self {
        let (pty, room) = console_with(more, size);
        Self { pty, room }
    }

    /// Types, then waits until something stands on the screen.
    pub(crate) fn press(&mut self, keys: &str, shows: &str) {
        self.pty.keys(keys);
        self.pty.wait_for_text(shows, SOON);
    }

    /// Waits until something stands on the screen.
    pub(crate) fn shows(&self, text: &str) {
        self.pty.wait_for_text(text, UP);
    }

    /// Waits until the screen is as wanted.
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

    /// Chooses what qa runs, says why, and begins the release.
    pub(crate) fn begin_what_qa_runs(&mut self) {
        // A release that is over is seen to be so a moment before its lock is seen to be given back.
        self.until("nobody drives it", |text| !text.contains("lock: "));
        self.press("P", "▸ 1.9.0");
        self.press("\r", "1.9.0 to web/production: why?");
        self.press("lamp sale\r", "[ Begin the release ]");
        self.pty.keys(YES);
        self.shows("register waits");
    }

    /// Approves *register*.
    pub(crate) fn register(&mut self) {
        self.press("A", "[ Register the candidate ]");
        self.press(YES, "switch waits");
    }

    /// Approves *switch*, by the environment's name.
    pub(crate) fn switch(&mut self) {
        self.press("A", "Type production to go on");
        self.pty.keys("production\r");
    }

    /// Leaves a console in which nothing is in flight; nothing was lost and nothing is left.
    pub(crate) fn leave(mut self) {
        self.pty.keys("q");
        assert_eq!(self.pty.exit_status(UP).exit_code(), 0);
        let screen = self.pty.screen();
        assert!(screen.contains(" 0 failed"), "{screen}");
        assert_given_back(&self.pty, &self.room);
    }
}
