//! The question what to do about a step that failed: every answer with what it comes to.

use ratatui::text::Line;

use super::dialog::{Sheet, keys, row, wrapped};
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
    let title = format!("{} failed · {}", failure.step, plan.target());
    let mut sheet = Sheet::new(title);
    sheet.frame = Meaning::Danger;
    let (words, meaning) = traffic(failure);
    sheet.head = wrapped(theme, &words, columns, meaning);
    sheet.body = wrapped(theme, &failure.why, columns, Meaning::Bad);
    let mut push = |index: usize, name: &str, does: &str| {
        let words = format!("{name:<14}{does}");
        let words = text::cut(&words, columns.saturating_sub(2), theme);
        sheet.foot.push(row(theme, failure.row == index, words));
    };
    let approve = model.keymap.shown(Action::Approve);
    let later = format!("nothing is done now; {approve} asks again");
    push(0, "decide later", &later);
    for (index, choice) in failure.choices.iter().enumerate() {
        push(index + 1, choice.as_str(), &does(failure, *choice));
    }
    // A row has one line; what it loses of the way back is said above, where there is room.
    let undo = &failure.status.undo;
    if text::width(undo) + 16 > columns && failure.choices.contains(&Choice::BackOut) {
        let undo = format!("backing out: {undo}");
        sheet
            .head
            .extend(wrapped(theme, &undo, columns, Meaning::Muted));
    }
    if !model.is_armed() || model.open.as_ref() != Some(plan.target()) {
        let target = plan.target();
        let arm = model.keymap.shown(Action::Arm);
        let words =
            format!("read-only: only \"decide later\" can be answered, {arm} arms {target}");
        sheet
            .head
            .extend(wrapped(theme, &words, columns, Meaning::Warn));
    }
    sheet.foot.push(Line::default());
    let sign = "note for the record: ";
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
        let words = text::cut(failure.note.text(), room, theme);
        note.push_span(theme.span(words, Meaning::Text));
    }
    sheet.foot.push(note);
    sheet.foot.push(if failure.is_noting {
        keys(theme, &[("Enter", "keep the note, back to the answers")])
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

/// Who has the traffic while this is decided.
fn traffic(failure: &Failure) -> (String, Meaning) {
    let status = &failure.status;
    let plan = &status.plan;
    let new = format!("{} {}", plan.slot, plan.version.name());
    match (&plan.from, status.switched, status.may_have_switched) {
        (_, true, _) => (format!("{new} has the traffic now"), Meaning::Warn),
        (_, false, true) => (
            format!("whether {new} has the traffic is not certain"),
            Meaning::Bad,
        ),
        (Some(from), false, false) => (
            format!("{} {} has the traffic now", from.slot, from.version.name()),
            Meaning::Muted,
        ),
        (None, false, false) => ("nothing has traffic here yet".into(), Meaning::Muted),
    }
}

/// What a choice comes to.
fn does(failure: &Failure, choice: Choice) -> String {
    let step = failure.step;
    match choice {
        Choice::Retry => match failure.direction {
            Direction::Forward => format!("does {step} once more"),
            Direction::Back => format!("tries once more to undo {step}"),
        },
        Choice::BackOut => failure.status.undo.clone(),
        Choice::Leave => "ends the release; everything stays as it stands now".into(),
        Choice::Skip => format!("goes on without {step}; the record says so"),
    }
}
