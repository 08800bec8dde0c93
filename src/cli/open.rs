//! Reads the configuration and builds the application from the common arguments.

use super::arguments::Common;
use super::{Exit, json, names, out};
use crate::inventory::{EnvironmentName, ServiceName};
use crate::port_check::OutgoingPorts;
use crate::settings::{Loaded, Problem, Problems, Request, Settings};
use crate::wire::{self, App};

/// Reads the configuration, or reports all its errors.
pub(super) fn load(common: &Common) -> Result<Loaded, Exit> {
    loaded(&request(common)?).map_err(|_| Exit::Usage)
}

/// As [`load`], but files that do not exist are errors too. Returns the errors.
pub(super) fn check(common: &Common) -> Result<Result<Loaded, Problems>, Exit> {
    let request = Request {
        requires_files: true,
        ..request(common)?
    };
    Ok(loaded(&request))
}

fn loaded(request: &Request) -> Result<Loaded, Problems> {
    let loaded = Settings::load(request);
    match &loaded {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                warn_line!("warning: {warning}");
            }
        }
        Err(problems) => {
            let hint = "correct it, then run greenroom config check";
            json::fail(json::Kind::Configuration, &problems.to_string(), Some(hint));
            out::explain(format_args!("{problems}"));
        }
    }
    loaded
}

/// What to load, from the arguments and this process's variables.
pub(super) fn request(common: &Common) -> Result<Request, Exit> {
    let mut overrides = Vec::new();
    for pair in &common.set {
        let Some((key, value)) = pair.split_once('=') else {
            warn_line!("greenroom: --set takes KEY=VALUE, not {pair:?}");
            return Err(Exit::Usage);
        };
        overrides.push((key.to_owned(), value.to_owned()));
    }
    Ok(Request {
        path: common
            .config
            .clone()
            .filter(|path| !path.as_os_str().is_empty()),
        environment: std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        overrides,
        outgoing: OutgoingPorts::of_this_machine(),
        may_loosen: false,
        requires_files: false,
    })
}

/// Reads the configuration and builds everything it names. Nothing is connected to yet.
pub(super) fn app(common: &Common) -> Result<App, Exit> {
    build(common, &load(common)?)
}

/// As [`app`], for a verb that names a service or an environment; both must be configured.
pub(super) fn app_for(
    common: &Common,
    service: Option<&ServiceName>,
    environment: Option<&EnvironmentName>,
) -> Result<App, Exit> {
    let loaded = load(common)?;
    if let Some(name) = environment
        && let Some(why) = loaded.settings.refused.get(name)
    {
        return Err(refuse(name, why));
    }
    let targets = loaded.settings.targets.iter();
    names::check(
        targets.map(|target| &target.definition.target),
        service,
        environment,
    )?;
    build(common, &loaded)
}

/// Says why an environment is not used.
fn refuse(name: &EnvironmentName, why: &[Problem]) -> Exit {
    let why: Vec<String> = why.iter().map(ToString::to_string).collect();
    let said = format!("nothing is done in {name}: {}", why.join("; "));
    let hint = "greenroom config check, after it is corrected";
    json::fail(json::Kind::Configuration, &said, Some(hint));
    out::explain(format_args!("greenroom: {said}"));
    Exit::Usage
}

fn build(common: &Common, loaded: &Loaded) -> Result<App, Exit> {
    match wire::build(&loaded.settings, common.read_only) {
        Ok(app) => Ok(app),
        Err(report) => {
            json::fail(json::Kind::Configuration, &report.to_string(), None);
            out::explain(format_args!("greenroom: {report}"));
            Err(Exit::Usage)
        }
    }
}
