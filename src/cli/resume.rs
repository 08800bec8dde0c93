//! `greenroom resume`: shows a release that has not ended, its plan, its driver and the observed state. Then asks the
//! operator, and resumes the release, backs it out, or closes it as it is.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::consent::Consent;
use super::following::Following;
use super::man::Manual;
use super::promote::refuse;
use super::{Exit, ending, json, open, signals, status};
use crate::inventory::local_time;
use crate::inventory::{EnvironmentName, ReleaseId, ServiceName, Snapshot, Target};
use crate::release::{
    Engine, Interrupted, OnFailure, Refusal, Refused, Resume, ResumeAction, TakeoverRequest,
};
use crate::sanitize::sanitize;
use crate::watchers;

/// Resumes a release that lost its driver, backs it out, or leaves it as it is
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag on the command line"
)]
pub(crate) struct ResumeVerb {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: EnvironmentName,
    /// The release: its id, the start of its id, or the last eight characters, as screens show them [default: the open
    /// release]
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    release: Option<String>,
    /// Backs the release out instead of resuming it: undoes every step that was started
    #[arg(long, conflicts_with = "leave")]
    back_out: bool,
    /// Closes the release and changes nothing else: everything stays as it is
    #[arg(long)]
    leave: bool,
    /// Takes the release over from the operator who drives it now; the old driver's next write is refused
    #[arg(long, requires = "reason")]
    take_over: bool,
    /// The reason; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Answers yes to every question; a protected environment needs `rules.allow_yes = true`
    #[arg(long, short)]
    yes: bool,
}

impl VerbDefinition for ResumeVerb {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("resume", &[("greenroom resume web production", "Resumes a release that lost its driver, or stops the old version that a release left running."), ("greenroom resume web production --back-out", "Backs out a release that lost its driver: undoes its steps.")], &["promote", "status"], &["ladder"]),
    ];

    fn changes(&self) -> bool {
        true
    }

    async fn run(self, common: &Common) -> Exit {
        run(common, self).await
    }
}

/// If a step fails, the command backs the release out. Only the console asks the operator what to do.
const ON_FAILURE: OnFailure = OnFailure::BackOut;

async fn run(common: &Common, verb: ResumeVerb) -> Exit {
    let app = match open::app_for(common, Some(&verb.service), Some(&verb.environment)) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let engine = &app.engine;
    let mut stop_requests = signals::listen();
    let target = Target::new(verb.service, verb.environment);
    let mut consent = match Consent::find(verb.yes, engine.definition(&target)) {
        Ok(consent) => consent,
        Err(exit) => return exit,
    };
    let named = match named_release(engine, &target, verb.release.as_deref()).await {
        Ok(named) => named,
        Err(refused) => return refuse(&refused),
    };
    let interrupted = match engine.interrupted(&target, named).await {
        Ok(interrupted) => interrupted,
        Err(refused) => return refuse(&refused),
    };
    let world = watchers::once(engine, app.frame.clone()).await;
    let resume_action = match (verb.back_out, verb.leave) {
        (true, _) => ResumeAction::BackOut,
        (_, true) => ResumeAction::Leave,
        _ => ResumeAction::Continue,
    };
    if common.json {
        json::event(
            "found",
            found_json(&interrupted, world.get(&target), resume_action),
        );
    } else {
        say_line!("{}", text(&interrupted, world.get(&target), resume_action));
    }
    if let Some(refused) = objection(engine, &interrupted, resume_action, verb.take_over) {
        return refuse(&refused);
    }
    let (plan, need) = (interrupted.plan(), interrupted.need(resume_action));
    let question = consent.approve_plan(
        plan,
        (resume_action.as_str(), need),
        engine,
        &mut stop_requests,
    );
    let Some(approval) = question.await else {
        warn_line!("nothing was done");
        return Exit::Cancelled;
    };
    let resume = Resume {
        resume_action,
        takeover: takeover(&interrupted, verb.reason.as_ref(), verb.take_over),
        reason: verb.reason,
        left_by: None,
    };
    let id = plan.release;
    match engine
        .resume(&target, id, resume, &approval, ON_FAILURE)
        .await
    {
        Ok(handle) => {
            let exit = Following::new(engine, handle, consent, common.json, stop_requests)
                .backing_out(resume_action == ResumeAction::BackOut)
                .follow()
                .await;
            ending::finish(&app, common, &target, id, exit).await
        }
        Err(refused) => refuse(&refused),
    }
}

/// The release named on the command line, if any.
pub(super) async fn named_release(
    engine: &Engine,
    target: &Target,
    named: Option<&str>,
) -> Result<Option<ReleaseId>, Refused> {
    match named {
        Some(named) => engine.named_release(target, named).await.map(Some),
        None => Ok(None),
    }
}

/// The takeover, if the operator asked for one with a reason and the release has a driver. The takeover applies only to
/// the driver that was shown.
fn takeover(
    interrupted: &Interrupted,
    why: Option<&String>,
    takes_over: bool,
) -> Option<TakeoverRequest> {
    let (holder, why) = interrupted.holder.as_ref().zip(why)?;
    takes_over.then(|| TakeoverRequest {
        why: why.clone(),
        from: holder.token,
    })
}

/// Why the chosen action is not possible; `None` if it is possible.
fn objection(
    engine: &Engine,
    interrupted: &Interrupted,
    resume_action: ResumeAction,
    takes_over: bool,
) -> Option<Refused> {
    let target = interrupted.plan().target();
    if engine.site(target).is_none_or(|site| site.write.is_none()) {
        return Some(Refusal::ReadOnly.into());
    }
    if let Some(refused) = interrupted.against(resume_action) {
        return Some(refused.clone());
    }
    let holder = interrupted.holder.as_ref().filter(|_| !takes_over)?;
    Some(Refusal::locked_to_resume(target, Box::new(holder.clone())).into())
}

fn text(interrupted: &Interrupted, snapshot: Option<&Snapshot>, chosen: ResumeAction) -> String {
    let plan = interrupted.plan();
    let mut lines = vec![
        format!(
            "{} {} to {} in {}, started {} by {}",
            plan.kind,
            plan.target(),
            plan.version,
            plan.slot,
            local_time::moment(plan.made_at),
            plan.operator
        ),
        format!("  intended  {}", interrupted.journal_end()),
        format!("  driver    {}", driver(interrupted)),
        "  observed now".to_owned(),
    ];
    match snapshot {
        Some(snapshot) => {
            let status = status::text(snapshot, None, &status::Approvals::NotNeeded);
            lines.extend(status.lines().map(|line| format!("    {line}")));
        }
        None => lines.push("    nothing was observed yet".to_owned()),
    }
    lines.extend(interrupted.ignored.iter().map(|line| format!("  ! {line}")));
    for action in ResumeAction::ALL {
        let mark = if action == chosen { ">" } else { " " };
        let description = interrupted.would(action, ON_FAILURE);
        lines.push(format!("{mark} {:<9} {description}", action.as_str()));
        let refused = interrupted
            .against(action)
            .map_or(&[][..], |refused| &refused.0);
        lines.extend(
            refused
                .iter()
                .map(|why| format!("            not possible: {why}")),
        );
    }
    // Other users of the store may have written reasons and operators, so all lines are sanitized.
    let lines: Vec<String> = lines.iter().map(|line| sanitize(line)).collect();
    lines.join("\n")
}

fn driver(interrupted: &Interrupted) -> String {
    let last = interrupted.recorded.last_driver();
    let Some(holder) = &interrupted.holder else {
        return format!("none; the last driver was {last}");
    };
    let record = &holder.record;
    let left = holder.ttl_seconds.map_or(String::new(), |left| {
        format!("; the lock expires in {left} s unless it is renewed")
    });
    format!(
        "{} has held the lock since {} ({}){left}",
        record.operator,
        local_time::moment(record.since),
        record.message
    )
}

fn found_json(
    interrupted: &Interrupted,
    snapshot: Option<&Snapshot>,
    chosen: ResumeAction,
) -> serde_json::Value {
    let ways: serde_json::Map<String, serde_json::Value> = ResumeAction::ALL
        .into_iter()
        .map(|action| {
            let refused = interrupted
                .against(action)
                .map_or(&[][..], |refused| &refused.0);
            let against: Vec<String> = refused.iter().map(ToString::to_string).collect();
            let would = interrupted.would(action, ON_FAILURE);
            let description = serde_json::json!({ "would": would, "against": against });
            (action.as_str().to_owned(), description)
        })
        .collect();
    serde_json::json!({
        "release": interrupted.recorded.head,
        "intended": interrupted.journal_end(),
        "ignored": interrupted.ignored,
        "lock": interrupted.holder,
        "chosen": chosen.as_str(),
        "ways": ways,
        "snapshot": snapshot.map(status::observed),
    })
}
