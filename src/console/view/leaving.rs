//! The question before the console quits while releases are running, with what the answer under the cursor means for
//! the traffic.

use ratatui::text::Line;

use super::dialog::{Answer, Sheet, answers, keys, wrapped};
use super::progress;
use crate::console::action::Action;
use crate::console::model::{Leave, Leaving, Model};
use crate::console::theme::{Meaning, Theme};
use crate::history::Step;
use crate::release::{Progress, Status};

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    leaving: Leaving,
    columns: usize,
) -> Sheet<'a> {
    let count = model.in_flight().count();
    let title = match count {
        0 => "No release is running any more".to_owned(),
        1 => "A release is running".to_owned(),
        _ => format!("{count} releases are running"),
    };
    let mut sheet = Sheet::new(title);
    sheet.frame = Meaning::Danger;
    let answer = Leave::ALL.get(leaving.row).copied().unwrap_or(Leave::Stay);
    for status in model.in_flight() {
        let plan = &status.plan;
        let now = progress::in_a_word(theme, status);
        let message = format!("{} to {}: {now}", plan.version.name(), plan.target());
        sheet
            .body
            .extend(wrapped(theme, &message, columns, Meaning::Text));
        let (message, meaning) = consequence(status, answer);
        let message = format!("  {message}");
        sheet
            .body
            .extend(wrapped(theme, &message, columns, meaning));
    }
    let options = Leave::ALL.map(|answer| Answer::new(label(model, answer, count), ""));
    sheet.foot = answers(theme, &options, leaving.row, (columns, model.size.1));
    sheet.foot.push(Line::default());
    sheet.foot.push(keys(
        theme,
        &[("j k", "choose"), ("Enter", "do it"), ("Esc", "stay")],
    ));
    sheet
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
    let new = format!("{} {}", plan.slot, plan.version.name());
    let old = plan
        .from
        .as_ref()
        .map(|from| format!("{} {}", from.slot, from.version.name()));
    let has_traffic = match &old {
        Some(old) => format!("{old} keeps the traffic"),
        None => "no version has traffic".to_owned(),
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
                "{new} keeps the traffic; {old} keeps running until the release is resumed or superseded"
            );
            (message, Meaning::Warn)
        }
        Leave::AfterStep if matches!(status.progress, Progress::Back(Step::Switch)) => {
            let message = "first the console finishes undoing the switch and observes the result";
            (message.to_owned(), Meaning::Bad)
        }
        Leave::AfterStep if status.switched => {
            let message = format!(
                "{new} keeps the traffic, and no console watches it; later steps wait until the release is resumed"
            );
            (message, Meaning::Warn)
        }
        Leave::AfterStep if status.may_have_switched => {
            let message =
                format!("first the console finishes the switch to {new} and observes the result");
            (message, Meaning::Bad)
        }
        Leave::AfterStep => {
            let message = format!("{has_traffic}; {new} stays as it is, without traffic");
            (message, Meaning::Muted)
        }
        Leave::BackOut if status.may_have_switched => {
            (format!("traffic moves: {}", status.undo), Meaning::Warn)
        }
        Leave::BackOut => (format!("{has_traffic}; {}", status.undo), Meaning::Muted),
    }
}
