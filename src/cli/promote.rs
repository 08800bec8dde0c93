//! `greenroom promote` and `greenroom rollback`: plan a release, show the plan, ask the operator, drive the release,
//! and report the result.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::consent::Consent;
use super::following::Following;
use super::man::Manual;
use super::names::nonblank_text;
use super::{Exit, ending, json, names, open, out, plan_text, rollback_candidates, signals};
use crate::inventory::{EnvironmentName, ServiceName, Target, TaskName, VersionRef};
use crate::release::{
    Engine, OnFailure, PlanRequest, Refusal, Refused, Wanted, need_to_begin, standby_entry,
};
use crate::sanitize::sanitize;

/// Makes a version live
#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: EnvironmentName,
    /// The version: a digest, or a tag, which is resolved once
    #[arg(
        long,
        value_name = "TAG|DIGEST",
        required_unless_present = "from",
        conflicts_with = "from",
        add = ArgValueCompleter::new(complete::tags)
    )]
    version: Option<VersionRef>,
    /// Promotes the version that is live in this environment now
    #[arg(long, value_name = "ENVIRONMENT", add = ArgValueCompleter::new(complete::environments))]
    from: Option<EnvironmentName>,
    /// The reason; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Why the release overrides a hold or a freeze; in a protected environment another person must
    /// approve it
    #[arg(long, value_name = "WHY", value_parser = nonblank_text)]
    override_hold: Option<String>,
    /// Does not run this task; needs a reason, may be repeated
    #[arg(long, value_name = "TASK", requires = "reason", add = ArgValueCompleter::new(complete::tasks))]
    skip_task: Vec<TaskName>,
    /// Continues if this required check does not pass; needs a reason, may be repeated.
    ///
    /// In a protected environment another person must approve the release.
    #[arg(long, value_name = "CHECK", requires = "reason", add = ArgValueCompleter::new(complete::checks))]
    override_check: Vec<String>,
    /// Ends after the watch and leaves the old version running, for a quick rollback
    ///
    /// The old version then runs until the next release of the target, or until it is stopped by
    /// `greenroom resume SERVICE ENVIRONMENT`, which first waits for the rest of the standby time.
    #[arg(long)]
    no_standby_wait: bool,
    /// Answers yes to every question; a protected environment needs `rules.allow_yes = true`
    #[arg(long, short)]
    yes: bool,
}

impl VerbDefinition for Promote {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("promote", &[("greenroom promote web qa --version 1.9.0", "Makes 1.9.0 live in qa, after showing the plan and asking."), ("greenroom promote web production --from qa --reason \"fix basket\"", "Promotes the version that is live in qa to production."), ("greenroom promote web qa --version 1.9.0 --yes --no-standby-wait", "Ends after the watch; the old version stays running.")], &["rollback", "resume", "status", "approve"], &["ladder", "holds", "approvals"]),
    ];

    fn changes(&self) -> bool {
        true
    }

    async fn run(self, common: &Common) -> Exit {
        promote(common, self).await
    }
}

/// Goes back to a version that was live
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: EnvironmentName,
    /// A version that was live before [default: the previous version, if it is still running]
    #[arg(long, value_name = "TAG|DIGEST", add = ArgValueCompleter::new(complete::rollback_versions))]
    to: Option<VersionRef>,
    /// Lists the versions to go back to, and why others cannot be chosen; changes nothing
    #[arg(long, conflicts_with_all = ["to", "reason", "override_check", "yes", "no_standby_wait"])]
    list: bool,
    /// The reason; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Continues if this required check does not pass; needs a reason, may be repeated
    #[arg(long, value_name = "CHECK", requires = "reason", add = ArgValueCompleter::new(complete::checks))]
    override_check: Vec<String>,
    /// Ends after the watch and leaves the previous version running, as `promote --no-standby-wait` does
    #[arg(long)]
    no_standby_wait: bool,
    /// Answers yes to every question; a protected environment needs `rules.allow_yes = true`
    #[arg(long, short)]
    yes: bool,
}

impl VerbDefinition for Rollback {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("rollback", &[("greenroom rollback web production --list", "Lists the versions to go back to."), ("greenroom rollback web production", "Switches back to the version that is still running."), ("greenroom rollback web production --to 1.8.2", "Starts 1.8.2 again and switches to it.")], &["promote", "history"], &["ladder", "images"]),
    ];

    fn changes(&self) -> bool {
        !self.list
    }

    async fn run(self, common: &Common) -> Exit {
        roll_back(common, self).await
    }
}

async fn promote(common: &Common, verb: Promote) -> Exit {
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
        skipped_tasks: verb.skip_task,
        overridden_checks: verb.override_check,
    };
    release(common, wanted, verb.yes).await
}

async fn roll_back(common: &Common, verb: Rollback) -> Exit {
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
        skipped_tasks: Vec::new(),
        overridden_checks: verb.override_check,
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
    skipped_tasks: Vec<TaskName>,
    overridden_checks: Vec<String>,
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
        trigger: None,
        skipped_tasks: wanted.skipped_tasks,
        overridden_checks: wanted.overridden_checks,
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
