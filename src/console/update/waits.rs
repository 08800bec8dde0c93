//! Rings the bell for new items that wait for the operator, and announces approvals to give.

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::event::Event;
use crate::console::model::{Bell, Model, WaitingFor, Weight};

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
        model.say(Weight::Prominent, &text);
    }
    let rings = !new.is_empty() && model.looks.bell == Bell::Waits;
    rings.then_some(Effect::Ring).into_iter().collect()
}
