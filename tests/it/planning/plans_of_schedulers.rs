//! Plans of schedulers, of which two never run at once: the live version is stopped before the new one is started.

use greenroom::history::{ReleaseKind, Step};
use greenroom::inventory::{Addresses, Occupancy, ServiceKind};
use greenroom::release::{Definition, FormerKind, Plan, Refusal, Wanted};

use super::plans_of_workers::{of_worker, without_proxy, worker};
use super::{plan, promote, refused, request, warm};

fn scheduler() -> Definition {
    Definition {
        kind: ServiceKind::Scheduler,
        ..worker()
    }
}

fn steps(planned: &Plan) -> Vec<Step> {
    planned.calls.iter().map(|it| it.step).collect()
}

#[test]
fn a_scheduler_is_stopped_before_the_new_one_is_started() {
    let planned = plan(&promote(), &scheduler(), &of_worker()).expect("a plan");
    assert_eq!(
        steps(&planned),
        [
            Step::Pull,
            Step::StopOld,
            Step::Start,
            Step::Verify,
            Step::Register,
            Step::Switch,
            Step::Watch,
            Step::Stop
        ]
    );
    let stop = planned
        .step(Step::StopOld)
        .expect("planned")
        .calls
        .join("\n");
    assert!(
        stop.contains("with 10s to finish") && stop.contains("no version runs until *start*"),
        "{stop}"
    );
    // The last step only clears the old slot.
    let clear = planned.step(Step::Stop).expect("planned").calls.join("\n");
    assert!(!clear.contains("engine"), "{clear}");
}

#[test]
fn the_first_release_of_a_scheduler_stops_nothing() {
    let mut facts = of_worker();
    facts.record.as_mut().expect("a record").route = None;
    facts.slots.blue = Ok(Occupancy::Free);
    let planned = plan(&promote(), &scheduler(), &facts).expect("a plan");
    assert!(!steps(&planned).contains(&Step::StopOld), "{planned:?}");
}

/// The other slot still runs a version by mistake.
#[test]
fn a_rollback_of_a_scheduler_is_never_warm() {
    let (back, facts) = (request(Wanted::Standby), without_proxy(warm()));
    let planned = plan(&back, &worker(), &facts).expect("a plan");
    assert_eq!(planned.kind, ReleaseKind::WarmRollback);
    let against = refused(&back, &scheduler(), &facts);
    assert!(
        against.contains(&Refusal::NoStandby),
        "it has no standby: {against:?}"
    );
}

#[test]
fn a_worker_with_several_members_does_not_become_a_scheduler() {
    let mut facts = of_worker();
    let record = facts.record.as_mut().expect("a record");
    let route = record.route.as_mut().expect("a route");
    route.value.addresses = Addresses::counted(3);
    let against = refused(&promote(), &scheduler(), &facts);
    let is_found = |refusal: &Refusal| {
        let was = FormerKind::SeveralMembers;
        matches!(refusal, Refusal::KindChanged { was: it, .. } if *it == was)
    };
    assert!(against.iter().any(is_found), "{against:?}");
}
