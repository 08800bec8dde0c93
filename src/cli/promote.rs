//! `greenroom promote` and `greenroom rollback`: plan a release, show the plan, ask the operator, drive the release,
//! and report the result.

use super::arguments::{Common, Promote, Rollback};
use super::consent::Consent;
use super::following::Following;
use super::{Exit, ending, json, names, open, out, plan_text, rollback_candidates, signals};
use crate::inventory::Target;
use crate::release::{
    Engine, OnFailure, PlanRequest, Refusal, Refused, Wanted, need_to_begin, standby_entry,
};
use crate::sanitize::sanitize;

pub(super) async fn promote(common: &Common, verb: Promote) -> Exit {
    let wanted = match (verb.version, verb.from) {
        (Some(version), _) => Wanted::Version(version),
        (None, Some(environment)) => Wanted::From(environment),
        (None, None) => return Exit::Usage,
    };
    let wanted = WantedRelease {
        target: Target::new(verb.service, verb.environment),
        leaves_standby: verb.no_standby_wait,
        wanted,
        reason: verb.reason,
        override_holds: verb.override_hold,
    };
    release(common, wanted, verb.yes).await
}

pub(super) async fn rollback(common: &Common, verb: Rollback) -> Exit {
    let target = Target::new(verb.service, verb.environment);
    if verb.list {
        return rollback_candidates::list(common, &target).await;
    }
    let wanted = verb.to.map_or(Wanted::Standby, Wanted::Back);
    let wanted = WantedRelease {
        target,
        leaves_standby: verb.no_standby_wait,
        wanted,
        reason: verb.reason,
        // Holds do not stop rollbacks.
        override_holds: None,
    };
    release(common, wanted, verb.yes).await
}

/// The release that the arguments request.
struct WantedRelease {
    target: Target,
    /// Whether the command ends when the standby starts, and leaves the old version running.
    leaves_standby: bool,
    wanted: Wanted,
    reason: Option<String>,
    override_holds: Option<String>,
}

async fn release(common: &Common, wanted: WantedRelease, yes: bool) -> Exit {
    let app = match open::app_for(
        common,
        Some(&wanted.target.service),
        Some(&wanted.target.environment),
    ) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let engine = &app.engine;
    if let Wanted::From(environment) = &wanted.wanted
        && let Err(exit) = names::check(&app, Some(&wanted.target.service), Some(environment))
    {
        return exit;
    }
    let mut stop_requests = signals::listen();
    let request = PlanRequest {
        target: wanted.target,
        wanted: wanted.wanted,
        reason: wanted.reason,
        override_holds: wanted.override_holds,
        operator: engine.operator().clone(),
    };
    let mut consent = match Consent::find(yes, engine.definition(&request.target)) {
        Ok(consent) => consent,
        Err(exit) => return exit,
    };
    let plan = match engine.plan(&request).await {
        Ok(plan) => plan,
        Err(refused) if is_live_already(&refused) => {
            return if has_watch_ended(engine, &request.target).await {
                nothing_to_do(common, &refused)
            } else {
                refuse(&refused)
            };
        }
        Err(refused) => return refuse(&refused),
    };
    if common.json {
        json::event("plan", plan_text::json(&plan));
    } else {
        say_line!("{}", plan_text::text(&plan));
    }
    let need = need_to_begin(&plan);
    let begin = consent.approve_plan(&plan, ("begin", need), engine, &mut stop_requests);
    let Some(approval) = begin.await else {
        warn_line!("nothing was done");
        return Exit::Cancelled;
    };
    let release = plan.release;
    match engine.open(plan, &approval, OnFailure::BackOut).await {
        Ok(handle) => {
            let exit = Following::new(engine, handle, consent, common.json, stop_requests)
                .leaving_standby(wanted.leaves_standby)
                .follow()
                .await;
            ending::finish(&app, common, &request.target, release, exit).await
        }
        Err(refused) => refuse(&refused),
    }
}

/// Whether the only reason against the release is that the wanted version is already live and healthy.
fn is_live_already(refused: &Refused) -> bool {
    let is_live = |reason: &Refusal| {
        matches!(
            reason,
            Refusal::AlreadyLive {
                unhealthy: None,
                ..
            }
        )
    };
    refused.0.iter().all(is_live)
}

/// Whether the watch of the live version has ended: no release of the target is open, or the open release has only left
/// its old version running. False if that cannot be read.
async fn has_watch_ended(engine: &Engine, target: &Target) -> bool {
    match engine.interrupted(target, None).await {
        Ok(open) => engine
            .definition(target)
            .is_some_and(|definition| standby_entry(&open.recorded, definition).is_some()),
        Err(refused) => has_no_open_release(&refused),
    }
}

/// Whether the refusal shows that no release of the target waits to be resumed.
fn has_no_open_release(refused: &Refused) -> bool {
    let is_over = |reason: &Refusal| {
        matches!(
            reason,
            Refusal::AlreadyOver { .. } | Refusal::NoSuchRelease(_)
        )
    };
    refused.0.iter().all(is_over)
}

/// Reports success, because the wanted version is already live. So a script can run twice without a failure.
fn nothing_to_do(common: &Common, refused: &Refused) -> Exit {
    let why = sanitize(&refused.to_string());
    if common.json {
        json::answer(serde_json::json!({
            "release": null,
            "outcome": null,
            "text": format!("nothing to do: {why}"),
            "standby": null,
        }));
    } else {
        say_line!("nothing to do: {why}");
    }
    Exit::Done
}

pub(super) fn refuse(refused: &Refused) -> Exit {
    let reasons: Vec<String> = refused.0.iter().map(ToString::to_string).collect();
    json::fail(json::Kind::Refused, &reasons.join("\n"), None);
    out::explain(format_args!("refused, nothing was done:"));
    for reason in &reasons {
        // A reason can contain text from the store, such as the message of a lock. After sanitizing, each reason is one
        // line.
        out::explain(format_args!("  - {}", sanitize(reason)));
    }
    let is_unknown = |reason: &Refusal| matches!(reason, Refusal::UnknownTarget(_));
    if refused.0.iter().any(is_unknown) {
        return Exit::Usage;
    }
    Exit::Failed
}
