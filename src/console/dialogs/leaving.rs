//! The question before the console quits while releases are running. For each release, it shows the consequence of the
//! answer under the cursor for the traffic.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};

use super::confirm;
use crate::console::action::Action;
use crate::console::effect::{Effect, ExitReason};
use crate::console::model::{Dialog, Model, Scrolling, Weight, moved};
use crate::console::sheet::{Answer, Sheet};
use crate::console::theme::{Meaning, Theme};
use crate::console::view::progress_words;
use crate::history::Step;
use crate::release::{Command, Progress, Status};

/// Asks whether to quit while this console drives a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leaving {
    /// The row of the cursor: an index into [`Leave::ALL`].
    pub row: usize,
}

/// The answers to [`Leaving`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    Stay,
    /// Quit as soon as the current step of each release is done. The releases stay open and can be resumed.
    AfterStep,
    /// Back out the release, then quit.
    BackOut,
}

impl Leave {
    /// All answers. The answer that changes nothing comes first.
    pub const ALL: [Self; 3] = [Self::Stay, Self::AfterStep, Self::BackOut];
}

impl Dialog for Leaving {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if key.code == KeyCode::Enter {
            let answer = Leave::ALL.get(self.row).copied();
            return leave(model, answer.unwrap_or(Leave::Stay));
        }
        self.row = moved(self.row, Leave::ALL.len(), key.code);
        model.keep(self)
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Pages
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let count = model.in_flight().count();
        let title = match count {
            0 => "No release is running any more".to_owned(),
            1 => "A release is running".to_owned(),
            _ => format!("{count} releases are running"),
        };
        let mut sheet = Sheet::new(title);
        sheet.frame = Meaning::Danger;
        let answer = Leave::ALL.get(self.row).copied().unwrap_or(Leave::Stay);
        for status in model.in_flight() {
            let plan = &status.plan;
            let now = progress_words::in_a_word(theme, status);
            let message = format!("{} to {}: {now}", plan.version.name(), plan.target());
            sheet.say(theme, &message, columns, Meaning::Text);
            let (message, meaning) = consequence(status, answer);
            let message = format!("  {message}");
            sheet.say(theme, &message, columns, meaning);
        }
        let options = Leave::ALL.map(|answer| Answer::new(label(model, answer, count), ""));
        sheet.ask(
            theme,
            (&options, self.row),
            (columns, model.size.1),
            &[("j k", "choose"), ("Enter", "do it"), ("Esc", "stay")],
        );
        sheet
    }
}

fn leave(model: &mut Model, answer: Leave) -> Vec<Effect> {
    if answer == Leave::Stay {
        return Vec::new();
    }
    // The releases may have ended while the dialog was open.
    if !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    if answer == Leave::AfterStep {
        let text = "the console quits as soon as the current step is done";
        model.say(Weight::Normal, text);
        model.leaving = true;
        return model
            .in_flight()
            .map(|status| Effect::Send {
                release: status.plan.release,
                command: Command::Interrupt {
                    reason: "the operator quit the console".into(),
                },
            })
            .collect();
    }
    let driven: Vec<_> = model.in_flight().cloned().collect();
    let [status] = driven.as_slice() else {
        let back_out = model.keymap.shown(Action::BackOut);
        let text = format!(
            "this console drives several releases: back out each with {back_out}, then quit"
        );
        return model.refused(&text);
    };
    let status = Arc::clone(status);
    if model.open.as_ref() != Some(status.plan.target()) || !model.is_armed() {
        let (arm, quit) = (
            model.keymap.shown(Action::Arm),
            model.keymap.shown(Action::Quit),
        );
        let text = format!(
            "{} is not armed: open it, {arm} arms it, then {quit} asks again",
            status.plan.target()
        );
        return model.refused(&text);
    }
    model.leaving = true;
    confirm::ask_back_out(model, status, None);
    Vec::new()
}

fn label(model: &Model, answer: Leave, count: usize) -> String {
    match (answer, count) {
        (Leave::Stay, _) => "stay in the console".into(),
        (Leave::AfterStep, ..2) => {
            "quit after this step; the release stays as it is and can be resumed".into()
        }
        (Leave::AfterStep, 2..) => {
            "quit after this step; the releases stay as they are and can be resumed".into()
        }
        (Leave::BackOut, ..2) => "back out, then quit".into(),
        (Leave::BackOut, 2..) => {
            let back_out = model.keymap.shown(Action::BackOut);
            format!(
                "back out, then quit: not possible with several releases; first back out each one with {back_out}"
            )
        }
    }
}

/// What an answer means for the traffic of a release and for its two versions.
fn consequence(status: &Status, answer: Leave) -> (String, Meaning) {
    let plan = &status.plan;
    let (stays_live, not_live, moves) = if plan.definition.is_background() {
        ("stays live", "not live", "the live version changes")
    } else {
        ("keeps the traffic", "without traffic", "traffic moves")
    };
    let new = format!("{} {}", plan.slot, plan.version.name());
    let old = plan
        .from
        .as_ref()
        .map(|from| format!("{} {}", from.slot, from.version.name()));
    let has_traffic = match &old {
        Some(old) if status.may_have_stopped_live() => format!("{old} may be stopped"),
        Some(old) => format!("{old} {stays_live}"),
        None => "no version is live".to_owned(),
    };
    match answer {
        Leave::Stay => {
            let message = match &status.progress {
                Progress::Asking { .. } | Progress::Choosing { .. } => {
                    "the release waits for an answer"
                }
                _ => "the release continues",
            };
            (message.to_owned(), Meaning::Muted)
        }
        Leave::AfterStep if matches!(status.progress, Progress::Standby { .. }) => {
            let old = old.unwrap_or_else(|| "the old version".to_owned());
            let message = format!(
                "{new} {stays_live}; {old} keeps running until the release is resumed or superseded"
            );
            (message, Meaning::Warn)
        }
        Leave::AfterStep if matches!(status.progress, Progress::Back(Step::Switch)) => {
            let message = "first the console finishes undoing the switch and observes the result";
            (message.to_owned(), Meaning::Bad)
        }
        Leave::AfterStep if status.switched => {
            let message = format!(
                "{new} {stays_live}, and no console drives the release; later steps wait until the release is resumed"
            );
            (message, Meaning::Warn)
        }
        Leave::AfterStep if status.may_have_switched => {
            let message =
                format!("first the console finishes the switch to {new} and observes the result");
            (message, Meaning::Bad)
        }
        Leave::AfterStep => {
            let message = format!("{has_traffic}; {new} stays as it is, {not_live}");
            let meaning = if status.may_have_stopped_live() {
                Meaning::Warn
            } else {
                Meaning::Muted
            };
            (message, meaning)
        }
        Leave::BackOut if status.may_have_switched => {
            (format!("{moves}: {}", status.undo), Meaning::Warn)
        }
        Leave::BackOut => (format!("{has_traffic}; {}", status.undo), Meaning::Muted),
    }
}
