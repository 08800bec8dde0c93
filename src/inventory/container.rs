//! What only a container can have, in the words of Compose. The runtime of plain processes refuses all of it.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::SecretSource;
use super::units::{MaybeWritten, Size, Time};
use crate::sanitize::sanitize;

/// Billionths of a CPU in one CPU.
const NANO: f64 = 1e9;

/// The options of a container. Each option is a key of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ContainerOptions {
    /// How many CPUs a container may use, e.g. 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    /// The user who runs the program: a name or number, with a group after a colon if needed, e.g. `1000:1000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The program to run instead of the image's entry point. `command` holds its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The working directory instead of the image's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// The signal that asks the program to stop, e.g. `SIGQUIT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// How Docker finds out whether the program is healthy, instead of the HEALTHCHECK of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Whether a small init process starts the program, passes signals on and collects ended child processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Capabilities in addition to Docker's own set, e.g. `NET_ADMIN`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_add: Vec<String>,
    /// Capabilities that are taken away, e.g. `ALL`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_drop: Vec<String>,
    /// Whether a program can never get more rights than it started with, for example through a setuid file.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_new_privileges: bool,
    /// Whether the file system of the image is read-only. Mounts, `tmpfs` and `secrets` stay as they are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only_root: bool,
    /// Directories in memory, by path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tmpfs: BTreeMap<String, Tmpfs>,
    /// The size of `/dev/shm`.
    #[serde(with = "MaybeWritten::<Size>", skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<u64>,
    /// Limits of each process, by name, e.g. `nofile`. -1 stands for no limit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Lines for `/etc/hosts`: the address of each host name. `host-gateway` is the address of Docker's host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_hosts: BTreeMap<String, String>,
    /// Where Docker writes the output of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// Secrets as files: the source of the content of each file in `/run/secrets`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretSource>,
    /// Further options of Docker's API for a new container, as that API names them. The plan shows them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub docker: Map<String, Value>,
}

/// A number of CPUs, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "f64", into = "f64")]
#[schemars(with = "f64")]
pub struct Cpus(pub i64);

impl From<f64> for Cpus {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a number outside of the range becomes its end"
    )]
    fn from(cpus: f64) -> Self {
        Self((cpus * NANO).round() as i64)
    }
}

impl From<Cpus> for f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact for up to millions of CPUs"
    )]
    fn from(cpus: Cpus) -> Self {
        cpus.0 as Self / NANO
    }
}

/// How Docker finds out whether the program in a container is healthy. What is absent is as in the HEALTHCHECK of the
/// image, or as Docker's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Healthcheck {
    /// The command, which Docker runs inside the container. The container is healthy if the command exits with 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// The time between the end of a run and the start of the next one.
    #[serde(with = "MaybeWritten::<Time>", skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// How long a run may take.
    #[serde(with = "MaybeWritten::<Time>", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How many failed runs in a row make the container unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<NonZeroU16>,
    /// How long after the start a failed run does not count.
    #[serde(with = "MaybeWritten::<Time>", skip_serializing_if = "Option::is_none")]
    pub start_period: Option<Duration>,
    /// Whether Docker checks nothing, although the image has a HEALTHCHECK.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable: bool,
}

/// A directory in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tmpfs {
    /// Its maximum size; without a limit when absent.
    #[serde(with = "MaybeWritten::<Size>", skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Further options of the mount, e.g. `exec` or `mode=0700`.
    pub options: Vec<String>,
}

/// A limit of each process: one number, or one for the warning limit and one for the upper limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Ulimit {
    Both(i64),
    Each(SoftAndHard),
}

/// The two numbers of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SoftAndHard {
    /// The limit that applies. The program may raise it up to `hard`.
    pub soft: i64,
    /// The most that the program can set.
    pub hard: i64,
}

impl Ulimit {
    pub fn soft(self) -> i64 {
        match self {
            Self::Both(limit) => limit,
            Self::Each(limit) => limit.soft,
        }
    }

    pub fn hard(self) -> i64 {
        match self {
            Self::Both(limit) => limit,
            Self::Each(limit) => limit.hard,
        }
    }
}

/// Where Docker writes the output of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// The log driver, e.g. `local`; Docker's default when absent. Greenroom shows only logs that Docker itself keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The options of the driver, e.g. `max-size`.
    pub options: BTreeMap<String, String>,
}

/// What is wrong with an option of the table `docker`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongOption {
    /// The keys that lead to the option.
    pub path: Vec<String>,
    /// What is wrong and what to do.
    pub says: String,
}

impl ContainerOptions {
    /// The options that are set, by key. Values that may be secret are left out: the entry point, the command of the
    /// healthcheck, the options of the log driver and the sources of secrets.
    pub fn without_secrets(&self) -> Map<String, Value> {
        let mut shown = self.clone();
        if let Some(entrypoint) = &mut shown.entrypoint {
            entrypoint.clear();
        }
        if let Some(command) = shown
            .healthcheck
            .as_mut()
            .and_then(|it| it.command.as_mut())
        {
            command.clear();
        }
        if let Some(logging) = &mut shown.logging {
            logging.options.values_mut().for_each(String::clear);
        }
        for source in shown.secrets.values_mut() {
            *source = SecretSource::Env(String::new());
        }
        match serde_json::to_value(shown) {
            Ok(Value::Object(options)) => options,
            _ => Map::new(),
        }
    }
}

impl ContainerOptions {
    /// The options of the table `docker`, one a line: `HostConfig.PidsLimit = 100`.
    pub fn docker_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (key, value) in &self.docker {
            match value {
                Value::Object(below) => {
                    lines.extend(
                        below
                            .iter()
                            .map(|(inner, value)| format!("{key}.{inner} = {value}")),
                    );
                }
                _ => lines.push(format!("{key} = {value}")),
            }
        }
        lines.iter().map(|line| sanitize(line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: Value) -> ContainerOptions {
        serde_json::from_value(json).expect("options")
    }

    #[test]
    fn only_options_that_are_set_are_listed() {
        assert_eq!(ContainerOptions::default().without_secrets(), Map::new());
        let options = read(serde_json::json!({ "cpus": 2, "user": "web", "cap_drop": ["ALL"] }));
        let keys: Vec<String> = options
            .without_secrets()
            .into_iter()
            .map(|it| it.0)
            .collect();
        assert_eq!(keys, ["cap_drop", "cpus", "user"]);
    }

    #[test]
    fn texts_that_may_be_secret_are_left_out() {
        let options = read(serde_json::json!({
            "entrypoint": ["run", "--token=hunter2"],
            "healthcheck": { "command": ["ask", "hunter5"], "interval": "5s" },
            "logging": { "driver": "splunk", "options": { "splunk-token": "hunter3" } },
            "secrets": { "db_password": { "command": ["print", "hunter4"] } },
        }));
        let shown = Value::Object(options.without_secrets()).to_string();
        assert!(!shown.contains("hunter"), "{shown}");
        for key in ["entrypoint", "healthcheck", "splunk-token", "db_password"] {
            assert!(shown.contains(key), "{shown}");
        }
    }

    #[test]
    fn options_of_docker_are_shown_one_a_line() {
        let options = read(serde_json::json!({
            "docker": { "Domainname": "web", "HostConfig": { "PidsLimit": 1, "Dns": ["10.0.0.53"] } },
        }));
        let expected = [
            "Domainname = \"web\"",
            "HostConfig.Dns = [\"10.0.0.53\"]",
            "HostConfig.PidsLimit = 1",
        ];
        assert_eq!(options.docker_lines(), expected);
    }

    #[test]
    fn cpus_are_read_as_a_number() {
        for (number, billionths) in [
            ("2", 2_000_000_000),
            ("0.5", 500_000_000),
            ("1.25", 1_250_000_000),
        ] {
            let read: Cpus = serde_json::from_str(number).expect(number);
            assert_eq!(read, Cpus(billionths));
            assert_eq!(
                serde_json::to_string(&read).ok(),
                Some(format!("{:?}", f64::from(read)))
            );
        }
    }
}
