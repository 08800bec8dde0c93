//! Describes each call of a step, so that an operator can check a plan before starting it.

use super::describe::{duration, keeps_warm};
use super::{Limit, Plan};
use crate::checks::hide_in_query;
use crate::history::{ReleaseKind, Step};
use crate::inventory::{Slot, Target, instance_name};

/// What the proxy says about the calls of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyWords {
    /// The calls that install the proxy's configuration.
    pub install: Vec<String>,
    pub switch: Vec<String>,
    /// What an operator should know before starting the plan.
    pub warnings: Vec<String>,
    /// Protected targets whose connections an installation or a switch may cut.
    pub touched: Vec<Target>,
}

/// The calls of a step, one per line.
pub(super) fn of_step(step: Step, plan: &Plan, has_image: bool, proxy: &ProxyWords) -> Vec<String> {
    match step {
        Step::Pull => pull(plan, has_image),
        Step::Install => proxy.install.clone(),
        Step::Start => start(plan),
        Step::Verify => verify(plan),
        Step::Register => vec![format!(
            "store: write slots/{} = {} {}, only while this driver holds the lock",
            plan.slot,
            plan.endpoint(),
            plan.version.digest.short()
        )],
        Step::Switch => switch(plan, proxy),
        Step::Watch => super::public::watch_words(plan, super::judge::BAD_LOOKS),
        Step::Drain => vec![format!(
            "wait until {} has no connections, for at most {}",
            old_slot(plan),
            duration(plan.definition.timing.drain)
        )],
        Step::Stop => stop(plan),
    }
}

/// A description of how a step is undone.
pub(super) fn undo_of_step(step: Step, plan: &Plan) -> String {
    let slot = plan.slot;
    match step {
        Step::Pull => "nothing: the image is kept".into(),
        Step::Install => "nothing: the configuration stays and routes as before".into(),
        Step::Start => format!("stop and remove {slot}; {} is not touched", old_slot(plan)),
        Step::Verify => "nothing".into(),
        Step::Register if plan.kind == ReleaseKind::WarmRollback => {
            format!("nothing: {slot} was registered before, and stays registered")
        }
        Step::Register => format!("store: remove slots/{slot}"),
        Step::Switch | Step::Watch | Step::Drain => match &plan.from {
            Some(from) => format!(
                "switch back to {} {}, the same way",
                from.slot,
                from.version.name()
            ),
            None => "not possible: nothing was live before".into(),
        },
        Step::Stop if plan.kind == ReleaseKind::Promote => format!(
            "start {} again (a cold start), and switch back",
            old_slot(plan)
        ),
        Step::Stop => format!(
            "if {} has not been removed yet: start it again, and switch back",
            old_slot(plan)
        ),
    }
}

fn old_slot(plan: &Plan) -> Slot {
    plan.slot.other()
}

fn pull(plan: &Plan, has_image: bool) -> Vec<String> {
    let pinned = plan.version.pinned();
    if has_image {
        vec![format!("{pinned} is already pulled")]
    } else {
        vec![format!("engine: pull {pinned}")]
    }
}

fn start(plan: &Plan) -> Vec<String> {
    let mut calls = Vec::new();
    let name = instance_name(plan.target(), plan.slot);
    if let Some(leftover) = &plan.leftover {
        calls.push(format!("store: remove slots/{}, if it exists", plan.slot));
        calls.push(format!(
            "engine: stop and remove {name} ({}, {}), which has no traffic",
            leftover.version_name(),
            leftover.id.short()
        ));
    }
    calls.push(format!(
        "engine: create and start {name} from {} at {}",
        plan.version.pinned(),
        plan.endpoint()
    ));
    if let Some(health) = &plan.definition.health {
        let timing = &plan.definition.timing;
        calls.push(format!(
            "GET {} every {} (more often before the first good answer) until it is good for {}, for at most {}",
            health.shown_path(),
            duration(health.interval),
            duration(timing.minimum_healthy),
            duration(timing.health_deadline)
        ));
    }
    calls
}

fn verify(plan: &Plan) -> Vec<String> {
    let cases = &plan.definition.suite.cases;
    if cases.is_empty() {
        return vec!["no checks are configured: only the health endpoint is checked".into()];
    }
    cases
        .iter()
        .map(|case| {
            let through = if case.through_preview {
                " through the preview"
            } else {
                ""
            };
            let weight = if case.required { "" } else { ", not required" };
            format!(
                "{}: {} {}{through}{weight}",
                case.name,
                case.method,
                case.shown_path()
            )
        })
        .collect()
}

fn switch(plan: &Plan, proxy: &ProxyWords) -> Vec<String> {
    let mut calls = vec![match &plan.from {
        Some(from) => format!(
            "store: move the route from {} generation {} to {} generation {}, only if it has not changed",
            from.slot, from.generation, plan.slot, plan.generation
        ),
        None => format!(
            "store: set the route to {} generation {}, only if no route exists",
            plan.slot, plan.generation
        ),
    }];
    calls.extend(proxy.switch.iter().cloned());
    if let Some(public) = &plan.definition.public {
        let slot = plan.slot;
        let bad = super::judge::BAD_LOOKS;
        // Bad public answers do not end a rollback, because the version before the rollback may give the same answers.
        let until = match (plan.kind, &plan.from) {
            (ReleaseKind::Promote, Some(_)) => format!(
                "{slot} answers as it does directly; {bad} bad answers in a row switch back"
            ),
            (ReleaseKind::Promote, None) => {
                format!(
                    "{slot} answers as it does directly; {bad} bad answers in a row fail the step"
                )
            }
            _ => format!("{slot} answers"),
        };
        calls.push(format!(
            "GET {} on {} as {}, over a fresh and a kept-alive connection, until {until}",
            hide_in_query(&public.path).0,
            public.endpoint,
            public.host
        ));
    }
    calls
}

fn stop(plan: &Plan) -> Vec<String> {
    let timing = &plan.definition.timing;
    let old = old_slot(plan);
    let standby = match timing.standby {
        Limit::After(time) => format!("{} for {}", keeps_warm(old), duration(time)),
        Limit::Never => format!("{} until an operator ends it", keeps_warm(old)),
    };
    let then = match plan.kind {
        ReleaseKind::Promote => "it is kept for a cold start",
        // An operator went back from this version.
        ReleaseKind::WarmRollback | ReleaseKind::ColdRollback => "then remove it",
    };
    vec![
        standby,
        format!("store: remove slots/{old}, unless the route names it"),
        format!(
            "engine: stop {}, with {} to finish; {then}",
            instance_name(plan.target(), old),
            duration(timing.stop_grace)
        ),
    ]
}
