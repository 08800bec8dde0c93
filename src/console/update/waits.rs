//! The items that wait for the operator: rings the bell for new items, lists the items, and opens the chosen item.

use crossterm::event::KeyCode;

use super::{approving, handover, keys, resuming};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::event::Event;
use crate::console::model::{Bell, Dialog, Model, WaitingFor, WaitingItem, WaitingList, Weight};

/// Whether an event can add a waiting item.
pub(super) fn may_add_items(event: &Event) -> bool {
    matches!(
        event,
        Event::WorldObserved(_)
            | Event::ReleasesObserved(_)
            | Event::ReleaseMoved(_)
            | Event::DriverGone(_)
            | Event::Ticked
    )
}

/// Rings the bell once for all new items, if the bell is on. If new releases wait for this operator's approval,
/// announces the first of them.
pub(super) fn observed(model: &mut Model) -> Vec<Effect> {
    let new = model.newly_waiting();
    let approval = new.iter().find_map(|item| match &item.wanted {
        WaitingFor::Approval { driver } => Some((driver, &item.target)),
        _ => None,
    });
    if let Some((driver, target)) = approval {
        let list = model.keymap.shown(Action::Waiting);
        let text = format!("{driver} waits for your approval of {target}: {list} lists it");
        super::say(model, Weight::Prominent, &text);
    }
    let rings = !new.is_empty() && model.looks.bell == Bell::Waits;
    rings.then_some(Effect::Ring).into_iter().collect()
}

pub(super) fn list(model: &mut Model) -> Vec<Effect> {
    if model.waiting().is_empty() {
        return super::refused(model, "nothing waits for you");
    }
    model.dialog = Some(Dialog::Waiting(WaitingList::default()));
    Vec::new()
}

pub(super) fn pressed(model: &mut Model, mut list: WaitingList, key: KeyCode) -> Vec<Effect> {
    let mut items = model.waiting();
    list.row = list.row.min(items.len().saturating_sub(1));
    match key {
        KeyCode::Esc | KeyCode::Char('q') => Vec::new(),
        KeyCode::Enter if items.is_empty() => Vec::new(),
        KeyCode::Enter => go(model, items.swap_remove(list.row)),
        _ => {
            list.row = super::dialog::moved(list.row, items.len(), key);
            model.dialog = Some(Dialog::Waiting(list));
            Vec::new()
        }
    }
}

/// Opens the target of an item, and the question that waits.
fn go(model: &mut Model, item: WaitingItem) -> Vec<Effect> {
    let target = item.target;
    let mut effects = keys::open_target(model, target.clone());
    effects.extend(match item.wanted {
        WaitingFor::HandOver { .. } => {
            handover::open_request(model, &target);
            Vec::new()
        }
        WaitingFor::TakeOver { .. } | WaitingFor::Resume => resuming::begin(model, target),
        WaitingFor::Choice(_) | WaitingFor::Answer(_) | WaitingFor::Approval { .. } => {
            approving::open(model)
        }
    });
    effects
}
