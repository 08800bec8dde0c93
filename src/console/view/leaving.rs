//! The question before the console quits while releases are in flight: what each answer means for the
//! traffic.

use ratatui::text::Line;

use super::dialog::{Answer, Sheet, answers, keys, wrapped};
use super::progress;
use crate::console::action::Action;
use crate::console::model::{Leave, Leaving, Model};
use crate::console::theme::{Meaning, Theme};
use crate::release::{Progress, Status};

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    leaving: Leaving,
    columns: usize,
) -> Sheet<'a> {
    let count = model.in_flight().count();
    let title = match count {
        0 => "Nothing is in flight any more".to_owned(),
        1 => "A release is in flight".to_owned(),
        _ => format!("{count} releases are in flight"),
    };
    let mut sheet = Sheet::new(title);
    sheet.frame = Meaning::Danger;
    let answer = Leave::ALL.get(leaving.row).copied().unwrap_or(Leave::Stay);
    for status in model.in_flight() {
        let plan = &status.plan;
        let now = progress::in_a_word(theme, status);
        let words = format!("{} to {}: {now}", plan.version.name(), plan.target());
        sheet
            .body
            .extend(wrapped(theme, &words, columns, Meaning::Text));
        let (words, meaning) = comes_to(status, answer);
        let words = format!("  {words}");
        sheet.body.extend(wrapped(theme, &words, columns, meaning));
    }
    let all = Leave::ALL.map(|answer| Answer::new(words(model, answer, count), ""));
    sheet.foot = answers(theme, &all, leaving.row, (columns, model.size.1));
    sheet.foot.push(Line::default());
    sheet.foot.push(keys(
        theme,
        &[("j k", "choose"), ("Enter", "do it"), ("Esc", "stay")],
    ));
    sheet
}

fn words(model: &Model, answer: Leave, count: usize) -> String {
    match (answer, count) {
        (Leave::Stay, _) => "stay here".into(),
        (Leave::AfterStep, _) => {
            "quit after this step; the release stays as it is and can be resumed".into()
        }
        (Leave::BackOut, ..2) => "back out, then quit".into(),
        (Leave::BackOut, 2..) => {
            let back_out = model.keymap.shown(Action::BackOut);
            format!("back out, then quit: of several, back out each with {back_out} first")
        }
    }
}

/// What an answer means for the traffic of a release, and for what runs.
fn comes_to(status: &Status, answer: Leave) -> (String, Meaning) {
    let plan = &status.plan;
    let new = format!("{} {}", plan.slot, plan.version.name());
    let old = plan
        .from
        .as_ref()
        .map(|from| format!("{} {}", from.slot, from.version.name()));
    let has_traffic = match &old {
        Some(old) => format!("{old} keeps the traffic"),
        None => "nothing has traffic".to_owned(),
    };
    match answer {
        Leave::Stay => {
            let goes_on = match &status.progress {
                Progress::Asking { .. } | Progress::Choosing { .. } => "it waits for an answer",
                _ => "it continues",
            };
            (goes_on.to_owned(), Meaning::Muted)
        }
        Leave::AfterStep if matches!(status.progress, Progress::Standby { .. }) => {
            let old = old.unwrap_or_else(|| "the old version".to_owned());
            let words = format!(
                "{new} keeps the traffic; {old} keeps running until the release is resumed"
            );
            (words, Meaning::Warn)
        }
        Leave::AfterStep if status.switched => {
            let words = format!(
                "{new} keeps the traffic, and no operator watches it; the old version is not stopped"
            );
            (words, Meaning::Warn)
        }
        Leave::AfterStep if status.may_have_switched => {
            let words = format!("the switch to {new} is finished and observed first");
            (words, Meaning::Bad)
        }
        Leave::AfterStep => {
            let words = format!("{has_traffic}; {new} stays as it is, without traffic");
            (words, Meaning::Muted)
        }
        Leave::BackOut if status.may_have_switched => {
            (format!("traffic moves: {}", status.undo), Meaning::Warn)
        }
        Leave::BackOut => (format!("{has_traffic}; {}", status.undo), Meaning::Muted),
    }
}
