//! The question about a failed step, with the consequence of every answer and a line for a note.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;

use super::confirm;
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Scrolling, TextLine, Weight, moved};
use crate::console::sheet::{Answer, Sheet, answers, keys, line_spans, wrapped};
use crate::console::theme::{Meaning, Theme};
use crate::console::view::text;
use crate::history::{Direction, Step};
use crate::inventory::Target;
use crate::release::{Choice, Command, Progress, Status};

/// Asks what to do about a failed step.
#[derive(Debug, Clone)]
pub struct Failure {
    pub status: Arc<Status>,
    pub step: Step,
    /// Whether doing or undoing the step failed.
    pub direction: Direction,
    pub why: String,
    /// The choices. On the screen, the row "decide later" comes before them.
    pub choices: Vec<Choice>,
    /// The row of the cursor. Row 0 is "decide later".
    pub row: usize,
    /// The operator's note, which is stored in the history.
    pub note: TextLine,
    /// Whether the note has the focus.
    pub is_noting: bool,
}

impl Failure {
    /// The question about a failed step. `None` if no step waits for a choice.
    pub(in crate::console) fn of(status: &Arc<Status>) -> Option<Self> {
        let Progress::Choosing {
            step,
            direction,
            why,
            choices,
        } = &status.progress
        else {
            return None;
        };
        Some(Self {
            status: Arc::clone(status),
            step: *step,
            direction: *direction,
            why: crate::sanitize::sanitize(why),
            choices: choices.clone(),
            row: 0,
            note: TextLine::default(),
            is_noting: false,
        })
    }
}

impl Dialog for Failure {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if self.is_noting {
            match key.code {
                // The note is kept, and the answers get the focus again.
                KeyCode::Enter | KeyCode::Tab => self.is_noting = false,
                _ => drop(self.note.pressed(key)),
            }
            return model.keep(self);
        }
        match key.code {
            KeyCode::Enter => {
                let chosen = self.row.checked_sub(1);
                let chosen = chosen.and_then(|row| self.choices.get(row)).copied();
                return match chosen {
                    Some(choice) => answer(model, self, choice),
                    None => later(model),
                };
            }
            KeyCode::Char('n') => self.is_noting = true,
            code => self.row = moved(self.row, self.choices.len() + 1, code),
        }
        model.keep(self)
    }

    fn escaped(mut self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        if std::mem::take(&mut self.is_noting) {
            return model.keep(self);
        }
        later(model)
    }

    fn pasted(&mut self, _: &Model, text: &str) -> Result<Vec<Effect>, &'static str> {
        if !self.is_noting {
            return Err("the pasted text was ignored: press n first to write a note");
        }
        self.note.paste(text.trim());
        Ok(Vec::new())
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Pages
    }

    fn is_outdated(&self, status: &Status) -> bool {
        self.status.plan.release == status.plan.release
            && !matches!(&status.progress, Progress::Choosing { step, .. } if *step == self.step)
    }

    fn arms(&self) -> Option<&Target> {
        (!self.is_noting).then(|| self.status.plan.target())
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let plan = &self.status.plan;
        let title = match self.direction {
            Direction::Forward => format!("{} failed · {}", self.step, plan.target()),
            Direction::Back => format!("undoing {} failed · {}", self.step, plan.target()),
        };
        let mut sheet = Sheet::new(title);
        sheet.frame = Meaning::Danger;
        let (message, meaning) = traffic(self);
        sheet.head = wrapped(theme, &message, columns, meaning);
        sheet.body = wrapped(theme, &self.why, columns, Meaning::Bad);
        let approve = model.keymap.shown(Action::Approve);
        let later = format!("nothing is done now; {approve} asks again");
        let later = Answer::new("decide later", later);
        let choices = self.choices.iter();
        let choices =
            choices.map(|choice| Answer::new(choice.as_str(), consequence(self, *choice)));
        let options: Vec<Answer> = std::iter::once(later).chain(choices).collect();
        sheet.foot = answers(theme, &options, self.row, (columns, model.size.1));
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
        let chosen = self
            .row
            .checked_sub(1)
            .and_then(|row| self.choices.get(row));
        let sign = if chosen == Some(&Choice::Override) {
            "note (required to override): "
        } else {
            "note (optional): "
        };
        let mut note = Line::from(theme.span(sign, Meaning::Muted));
        if self.is_noting {
            note.extend(line_spans(
                theme,
                &self.note,
                columns.saturating_sub(text::width(sign)),
            ));
        } else if self.note.text().is_empty() {
            note.push_span(theme.span("none", Meaning::Muted));
        } else {
            let room = columns.saturating_sub(text::width(sign));
            let message = text::cut(self.note.text(), room, theme);
            note.push_span(theme.span(message, Meaning::Text));
        }
        sheet.foot.push(note);
        sheet.foot.push(if self.is_noting {
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
}

fn later(model: &mut Model) -> Vec<Effect> {
    let approve = model.keymap.shown(Action::Approve);
    let text = format!("nothing was decided: {approve} asks again");
    model.say(Weight::Normal, &text);
    Vec::new()
}

fn answer(model: &mut Model, failure: Box<Failure>, choice: Choice) -> Vec<Effect> {
    let target = failure.status.plan.target().clone();
    if model.open.as_ref() != Some(&target) || !model.is_armed() {
        let arm = model.keymap.shown(Action::Arm);
        let text = format!("not armed: {arm} arms {target}, then answer again");
        // The dialog stays open, because the operator may have typed a note.
        model.keep(failure);
        return model.refused(&text);
    }
    let note = crate::sanitize::sanitize(failure.note.text().trim());
    if choice == Choice::Override && note.is_empty() {
        let mut failure = failure;
        failure.is_noting = true;
        model.keep(failure);
        return model.refused("write why the checks are overridden, then choose again");
    }
    let note = (!note.is_empty()).then_some(note);
    if choice == Choice::BackOut && failure.status.may_have_switched {
        // After the switch, backing out moves traffic, so the answer needs the same confirmation as every change of
        // traffic.
        confirm::ask_back_out(model, failure.status, note);
        return Vec::new();
    }
    vec![Effect::Send {
        release: failure.status.plan.release,
        command: Command::Choose {
            choice,
            by: model.operator.clone(),
            note,
        },
    }]
}

/// Names the checks that are overridden, and who else has to approve.
fn override_words(failure: &Failure) -> String {
    let status = &failure.status;
    let cases = status.cases.iter();
    let failed = cases.filter(|case| case.has_failed() && case.overridden.is_none());
    let names: Vec<&str> = failed.map(|case| case.name.as_str()).collect();
    let others = if status.plan.tier().is_protected() && !status.plan.kind.is_rollback() {
        "; another person must approve the switch"
    } else {
        ""
    };
    let names = crate::sanitize::sanitize(&names.join(", "));
    format!("continues although {names} did not pass; needs a note{others}")
}

/// The text that says which version has the traffic while the question is open.
fn traffic(failure: &Failure) -> (String, Meaning) {
    let status = &failure.status;
    let plan = &status.plan;
    let new = format!("{} {}", plan.slot, plan.version.name());
    let is_live = plan.definition.live_phrase();
    if let Some(from) = plan
        .from
        .as_ref()
        .filter(|_| status.may_have_stopped_live())
    {
        let old = format!("{} {}", from.slot, from.version.name());
        let text = format!("{old} may be stopped, and at most one of the two versions is running");
        return (text, Meaning::Bad);
    }
    match (&plan.from, status.switched, status.may_have_switched) {
        (_, true, _) => (format!("{new} {is_live} now"), Meaning::Warn),
        (_, false, true) => (
            format!("it is not known whether {new} {is_live}"),
            Meaning::Bad,
        ),
        (Some(from), false, false) => (
            format!("{} {} {is_live} now", from.slot, from.version.name()),
            Meaning::Muted,
        ),
        (None, false, false) => (format!("no version {is_live} yet"), Meaning::Muted),
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
        Choice::Skip => match failure.direction {
            Direction::Forward => format!("continues without {step}; the history records it"),
            Direction::Back => {
                format!("continues to back out; the tasks of {step} are not undone any further")
            }
        },
        Choice::Override => override_words(failure),
    }
}
