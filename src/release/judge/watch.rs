//! Judges the candidate with traffic: at the end of *switch* and during *watch*.

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

/// Judges whether the traffic has moved to the candidate. For a promote, also judges whether the public gets good
/// answers of the candidate.
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

/// Whether the release is a rollback. The version before a rollback is usually the worse version. So bad public answers
/// do not end a rollback: a fault of the proxy or of a database concerns both versions, and must not move the traffic
/// back.
fn is_way_back(plan: &Plan) -> bool {
    plan.kind != ReleaseKind::Promote
}

/// Judges whether the traffic is still on the candidate, the candidate is healthy and is still the run that was
/// checked, and the public gets the candidate's answers. For a rollback only the traffic and the health count.
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
            "the proxy now names {} instead of {slot}",
            proxy.slot.map_or("no slot", Slot::as_str)
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
    // If the proxy does not answer, nothing is known about the version, and the traffic could not be switched back.
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
        return Judgement::Never(format!("{BAD_LOOKS} bad observations in a row: {fault}"));
    }
    if time < window {
        Judgement::Moving(fault)
    } else {
        Judgement::NotYet(fault)
    }
}

/// The number of public requests: `412 requests, 0 failed`. Empty if the proxy does not report it.
fn traffic_words(observation: &Observation) -> String {
    observation.traffic.map_or_else(String::new, |count| {
        format!("{} requests, {} failed", count.requests, count.errors)
    })
}
