//! What happens to two slots without an operator of Greenroom.

use greenroom::inventory::Slot;

use super::super::driver::Owed;
use super::super::names::{FOREIGN, PROMOTED};
use super::super::repairer;
use super::super::scope::Scope;
use super::super::state::{Seat, State};
use super::Slots;
use super::bounds::ByHand;
use super::edits::Edit;
use super::engine::{BY_HAND, index};
use super::tasks;

/// The events of two slots that no operator of Greenroom causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlotsEvent {
    Sickens(Slot),
    Heals(Slot),
    Exits(Slot),
    /// A person runs another version in the slot, or restores the former one.
    IsReplaced(Slot),
    Meddles,
    /// A person writes the route back, or points the proxy back, to the version that was live
    /// before.
    RoutesBack,
    PointsBack,
    /// A person deletes the route's key.
    DeletesRoute,
    /// A person or another program changes something by hand.
    Edits(Edit),
    /// The requests that the proxy does not send end.
    Settles,
    /// A command of a task ends with this code.
    TaskEnds(usize, u8),
    /// A person removes the container of a command.
    TaskIsPruned(usize),
}

/// What happens to the instances, and what people do by hand.
pub(super) fn possible(scope: &Scope<Slots>, state: &State<Slots>) -> Vec<SlotsEvent> {
    let mut events = Vec::new();
    for slot in Slot::BOTH {
        let Some(running) = state.world.side.engine[index(slot)].filter(|it| it.up) else {
            continue;
        };
        if !running.well {
            events.push(SlotsEvent::Heals(slot));
        }
        if state.left.ills > 0 {
            events.extend([SlotsEvent::Exits(slot), SlotsEvent::IsReplaced(slot)]);
            if running.well {
                events.push(SlotsEvent::Sickens(slot));
            }
        }
    }
    events.extend(by_hand(scope, state));
    let slots = &state.world.side;
    if slots.lingers.is_some() {
        events.push(SlotsEvent::Settles);
    }
    let looks_or_waits = state.seats.iter().all(looks_or_waits);
    let mut late = state.world.late.iter();
    let is_created = late.any(|late| late.doing.is_creating_a_task());
    // With two operators, containers are lost only between the two drivers, which keeps the scopes small.
    let is_between = scope.wants.len() == 1 || (0..state.seats.len()).all(|by| !state.is_busy(by));
    events.extend(
        slots
            .tasks
            .events(looks_or_waits && !is_created && is_between),
    );
    let is_quiet = state.world.late.is_empty() && looks_or_waits;
    if slots.edits > 0 && is_quiet {
        let edits = scope.side.edits.iter().copied();
        let edits = edits.filter(|edit| slots.can_be_edited(*edit));
        events.extend(edits.map(SlotsEvent::Edits));
    }
    events
}

/// Only between two observations: no guard can notice a change between an observation and its
/// act.
fn by_hand(scope: &Scope<Slots>, state: &State<Slots>) -> Vec<SlotsEvent> {
    let slots = &state.world.side;
    match scope.side.by_hand {
        _ if slots.meddled => Vec::new(),
        ByHand::InTheSwitch if state.seats.iter().any(is_about_to_swap) => {
            vec![SlotsEvent::Meddles]
        }
        ByHand::BeforeTheStop => {
            let route = slots.route.map(|route| route.live);
            let is_pointed = slots.kind.is_background() || slots.proxy.link == route;
            let is_switched = route == Some(Slot::Green) && is_pointed;
            let is_quiet = state.seats.iter().all(looks_or_waits);
            if is_switched && is_quiet && slots.can_answer(Slot::Blue) {
                let mut all = vec![SlotsEvent::RoutesBack, SlotsEvent::DeletesRoute];
                if !slots.kind.is_background() {
                    all.push(SlotsEvent::PointsBack);
                }
                return all;
            }
            Vec::new()
        }
        ByHand::Never | ByHand::InTheSwitch => Vec::new(),
    }
}

pub(super) fn befalls(state: &mut State<Slots>, event: &SlotsEvent) {
    match event {
        SlotsEvent::Edits(edit) => return state.world.side.edit(*edit),
        SlotsEvent::TaskEnds(index, code) => return tasks::ends(state, *index, *code),
        SlotsEvent::TaskIsPruned(index) => return tasks::is_pruned(state, *index),
        SlotsEvent::Settles => {
            state.world.side.lingers = None;
            return;
        }
        _ => {}
    }
    if let SlotsEvent::Meddles = event {
        state.world.side.meddled = true;
        if let Some(route) = &mut state.world.side.route {
            route.live = route.live.other();
            route.generation += 5;
        }
        return;
    }
    if let SlotsEvent::RoutesBack | SlotsEvent::PointsBack | SlotsEvent::DeletesRoute = event {
        state.world.side.meddled = true;
        let slots = &mut state.world.side;
        match (event, &mut slots.route) {
            (SlotsEvent::DeletesRoute, route) => *route = None,
            (SlotsEvent::RoutesBack, Some(route)) => {
                route.live = Slot::Blue;
                route.generation += 5;
            }
            _ => slots.proxy.link = Some(Slot::Blue),
        }
        return;
    }
    let (SlotsEvent::Sickens(slot)
    | SlotsEvent::Heals(slot)
    | SlotsEvent::Exits(slot)
    | SlotsEvent::IsReplaced(slot)) = event
    else {
        return;
    };
    state.left.ills -= u8::from(!matches!(event, SlotsEvent::Heals(_)));
    let Some(running) = &mut state.world.side.engine[index(*slot)] else {
        return;
    };
    running.hurt = true;
    match event {
        SlotsEvent::Sickens(_) => running.well = false,
        SlotsEvent::Heals(_) => running.well = true,
        SlotsEvent::Exits(_) => running.up = false,
        _ if running.id >= BY_HAND => {
            running.digest = PROMOTED;
            running.id = running.release;
        }
        _ => {
            running.digest = FOREIGN;
            running.id = BY_HAND + u8::from(*slot == Slot::Green);
        }
    }
}

fn looks_or_waits(seat: &Seat<Slots>) -> bool {
    match seat {
        Seat::Driving(driver) => matches!(&driver.owed, None | Some(Owed::Look(_))),
        Seat::Repairing(repairer) => matches!(
            &repairer.owed,
            Some(repairer::Owed::Look | repairer::Owed::Count(_) | repairer::Owed::Pause)
        ),
        Seat::Waiting | Seat::Planned(_) | Seat::ToRepair(_) | Seat::Over(_) => true,
    }
}

fn is_about_to_swap(seat: &Seat<Slots>) -> bool {
    let Seat::Driving(driver) = seat else {
        return false;
    };
    matches!(
        &driver.owed,
        Some(Owed::Act(doing)) if doing.is_about_to_swap()
    )
}
