//! `greenroom promote` and `greenroom rollback`: plan, show, ask, drive, say how it ended.

use super::arguments::{Common, Promote, Rollback};
use super::consent::Consent;
use super::following::Following;
use super::out::say_json;
use super::{Exit, ending, open, plan_text, signals, ways_back};
use crate::harmless::harmless;
use crate::inventory::Target;
use crate::release::{OnFailure, PlanRequest, Refusal, Refused, Wanted, need_to_begin};

pub(super) async fn promote(common: &Common, verb: Promote) -> Exit {
    let wanted = match (verb.version, verb.from) {
        (Some(version), _) => Wanted::Version(version),
        (None, Some(environment)) => Wanted::From(environment),
        (None, None) => return Exit::Usage,
    };
    let wish = Wish {
        target: Target::new(verb.service, verb.environment),
        wanted,
        reason: verb.reason,
        override_holds: verb.override_hold,
    };
    release(common, wish, verb.yes).await
}

pub(super) async fn rollback(common: &Common, verb: Rollback) -> Exit {
    let target = Target::new(verb.service, verb.environment);
    if verb.list {
        return ways_back::list(common, &target).await;
    }
    let wanted = verb.to.map_or(Wanted::Standby, Wanted::Back);
    let wish = Wish {
        target,
        wanted,
        reason: verb.reason,
        // It stops no rollback.
        override_holds: None,
    };
    release(common, wish, verb.yes).await
}

/// What is asked for, but for who asks.
struct Wish {
    target: Target,
    wanted: Wanted,
    reason: Option<String>,
    override_holds: Option<String>,
}

async fn release(common: &Common, wish: Wish, yes: bool) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let engine = &app.engine;
    let mut wishes = signals::listen();
    let request = PlanRequest {
        target: wish.target,
        wanted: wish.wanted,
        reason: wish.reason,
        override_holds: wish.override_holds,
        operator: engine.operator().clone(),
    };
    let mut consent = match Consent::find(yes, engine.definition(&request.target)) {
        Ok(consent) => consent,
        Err(exit) => return exit,
    };
    let plan = match engine.plan(&request).await {
        Ok(plan) => plan,
        Err(refused) if is_live_already(&refused) => {
            // A release that was interrupted after its switch has not watched what is live.
            let newest = engine.interrupted(&request.target, None).await;
            return if newest.is_err_and(|refused| has_no_open_release(&refused)) {
                nothing_to_do(common, &refused)
            } else {
                refuse(common, &refused)
            };
        }
        Err(refused) => return refuse(common, &refused),
    };
    if common.json {
        say_json(&plan_text::json(&plan));
    } else {
        say_line!("{}", plan_text::text(&plan));
    }
    let need = need_to_begin(&plan);
    let begin = consent.begin(&plan, ("begin", need), engine, &mut wishes);
    let Some(approval) = begin.await else {
        warn_line!("nothing was done");
        return Exit::Cancelled;
    };
    let release = plan.release;
    match engine.open(plan, &approval, OnFailure::BackOut).await {
        Ok(handle) => {
            let exit = Following::new(engine, handle, consent, common.json, wishes)
                .follow()
                .await;
            ending::say(&app, common, &request.target, release, exit).await
        }
        Err(refused) => refuse(common, &refused),
    }
}

/// Whether the version that is wanted is live and healthy, and nothing else is against the release.
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

/// Whether that says that no release of the target waits to be resumed.
fn has_no_open_release(refused: &Refused) -> bool {
    let is_over = |reason: &Refusal| {
        matches!(
            reason,
            Refusal::AlreadyOver { .. } | Refusal::NoSuchRelease(_)
        )
    };
    refused.0.iter().all(is_over)
}

/// What was asked for is so already. A script that runs twice has not failed.
fn nothing_to_do(common: &Common, refused: &Refused) -> Exit {
    let why = harmless(&refused.to_string());
    if common.json {
        say_json(&serde_json::json!({ "event": "nothing-to-do", "reasons": [why] }));
    } else {
        say_line!("nothing to do: {why}");
    }
    Exit::Done
}

pub(super) fn refuse(common: &Common, refused: &Refused) -> Exit {
    if common.json {
        let reasons: Vec<String> = refused.0.iter().map(ToString::to_string).collect();
        say_json(&serde_json::json!({ "event": "refused", "reasons": reasons }));
    }
    warn_line!("refused, nothing was done:");
    for reason in &refused.0 {
        // One line each, whatever a lock that stands in the way says.
        warn_line!("  - {}", harmless(&reason.to_string()));
    }
    let is_unknown = |reason: &Refusal| matches!(reason, Refusal::UnknownTarget(_));
    if refused.0.iter().any(is_unknown) {
        return Exit::Usage;
    }
    Exit::Failed
}
