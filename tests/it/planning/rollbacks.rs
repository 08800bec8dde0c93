//! Plans of rollbacks, warm and cold.

use greenroom::history::{LivePeriod, Outcome, Recorded, ReleaseKind, Step, WasLive};
use greenroom::inventory::{
    EdgeAnswer, InstanceState, Occupancy, RegistryRecord, Slot, Tier, VersionRef,
};
use greenroom::release::{
    Approval, Need, Plan, PlanRequest, Refusal, Resolved, Scope, Wanted, need_of,
};
use jiff::Timestamp;

use super::{facts, instance, one, past, plan, planned, refused, request, warm, was_live};
use crate::support::edge;
use crate::support::web::{definition, operator, target, version};

#[test]
fn a_warm_rollback_starts_nothing_and_names_its_version() {
    let plan = plan(
        &request(Wanted::Standby),
        &definition(Tier::Protected),
        &warm(),
    )
    .expect("a plan");
    assert_eq!(plan.kind, ReleaseKind::WarmRollback);
    assert_eq!(plan.version.tag.as_deref(), Some("1.8.1"));
    assert!(plan.step(Step::Pull).is_none() && plan.step(Step::Start).is_none());
    assert!(
        plan.step(Step::Verify).is_some(),
        "no switch without checks, back or forth"
    );
}

#[test]
fn a_plan_names_only_switch_backs_that_its_watch_makes() {
    let words = |plan: &Plan| {
        let step = plan.step(Step::Watch).expect("a watch");
        step.calls.join("\n")
    };
    let promote = words(&planned(&facts()));
    assert!(promote.contains("count the public requests"), "{promote}");
    let definition = definition(Tier::Protected);
    let rollback = plan(&request(Wanted::Standby), &definition, &warm()).expect("a plan");
    let rollback = words(&rollback);
    assert!(
        rollback.contains("3 bad probes in a row switch back"),
        "{rollback}"
    );
    assert!(
        !rollback.contains("count the public requests"),
        "{rollback}"
    );
    let mut first = facts();
    first.record = Ok(RegistryRecord::default());
    edge(&mut first.edges).answer = EdgeAnswer::NotInstalled;
    first.slots.blue = Ok(Occupancy::Free);
    let first = words(&planned(&first));
    assert!(!first.contains("switch back"), "{first}");
    assert!(first.contains("a person must decide"), "{first}");
}

#[test]
fn a_rollback_needs_no_reason_under_any_rules() {
    let mut strict = definition(Tier::Protected);
    strict.rules.require_reason = true;
    let back = PlanRequest {
        reason: None,
        ..request(Wanted::Standby)
    };
    let plan = plan(&back, &strict, &warm()).expect("a plan");
    assert!(plan.lacks_reason());
    let promote = PlanRequest {
        reason: None,
        ..request(Wanted::Version("1.9.0".parse().expect("a tag")))
    };
    assert!(refused(&promote, &strict, &facts()).contains(&Refusal::NoReason));
}

#[test]
fn the_confirmation_of_a_warm_rollback_covers_its_switch_and_not_its_stop() {
    let plan = plan(
        &request(Wanted::Standby),
        &definition(Tier::Protected),
        &warm(),
    )
    .expect("a plan");
    let begin = |typed| {
        Approval::give(&plan, Scope::Plan, operator(), typed, Timestamp::UNIX_EPOCH).is_ok()
    };
    assert!(!begin(None) && !begin(Some("yes")) && begin(Some("production")));
    assert_eq!(need_of(&plan, Step::Register), Need::Nothing);
    assert_eq!(need_of(&plan, Step::Switch), Need::Nothing);
    assert_eq!(need_of(&plan, Step::Stop), Need::TypedName);
    let promote = planned(&facts());
    assert_eq!(need_of(&promote, Step::Register), Need::Confirmation);
    assert_eq!(need_of(&promote, Step::Switch), Need::TypedName);
}

#[test]
fn a_warm_rollback_needs_a_running_registered_formerly_live_version() {
    let back = request(Wanted::Standby);
    let mut stopped = warm();
    stopped.slots.green = Ok(Occupancy::Ours(one(instance(
        Slot::Green,
        'd',
        InstanceState::Exited { code: Some(0) },
    ))));
    assert_eq!(
        refused(&back, &definition(Tier::Protected), &stopped),
        [Refusal::NoStandby]
    );
    let mut unregistered = warm();
    if let Ok(record) = &mut unregistered.record {
        record.slots.green = None;
    }
    assert_eq!(
        refused(&back, &definition(Tier::Protected), &unregistered),
        [Refusal::NoStandby]
    );
    // The candidate of a release that was interrupted after register never had traffic.
    let mut never_live = warm();
    never_live.past = Ok(vec![past("1.8.1", 'd', None)]);
    never_live.was_live = WasLive::default();
    assert!(matches!(
        refused(&back, &definition(Tier::Protected), &never_live)[..],
        [Refusal::NeverLiveHere { .. }]
    ));
}

#[test]
fn an_unproven_head_allows_no_rollback() {
    let mut facts = warm();
    // Another program wrote one line into the store: a closed head without entries.
    let mut forged = past("1.8.1", 'd', Some(Outcome::Done));
    forged.live = Some(LivePeriod {
        since: Timestamp::UNIX_EPOCH,
        until: None,
    });
    facts.past = Ok(vec![forged.clone()]);
    facts.was_live = WasLive::default();
    let recorded = Recorded {
        head: forged,
        entries: Vec::new(),
    };
    facts.was_live.add(&recorded, &target());
    let back = request(Wanted::Standby);
    let against = refused(&back, &definition(Tier::Protected), &facts);
    let [Refusal::NeverLiveHere { remarks, .. }] = &against[..] else {
        panic!("{against:?}");
    };
    assert!(remarks[0].contains("does not prove it"), "{remarks:?}");
}

#[test]
fn a_cold_rollback_is_a_full_release_to_a_formerly_live_version() {
    let mut facts = facts();
    facts.version = Resolved::Version(Box::new(version("1.7.0", 'e')));
    let back = request(Wanted::Back(VersionRef::Tag("1.7.0".into())));
    assert!(matches!(
        refused(&back, &definition(Tier::Protected), &facts)[..],
        [Refusal::NeverLiveHere { .. }]
    ));
    facts.was_live = was_live(version("1.7.0", 'e'));
    let plan = plan(&back, &definition(Tier::Protected), &facts).expect("a plan");
    assert_eq!(plan.kind, ReleaseKind::ColdRollback);
    assert!(plan.step(Step::Start).is_some());
}
