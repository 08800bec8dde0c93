//! `greenroom prune`: shows which images on a Docker host no target needs, and why the others are kept. Removes the
//! unneeded images if the operator says yes.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::consent::Consent;
use super::man::Manual;
use super::promote::refuse;
use super::{Exit, json, open, signals};
use crate::inventory::{EnvironmentName, ServiceName, Target};
use crate::release::{KeptBecause, PrunePlan, Pruned};

/// Removes images that no target needs; first shows which, and why the others stay
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Only this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: Option<ServiceName>,
    /// Only this environment, and other environments with the same image on the same Docker host
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: Option<EnvironmentName>,
    /// Only shows what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Removes without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl VerbDefinition for Prune {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("prune", &[("greenroom prune --dry-run", "Shows which images would be removed, and why the others stay.")], &["history prune"], &["images"]),
    ];

    fn changes(&self) -> bool {
        !self.dry_run
    }

    async fn run(self, common: &Common) -> Exit {
        run(common, &self).await
    }
}

async fn run(common: &Common, verb: &Prune) -> Exit {
    let app = match open::app_for(common, verb.service.as_ref(), verb.environment.as_ref()) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let is_wanted =
        |target: &Target| target.is_among(verb.service.as_ref(), verb.environment.as_ref());
    let mut stop_requests = signals::listen();
    let mut consent = None;
    if !verb.dry_run {
        consent = match Consent::find(verb.yes, None) {
            Ok(consent) => Some(consent),
            Err(exit) => return exit,
        };
    }
    let plans = match app.engine.plan_prune(is_wanted).await {
        Ok(plans) => plans,
        Err(refused) => return refuse(&refused),
    };
    for plan in &plans {
        if common.json {
            json::event("plan", plan);
        } else {
            print_plan(plan);
        }
    }
    json::answer(serde_json::json!({ "plans": plans, "images": [] }));
    let plans: Vec<PrunePlan> = plans
        .into_iter()
        .filter(|plan| !plan.spare.is_empty())
        .collect();
    let Some(consent) = consent.as_mut().filter(|_| !plans.is_empty()) else {
        return Exit::Done;
    };
    if !consent
        .confirm("remove these images", &mut stop_requests)
        .await
    {
        warn_line!("nothing was removed");
        return Exit::Cancelled;
    }
    let mut exit = Exit::Done;
    let mut images = Vec::new();
    for plan in &plans {
        match app.engine.prune(plan).await {
            Ok(done) => {
                for (image, became) in done {
                    if matches!(became, Pruned::Refused(_)) {
                        exit = Exit::Failed;
                    }
                    if common.json {
                        let image = serde_json::json!({ "image": image, "became": became });
                        json::event("image", &image);
                        images.push(image);
                        continue;
                    }
                    let result = match became {
                        Pruned::Removed => "removed".to_owned(),
                        Pruned::Needed => "kept: the image is needed now".to_owned(),
                        Pruned::Refused(why) => format!("not removed: {why}"),
                    };
                    say_line!("{} {}  {result}", image.repository, image.digest.short());
                }
            }
            Err(refused) => {
                warn_line!("greenroom: no image of {} was removed", plan.repository);
                exit = refuse(&refused);
            }
        }
    }
    json::add("images", images);
    exit
}

fn print_plan(plan: &PrunePlan) {
    let targets: Vec<String> = plan.targets.iter().map(ToString::to_string).collect();
    say_line!("{}, for {}", plan.repository, targets.join(", "));
    for (image, why) in &plan.kept {
        say_line!("  keep    {}  {}", image.digest.short(), reason(why));
    }
    for spare in &plan.spare {
        let tag = spare.tag.as_deref().unwrap_or("-");
        say_line!(
            "  remove  {}  {tag}, {} MB",
            spare.image.digest.short(),
            spare.image.size / 1_000_000
        );
    }
    say_line!(
        "  {} of {} images can be removed, at most {} MB: layers that other images share are kept",
        plan.spare.len(),
        plan.spare.len() + plan.kept.len(),
        plan.bytes() / 1_000_000
    );
}

fn reason(why: &KeptBecause) -> String {
    match why {
        KeptBecause::Instance {
            target,
            slot,
            is_live: true,
        } => format!("live in {target}, {slot}"),
        KeptBecause::Instance {
            target,
            slot,
            is_live: false,
        } => {
            format!("in use in {slot} of {target}, without traffic")
        }
        KeptBecause::Registered { target } => format!("registered in {target}"),
        KeptBecause::Open { target } => format!("a release of {target} is still open"),
        KeptBecause::Good { target, nth: 1 } => format!("the last good version of {target}"),
        KeptBecause::Good { target, nth } => {
            format!("good version {nth} of {target}, counted from the newest")
        }
        KeptBecause::Claimed { target } => {
            format!(
                "a release of {target} says that this version was live, but its journal does not prove it"
            )
        }
        KeptBecause::NeverReleased => {
            "no release of a configured target used it: Greenroom removes only released images"
                .to_owned()
        }
    }
}
