//! Reports the events of a release: progress bars and lines on a terminal, plain lines elsewhere, JSON for programs.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::json;
use crate::history::Outcome;
use crate::inventory::ReleaseId;
use crate::inventory::local_time;
use crate::release::describe::duration;
use crate::release::{Announcement, AnnouncementKind, Plan, Progress, Status, StepState};
use crate::sanitize::sanitize;

/// The time between two frames of a spinner.
const TICK: Duration = Duration::from_millis(120);

enum OutputKind {
    Json,
    Plain,
    Terminal(ProgressBar),
}

/// Reports the events of one release.
pub(super) struct Reporter {
    output: OutputKind,
    /// The failure that was reported last.
    failure: Option<String>,
}

impl Reporter {
    pub(super) fn new(is_json: bool) -> Self {
        let output = if is_json {
            OutputKind::Json
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(TICK);
            OutputKind::Terminal(bar)
        } else {
            OutputKind::Plain
        };
        Self {
            output,
            failure: None,
        }
    }

    pub(super) fn announce(&mut self, announcement: &Announcement) {
        if announcement.kind == AnnouncementKind::Failed {
            self.failure = Some(announcement.text.clone());
        }
        let line = format!(
            "{}  {} {}",
            local_time::clock(announcement.at),
            sign(announcement.kind),
            sanitize(self.without_reported_failure(announcement))
        );
        match &self.output {
            OutputKind::Json => json::event_at(
                announcement.at,
                name(announcement.kind),
                serde_json::json!({
                    "step": announcement.step,
                    "direction": announcement.direction,
                    "text": announcement.text,
                }),
            ),
            OutputKind::Plain => say_line!("{line}"),
            OutputKind::Terminal(bar) => bar.suspend(|| say_line!("{line}")),
        }
    }

    /// The text of an event. If the text ends with the failure that was reported last, that failure is left out,
    /// because the operator has just read it. The text of the failure itself stays whole.
    fn without_reported_failure<'a>(&self, announcement: &'a Announcement) -> &'a str {
        let text = announcement.text.as_str();
        match &self.failure {
            Some(failure) if announcement.kind != AnnouncementKind::Failed => text
                .strip_suffix(failure.as_str())
                .and_then(|text| text.strip_suffix(": "))
                .unwrap_or(text),
            _ => text,
        }
    }

    /// Whether `reason` is the failure that was reported last.
    pub(super) fn has_reported(&self, reason: &str) -> bool {
        self.failure.as_deref() == Some(reason)
    }

    /// Shows what the release is doing now, but only on a terminal.
    pub(super) fn show(&self, status: &Status) {
        let OutputKind::Terminal(bar) = &self.output else {
            return;
        };
        // A running spinner would overwrite the line in which the operator types.
        if matches!(status.progress, Progress::Asking { .. }) {
            bar.disable_steady_tick();
            bar.set_message("");
            return;
        }
        bar.enable_steady_tick(TICK);
        let running = status
            .steps
            .iter()
            .find_map(|step_status| match &step_status.state {
                StepState::Running { note, .. } => Some(format!("{} {note}", step_status.step)),
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
                    "standby{until}; Ctrl-C leaves the old version running"
                ));
            }
            (Progress::Unrecorded { .. }, _) => {
                bar.set_style(ProgressStyle::default_spinner());
                bar.set_message(
                    "waiting until the store accepts writes; Ctrl-C leaves the release as it is",
                );
            }
            _ => {
                bar.set_style(ProgressStyle::default_spinner());
                bar.set_message(running.unwrap_or_default());
            }
        }
    }

    /// Reports that the switch waits for approvals of other operators: how many it needs, and how many it has, if
    /// known.
    pub(super) fn lacks_approvals(
        &self,
        release: ReleaseId,
        needed: usize,
        has: Option<usize>,
        message: &str,
    ) {
        let message = message.lines().map(sanitize).collect::<Vec<_>>().join("\n");
        match &self.output {
            OutputKind::Json => json::event(
                "waits-for-approvals",
                serde_json::json!({
                    "release": release, "needed": needed, "has": has, "text": message,
                }),
            ),
            OutputKind::Plain => warn_line!("{message}"),
            OutputKind::Terminal(bar) => bar.suspend(|| warn_line!("{message}")),
        }
    }

    /// Hides the progress while `write` writes to the terminal, for example a question.
    pub(super) fn without_progress<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.output {
            OutputKind::Terminal(bar) => bar.suspend(write),
            OutputKind::Json | OutputKind::Plain => write(),
        }
    }

    /// Reports the end of the release.
    pub(super) fn close(&self, plan: &Plan, outcome: Option<&Outcome>, message: &str) {
        match &self.output {
            OutputKind::Json => json::answer(serde_json::json!({
                "release": plan.release, "outcome": outcome, "text": message, "standby": null,
            })),
            OutputKind::Plain => say_line!("{message}"),
            OutputKind::Terminal(bar) => {
                bar.finish_and_clear();
                say_line!("{message}");
            }
        }
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} [{bar:30}] {bytes} of {total_bytes}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The name of the event in a line of JSON.
fn name(kind: AnnouncementKind) -> &'static str {
    match kind {
        AnnouncementKind::Began => "began",
        AnnouncementKind::Settled => "settled",
        AnnouncementKind::Failed => "failed",
        AnnouncementKind::Asked => "asked",
        AnnouncementKind::Decided => "decided",
        AnnouncementKind::Noted => "noted",
        AnnouncementKind::Closed => "closed",
    }
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
