//! Approvals and holds of other operators: traffic does not move without enough approvals, nor
//! against a hold placed meanwhile. Neither is a failure that undoes anything by itself (interlocks
//! 9, 10).

use std::time::Duration;

use greenroom::history::{JournalEvent, Outcome, Overridden, ReleaseKind, ReleaseRecord, Step};
use greenroom::inventory::{
    ClockReading, Clocks, Hold, Operator, PeerApproval, ReleaseId, Slot, Tier, Version,
};
use greenroom::release::{Approvable, OnFailure, Plan, Progress, Purpose, weigh};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::TURNS;
use super::world::{Fate, World, movement, plan};
use crate::support::web::{digest, operator};

pub(super) fn person(name: &str) -> Operator {
    Operator {
        name: name.into(),
        host: "ops-9".into(),
    }
}

fn needs(approvals: u8, tier: Tier) -> Plan {
    let mut plan = plan(tier, false);
    plan.definition.rules.approvals = approvals;
    plan.definition.rules.approvals_last = Duration::from_hours(10);
    // The tests wait long, and old checks would cause another question.
    plan.definition.timing.checks_fresh = Duration::from_hours(10);
    plan
}

pub(super) fn peer_approval(plan: &Plan, name: &str, minutes: u64) -> PeerApproval {
    PeerApproval {
        release: plan.release,
        digest: plan.version.digest.clone(),
        plan: plan.mark(),
        by: person(name),
        console: format!("{name}@ops-9 1 x"),
        given_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH + Duration::from_mins(minutes),
        evidence: "3 of 3 checks passed".into(),
        note: None,
    }
}

fn hold() -> Hold {
    Hold {
        reason: "payday".into(),
        author: person("cleo"),
        since: Timestamp::UNIX_EPOCH,
        until: None,
        release: None,
        cleared: None,
    }
}

/// Answers well until the switch waits for a person.
pub(super) fn until_switch_asks(world: &mut World) {
    for _ in 0..TURNS {
        if world.answer(Fate::Done) {
            continue;
        }
        match world.progress() {
            Progress::Asking {
                step: Step::Switch, ..
            } => return,
            Progress::Asking { step, .. } => world.approve(step),
            _ => assert!(world.fire(), "stuck: {:?}", world.progress()),
        }
    }
    panic!("the switch never asked");
}

/// Approves the switch and answers until nothing is left to do.
pub(super) fn say_yes(world: &mut World) {
    world.approve(Step::Switch);
    while world.answer(Fate::Done) {}
}

pub(super) fn has_switched(world: &World) -> bool {
    let mut acts = world.acts.iter();
    acts.any(|(_, actions)| movement(actions).is_some())
}

pub(super) fn asks_again(world: &World) -> bool {
    let asks = matches!(
        world.progress(),
        Progress::Asking {
            step: Step::Switch,
            ..
        }
    );
    asks && !has_switched(world) && world.route() == Some(Slot::Blue)
}

#[test]
fn the_switch_waits_for_enough_approvals_and_records_them() {
    for tier in [Tier::Staging, Tier::Protected] {
        let plan = needs(2, tier);
        let mut world = World::new(plan.clone(), OnFailure::BackOut);
        until_switch_asks(&mut world);
        say_yes(&mut world);
        assert!(asks_again(&world), "{:?}", world.progress());
        world.peer_approvals.push(peer_approval(&plan, "ben", 600));
        say_yes(&mut world);
        assert!(asks_again(&world), "one of two: {:?}", world.progress());
        world.peer_approvals.push(peer_approval(&plan, "cleo", 600));
        say_yes(&mut world);
        assert!(has_switched(&world), "{:?}", world.progress());
        world.go_well(TURNS);
        assert_eq!(world.outcome(), Some(Outcome::Done));
        let journal = world.journal.as_ref().expect("a journal");
        let peer_approvals = journal.entries.iter().find_map(|entry| match &entry.event {
            JournalEvent::Intent {
                step: Step::Switch,
                peer_approvals,
                ..
            } => Some(peer_approvals.clone()),
            _ => None,
        });
        assert_eq!(peer_approvals, Some(world.peer_approvals.clone()));
    }
}

#[test]
fn only_unexpired_approvals_of_others_for_this_plan_count() {
    let plan = needs(1, Tier::Protected);
    let good = peer_approval(&plan, "ben", 600);
    let mut other_digest = good.clone();
    other_digest.digest = digest('f');
    let mut other_release = good.clone();
    other_release.release = ReleaseId(ulid::Ulid::from_parts(9, 9));
    let mut other_plan = good.clone();
    other_plan.plan = "1:0".into();
    let mut own = good.clone();
    own.by = Operator {
        name: operator().name.to_uppercase(),
        host: "another-host".into(),
    };
    let mut unseen = good.clone();
    unseen.by.name = format!("\u{200b}{}", operator().name);
    let mut look_alike = good.clone();
    look_alike.by.name = operator().name.replace('a', "\u{430}");
    assert_ne!(look_alike.by.name, operator().name);
    let mut nameless = good.clone();
    nameless.by.name = "\u{2060}".into();
    let mut for_ever = good.clone();
    for_ever.expires_at = "2096-01-01T00:00:00Z".parse().expect("a time");
    let mut to_come = good.clone();
    to_come.given_at += Duration::from_hours(5);
    to_come.expires_at += Duration::from_hours(5);
    let mut backwards = good.clone();
    backwards.given_at = backwards.expires_at + Duration::from_secs(1);
    let mut expired = good.clone();
    expired.expires_at = Timestamp::UNIX_EPOCH;
    for (what, bad) in [
        ("of another digest", other_digest),
        ("of another release", other_release),
        ("of another plan", other_plan),
        ("the operator's own", own),
        (
            "the operator's own, with a character that no screen shows",
            unseen,
        ),
        ("by a name that looks like the operator's", look_alike),
        ("by a name without a visible character", nameless),
        ("valid for longer than the rules allow", for_ever),
        ("given in the future", to_come),
        ("over before it was given", backwards),
        ("expired", expired),
    ] {
        let mut world = World::new(plan.clone(), OnFailure::Ask);
        world.peer_approvals.push(bad);
        until_switch_asks(&mut world);
        say_yes(&mut world);
        assert!(asks_again(&world), "{what}: {:?}", world.progress());
    }
    // An operator who took the release over does not count as another operator either.
    let given = [good.clone(), peer_approval(&plan, "Ben ", 600)];
    let none = Clocks::default();
    let now = (Timestamp::UNIX_EPOCH, &none);
    assert_eq!(
        weigh(Approvable::planned(&plan), &given, None, now)
            .counted
            .len(),
        1,
        "one a person"
    );
    let again = [good.clone(), peer_approval(&plan, "b\u{435}n", 600)];
    assert_eq!(
        weigh(Approvable::planned(&plan), &again, None, now)
            .counted
            .len(),
        1,
        "one a name to the eye"
    );
    assert!(
        weigh(
            Approvable::planned(&plan),
            &given,
            Some(&person("BEN")),
            now
        )
        .counted
        .is_empty()
    );
    assert_eq!(
        weigh(
            Approvable::planned(&plan),
            &given,
            Some(&person("cleo")),
            now
        )
        .counted,
        [&good]
    );
}

#[test]
fn an_approval_that_does_not_count_is_shown_with_the_reason() {
    let plan = needs(1, Tier::Protected);
    let good = peer_approval(&plan, "ben", 30);
    let mut for_ever = peer_approval(&plan, "cleo", 30);
    for_ever.expires_at += Duration::from_hours(24 * 365);
    let look_alike = peer_approval(&plan, &operator().name.replace('a', "\u{430}"), 30);
    let mut other_plan = peer_approval(&plan, "dora", 30);
    other_plan.plan = "1:0".into();
    let given = [good.clone(), for_ever, look_alike, other_plan];
    let weighed = weigh(
        Approvable::planned(&plan),
        &given,
        None,
        (Timestamp::UNIX_EPOCH, &Clocks::default()),
    );
    assert_eq!(weighed.counted, [&good]);
    for (why, words) in weighed.ignored.iter().zip([
        "cleo@ops-9 does not count: it is valid for 365d",
        "does not count: the name looks like that of",
        "dora@ops-9 does not count: it is for another plan",
    ]) {
        assert!(why.contains(words), "{words}: {why}");
    }
    assert_eq!(weighed.ignored.len(), 3);
}

/// A clock that is this many minutes ahead of this machine's clock, or behind it.
fn clock_off_by(minutes: i64) -> Clocks {
    let now = Timestamp::from_second(100_000).expect("a time");
    let reported = now + SignedDuration::from_mins(minutes);
    let of = "the Docker host of production".to_owned();
    Clocks(vec![ClockReading::new(of, (now, now), reported)])
}

#[test]
fn an_approval_expired_by_another_clock_names_the_clock_and_the_fix() {
    let mut plan = needs(1, Tier::Protected);
    plan.definition.rules.approvals_last = Duration::from_hours(1);
    let given = [peer_approval(&plan, "ben", 30)];
    // By a clock that is two hours ahead, a new approval has expired as well.
    for (minutes, words) in [
        (
            45,
            "which is 45m ahead of this machine's: have it approved again with greenroom approve web production, or correct the wrong clock",
        ),
        (
            120,
            "which is 2h ahead of this machine's: correct the wrong clock, then have it approved again with greenroom approve web production. Before that, a new approval would expire immediately",
        ),
    ] {
        let clocks = clock_off_by(minutes);
        let weighed = weigh(
            Approvable::planned(&plan),
            &given,
            None,
            (Timestamp::UNIX_EPOCH, &clocks),
        );
        assert_eq!(weighed.counted.len(), 0);
        let begin = "the approval by ben@ops-9 does not count: it has expired by the clock of the Docker host of production, ";
        assert_eq!(weighed.ignored, [format!("{begin}{words}")]);
    }
}

/// No operator can replace an approver: an override applies only to holds and freezes.
#[test]
fn an_override_replaces_no_approval_that_has_expired_by_another_clock() {
    let mut plan = needs(1, Tier::Protected);
    let since = Timestamp::UNIX_EPOCH;
    plan.overridden.push(Overridden {
        hold: hold(),
        why: "the shop is down".into(),
    });
    let given = [peer_approval(&plan, "ben", 30)];
    let clocks = clock_off_by(45);
    let weighed = weigh(Approvable::planned(&plan), &given, None, (since, &clocks));
    assert_eq!(weighed.counted.len(), 0);
    assert!(Approvable::planned(&plan).approvers_needed() > 0);
}

#[test]
fn the_switch_names_the_clock_of_an_expired_approval() {
    let plan = needs(1, Tier::Protected);
    let mut world = World::new(plan.clone(), OnFailure::Ask);
    world.clocks = clock_off_by(120);
    world.peer_approvals.push(peer_approval(&plan, "ben", 30));
    until_switch_asks(&mut world);
    say_yes(&mut world);
    assert!(asks_again(&world), "{:?}", world.progress());
    let words = "by the clock of the Docker host of production";
    let said = &world.said;
    assert!(said.iter().any(|it| it.contains(words)), "{said:?}");
}

#[test]
fn the_switch_names_unreadable_approvals() {
    let plan = needs(1, Tier::Protected);
    let mut world = World::new(plan.clone(), OnFailure::Ask);
    let below = format!("/greenroom/v1/approvals/{}/ben/", plan.target());
    let why = "one person has written more than 50 approvals, and Greenroom reads only the newest"
        .to_owned();
    world.problems.insert(below.clone(), why.clone());
    until_switch_asks(&mut world);
    say_yes(&mut world);
    assert!(asks_again(&world), "{:?}", world.progress());
    let words = format!("{below} does not count: {why}");
    let said = &world.said;
    assert!(said.iter().any(|it| it.contains(&words)), "{said:?}");
}

/// A release at its switch, whose version must be live in qa first.
fn promoted_from_qa() -> World {
    let mut plan = plan(Tier::Protected, false);
    plan.definition.rules.only_from = Some("qa".parse().expect("a name"));
    let mut world = World::new(plan, OnFailure::Ask);
    until_switch_asks(&mut world);
    world
}

fn retry(world: &mut World) {
    world.say(greenroom::release::Event::Chosen {
        choice: greenroom::release::Choice::Retry,
        by: operator(),
        note: None,
    });
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn a_version_no_longer_live_in_the_first_environment_gets_no_traffic() {
    for (there, words) in [
        (Some(crate::support::web::version("1.8.2", 'a')), "1.8.2"),
        (None, "no version is live"),
    ] {
        let mut world = promoted_from_qa();
        let before = std::mem::replace(&mut world.live_in_first, Ok(there));
        say_yes(&mut world);
        let Progress::Choosing {
            step: Step::Switch,
            why,
            ..
        } = world.progress()
        else {
            panic!("{:?}", world.progress());
        };
        assert!(why.contains("no longer live in qa"), "{why}");
        assert!(why.contains(words), "{why}");
        assert!(!has_switched(&world) && world.route() == Some(Slot::Blue));
        world.live_in_first = before;
        retry(&mut world);
    }
}

/// A release of qa that started with one version and ended with another.
fn in_qa(
    world: &World,
    kind: ReleaseKind,
    versions: (&Version, &Version),
    end: Outcome,
) -> ReleaseRecord {
    let (from, to) = versions;
    ReleaseRecord {
        kind,
        from: Some((Slot::Blue, from.clone())),
        to: (Slot::Green, to.clone()),
        closed: Some((Timestamp::UNIX_EPOCH, end)),
        ..world.plan.record()
    }
}

#[test]
fn a_version_replaced_by_a_newer_one_in_qa_gets_its_traffic() {
    let mut world = promoted_from_qa();
    let newer = crate::support::web::version("2.0.0", 'f');
    let own = world.plan.version.clone();
    world.live_in_first = Ok(Some(newer.clone()));
    let replaced = in_qa(&world, ReleaseKind::Promote, (&own, &newer), Outcome::Done);
    world.past_of_first = Some(vec![replaced]);
    world.approve(Step::Switch);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    let said = &world.said;
    let words = "in qa, 2.0.0 is live now";
    assert!(said.iter().any(|it| it.contains(words)), "{said:?}");
}

#[test]
fn a_version_removed_from_qa_in_another_way_gets_no_traffic() {
    use ReleaseKind::{ColdRollback as Rollback, Promote};
    let newer = crate::support::web::version("2.0.0", 'f');
    let older = crate::support::web::version("1.8.2", 'a');
    let backed_out = || Outcome::BackedOut {
        reason: "it failed".into(),
    };
    let left = || Outcome::Left {
        reason: "it was left".into(),
    };
    let world = promoted_from_qa();
    let own = world.plan.version.clone();
    let of = |kind, versions, end| in_qa(&world, kind, versions, end);
    let replaced = of(Promote, (&own, &newer), Outcome::Done);
    for (what, past) in [
        (
            "rolled back",
            Some(vec![of(Rollback, (&own, &older), Outcome::Done)]),
        ),
        (
            "rolled back over it later",
            Some(vec![
                of(Rollback, (&newer, &older), Outcome::Done),
                replaced,
            ]),
        ),
        (
            "backed out",
            Some(vec![of(Promote, (&older, &own), backed_out())]),
        ),
        ("left", Some(vec![of(Promote, (&own, &newer), left())])),
        ("not told", Some(Vec::new())),
        ("not read", None),
    ] {
        let mut world = promoted_from_qa();
        world.live_in_first = Ok(Some(older.clone()));
        world.past_of_first = past;
        say_yes(&mut world);
        assert!(!has_switched(&world), "{what}");
        assert_eq!(world.route(), Some(Slot::Blue), "{what}");
    }
}

#[test]
fn no_traffic_moves_while_the_first_environment_is_unreachable() {
    let mut world = promoted_from_qa();
    let unseen = Err("etcd at qa: no answer".to_owned());
    let before = std::mem::replace(&mut world.live_in_first, unseen);
    world.approve(Step::Switch);
    for _ in 0..TURNS {
        if matches!(world.progress(), Progress::Choosing { .. }) {
            break;
        }
        assert!(
            world.answer(Fate::Done) || world.fire(),
            "{:?}",
            world.progress()
        );
        assert!(!has_switched(&world));
    }
    let Progress::Choosing {
        step: Step::Switch,
        why,
        ..
    } = world.progress()
    else {
        panic!("{:?}", world.progress());
    };
    assert!(
        why.contains("is live in qa: etcd at qa: no answer"),
        "{why}"
    );
    world.live_in_first = before;
    retry(&mut world);
}

#[test]
fn an_approval_that_expires_before_the_switch_does_not_count() {
    let plan = needs(1, Tier::Protected);
    let mut world = World::new(plan.clone(), OnFailure::Ask);
    world.peer_approvals.push(peer_approval(&plan, "ben", 30));
    until_switch_asks(&mut world);
    world.pass(Duration::from_mins(31));
    say_yes(&mut world);
    assert!(asks_again(&world), "{:?}", world.progress());
}

#[test]
fn overriding_a_hold_needs_a_second_person_only_in_protected_environments() {
    let mut plan = plan(Tier::Protected, false);
    plan.overridden = vec![Overridden {
        hold: hold(),
        why: "the shop is down".into(),
    }];
    let mut world = World::new(plan.clone(), OnFailure::Ask);
    world.hold = Some(hold());
    until_switch_asks(&mut world);
    say_yes(&mut world);
    assert!(asks_again(&world), "{:?}", world.progress());
    world.peer_approvals.push(peer_approval(&plan, "ben", 30));
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));

    plan.definition.tier = Tier::Staging;
    let mut world = World::new(plan, OnFailure::Ask);
    world.hold = Some(hold());
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn a_hold_placed_meanwhile_stops_the_switch_and_asks() {
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::Ask);
    until_switch_asks(&mut world);
    world.hold = Some(hold());
    say_yes(&mut world);
    let Progress::Choosing {
        step: Step::Switch,
        why,
        ..
    } = world.progress()
    else {
        panic!("{:?}", world.progress());
    };
    assert!(why.contains("payday") && !has_switched(&world), "{why}");
    assert_eq!(world.route(), Some(Slot::Blue));
    // After the hold is cleared, the release continues.
    world.hold = None;
    world.say(greenroom::release::Event::Chosen {
        choice: greenroom::release::Choice::Retry,
        by: operator(),
        note: None,
    });
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));

    // Without an operator to ask, nothing changes.
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::BackOut);
    until_switch_asks(&mut world);
    world.hold = Some(hold());
    say_yes(&mut world);
    world.go_well(TURNS);
    super::is_backed_out(&world);
    assert!(!has_switched(&world));
}

/// A hold that has ended by this machine's clock, but not by a clock that is 2h behind.
fn hold_over_here() -> Hold {
    Hold {
        until: Some(Timestamp::UNIX_EPOCH - SignedDuration::from_hours(1)),
        since: Timestamp::UNIX_EPOCH - SignedDuration::from_hours(9),
        ..hold()
    }
}

#[test]
fn a_hold_still_in_force_by_another_clock_stops_the_switch() {
    let mut world = World::new(plan(Tier::Staging, false), OnFailure::Ask);
    world.hold = Some(hold_over_here());
    world.clocks = clock_off_by(-120);
    for _ in 0..TURNS {
        if !world.answer(Fate::Done) && !world.fire() {
            break;
        }
    }
    let Progress::Choosing { why, .. } = world.progress() else {
        panic!("{:?}", world.progress());
    };
    assert!(why.contains("Correct the wrong clock"), "{why}");
    assert!(!has_switched(&world));
}

#[test]
fn an_overridden_hold_is_compared_as_stored() {
    let mut plan = plan(Tier::Staging, false);
    plan.overridden = vec![Overridden {
        hold: hold_over_here(),
        why: "the other clock is wrong".into(),
    }];
    let mut world = World::new(plan, OnFailure::Ask);
    world.hold = Some(hold_over_here());
    world.clocks = clock_off_by(-120);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    let mut switches = world.acts.iter().filter_map(|(_, acts)| movement(acts));
    let route = switches.next().expect("a switch").route.as_ref();
    let Purpose::Promote { hold, .. } = &route.expect("a route").purpose else {
        panic!("it is a promote: {route:?}");
    };
    assert_eq!(*hold, Some(hold_over_here()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever gave approvals and when: at the switch, enough of them count.
    #[test]
    fn no_traffic_moves_without_enough_approvals_that_count(
        needed in 1_u8..4,
        given in prop::collection::vec((0_usize..5, 0_u64..90, any::<bool>(), any::<bool>()), 0..8),
        waits in 0_u64..60,
    ) {
        let plan = needs(needed, Tier::Protected);
        let names = ["ben", "cleo", "dora", "Ben", operator().name.leak()];
        let mut world = World::new(plan.clone(), OnFailure::Ask);
        for (name, minutes, is_of_digest, is_of_plan) in given {
            let mut one = peer_approval(&plan, names[name], minutes);
            if !is_of_digest {
                one.digest = digest('f');
            }
            if !is_of_plan {
                one.plan = "1:other".into();
            }
            world.peer_approvals.push(one);
        }
        until_switch_asks(&mut world);
        world.pass(Duration::from_mins(waits));
        let at = world.now;
        say_yes(&mut world);
        let mut people: Vec<String> = world
            .peer_approvals
            .iter()
            .filter(|one| {
                one.digest == plan.version.digest && one.plan == plan.mark() && at < one.expires_at
            })
            .map(|one| one.by.name.to_lowercase())
            .filter(|name| *name != operator().name.to_lowercase())
            .collect();
        people.sort();
        people.dedup();
        prop_assert_eq!(has_switched(&world), people.len() >= usize::from(needed));
        prop_assert!(has_switched(&world) || asks_again(&world));
    }
}
