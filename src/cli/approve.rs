//! `greenroom approve`: another person's approval of a release. Shows the plan, the checks and the approvals so far,
//! asks the operator, and writes the approval to the store. The driver reads the approvals before the switch. With
//! `--take-back`, removes the operator's own approval.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use jiff::Timestamp;

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::consent::Consent;
use super::man::Manual;
use super::promote::refuse;
use super::resume::named_release;
use super::{Exit, json, open, plan_text, signals};
use crate::inventory::local_time;
use crate::inventory::{EnvironmentName, PerSlot, ServiceName, SlotMembers, Target};
use crate::release::{PeerApprovable, need_to_peer_approve, peer_approved_words, review};
use crate::sanitize::sanitize;

/// Approves a release that another operator drives, if its environment requires that
///
/// Every operator may approve, except those who opened or drive the release. If the store is an etcd with users,
/// set `from = "etcd"` in [operator]: the operator's name is then the name of the etcd user. No other store can
/// authenticate the name.
#[derive(Debug, Args)]
pub(crate) struct Approve {
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
    /// A note; it is kept with the release
    #[arg(long, value_name = "TEXT", conflicts_with = "take_back")]
    note: Option<String>,
    /// Takes back your approval
    #[arg(long)]
    take_back: bool,
    /// Answers yes in advance; a protected environment needs `rules.allow_yes = true`
    #[arg(long, short)]
    yes: bool,
}

impl VerbDefinition for Approve {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("approve", &[("greenroom approve web production --note \"checked the basket\"", "Approves the release that waits for approval in production.")], &["promote"], &["approvals"]),
    ];

    fn changes(&self) -> bool {
        true
    }

    async fn run(self, common: &Common) -> Exit {
        run(common, self).await
    }
}

async fn run(common: &Common, verb: Approve) -> Exit {
    let app = match open::app_for(common, Some(&verb.service), Some(&verb.environment)) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let engine = &app.engine;
    let mut stop_requests = signals::listen();
    let target = Target::new(verb.service, verb.environment);
    let named = match named_release(engine, &target, verb.release.as_deref()).await {
        Ok(named) => named,
        Err(refused) => return refuse(&refused),
    };
    let approvable = match engine.peer_approvable(&target, named).await {
        Ok(approvable) => approvable,
        Err(refused) => return refuse(&refused),
    };
    let plan = approvable.found.plan();
    let release = plan.release;
    if verb.take_back {
        return match engine.withdraw_peer_approval(&target, release).await {
            Ok(()) => {
                json::answer(serde_json::json!({ "taken_back": release, "target": target }));
                say_line!("release {release} of {target}: your approval was taken back");
                Exit::Done
            }
            Err(refused) => refuse(&refused),
        };
    }
    // An operator who may not approve, for example because the release is their own, is refused before the question.
    if let Err(refused) = engine.may_peer_approve(&approvable.found) {
        return refuse(&refused);
    }
    let mut consent = match Consent::find(verb.yes, engine.definition(&target)) {
        Ok(consent) => consent,
        Err(exit) => return exit,
    };
    let seen = approvable.found.observed.status.approvable().mark();
    if !common.json {
        let slots = engine.in_slots(&target).await.ok();
        say_line!(
            "{}",
            text(&approvable, slots.as_ref(), engine.clock().now())
        );
    }
    let note = match verb.note {
        Some(note) => Some(note),
        None => consent.note(&mut stop_requests).await,
    };
    let Some(note) = note else {
        warn_line!("nothing was done");
        return Exit::Cancelled;
    };
    let need = need_to_peer_approve(plan);
    let begin = consent.approve_plan(plan, ("approve", need), engine, &mut stop_requests);
    if begin.await.is_none() {
        warn_line!("nothing was done");
        return Exit::Cancelled;
    }
    match engine
        .peer_approve(&target, release, &seen, Some(note))
        .await
    {
        Ok(given) if common.json => {
            json::answer(serde_json::json!({ "approval": given }));
            Exit::Done
        }
        Ok(given) => {
            let until = local_time::moment(given.expires_at);
            say_line!(
                "release {release} of {target}: approved by {}, until {until}",
                given.by
            );
            Exit::Done
        }
        Err(refused) => refuse(&refused),
    }
}

fn text(
    approvable: &PeerApprovable,
    slots: Option<&PerSlot<SlotMembers>>,
    now: Timestamp,
) -> String {
    let plan = approvable.found.plan();
    let status = &approvable.found.observed.status;
    let mut lines = vec![
        format!(
            "release {} of {}, by {}",
            plan.release,
            plan.target(),
            plan.operator
        ),
        plan_text::text(plan),
    ];
    let decisions = plan.decisions();
    lines.extend(
        decisions
            .into_iter()
            .map(|decision| format!("  ! {decision}")),
    );
    lines.push(row("commits", &review::commits(plan)));
    for (index, line) in review::configuration(plan, slots).iter().enumerate() {
        lines.push(row(if index == 0 { "config" } else { "" }, line));
    }
    lines.push(row("checks", &review::checked(status, now)));
    let cases = status.cases.iter();
    lines.extend(cases.map(|case| row("", &review::check(case))));
    let given: Vec<_> = approvable.given.iter().collect();
    let approvals = peer_approved_words(approvable.needed, &given, now);
    lines.push(row("approvals", &approvals));
    lines.extend(
        approvable
            .ignored
            .iter()
            .map(|why| format!("  ! {}", sanitize(why))),
    );
    for approval in &approvable.given {
        let note = approval.note.as_ref();
        lines.extend(note.map(|note| row("", &format!("{}: \"{note}\"", approval.by))));
    }
    lines.join("\n")
}

fn row(label: &str, value: &str) -> String {
    format!("  {label:<9} {}", sanitize(value))
}
