//! The sandbox's `greenroom.toml`, as a person would write it.

use std::fmt::Write as _;
use std::path::Path;

use super::fixtures::{PAST_RELEASES, repository};
use super::{Ports, SandboxError};

/// The ports of a target: public, preview, blue and green.
const PORTS_PER_TARGET: u16 = 4;

/// The timing of the sample releases that a new sandbox makes to have a history. All waits are very short. `drain` is
/// only a limit: it ends as soon as no connection is open.
const SEED_TIMING: [(&str, &str); 4] = [
    ("minimum_healthy", "50ms"),
    ("watch", "50ms"),
    ("drain", "2s"),
    ("standby", "1ms"),
];

const HEAD: &str =
    "# The configuration of `greenroom sandbox`: plain processes of this machine instead of containers,
# a proxy inside Greenroom instead of nginx, a database file instead of etcd.
# Paths are relative to this file. The proxy runs for as long as the sandbox is open.

[history]
archive = \"archive.sqlite\"
";

/// The agent, which runs for as long as the sandbox is open.
const AGENT: &str = "
# `greenroom sandbox push web 1.9.3` reports a push here, and the agent releases the version in dev and qa.
# In production, tags such as v2.0.0 are only offered.
[agent]
listen = \"127.0.0.1:PORT\"

[agent.senders.sandbox]
kind = \"signed\"
secret = { file = \"inbox-secret\" }
";

/// The tags that the targets of each environment follow.
fn followed(environment: &str) -> &'static str {
    match environment {
        // A new version is only offered here.
        "production" => "v*",
        _ => "*",
    }
}

/// Each environment with its tier and the timing of its releases.
const ENVIRONMENTS: [(&str, &str, &str); 3] = [
    (
        "dev",
        "development",
        r#"health_deadline = "10s", minimum_healthy = "500ms", watch = "2s", drain = "2s", standby = "5s", stop_grace = "5s""#,
    ),
    (
        "qa",
        "staging",
        r#"health_deadline = "10s", minimum_healthy = "1s", watch = "3s", drain = "3s", standby = "20s", stop_grace = "5s""#,
    ),
    (
        "production",
        "protected",
        r#"health_deadline = "10s", minimum_healthy = "1s", watch = "5s", drain = "5s", standby = "2m", stop_grace = "5s""#,
    ),
];

const SERVICE: &str = r#"listen = { port = 8080 }
health = { path = "/health", interval = "250ms", timeout = "2s" }

[[services.NAME.checks]]
name = "home page"
path = "/"
expect = { status = 200, within = "1s" }

[[services.NAME.checks]]
name = "orders are listed"
path = "/orders"
expect = { status = 200, json = { "/orders/0/item" = "lamp" } }

[[services.NAME.checks]]
name = "version, as a visitor gets it"
path = "/version"
through_preview = true
"#;

/// The task of `wallets`. The program of a version takes the place of an entry point.
const WALLETS: &str = r#"
[[services.wallets.tasks]]
name = "migrate"
at = "before-start"
command = ["sample-app", "migrate", "add-currency"]
undo = ["sample-app", "migrate", "add-currency", "--back"]
"#;

/// The `--set` values for the sample releases of a new sandbox: their timing, the name of the operator, and no logs of
/// candidates.
pub fn seed_overrides() -> Vec<(String, String)> {
    let mut overrides = vec![
        ("operator.name".to_owned(), "sandbox".to_owned()),
        // If the operator closes the sandbox during the sample releases, a log could still be written after the sandbox
        // was closed. So no logs are kept.
        ("history.keep_logs".to_owned(), "false".to_owned()),
    ];
    for (environment, ..) in ENVIRONMENTS {
        for (key, value) in SEED_TIMING {
            let key = format!("environments.{environment}.timing.{key}");
            overrides.push((key, value.to_owned()));
        }
    }
    overrides
}

/// How many ports the configuration needs.
fn ports_needed() -> u16 {
    let targets = u16::try_from(PAST_RELEASES.len()).unwrap_or_default();
    2 + targets * PORTS_PER_TARGET
}

/// The directory of the data that a target's instances keep across releases, relative to the sandbox directory.
pub(super) fn data_directory(service: &str, environment: &str) -> String {
    format!("data/{environment}/{service}")
}

/// The configuration of a sandbox in `directory`, and its ports. The caller must hold the ports while the sandbox is
/// open.
pub fn configuration(directory: &Path) -> Result<(String, Ports), SandboxError> {
    let ports = Ports::find(ports_needed())?;
    Ok((text(directory, &ports), ports))
}

fn text(directory: &Path, ports: &Ports) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&AGENT.replace("PORT", &ports.at(1).to_string()));
    let answer = ports.at(0);
    for (name, tier, timing) in ENVIRONMENTS {
        let _ = write!(
            text,
            r#"
[environments.{name}]
tier = "{tier}"
runtime = "process"
process = {{ state = "processes", catalogue = "catalogue.json" }}
store = "sqlite"
sqlite = {{ path = "store.sqlite" }}
proxy = "embedded"
embedded = {{ answer = "127.0.0.1:{answer}", state = "proxy" }}
timing = {{ {timing} }}
"#
        );
    }
    let mut written = Vec::new();
    for (index, (service, environment, _)) in PAST_RELEASES.into_iter().enumerate() {
        if !written.contains(&service) {
            written.push(service);
            let image = repository(service);
            let _ = write!(text, "\n[services.{service}]\nimage = \"{image}\"\n");
            text.push_str(&SERVICE.replace("NAME", service));
            if service == "wallets" {
                text.push_str(WALLETS);
            }
        }
        let first = 2 + u16::try_from(index).unwrap_or_default() * PORTS_PER_TARGET;
        let [public, preview, blue, green] = [0, 1, 2, 3].map(|n| ports.at(first + n));
        let follow = followed(environment);
        let data = directory.join(data_directory(service, environment));
        let data = toml::Value::String(data.display().to_string());
        let _ = write!(
            text,
            r#"
[services.{service}.environments.{environment}]
follow = ["{follow}"]
endpoints = {{ blue = "127.0.0.1:{blue}", green = "127.0.0.1:{green}" }}
environment = {{ SAMPLE_DATA = {data} }}
[services.{service}.environments.{environment}.proxy]
server_names = ["localhost"]
listen = "127.0.0.1:{public}"
preview_listen = "127.0.0.1:{preview}"
"#
        );
    }
    text
}
