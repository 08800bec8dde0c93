//! A release that lost its driver: what was intended is looked up, and somebody chooses what is to
//! become of it. Looking changes nothing; every choice is a question of its own.

use std::sync::Arc;

use crossterm::event::KeyCode;

use super::{change, confirm};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Question, TakeUp, Thinking, Weight};
use crate::inventory::Target;
use crate::release::{GoOn, Interrupted, Refused};

/// What stands in the dialog's title while it is looked up.
const LOOKING: &str = "what was interrupted";

pub(super) fn begin(model: &mut Model, target: Target) -> Vec<Effect> {
    model.asked += 1;
    model.dialog = Some(Dialog::Thinking(Thinking {
        asked: model.asked,
        target: target.clone(),
        name: LOOKING.to_owned(),
    }));
    vec![Effect::FindInterrupted {
        asked: model.asked,
        target,
    }]
}

pub(super) fn found(
    model: &mut Model,
    asked: u64,
    found: Result<Arc<Interrupted>, Refused>,
) -> Vec<Effect> {
    let target = match &model.dialog {
        Some(Dialog::Thinking(thinking)) if thinking.asked == asked => thinking.target.clone(),
        // Esc, or another key since: nobody waits for it any more.
        _ => return Vec::new(),
    };
    match found {
        Ok(found) => model.dialog = Some(Dialog::TakeUp(TakeUp { found, row: 0 })),
        Err(refused) => {
            let title = format!("{LOOKING} in {target}");
            confirm::refuse(model, title, &refused);
        }
    }
    Vec::new()
}

pub(super) fn pressed(model: &mut Model, mut asked: TakeUp, key: KeyCode) -> Vec<Effect> {
    match key {
        KeyCode::Esc => later(model),
        KeyCode::Enter => match asked.chosen() {
            Some(go_on) => choose(model, asked, go_on),
            None => later(model),
        },
        _ => {
            asked.row = super::dialog::moved(asked.row, GoOn::ALL.len() + 1, key);
            model.dialog = Some(Dialog::TakeUp(asked));
            Vec::new()
        }
    }
}

fn later(model: &mut Model) -> Vec<Effect> {
    let take_up = model.keymap.shown(Action::TakeUp);
    let text = format!("not decided: {take_up} asks again");
    super::say(model, Weight::Told, &text);
    Vec::new()
}

fn choose(model: &mut Model, asked: TakeUp, go_on: GoOn) -> Vec<Effect> {
    if let Some(refused) = asked.found.against(go_on) {
        let title = format!("{} {}", go_on.as_str(), asked.found.plan().target());
        confirm::refuse(model, title, refused);
        return Vec::new();
    }
    let need = asked.found.need(go_on);
    change::ask(model, Question::TakeUp(asked.found, go_on), need);
    Vec::new()
}
