//! `greenroom doctor`: every path, server and permission that Greenroom relies on, and what is
//! wrong with each. Looks at everything even when the first thing fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::arguments::Common;
use super::out::say_json;
use super::{Exit, open};
use crate::inventory::Installation;
use crate::ports::Failure;
use crate::release::Site;
use crate::wire::App;

/// One thing that was looked at.
struct Finding {
    place: String,
    what: &'static str,
    result: Result<String, String>,
}

pub(super) async fn run(common: &Common) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let mut findings = own(&app);
    findings.extend(servers(&app).await);
    findings.extend(channels(&app).await);
    for site in app.engine.sites() {
        findings.extend(target(site).await);
    }
    let mut exit = Exit::Done;
    for finding in &findings {
        let (sign, word, text) = match &finding.result {
            Ok(text) => ("+", "ok", text),
            Err(text) => ("x", "wrong", text),
        };
        if finding.result.is_err() {
            exit = Exit::Failed;
        }
        if common.json {
            say_json(
                &serde_json::json!({ "place": finding.place, "what": finding.what, "state": word, "text": text }),
            );
        } else {
            say_line!("{sign} {:<22} {:<10} {text}", finding.place, finding.what);
        }
    }
    exit
}

fn own(app: &App) -> Vec<Finding> {
    let here = |what, result| Finding {
        place: "greenroom".into(),
        what,
        result,
    };
    let log = crate::diagnostics::log_directory()
        .ok_or_else(|| "no directory for it: set HOME or XDG_STATE_HOME".to_owned());
    vec![
        here("version", Ok(env!("CARGO_PKG_VERSION").to_owned())),
        here("operator", Ok(app.engine.operator().to_string())),
        here(
            "changes",
            Ok(match &app.read_only {
                Some(why) => format!("nothing is changed from here: {why}"),
                None => "may be made, where the servers let this user".to_owned(),
            }),
        ),
        here("config", Ok(app.file.display().to_string())),
        here("log", log.map(|path| path.display().to_string())),
    ]
}

/// Each server once, however many targets use it.
async fn servers(app: &App) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for site in app.engine.sites() {
        let environment = site.definition.target.environment.to_string();
        let read = &site.read;
        if seen.insert(Arc::as_ptr(&read.runtime).cast::<()>() as usize) {
            let info = read.runtime.engine().await;
            let info = info.map(|info| format!("{}, API {}", info.name, info.api));
            findings.push(finding(&environment, "runtime", info));
        }
        if seen.insert(Arc::as_ptr(&read.registry).cast::<()>() as usize) {
            findings.push(finding(
                &environment,
                "registry",
                read.registry.store().await,
            ));
        }
        if seen.insert(Arc::as_ptr(&read.router).cast::<()>() as usize) {
            findings.push(finding(&environment, "proxy", read.router.proxy().await));
        }
    }
    findings
}

/// Whether what telling a channel needs is there. Nothing is sent.
async fn channels(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    for channel in app.channels() {
        let place = format!("notices.{}", channel.name);
        let ready = channel.notifier.ready().await;
        let events: Vec<&str> = channel.events.iter().map(|event| event.as_str()).collect();
        let told = ready.map(|place| format!("{place}, told of {}; not tried", events.join(", ")));
        findings.push(finding(&place, "notices", told));
    }
    findings
}

async fn target(site: &Site) -> Vec<Finding> {
    let definition = &site.definition;
    let place = definition.target.to_string();
    let (tags, installation, record) = tokio::join!(
        site.read.images.tags(&definition.repository),
        site.read.router.installation(&definition.target),
        site.read.registry.read(&definition.target),
    );
    let images = tags.map(|tags| format!("{}: {} tags", definition.repository, tags.len()));
    let route = installation.map(|installation| match installation {
        Installation::Current => "the configuration is installed and loaded".to_owned(),
        Installation::Missing => "not installed yet: the first release installs it".to_owned(),
        Installation::Newer(why) => format!("the configuration read here is older: {why}"),
        Installation::Outdated(why) => format!("the next release installs it anew: {why}"),
    });
    let mut findings = vec![
        finding(&place, "images", images),
        finding(&place, "route", route),
        Finding {
            place: place.clone(),
            what: "health",
            result: definition
                .health
                .as_ref()
                .map(|health| health.path.clone())
                .ok_or_else(|| "no health endpoint: nothing can be released".to_owned()),
        },
    ];
    if let Ok(record) = record {
        for (key, problem) in record.problems {
            findings.push(Finding {
                place: place.clone(),
                what: "key",
                result: Err(format!("{key}: {problem}")),
            });
        }
    }
    findings
}

fn finding(place: &str, what: &'static str, result: Result<String, Failure>) -> Finding {
    Finding {
        place: place.to_owned(),
        what,
        result: result.map_err(|failure| failure.to_string()),
    }
}
