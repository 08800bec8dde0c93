//! A reader of a release's journal sees the same as its driver: over random orders of events, at
//! every moment when no entry is being written.

use std::time::Duration;

use greenroom::history::{Direction, Outcome, Step};
use greenroom::inventory::{Slot, Tier};
use greenroom::release::{Event, Observed, OnFailure, Progress, Status, StepState};
use proptest::prelude::*;

use super::world::{Fate, World, plan};
use super::{play, turn};
use crate::support::cases;
use crate::support::web::operator;

/// The part of a status that a journal can tell.
#[derive(Debug, PartialEq)]
struct Outline {
    progress: String,
    steps: Vec<(Step, &'static str)>,
    next: String,
    undo: String,
    may_have_switched: bool,
    switched: bool,
}

fn outline(status: &Status) -> Outline {
    Outline {
        progress: match &status.progress {
            Progress::Forward(step) => format!("forward {step}"),
            Progress::Back(step) => format!("back {step}"),
            Progress::Asking { step, need, .. } => format!("asks {need:?} for {step}"),
            // The time that recording took is not recorded.
            Progress::Standby { until } => format!("standby, ends: {}", until.is_some()),
            Progress::Choosing {
                step,
                direction,
                why,
                ..
            } => format!("{step} {direction:?} failed: {why}"),
            Progress::Unrecorded { .. } => "unrecorded".into(),
            Progress::Parked { .. } | Progress::Interrupted { .. } => "not driven".into(),
            Progress::Closed(outcome) => format!("{outcome:?}"),
        },
        steps: status
            .steps
            .iter()
            .map(|step_status| (step_status.step, word(&step_status.state)))
            .collect(),
        next: status.next.clone(),
        undo: status.undo.clone(),
        may_have_switched: status.may_have_switched,
        switched: status.switched,
    }
}

fn word(state: &StepState) -> &'static str {
    match state {
        StepState::Pending => "pending",
        StepState::Waiting { .. } => "waits",
        StepState::Running {
            direction: Direction::Forward,
            ..
        } => "runs",
        StepState::Running {
            direction: Direction::Back,
            ..
        } => "is undone",
        StepState::Done { .. } => "done",
        StepState::Failed { .. } => "failed",
        StepState::Undone => "undone",
        StepState::Skipped => "skipped",
    }
}

/// Whether the driver knows something at this moment that is not recorded: that an approval expired
/// before its use, or that a standby was ended early.
fn is_untold(own: &Status, told: &Observed) -> bool {
    matches!(
        (&own.progress, &told.status.progress),
        (
            Progress::Asking { .. },
            Progress::Forward(_) | Progress::Standby { .. }
        ) | (
            Progress::Forward(Step::Stop),
            Progress::Standby { .. } | Progress::Asking { .. }
        ) | (
            Progress::Standby { .. },
            Progress::Asking { .. } | Progress::Forward(_)
        )
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn the_journal_shows_the_same_as_the_driver(
        is_protected in any::<bool>(),
        is_first in prop::bool::weighted(0.2),
        asks in any::<bool>(),
        turns in prop::collection::vec(turn(), 1..400),
    ) {
        let tier = if is_protected { Tier::Protected } else { Tier::Staging };
        let on_failure = if asks { OnFailure::Ask } else { OnFailure::BackOut };
        let mut world = World::new(plan(tier, is_first), on_failure);
        for turn in turns {
            play(&mut world, turn);
            let Some(told) = world.told() else { continue };
            let own = world.machine.status();
            if is_untold(&own, &told) {
                continue;
            }
            let (mut own, mut told) = (outline(&own), outline(&told.status));
            if own.progress == "not driven" {
                // The entry that was being written when the driver stopped may exist or not, also
                // the last one: the journal is right. But it must not name a driver.
                let is_over = told.progress == "not driven" || world.is_closed();
                prop_assert!(is_over, "{told:?}");
                continue;
            }
            if world.outcome().is_some() {
                // No reader waits for the next step.
                for outline in [&mut own, &mut told] {
                    outline.next.clear();
                    outline.undo.clear();
                }
            }
            prop_assert_eq!(own, told);
        }
    }
}

fn until_asked(world: &mut World, wanted: Step) {
    for _ in 0..5000 {
        match world.progress() {
            Progress::Asking { step, .. } if step == wanted => return,
            Progress::Asking { step, .. } => world.approve(step),
            Progress::Choosing { .. } => panic!("{wanted} is never asked for"),
            _ => {
                if !world.answer(Fate::Done) {
                    assert!(world.fire());
                }
            }
        }
    }
    panic!("{wanted} is never asked for");
}

#[test]
fn checks_run_again_on_request_reset_results_and_approvals() {
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::Ask);
    until_asked(&mut world, Step::Switch);
    let checked = world.machine.status().checked_at;
    world.pass(Duration::from_mins(3));
    world.say(Event::CheckAgainAsked(operator()));
    world.answer(Fate::Done);
    // Earlier results no longer count from here on.
    assert_eq!(world.machine.status().checked_at, None);
    let told = world.told();
    until_asked(&mut world, Step::Register);
    assert!(world.machine.status().checked_at > checked);
    assert!(told.is_none_or(|told| told.status.progress == Progress::Forward(Step::Verify)));
    world.go_well(5000);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn checks_that_fail_when_run_again_fail_verify() {
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::Ask);
    until_asked(&mut world, Step::Switch);
    world.checks_pass = false;
    world.say(Event::CheckAgainAsked(operator()));
    for _ in 0..20 {
        if !world.answer(Fate::Done) {
            break;
        }
    }
    let progress = world.progress();
    assert!(
        matches!(
            progress,
            Progress::Choosing {
                step: Step::Verify,
                ..
            }
        ),
        "{progress:?}"
    );
    world.approve(Step::Switch);
    assert_eq!(world.route(), Some(Slot::Blue));
}

#[test]
fn checks_run_again_only_while_register_or_switch_waits() {
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::Ask);
    until_asked(&mut world, Step::Stop);
    world.say(Event::CheckAgainAsked(operator()));
    assert!(matches!(
        world.progress(),
        Progress::Asking {
            step: Step::Stop,
            ..
        }
    ));
}
