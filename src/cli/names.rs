//! Checks the names of services and environments that an operator types. They must be configured. An error suggests a
//! similar name, or lists the configured names.

use std::collections::BTreeSet;

use super::{Exit, json, out};
use crate::inventory::{EnvironmentName, ServiceName, Target};
use crate::settings::nearest;
use crate::wire::App;

/// How many names are listed at most if no name is similar.
const MAX_LISTED: usize = 12;

/// The hint if no target is configured.
pub(super) const NO_TARGET: &str =
    "no target is configured: add [services.NAME.environments.NAME] to the configuration";

/// Refuses a name that is not configured, with a suggestion.
pub(super) fn check(
    app: &App,
    service: Option<&ServiceName>,
    environment: Option<&EnvironmentName>,
) -> Result<(), Exit> {
    let environments = app.frame.environments.iter().map(|(name, _)| name);
    check_in(app.targets(), environments, service, environment)
}

/// Like [`check`], with the configured targets and environments.
pub(super) fn check_in<'a>(
    targets: impl Iterator<Item = &'a Target>,
    environments: impl Iterator<Item = &'a EnvironmentName>,
    service: Option<&ServiceName>,
    environment: Option<&EnvironmentName>,
) -> Result<(), Exit> {
    let targets: Vec<&Target> = targets.collect();
    let environments: BTreeSet<&str> = environments.map(EnvironmentName::as_str).collect();
    match unknown(&targets, &environments, service, environment) {
        Some((message, hint)) => Err(refuse(&message, &hint)),
        None => Ok(()),
    }
}

/// Reports that the operator named something that does not exist.
pub(super) fn refuse(message: &str, hint: &str) -> Exit {
    json::fail(json::Kind::Usage, message, Some(hint));
    out::explain(format_args!("greenroom: {message}: {hint}"));
    Exit::Usage
}

/// The message about a name that is not configured, and a suggestion.
fn unknown(
    targets: &[&Target],
    configured: &BTreeSet<&str>,
    service: Option<&ServiceName>,
    environment: Option<&EnvironmentName>,
) -> Option<(String, String)> {
    let services: BTreeSet<&str> = targets.iter().map(|it| it.service.as_str()).collect();
    if let Some(service) = service.map(ServiceName::as_str)
        && !services.contains(service)
    {
        let message = format!("no target has the service {service}");
        return Some((message, suggestion(service, &services)));
    }
    let environment = environment.map(EnvironmentName::as_str)?;
    let of_service = |target: &&&Target| service.is_none_or(|service| target.service == *service);
    let environments = targets.iter().filter(of_service);
    let environments: BTreeSet<&str> = environments.map(|it| it.environment.as_str()).collect();
    if environments.contains(environment) {
        return None;
    }
    let message = match service {
        Some(service) => format!("{service} has no environment {environment}"),
        None if configured.contains(environment) => {
            let hint =
                format!("add [services.NAME.environments.{environment}] to the configuration");
            return Some((
                format!("no service has the environment {environment}"),
                hint,
            ));
        }
        None => format!("no environment is called {environment}"),
    };
    Some((message, suggestion(environment, &environments)))
}

/// Suggests the nearest name, or lists the known names. If no name is known, says how to configure names.
pub(super) fn suggestion(wrong: &str, known: &BTreeSet<&str>) -> String {
    if let Some(near) = nearest(wrong, known.iter().copied()) {
        return format!("did you mean {near}?");
    }
    if known.is_empty() {
        return NO_TARGET.to_owned();
    }
    let listed: Vec<&str> = known.iter().copied().take(MAX_LISTED).collect();
    let more = known.len().saturating_sub(MAX_LISTED);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("known names: {}{rest}", listed.join(", "))
}

/// Parses the text of an argument that is kept with the operator's name.
pub(super) fn nonblank_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("write at least one word; the text is kept with your name".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(service: Option<&str>, environment: Option<&str>) -> Option<String> {
        let target = |service: &str, environment: &str| {
            Target::new(
                service.parse().expect("a name"),
                environment.parse().expect("a name"),
            )
        };
        let targets = [
            target("web", "qa"),
            target("web", "production"),
            target("wallets", "qa"),
        ];
        let service = service.map(|name| name.parse().expect("a name"));
        let environment = environment.map(|name| name.parse().expect("a name"));
        let targets: Vec<&Target> = targets.iter().collect();
        let environments = BTreeSet::from(["qa", "production", "nightly"]);
        let unknown = unknown(
            &targets,
            &environments,
            service.as_ref(),
            environment.as_ref(),
        );
        unknown.map(|(message, hint)| format!("{message}: {hint}"))
    }

    #[test]
    fn a_mistyped_name_gets_a_suggestion() {
        for (service, environment, expected) in [
            (
                Some("wbe"),
                Some("qa"),
                "no target has the service wbe: did you mean web?",
            ),
            (
                Some("web"),
                Some("prodution"),
                "web has no environment prodution: did you mean production?",
            ),
            (
                None,
                Some("aq"),
                "no environment is called aq: did you mean qa?",
            ),
            (
                Some("billing"),
                None,
                "no target has the service billing: known names: wallets, web",
            ),
            (
                Some("wallets"),
                Some("production"),
                "wallets has no environment production: known names: qa",
            ),
            (
                None,
                Some("nightly"),
                "no service has the environment nightly: add [services.NAME.environments.nightly] to the configuration",
            ),
        ] {
            assert_eq!(refusal(service, environment).as_deref(), Some(expected));
        }
        assert_eq!(refusal(Some("web"), Some("qa")), None);
        assert_eq!(refusal(None, None), None);
    }
}
