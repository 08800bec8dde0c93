//! Reads the configuration and builds the application from the common arguments.

use super::arguments::Common;
use super::{Exit, json, names, out};
use crate::inventory::{EnvironmentName, ServiceName};
use crate::port_check::OutgoingPorts;
use crate::settings::{Loaded, Problem, Problems, Request, Settings};
use crate::wire::{self, App};

/// Reads the configuration. Prints the warnings of a valid configuration, or the errors of an invalid one.
pub(super) fn load(common: &Common) -> Result<Loaded, Exit> {
    load_and_report(&request(common)?).map_err(|_| Exit::Usage)
}

/// Reads the configuration like [`load`], for `config check`. Two findings that [`load`] only warns about are errors
/// here: a named file that does not exist, and a file that other users can change. The inner result has the errors,
/// which are already printed.
pub(super) fn check(common: &Common) -> Result<Result<Loaded, Problems>, Exit> {
    let request = Request {
        requires_files: true,
        ..request(common)?
    };
    Ok(load_and_report(&request))
}

fn load_and_report(request: &Request) -> Result<Loaded, Problems> {
    let loaded = Settings::load(request);
    match &loaded {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                warn_line!("warning: {warning}");
            }
        }
        Err(problems) => {
            let hint = "correct the configuration, then run greenroom config check";
            json::fail(json::Kind::Configuration, &problems.to_string(), Some(hint));
            out::explain(format_args!("{problems}"));
        }
    }
    loaded
}

/// Builds the request that loads the configuration: the path and overrides from the arguments, and the environment
/// variables of this process.
pub(super) fn request(common: &Common) -> Result<Request, Exit> {
    let mut overrides = Vec::new();
    for pair in &common.set {
        let Some((key, value)) = pair.split_once('=') else {
            warn_line!("greenroom: --set needs KEY=VALUE, not {pair:?}");
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
        docker_options: wire::docker_options(),
        may_loosen: false,
        requires_files: false,
    })
}

/// Reads the configuration and builds the application from it. Does not connect to any server yet.
pub(super) fn app(common: &Common) -> Result<App, Exit> {
    build(common, &load(common)?)
}

/// Reads the configuration and builds the application, for a verb that can name a service and an environment. A name
/// that is not configured and an environment that is not used are usage errors.
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
    let environments = loaded.settings.environments.iter();
    names::check_in(
        targets.map(|target| &target.definition.target),
        environments.map(|environment| &environment.name),
        service,
        environment,
    )?;
    build(common, &loaded)
}

/// Reports why an environment is not used.
fn refuse(name: &EnvironmentName, why: &[Problem]) -> Exit {
    let why: Vec<String> = why.iter().map(ToString::to_string).collect();
    let message = format!("the environment {name} is not used: {}", why.join("; "));
    let hint = "correct this, then run greenroom config check";
    json::fail(json::Kind::Configuration, &message, Some(hint));
    out::explain(format_args!("greenroom: {message}"));
    Exit::Usage
}

pub(super) fn build(common: &Common, loaded: &Loaded) -> Result<App, Exit> {
    match wire::build(&loaded.settings, common.read_only) {
        Ok(app) => Ok(app),
        Err(report) => {
            json::fail(json::Kind::Configuration, &report.to_string(), None);
            out::explain(format_args!("greenroom: {report}"));
            Err(Exit::Usage)
        }
    }
}
