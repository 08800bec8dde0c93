//! `greenroom repair`: shows the differences, the repair and its calls, asks the operator, and does the repair. A
//! difference that only a person can repair is shown with the reason.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use tokio::sync::mpsc;

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::consent::Consent;
use super::man::Manual;
use super::promote::refuse;
use super::signals::StopRequest;
use super::{Exit, json, open, signals};
use crate::history::{RepairOutcome, RepairRecord};
use crate::inventory::drift::Name;
use crate::inventory::{EnvironmentName, ServiceName, Target};
use crate::release::{
    Action, Engine, Refusal, Refused, Remedy, RepairHandle, RepairNews, RepairPlan, RepairRequest,
    need_to_repair,
};
use crate::sanitize::sanitize;
use crate::settings::nearest;

/// Repairs differences: containers, registrations, the route, the proxy
#[derive(Debug, Args)]
pub(crate) struct Repair {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: EnvironmentName,
    /// Repairs only the difference with this name, as `greenroom status` shows it, e.g. proxy-edited
    #[arg(long, value_name = "NAME", value_parser = drift_name, add = ArgValueCompleter::new(complete::differences))]
    only: Option<Name>,
    /// Shows what the repair would do, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Answers yes in advance; a protected environment needs `rules.allow_yes = true`
    #[arg(long, short)]
    yes: bool,
}

impl VerbDefinition for Repair {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("repair", &[("greenroom repair web qa --dry-run", "Shows what differs, and every call that would repair it."), ("greenroom repair web qa --only proxy-edited", "Repairs one difference.")], &["status", "doctor"], &["drift"]),
    ];

    fn changes(&self) -> bool {
        !self.dry_run
    }

    async fn run(self, common: &Common) -> Exit {
        run(common, self).await
    }
}

fn drift_name(text: &str) -> Result<Name, String> {
    let found = Name::ALL.into_iter().find(|name| name.as_str() == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = Name::ALL.into_iter().map(Name::as_str).collect();
        match nearest(text, names.iter().copied()) {
            Some(near) => format!("no difference has this name; did you mean {near}?"),
            None => format!(
                "no difference has this name; use one of {}",
                names.join(", ")
            ),
        }
    })
}

async fn run(common: &Common, verb: Repair) -> Exit {
    let app = match open::app_for(common, Some(&verb.service), Some(&verb.environment)) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let engine = &app.engine;
    let mut stop_requests = signals::listen();
    let target = Target::new(verb.service, verb.environment);
    let consent = if verb.dry_run {
        None
    } else {
        match Consent::find(verb.yes, engine.definition(&target)) {
            Ok(consent) => Some(consent),
            Err(exit) => return exit,
        }
    };
    let request = RepairRequest {
        target,
        only: verb.only,
    };
    let plan = match engine.plan_repair(&request).await {
        Ok(plan) => plan,
        Err(refused) => return not_planned(common, &refused),
    };
    if common.json {
        let planned = plan_json(&plan);
        json::answer(serde_json::json!({ "plan": planned, "repair": null }));
        json::event("plan", planned);
    } else {
        say_line!("{}", text(&plan));
    }
    if plan.repair_actions.is_empty() {
        return Exit::NeedsPerson;
    }
    let Some(mut consent) = consent else {
        return Exit::Done;
    };
    if is_read_only(engine, &plan) {
        return refuse(&Refusal::ReadOnly.into());
    }
    let need = need_to_repair(&plan);
    let question = consent.approve_repair(&plan, need, engine, &mut stop_requests);
    let Some(approval) = question.await else {
        warn_line!("nothing was done");
        return Exit::Cancelled;
    };
    let is_left = plan.for_a_person().next().is_some();
    match engine.repair(plan, &approval).await {
        Ok(handle) => match follow(common, handle, &mut stop_requests).await {
            Exit::Done if is_left => {
                warn_line!("a person has to repair the other differences: the plan says why");
                Exit::NeedsPerson
            }
            exit => exit,
        },
        Err(refused) => refuse(&refused),
    }
}

fn is_read_only(engine: &Engine, plan: &RepairPlan) -> bool {
    let site = engine.site(plan.target());
    site.is_none_or(|site| site.write.is_none())
}

/// Reports why there is no plan. A target without differences is a success.
fn not_planned(common: &Common, refused: &Refused) -> Exit {
    let [Refusal::NothingDiffers { .. }] = refused.0.as_slice() else {
        return refuse(refused);
    };
    if common.json {
        json::answer(serde_json::json!({ "plan": null, "repair": null }));
    } else {
        say_line!("{refused}");
    }
    Exit::Done
}

/// Reports events until the repair has ended. A request to stop takes effect after the current action.
async fn follow(
    common: &Common,
    mut handle: RepairHandle,
    stop_requests: &mut mpsc::Receiver<StopRequest>,
) -> Exit {
    let mut is_cancelled = false;
    loop {
        let news = tokio::select! {
            news = handle.news.recv() => news,
            Some(_) = stop_requests.recv() => {
                is_cancelled = true;
                warn_line!("the repair stops after the current action");
                handle.stop();
                continue;
            }
        };
        match news {
            Some(RepairNews::Message(message)) if common.json => {
                json::event("said", serde_json::json!({ "text": message }));
            }
            Some(RepairNews::Message(message)) => say_line!("{}", sanitize(&message)),
            Some(RepairNews::Ended(record)) => return report_end(common, &record, is_cancelled),
            None => {
                warn_line!(
                    "the repair ended unexpectedly: read the log (greenroom doctor shows its path)"
                );
                return Exit::NeedsPerson;
            }
        }
    }
}

fn report_end(common: &Common, record: &RepairRecord, is_cancelled: bool) -> Exit {
    let outcome = record.closed.as_ref().map(|(_, outcome)| outcome);
    if common.json {
        json::add("repair", record);
    }
    match outcome {
        Some(RepairOutcome::Done) => {
            if !common.json {
                say_line!("done: repaired in {}: {}", record.target, record.names());
            }
            Exit::Done
        }
        Some(outcome) => {
            let (service, environment) = (&record.target.service, &record.target.environment);
            warn_line!("{}", sanitize(&outcome.to_string()));
            warn_line!("see the state: greenroom status {service} {environment}");
            if is_cancelled {
                return Exit::Cancelled;
            }
            Exit::NeedsPerson
        }
        None => Exit::NeedsPerson,
    }
}

fn text(plan: &RepairPlan) -> String {
    let mut lines = vec![format!("repair {}", plan.target())];
    for item in &plan.items {
        lines.push(format!("  {}: {}", item.drift.name, item.drift.message));
        let remedy = match &item.remedy {
            Remedy::Actions(repair_actions) => {
                let titles: Vec<String> = repair_actions.iter().map(Action::title).collect();
                format!("repair: {}", titles.join(", then "))
            }
            Remedy::Follows(text) => format!("repair: {text}"),
            Remedy::Person(text) => format!("a person: {text}"),
        };
        lines.push(format!("      {remedy}"));
    }
    for (index, planned) in plan.repair_actions.iter().enumerate() {
        lines.push(format!(
            "  {}. {}",
            index + 1,
            planned.repair_action.title()
        ));
        lines.extend(planned.calls.iter().map(|call| format!("     {call}")));
    }
    lines.extend(plan.held().map(|hold| format!("  ! {hold}")));
    lines.extend(plan.costs().iter().map(|cost| format!("  ! {cost}")));
    // Other users of the servers may have written parts of these lines, so the lines are sanitized.
    let lines: Vec<String> = lines.iter().map(|line| sanitize(line)).collect();
    lines.join("\n")
}

fn plan_json(plan: &RepairPlan) -> serde_json::Value {
    let items: Vec<serde_json::Value> = plan
        .items
        .iter()
        .map(|item| {
            let (how, repair) = match &item.remedy {
                Remedy::Actions(repair_actions) => {
                    let titles: Vec<String> = repair_actions.iter().map(Action::title).collect();
                    ("actions", titles.join(", then "))
                }
                Remedy::Follows(text) => ("follows", text.clone()),
                Remedy::Person(text) => ("person", text.clone()),
            };
            serde_json::json!({
                "name": item.drift.name,
                "says": item.drift.message,
                "by": how,
                "repair": repair,
            })
        })
        .collect();
    let repair_actions: Vec<serde_json::Value> = plan
        .repair_actions
        .iter()
        .map(|planned| serde_json::json!({ "does": planned.repair_action.title(), "calls": planned.calls }))
        .collect();
    serde_json::json!({
        "id": plan.id,
        "target": plan.target(),
        "items": items,
        "actions": repair_actions,
        "costs": plan.costs(),
        "holds": plan.holds,
    })
}
