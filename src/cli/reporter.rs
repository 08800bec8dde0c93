//! Says what happens while a release goes on: bars and a line at a time on a terminal, plain
//! lines elsewhere, JSON for programs.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::out::say_json;
use crate::harmless::harmless;
use crate::history::Outcome;
use crate::release::words::duration;
use crate::release::{Announcement, AnnouncementKind, Progress, Status, StepState};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// How it is said.
enum Way {
    Json,
    Plain,
    Terminal(ProgressBar),
}

/// Tells one release to whoever reads.
pub(super) struct Reporter {
    way: Way,
}

impl Reporter {
    pub(super) fn new(is_json: bool) -> Self {
        let way = if is_json {
            Way::Json
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(TICK);
            Way::Terminal(bar)
        } else {
            Way::Plain
        };
        Self { way }
    }

    /// One thing that happened.
    pub(super) fn announce(&self, announcement: &Announcement) {
        let line = format!(
            "{}  {} {}",
            announcement.at.strftime("%H:%M:%S"),
            sign(announcement.kind),
            harmless(&announcement.text)
        );
        match &self.way {
            Way::Json => say_json(announcement),
            Way::Plain => say_line!("{line}"),
            Way::Terminal(bar) => bar.suspend(|| say_line!("{line}")),
        }
    }

    /// What it is doing right now; only a terminal shows that.
    pub(super) fn show(&self, status: &Status) {
        let Way::Terminal(bar) = &self.way else {
            return;
        };
        // A spinner that turns lands on the line where somebody types.
        if matches!(status.progress, Progress::Asking { .. }) {
            bar.disable_steady_tick();
            bar.set_message("");
            return;
        }
        bar.enable_steady_tick(TICK);
        let running = status.steps.iter().find_map(|rung| match &rung.state {
            StepState::Running { note, .. } => Some(format!("{} {note}", rung.step)),
            _ => None,
        });
        match (&status.progress, status.pulled) {
            (Progress::Forward(crate::history::Step::Pull), Some((done, total))) if total > 0 => {
                bar.set_style(bar_style());
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message("pull");
            }
            (Progress::Standby { until }, _) => {
                bar.set_style(ProgressStyle::default_spinner());
                let until = until.map_or_else(String::new, |until| {
                    let left = Duration::try_from(until.duration_since(jiff::Timestamp::now()));
                    format!(", {} left", duration(left.unwrap_or_default()))
                });
                bar.set_message(format!(
                    "standby{until}; Ctrl-C leaves the old version warm"
                ));
            }
            (Progress::Unrecorded { .. }, _) => {
                bar.set_style(ProgressStyle::default_spinner());
                bar.set_message("waits until the store takes what is written down; Ctrl-C stops");
            }
            _ => {
                bar.set_style(ProgressStyle::default_spinner());
                bar.set_message(running.unwrap_or_default());
            }
        }
    }

    /// Runs something that needs the terminal for itself, a question for example.
    pub(super) fn aside<T>(&self, speak: impl FnOnce() -> T) -> T {
        match &self.way {
            Way::Terminal(bar) => bar.suspend(speak),
            Way::Json | Way::Plain => speak(),
        }
    }

    /// How it ended.
    pub(super) fn close(&self, outcome: Option<&Outcome>, words: &str) {
        match &self.way {
            Way::Json => {
                say_json(&serde_json::json!({ "event": "end", "outcome": outcome, "text": words }));
            }
            Way::Plain => say_line!("{words}"),
            Way::Terminal(bar) => {
                bar.finish_and_clear();
                say_line!("{words}");
            }
        }
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} [{bar:30}] {bytes} of {total_bytes}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn sign(kind: AnnouncementKind) -> &'static str {
    match kind {
        AnnouncementKind::Began => ">",
        AnnouncementKind::Settled => "+",
        AnnouncementKind::Failed => "x",
        AnnouncementKind::Asked => "?",
        AnnouncementKind::Decided => "!",
        AnnouncementKind::Noted => "-",
        AnnouncementKind::Closed => "=",
    }
}
