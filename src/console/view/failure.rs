//! The question about a failed step, with the consequence of every answer.

use ratatui::text::Line;

use super::dialog::{Answer, Sheet, answers, keys, wrapped};
use super::{line, text};
use crate::console::action::Action;
use crate::console::model::{Failure, Model};
use crate::console::theme::{Meaning, Theme};
use crate::history::Direction;
use crate::release::Choice;

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    failure: &Failure,
    columns: usize,
) -> Sheet<'a> {
    let plan = &failure.status.plan;
    let title = match failure.direction {
        Direction::Forward => format!("{} failed · {}", failure.step, plan.target()),
        Direction::Back => format!("undoing {} failed · {}", failure.step, plan.target()),
    };
    let mut sheet = Sheet::new(title);
    sheet.frame = Meaning::Danger;
    let (message, meaning) = traffic(failure);
    sheet.head = wrapped(theme, &message, columns, meaning);
    sheet.body = wrapped(theme, &failure.why, columns, Meaning::Bad);
    let approve = model.keymap.shown(Action::Approve);
    let later = format!("nothing is done now; {approve} asks again");
    let later = Answer::new("decide later", later);
    let choices = failure.choices.iter();
    let choices = choices.map(|choice| Answer::new(choice.as_str(), consequence(failure, *choice)));
    let options: Vec<Answer> = std::iter::once(later).chain(choices).collect();
    sheet.foot = answers(theme, &options, failure.row, (columns, model.size.1));
    if !model.is_armed() || model.open.as_ref() != Some(plan.target()) {
        let target = plan.target();
        let arm = model.keymap.shown(Action::Arm);
        let message =
            format!("Not armed: only \"decide later\" can be chosen. {arm} arms {target}.");
        sheet
            .head
            .extend(wrapped(theme, &message, columns, Meaning::Warn));
    }
    sheet.foot.push(Line::default());
    let sign = "note (optional): ";
    let mut note = Line::from(theme.span(sign, Meaning::Muted));
    if failure.is_noting {
        note.extend(line::typed(
            theme,
            &failure.note,
            columns.saturating_sub(text::width(sign)),
        ));
    } else if failure.note.text().is_empty() {
        note.push_span(theme.span("none", Meaning::Muted));
    } else {
        let room = columns.saturating_sub(text::width(sign));
        let message = text::cut(failure.note.text(), room, theme);
        note.push_span(theme.span(message, Meaning::Text));
    }
    sheet.foot.push(note);
    sheet.foot.push(if failure.is_noting {
        keys(
            theme,
            &[("Enter", "keep the note and return to the answers")],
        )
    } else {
        keys(
            theme,
            &[
                ("j k", "choose"),
                ("Enter", "do it"),
                ("n", "note"),
                ("Esc", "decide later"),
            ],
        )
    });
    sheet
}

/// The text that says which version has the traffic while the question is open.
fn traffic(failure: &Failure) -> (String, Meaning) {
    let status = &failure.status;
    let plan = &status.plan;
    let new = format!("{} {}", plan.slot, plan.version.name());
    match (&plan.from, status.switched, status.may_have_switched) {
        (_, true, _) => (format!("{new} has the traffic now"), Meaning::Warn),
        (_, false, true) => (
            format!("it is not known whether {new} has the traffic"),
            Meaning::Bad,
        ),
        (Some(from), false, false) => (
            format!("{} {} has the traffic now", from.slot, from.version.name()),
            Meaning::Muted,
        ),
        (None, false, false) => ("no version has traffic yet".into(), Meaning::Muted),
    }
}

fn consequence(failure: &Failure, choice: Choice) -> String {
    let step = failure.step;
    match choice {
        Choice::Retry => match failure.direction {
            Direction::Forward => format!("tries {step} again"),
            Direction::Back => format!("tries again to undo {step}"),
        },
        Choice::BackOut => failure.status.undo.clone(),
        Choice::Leave => "ends the release; everything stays as it is now".into(),
        Choice::Skip => format!("continues without {step}; the history records it"),
    }
}
