//! `greenroom approve`: another person's yes to a release that waits for it. Shows the plan, the checks and
//! who has approved already, asks, and writes it where the driver looks before the switch.

use super::arguments::{Approve, Common};
use super::consent::Consent;
use super::out::say_json;
use super::promote::refuse;
use super::{Exit, open, plan_text, signals};
use crate::inventory::Target;
use crate::release::{Endorsable, endorsed_words, need_to_endorse};

pub(super) async fn run(common: &Common, verb: Approve) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let engine = &app.engine;
    let mut wishes = signals::listen();
    let target = Target::new(verb.service, verb.environment);
    let asked = match engine.endorsable(&target, None).await {
        Ok(asked) => asked,
        Err(refused) => return refuse(common, &refused),
    };
    let plan = asked.found.plan();
    let release = plan.release;
    if verb.take_back {
        return match engine.endorse_no_more(&target, release).await {
            Ok(()) => {
                say_line!("release {release} of {target}: taken back");
                Exit::Done
            }
            Err(refused) => refuse(common, &refused),
        };
    }
    // Before anything is asked: nobody approves for themselves.
    if let Err(refused) = engine.may_endorse(&asked.found) {
        return refuse(common, &refused);
    }
    let mut consent = match Consent::find(verb.yes, engine.definition(&target)) {
        Ok(consent) => consent,
        Err(exit) => return exit,
    };
    if !common.json {
        say_line!("{}", text(&asked, engine.clock().now()));
    }
    let need = need_to_endorse(plan);
    let begin = consent.begin(plan, ("approve", need), engine, &mut wishes);
    if begin.await.is_none() {
        warn_line!("nothing was done");
        return Exit::Cancelled;
    }
    match engine.endorse(&target, release, verb.note).await {
        Ok(given) if common.json => {
            say_json(&serde_json::json!({ "event": "approved", "approval": given }));
            Exit::Done
        }
        Ok(given) => {
            let until = given.expires_at;
            say_line!(
                "release {release} of {target}: approved by {}, until {until:.0}",
                given.by
            );
            Exit::Done
        }
        Err(refused) => refuse(common, &refused),
    }
}

fn text(asked: &Endorsable, now: jiff::Timestamp) -> String {
    let plan = asked.found.plan();
    let status = &asked.found.observed.status;
    let mut lines = vec![
        format!(
            "release {} of {}, by {}",
            plan.release,
            plan.target(),
            plan.operator
        ),
        plan_text::text(plan),
    ];
    for overridden in &plan.overridden {
        lines.push(format!(
            "  ! in spite of: {}, because: {}",
            overridden.hold, overridden.why
        ));
    }
    for case in &status.cases {
        lines.push(format!(
            "  check {:<24} {} {}",
            case.name, case.verdict, case.detail
        ));
    }
    if status.checked_at.is_none() {
        lines.push("  checks are not run yet".to_owned());
    }
    let given: Vec<_> = asked.given.iter().collect();
    lines.push(format!("  {}", endorsed_words(asked.needed, &given, now)));
    lines.join("\n")
}
