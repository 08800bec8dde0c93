//! Judging with traffic on the candidate: the end of *switch* and the whole of *watch*.

use jiff::Timestamp;

use super::{BAD_LOOKS, Judgement, routed};
use crate::checks::Report;
use crate::history::ReleaseKind;
use crate::inventory::Slot;
use crate::release::Plan;
use crate::release::act::{Course, Observation};
use crate::release::candidate::{self, Run};
use crate::release::describe::duration;
use crate::release::public::{self, Public};
use crate::release::time::elapsed;

/// The traffic is where it should be, and the public gets what the candidate answers.
pub(super) fn switched(plan: &Plan, course: &mut Course, observation: &Observation) -> Judgement {
    let routed = routed(plan, plan.slot, Some(plan.generation), observation);
    if !matches!(routed, Judgement::True(_)) || is_way_back(plan) {
        return routed;
    }
    let Public::Bad(why) = public::judge(plan, plan.slot, observation, course.compares) else {
        return routed;
    };
    course.bad_in_a_row += 1;
    if course.bad_in_a_row >= BAD_LOOKS {
        return Judgement::Never(format!("{BAD_LOOKS} bad answers in a row: {why}"));
    }
    Judgement::NotYet(why)
}

/// A rollback is a way out of a version that is worse: what both versions share (a proxy, a database that is down) must not
/// move traffic back to the version that the operator wants to leave. Only the version's own probe does.
fn is_way_back(plan: &Plan) -> bool {
    plan.kind != ReleaseKind::Promote
}

/// The candidate stays the run that was checked, and is healthy, and the public gets what it answers.
pub(super) fn watched(
    plan: &Plan,
    report: Option<&Report>,
    course: &mut Course,
    observation: &Observation,
    now: Timestamp,
) -> Judgement {
    let slot = plan.slot;
    if let Some(Some(proxy)) = &observation.proxy
        && proxy.slot != Some(slot)
    {
        return Judgement::Never(format!(
            "the proxy sends traffic to {} now: somebody else switched",
            proxy.slot.map_or("nothing", Slot::as_str)
        ));
    }
    if !is_way_back(plan)
        && let Run::Crashed(why) | Run::StartedAgain(why) =
            candidate::run_since_checks(plan, report, observation)
    {
        return Judgement::Never(why);
    }
    let public = if is_way_back(plan) {
        Public::Unknown
    } else {
        public::judge(plan, slot, observation, course.compares)
    };
    // A proxy that does not answer at all says nothing about the version, and cannot switch back either.
    let is_proxy_down = observation.proxy.is_none() && matches!(public, Public::Silent(_));
    if !is_proxy_down
        && !is_way_back(plan)
        && let Some(why) = public::above_the_limit(plan, &public, course, observation)
    {
        return Judgement::Never(why);
    }
    let fault = candidate::unhealthy(plan, observation)
        .map(|why| format!("{slot} is not healthy: {why}"))
        .or_else(|| public.fault().map(str::to_owned));
    let window = plan.definition.timing.watch;
    let time = elapsed(course.since, now);
    let Some(fault) = fault else {
        course.bad_in_a_row = 0;
        if time >= window {
            return Judgement::True(traffic_words(observation));
        }
        let traffic = traffic_words(observation);
        let separator = if traffic.is_empty() { "" } else { "; " };
        return Judgement::Moving(format!(
            "{} of {}{separator}{traffic}",
            duration(time),
            duration(window)
        ));
    };
    if !is_proxy_down {
        course.bad_in_a_row += 1;
    }
    if course.bad_in_a_row >= BAD_LOOKS {
        return Judgement::Never(format!("{BAD_LOOKS} bad looks in a row: {fault}"));
    }
    if time < window {
        Judgement::Moving(fault)
    } else {
        Judgement::NotYet(fault)
    }
}

/// `412 requests, 0 failed`; nothing where the proxy does not tell.
fn traffic_words(observation: &Observation) -> String {
    observation.traffic.map_or_else(String::new, |count| {
        format!("{} requests, {} failed", count.requests, count.errors)
    })
}
