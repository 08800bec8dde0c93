//! Asks the driver of a release whether to hand it over to the operator who requests it.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};

use crate::console::action::Action;
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question};
use crate::console::model::{Dialog, Model, Scrolling, Weight, moved};
use crate::console::sheet::{Answer, Sheet};
use crate::console::theme::{Meaning, Theme};
use crate::console::view::text;
use crate::inventory::{HandoverRequest, Operator, Target};
use crate::release::{Command, Status};
use crate::sanitize::sanitize;

/// Asks whether to hand over a release to the operator who requests it.
#[derive(Debug, Clone)]
pub struct Handover {
    pub status: Arc<Status>,
    pub request: HandoverRequest,
    /// The row of the cursor: an index into [`HandoverAnswer::ALL`].
    pub row: usize,
}

/// The answers to [`Handover`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandoverAnswer {
    Later,
    HandOver,
    /// Refuse the request and keep driving.
    Keep,
}

impl HandoverAnswer {
    /// All answers. The answer that changes nothing comes first.
    pub const ALL: [Self; 3] = [Self::Later, Self::HandOver, Self::Keep];
}

/// If another console requests the handover of a release that this console drives, opens the question about the
/// request. Returns whether there is such a request.
pub(in crate::console) fn open_request(model: &mut Model, target: &Target) -> bool {
    let request = model.request_to_us(target).cloned();
    let status = model.releases.get(target).cloned();
    let Some((request, status)) = request.zip(status) else {
        return false;
    };
    model.show(Handover {
        status,
        request,
        row: 0,
    });
    true
}

impl Dialog for Handover {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if key.code == KeyCode::Enter {
            let chosen = HandoverAnswer::ALL.get(self.row).copied();
            return answer(model, self, chosen.unwrap_or(HandoverAnswer::Later));
        }
        self.row = moved(self.row, HandoverAnswer::ALL.len(), key.code);
        model.keep(self)
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        later(model)
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Pages
    }

    fn arms(&self) -> Option<&Target> {
        Some(self.status.plan.target())
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let request = &self.request;
        let requester = sanitize(&request.operator.to_string());
        let target = self.status.plan.target();
        let mut sheet = Sheet::new(format!("{requester} asks to take over · {target}"));
        sheet.frame = Meaning::Warn;
        let mut say = |text: &str, meaning| {
            sheet.say(theme, &sanitize(text), columns, meaning);
        };
        if let Some(message) = &request.message {
            say(&format!("\"{message}\""), Meaning::Text);
        }
        let asked_at = text::time_of_day(request.asked_at);
        say(
            &format!("asked at {asked_at} from console {}", request.console),
            Meaning::Muted,
        );
        let resume_key = model.keymap.shown(Action::Resume);
        let options = HandoverAnswer::ALL.map(|option| {
            let (name, consequence) = match option {
                HandoverAnswer::Later => (
                    "answer later",
                    format!("nothing is done now; {resume_key} asks again"),
                ),
                HandoverAnswer::HandOver => (
                    "hand it over",
                    format!("{requester} drives the release after the current action; you watch"),
                ),
                HandoverAnswer::Keep => {
                    ("keep driving", format!("{requester} sees that you refused"))
                }
            };
            Answer::new(name, consequence)
        });
        sheet.ask(
            theme,
            (&options, self.row),
            (columns, model.size.1),
            &[
                ("j k", "choose"),
                ("Enter", "answer"),
                ("Esc", "answer later"),
            ],
        );
        sheet
    }
}

fn later(model: &mut Model) -> Vec<Effect> {
    let resume_key = model.keymap.shown(Action::Resume);
    let text = format!("the request was not answered: {resume_key} opens it again");
    model.say(Weight::Normal, &text);
    Vec::new()
}

fn answer(model: &mut Model, handover: Box<Handover>, chosen: HandoverAnswer) -> Vec<Effect> {
    if chosen == HandoverAnswer::Later {
        return later(model);
    }
    let target = handover.status.plan.target().clone();
    if model.open.as_ref() != Some(&target) || !model.is_armed() {
        let arm = model.keymap.shown(Action::Arm);
        let text = format!("not armed: {arm} arms {target}, then answer again");
        model.keep(handover);
        return model.refused(&text);
    }
    let Handover {
        status, request, ..
    } = *handover;
    if chosen == HandoverAnswer::Keep {
        let text = format!(
            "you keep driving, and your refusal is sent to {}",
            request.operator
        );
        model.say(Weight::Normal, &text);
        return vec![Effect::ask(DeclineHandover { target, request })];
    }
    hand_over(model, &status, request)
}

fn hand_over(model: &mut Model, status: &Status, request: HandoverRequest) -> Vec<Effect> {
    let text = format!(
        "the release is handed over to {} as soon as the current step is done",
        request.operator
    );
    model.say(Weight::Normal, &text);
    vec![Effect::Send {
        release: status.plan.release,
        command: Command::HandOver {
            // The name and the host come from the shared store and are written to the journal, so they are sanitized.
            to: Operator {
                name: sanitize(&request.operator.name),
                host: sanitize(&request.operator.host),
            },
            console: request.console,
            by: model.operator.clone(),
        },
    }]
}

/// Tells the requester of a handover that the driver refuses.
#[derive(Debug)]
pub struct DeclineHandover {
    pub target: Target,
    pub request: HandoverRequest,
}

impl Question for DeclineHandover {
    type Answer = Result<(), String>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.decline_handover(&self.target, &self.request)
    }

    fn answered(&self, model: &mut Model, stored: Self::Answer) -> Vec<Effect> {
        let Err(why) = stored else {
            return Vec::new();
        };
        let target = &self.target;
        let text = format!(
            "your refusal to hand over {target} could not be stored, \
             so the requester may not see it: {why}"
        );
        model.refused(&text)
    }
}
