//! An operator overrides required checks that have not passed: only with a reason, and in a protected environment only
//! together with another person.

use std::time::Duration;

use greenroom::checks::{CheckOverride, Report};
use greenroom::history::{JournalEvent, Outcome, Step};
use greenroom::inventory::{PeerApproval, Slot, Tier};
use greenroom::release::{Choice, Event, OnFailure, Progress};

use super::others::{asks_again, has_switched, peer_approval, person, say_yes, until_switch_asks};
use super::world::{Fate, Owed, World, plan};
use super::{TURNS, promote, until_act_of};
use crate::support::web::operator;

const WHY: &str = "the check counts orders wrongly";

/// A release that waits for a choice, because its checks failed.
fn with_failed_checks(tier: Tier) -> World {
    let mut world = promote(tier, OnFailure::Ask);
    world.checks_pass = false;
    until_choice(&mut world);
    world
}

fn until_choice(world: &mut World) {
    for _ in 0..TURNS {
        match world.progress() {
            Progress::Choosing { .. } => return,
            Progress::Asking { step, .. } => world.approve(step),
            _ => assert!(world.answer(Fate::Done) || world.fire()),
        }
    }
    panic!("nobody was asked: {:?}", world.progress());
}

fn overrides(world: &mut World, why: Option<&str>) {
    world.say(Event::Chosen {
        choice: Choice::Override,
        by: operator(),
        note: why.map(str::to_owned),
    });
}

fn is_choosing(world: &World) -> bool {
    matches!(world.progress(), Progress::Choosing { .. })
}

fn reports(world: &World) -> Vec<Report> {
    let journal = world.journal.as_ref().expect("a journal");
    let reports = journal
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            JournalEvent::Checked { report } => Some(report.clone()),
            _ => None,
        });
    reports.collect()
}

/// An approval by another person of everything that is known now.
fn approval(world: &World) -> PeerApproval {
    let status = world.status();
    let mut approval = peer_approval(&status.plan, "ben", 60);
    approval.plan = status.approvable().mark();
    approval
}

#[test]
fn failed_checks_are_overridden_only_with_a_reason() {
    let mut world = with_failed_checks(Tier::Staging);
    for no_reason in [None, Some(""), Some("  ")] {
        overrides(&mut world, no_reason);
        assert!(is_choosing(&world), "{:?}", world.progress());
    }
    overrides(&mut world, Some(WHY));
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    let decisions: Vec<_> = reports(&world)
        .iter()
        .map(|report| report.cases[0].overridden.clone())
        .collect();
    let decision = CheckOverride {
        by: operator(),
        why: WHY.into(),
    };
    assert_eq!(decisions, [None, Some(decision)]);
}

#[test]
fn only_failed_checks_can_be_overridden() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.set_health(Slot::Green, false);
    until_choice(&mut world);
    let progress = world.progress();
    let Progress::Choosing { choices, step, .. } = &progress else {
        panic!("{progress:?}");
    };
    assert_eq!(*step, Step::Start);
    assert!(!choices.contains(&Choice::Override), "{choices:?}");
    overrides(&mut world, Some(WHY));
    assert!(is_choosing(&world), "{:?}", world.progress());
}

#[test]
fn an_override_also_counts_when_the_checks_run_again() {
    let mut world = with_failed_checks(Tier::Protected);
    overrides(&mut world, Some(WHY));
    until_switch_asks(&mut world);
    world.pass(Duration::from_mins(50));
    world.peer_approvals = vec![approval(&world)];
    say_yes(&mut world);
    // The report was too old, so the checks ran again and failed again.
    until_switch_asks(&mut world);
    assert_eq!(reports(&world).len(), 3);
    assert!(!has_switched(&world));
    say_yes(&mut world);
    assert!(has_switched(&world), "{:?}", world.progress());
}

#[test]
fn an_override_in_a_protected_environment_needs_another_person() {
    let mut world = with_failed_checks(Tier::Protected);
    let before = approval(&world);
    world.peer_approvals = vec![before];
    overrides(&mut world, Some(WHY));
    until_switch_asks(&mut world);
    say_yes(&mut world);
    assert!(asks_again(&world), "{:?}", world.progress());
    world.peer_approvals.push(approval(&world));
    say_yes(&mut world);
    assert!(has_switched(&world), "{:?}", world.progress());
    assert_eq!(world.route(), Some(Slot::Green));
}

#[test]
fn who_overrode_a_check_cannot_approve_it() {
    let mut world = with_failed_checks(Tier::Protected);
    // Another operator than the one who opened the release.
    world.say(Event::Chosen {
        choice: Choice::Override,
        by: person("cleo"),
        note: Some(WHY.to_owned()),
    });
    until_switch_asks(&mut world);
    let mut own = approval(&world);
    own.by = person("cleo");
    world.peer_approvals = vec![own];
    say_yes(&mut world);
    assert!(asks_again(&world), "{:?}", world.progress());
    world.peer_approvals.push(approval(&world));
    say_yes(&mut world);
    assert!(has_switched(&world), "{:?}", world.progress());
}

#[test]
fn the_needed_approvals_stay_while_overridden_checks_run_again() {
    let mut world = with_failed_checks(Tier::Protected);
    overrides(&mut world, Some(WHY));
    until_switch_asks(&mut world);
    let before = world.status().approvable().mark();
    world.say(Event::CheckAgainAsked(operator()));
    for _ in 0..TURNS {
        let status = world.status();
        assert_eq!(status.approvable().approvers_needed(), 1);
        assert_eq!(status.approvable().mark(), before);
        match world.progress() {
            Progress::Asking {
                step: Step::Switch, ..
            } if reports(&world).len() > 2 => return,
            Progress::Asking { step, .. } => world.approve(step),
            _ => assert!(world.answer(Fate::Done) || world.fire()),
        }
    }
    panic!("the checks did not run again: {:?}", world.progress());
}

#[test]
fn a_report_of_an_earlier_try_cannot_be_overridden() {
    let mut world = with_failed_checks(Tier::Staging);
    world.say(Event::Chosen {
        choice: Choice::Retry,
        by: operator(),
        note: None,
    });
    // The answer to the retry is written, but nothing can be observed any more.
    for _ in 0..TURNS {
        if is_choosing(&world) && world.owed.is_none() {
            break;
        }
        let fate = match world.owed {
            Some(Owed::Look(_)) => Fate::FailedBefore,
            _ => Fate::Done,
        };
        assert!(world.answer(fate) || world.fire());
    }
    let progress = world.progress();
    let Progress::Choosing { choices, .. } = &progress else {
        panic!("{progress:?}");
    };
    assert!(!choices.contains(&Choice::Override), "{progress:?}");
}

#[test]
fn checks_that_the_plan_overrides_may_fail() {
    let mut plan = plan(Tier::Staging, false);
    plan.overridden_checks = vec!["home".into()];
    plan.reason = Some(WHY.into());
    let mut world = World::new(plan, OnFailure::BackOut);
    world.checks_pass = false;
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    let decision = reports(&world)[0].cases[0].overridden.clone();
    assert_eq!(decision.map(|it| it.why), Some(WHY.to_owned()));
}
