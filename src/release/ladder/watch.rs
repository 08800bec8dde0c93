//! *watch*: observes the new version for a while after the switch. Too many failures move the traffic back.
//!
//! - Act: none: candidate, public address and the proxy's access log are observed.
//! - Done when the watch time is over. The watch fails if the candidate restarts, after three bad observations in a
//!   row, if more public requests fail than `rules.watch_errors` allows, or if an edge names another slot.
//! - Undone by: nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::candidate::{self, Run};
use super::conditions::{BAD_IN_A_ROW, pause_within};
use super::public::{self, Public};
use super::{
    AfterFailure, Course, Judgement, Property, Situation, StageDefinition, StepDefinition,
    StepSummary, switch,
};
use crate::inventory::{RequestCount, Slot};
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::release::{Ask, Draft, Observation, Plan, ProxyWords};

pub(super) struct Watch;

impl StageDefinition for Watch {
    fn ask_after(&self, plan: &Plan, course: &Course) -> Ask {
        Ask {
            probe: Some(plan.slot),
            instances: true,
            proxy: true,
            public: true,
            direct: Some(plan.slot),
            traffic: Some((plan.slot, course.since)),
            ..Ask::default()
        }
    }

    /// Judges four things: every edge that answers still names the candidate, the candidate is healthy, it is still the
    /// run that was checked, and the candidate answers the public address. For a rollback, only the first two are
    /// judged.
    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        let (plan, observation) = (situation.plan, situation.observation);
        let slot = plan.slot;
        if let Some(edge) = observation.edges.answering_elsewhere(slot) {
            return Judgement::Never(format!(
                "{} now names {} instead of {slot}",
                edge.subject,
                edge.slot().map_or("no slot", Slot::as_str)
            ));
        }
        // A fault of the proxy or of a database concerns both versions, so bad answers do not undo a rollback.
        if !plan.kind.is_rollback()
            && let Run::Crashed(why) | Run::StartedAgain(why) =
                candidate::run_since_checks(situation)
        {
            return Judgement::Never(why);
        }
        let public = if plan.kind.is_rollback() {
            Public::Unknown
        } else {
            public::judge(plan, slot, observation, course.compares)
        };
        let is_proxy_down = matches!(public, Public::ProxyDown(_));
        // If no edge answers, nothing is known about the version, and the traffic could not be switched back.
        let is_known = !is_proxy_down || observation.edges.does_any_answer();
        if is_known
            && !plan.kind.is_rollback()
            && let Some(why) = above_the_limit(plan, &public, course, observation)
        {
            return Judgement::Never(why);
        }
        // Of a background service, only the runtime says whether it is healthy. A HEALTHCHECK without a result says nothing yet.
        if plan.definition.is_background() {
            match observation.members(slot) {
                None => return Judgement::blind(observation),
                Some(members) if members.are_only_starting() => {
                    return Judgement::Moving("the HEALTHCHECK is still starting".into());
                }
                Some(_) => {}
            }
        }
        let unhealthy = candidate::unhealthy(plan, observation)
            .map(|why| format!("{slot} is not healthy: {why}"));
        // An edge that is down is no fault of the version.
        let counts = is_known && (unhealthy.is_some() || !is_proxy_down);
        let fault = unhealthy.or_else(|| public.fault().map(str::to_owned));
        let window = plan.definition.timing.watch;
        let time = elapsed(course.since, situation.now);
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
        if counts {
            course.bad_in_a_row += 1;
        }
        if course.bad_in_a_row >= BAD_IN_A_ROW {
            return Judgement::Never(format!("{BAD_IN_A_ROW} bad observations in a row: {fault}"));
        }
        if time < window {
            Judgement::Moving(fault)
        } else {
            Judgement::NotYet(fault)
        }
    }

    fn window(&self, plan: &Plan) -> Option<Duration> {
        Some(plan.definition.timing.watch)
    }

    fn pause(&self, plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        let window = plan.definition.timing.watch;
        pause_within(plan, window.saturating_sub(elapsed(course.since, now)))
    }
}

/// Returns the reason if more public requests failed than the rules allow. Counts the requests that the proxy reports,
/// and separately Greenroom's own observations of the public address. One observation sends a request over a fresh
/// connection and one over a kept connection; together they count as one.
fn above_the_limit(
    plan: &Plan,
    public: &Public,
    course: &mut Course,
    observation: &Observation,
) -> Option<String> {
    if !matches!(
        public,
        Public::NotConfigured | Public::Unknown | Public::ProxyDown(_)
    ) {
        course.own_requests += RequestCount {
            requests: 1,
            errors: u64::from(public.fault().is_some()),
        };
    }
    let rules = &plan.definition.rules;
    let why = |count: &RequestCount, subject: &str| {
        count
            .exceeds(rules.watch_errors, rules.watch_requests)
            .then(|| {
                format!(
                    "{} of {} {subject} failed, more than {}% (rules.watch_errors)",
                    count.errors, count.requests, rules.watch_errors
                )
            })
    };
    let reported = observation.traffic.as_ref();
    reported
        .and_then(|count| why(count, "public requests"))
        .or_else(|| why(&course.own_requests, "observations of the public address"))
}

/// The number of public requests: `412 requests, 0 failed`. Empty if the proxy does not report it.
fn traffic_words(observation: &Observation) -> String {
    observation.traffic.map_or_else(String::new, |count| {
        format!("{} requests, {} failed", count.requests, count.errors)
    })
}

impl StepDefinition for Watch {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "observe the candidate, the public address and nginx's access log",
            done_when: "the watch time has ended",
        }
    }

    /// Describes *watch* as the judge decides: a rollback switches back only after bad probes, and without a live
    /// version before there is nothing to switch back to.
    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        let rules = &plan.definition.rules;
        let window = duration(plan.definition.timing.watch);
        let slot = plan.slot;
        let is_background = plan.definition.is_background();
        let (probe, probes) = if is_background {
            ("observe", "observations")
        } else {
            ("probe", "probes")
        };
        if plan.kind.is_rollback() {
            return vec![format!(
                "for {window}: {probe} {slot}; {BAD_IN_A_ROW} bad {probes} in a row switch back; nothing else moves the traffic back"
            )];
        }
        let (verb, then) = match &plan.from {
            Some(_) => ("switch back", ""),
            None => (
                "end the watch",
                ": there is nothing to go back to, so a person must decide",
            ),
        };
        let public = match &plan.definition.public {
            Some(_) => " and the public address",
            None => "",
        };
        let mut calls = vec![format!(
            "for {window}: {probe} {slot}{public}; {BAD_IN_A_ROW} bad observations in a row, or a restart, {verb}{then}"
        )];
        if !is_background {
            calls.push(format!(
                "count the public requests: if more than {}% of at least {} fail, {verb}",
                rules.watch_errors, rules.watch_requests
            ));
        }
        calls
    }

    fn undo_words(&self, plan: &Plan) -> String {
        switch::back_words(plan)
    }

    fn after_failure(&self, _bad_in_a_row: u32) -> AfterFailure {
        AfterFailure::BackOut
    }

    fn properties(&self) -> &'static [Property] {
        &[Property::MayBeSkipped]
    }
}
