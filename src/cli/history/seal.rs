//! `greenroom history seal`: seals every finished record. A seal is a copy of the record's last hash. The seals are in
//! a place of the store that the drivers of releases should not be able to write.

use super::arguments::SealHistory;
use super::{Exit, json, names};
use crate::cli::arguments::Common;
use crate::release::{Refusal, Site};
use crate::watchers::{Sealed, seal};
use crate::wire::App;

pub(super) async fn run(common: &Common, app: &App, verb: &SealHistory) -> Exit {
    let is_wanted = |site: &&Site| {
        let target = &site.definition.target;
        target.is_among(verb.service.as_ref(), verb.environment.as_ref())
    };
    let sites: Vec<&Site> = app.engine.sites().filter(is_wanted).collect();
    if sites.is_empty() {
        let (service, environment) = (verb.service.as_ref(), verb.environment.as_ref());
        return match names::check(app, service, environment) {
            Err(exit) => exit,
            Ok(()) => names::refuse("nothing can be sealed", names::NO_TARGET),
        };
    }
    let (mut exit, mut answers) = (Exit::Done, Vec::new());
    for site in sites {
        let target = &site.definition.target;
        let Some(write) = &site.write else {
            warn_line!("greenroom: {}", Refusal::ReadOnly);
            return Exit::Failed;
        };
        let (by, now) = (app.engine.operator(), app.engine.clock().now());
        match seal(site, write.store.seals.as_ref(), by, now).await {
            Ok(sealed) if common.json => {
                answers.push(serde_json::json!({ "target": target, "sealed": sealed }));
            }
            Ok(Sealed {
                sealed,
                before,
                not,
            }) => {
                say_line!(
                    "{target}: {} sealed now, {before} sealed before, {} cannot be sealed",
                    sealed.len(),
                    not.len()
                );
                for (id, why) in not {
                    say_line!("  {id}  {why}");
                }
            }
            Err(failure) => {
                warn_line!("greenroom: {target}: {failure}");
                // Some records of the target may be sealed now. Which ones is unknown.
                answers.push(serde_json::json!({ "target": target, "sealed": null }));
                exit = Exit::Failed;
            }
        }
    }
    json::answer(serde_json::json!({ "targets": answers }));
    exit
}
