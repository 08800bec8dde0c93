//! Asks what to do with a release that this console does not drive: what was intended, which slot has the traffic, who
//! drives and who watches, and every choice with its consequence. Every choice that changes the release asks for
//! confirmation. Taking over the lock from another console or command requires a reason, which the other operator sees.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;

use super::resume_choice::{ResumeChoice, later};
use super::{MessageDialog, Question, Refusal, confirm};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Scrolling, TextLine, moved};
use crate::console::sheet::{Answer, Sheet, wrapped};
use crate::console::theme::{Meaning, Theme};
use crate::console::update::handover_request;
use crate::console::view::together;
use crate::inventory::Instance;
use crate::release::{Interrupted, OnFailure, ResumeAction};
use crate::sanitize::sanitize;

/// Asks what to do with a release that this console does not drive.
#[derive(Debug, Clone)]
pub struct ResumeDialog {
    /// The release and the lock, as they were read before the dialog was opened.
    pub found: Arc<Interrupted>,
    /// Whether this console has requested the handover of this release.
    pub has_asked: bool,
    /// Whether an agent drives the release. An agent answers no request, so the release can only be taken over.
    pub is_by_agent: bool,
    /// The row of the cursor: an index into [`ResumeDialog::choices`].
    pub row: usize,
}

impl ResumeDialog {
    /// The possible choices, in order. The first changes nothing.
    pub fn choices(&self) -> Vec<ResumeChoice> {
        let mut choices = vec![ResumeChoice::Later];
        if self.found.driver().is_some() && !self.is_by_agent {
            choices.push(if self.has_asked {
                ResumeChoice::WithdrawRequest
            } else {
                ResumeChoice::Ask
            });
        }
        choices.extend(ResumeAction::ALL.map(ResumeChoice::Resume));
        choices
    }

    pub fn chosen(&self) -> ResumeChoice {
        self.choices()
            .get(self.row)
            .copied()
            .unwrap_or(ResumeChoice::Later)
    }
}

impl Dialog for ResumeDialog {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if key.code != KeyCode::Enter {
            self.row = moved(self.row, self.choices().len(), key.code);
            return model.keep(self);
        }
        match self.chosen() {
            ResumeChoice::Later => later(model),
            ResumeChoice::WithdrawRequest => handover_request::take_back(model),
            choice @ (ResumeChoice::Ask | ResumeChoice::Resume(_)) => {
                choose(model, self.found, choice)
            }
        }
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        later(model)
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Pages
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let found = &self.found;
        let plan = found.plan();
        let state = match found.driver() {
            Some(holder) => format!(
                "Driven by {}",
                sanitize(&holder.record.operator.to_string())
            ),
            None => "Interrupted".to_owned(),
        };
        let mut sheet = Sheet::new(format!("{state} · {}", plan.target()));
        sheet.frame = Meaning::Warn;
        let say_in = |lines: &mut Vec<Line<'static>>, message: &str, meaning| {
            lines.extend(wrapped(theme, &sanitize(message), columns, meaning));
        };
        if let Some(live) = model.snapshot().and_then(live_text) {
            say_in(&mut sheet.head, &live, Meaning::Muted);
        }
        if let ResumeChoice::Resume(resume_action) = self.chosen() {
            for reason in found
                .against(resume_action)
                .iter()
                .flat_map(|refused| &refused.0)
            {
                let message = format!("not possible: {reason}");
                say_in(&mut sheet.head, &message, Meaning::Bad);
            }
            let would = found.would(resume_action, OnFailure::Ask);
            say_in(&mut sheet.head, &would, Meaning::Text);
            if found.holder.is_some() {
                let message = format!("by force: {}", together::TAKEOVER_CONSEQUENCE);
                say_in(&mut sheet.head, &message, Meaning::Bad);
            }
            sheet.head.push(Line::default());
        }
        let mut say = |message: &str, meaning| say_in(&mut sheet.body, message, meaning);
        say(&release_text(found), Meaning::Text);
        if let Some(holder) = &found.holder {
            say(&together::lock_held_by(found, holder), Meaning::Warn);
        }
        match (&found.observed.driver_stopped, found.driver()) {
            (_, Some(_)) if self.is_by_agent => say(BY_AGENT, Meaning::Warn),
            (_, Some(_)) => {}
            (Some(driver_stopped), None) => {
                say(&together::driver_stopped(driver_stopped), Meaning::Muted);
            }
            (None, None) => say(together::CUT_OFF, Meaning::Muted),
        }
        if let Some(watching) = together::watched_by(model) {
            say(&watching, Meaning::Muted);
        }
        say(found.journal_end(), Meaning::Warn);
        for ignored in &found.ignored {
            say(ignored, Meaning::Warn);
        }
        let options = self.choices().into_iter().map(|choice| {
            let (name, consequence) = name_and_consequence(model, found, choice);
            Answer::new(name, sanitize(&consequence))
        });
        let options: Vec<Answer> = options.collect();
        sheet.ask(
            theme,
            (&options, self.row),
            (columns, model.size.1),
            &[
                ("j k", "choose"),
                ("Enter", "choose this"),
                ("Esc", "decide later"),
            ],
        );
        sheet
    }
}

/// Shown if an agent drives the release.
const BY_AGENT: &str = "The driver is an agent, which answers no request for a handover. Take the release over by force, with a reason: the agent stops, and does not take it back.";

fn choose(model: &mut Model, found: Arc<Interrupted>, choice: ResumeChoice) -> Vec<Effect> {
    let resume_action = match choice {
        ResumeChoice::Resume(resume_action) => resume_action,
        _ => ResumeAction::Continue,
    };
    if let Some(refused) = found.against(resume_action) {
        let title = format!("{} {}", resume_action.as_str(), found.plan().target());
        model.show(Refusal::new(title, refused));
        return Vec::new();
    }
    // The holder of the lock drives the release, or repairs the target. So the operator is first asked for a message to
    // the holder.
    if found.holder.is_some() {
        model.show(MessageDialog {
            found,
            choice,
            line: TextLine::default(),
        });
    } else {
        let need = found.need(resume_action);
        confirm::ask(model, Question::Resume(found, resume_action), need);
    }
    Vec::new()
}

fn name_and_consequence(
    model: &Model,
    found: &Interrupted,
    choice: ResumeChoice,
) -> (String, String) {
    let resume_key = model.keymap.shown(Action::Resume);
    let named_choice = |name: &str, consequence: String| (name.to_owned(), consequence);
    match choice {
        ResumeChoice::Later => named_choice(
            "decide later",
            format!("nothing is done now; {resume_key} asks again"),
        ),
        ResumeChoice::Ask => named_choice(
            "ask to take over",
            "the driver hands over after the current action, or refuses".to_owned(),
        ),
        ResumeChoice::WithdrawRequest => named_choice(
            "withdraw the request",
            "the driver keeps driving".to_owned(),
        ),
        ResumeChoice::Resume(resume_action) => {
            let consequence = match found.against(resume_action) {
                Some(_) => "not possible".to_owned(),
                None => found.would(resume_action, OnFailure::Ask),
            };
            let name = match found.holder {
                Some(_) => format!("take it: {}", resume_action.as_str()),
                None => resume_action.as_str().to_owned(),
            };
            (name, consequence)
        }
    }
}

fn release_text(found: &Interrupted) -> String {
    let plan = found.plan();
    format!(
        "{} to {} in {}, last driven by {}",
        plan.kind,
        plan.version.name(),
        plan.slot,
        found.recorded.last_driver()
    )
}

/// The slot that is observed to be live, with its version, even if the journal says otherwise.
fn live_text(snapshot: &crate::inventory::Snapshot) -> Option<String> {
    let slot = snapshot.live()?;
    let is_live = snapshot.edges.live_phrase();
    let no_version = if snapshot.sources.runtime.has_answered() {
        "(empty)"
    } else {
        "(version unknown)"
    };
    let members = &snapshot.slots.get(slot).members;
    if let Some(difference) = members.difference() {
        return Some(format!("{slot} {is_live} now, but {difference}"));
    }
    let version = members.representative().map(Instance::version_name);
    let version = version.unwrap_or(no_version);
    Some(format!("{slot} {version} {is_live} now"))
}
