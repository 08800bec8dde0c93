//! The settings as plain data, from which `wire` builds adapters and engines. All defaults are filled in, and paths
//! that are relative to the file are made absolute.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::model::{ConsoleSettings, NoticeSettings, OperatorSettings};
use super::origin::Origin;
use super::problem::{Problem, dotted};
use crate::history::Retention;
use crate::inventory::servers::{
    DockerConfig, EmbeddedConfig, EtcdConfig, InboxConfig, NginxConfig, ProcessConfig,
    RegistryConfig, SiteConfig,
};
use crate::inventory::{EnvironmentName, ExtraKey, Target, Tier};
use crate::release::{Definition, Rules};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The file that the settings were read from.
    pub file: PathBuf,
    /// When the file was last changed; none if that is unknown, or if the file cannot be read again.
    pub modified_at: Option<Timestamp>,
    /// Whether the file is a descriptor of this process, such as `/dev/stdin`. A descriptor may be a pipe, so the file
    /// cannot be read again.
    pub is_read_once: bool,
    /// The environments that are configured but not used, with the reasons: other users can change their files, or they
    /// depend on such an environment. `environments` and `targets` do not contain them.
    pub refused: BTreeMap<EnvironmentName, Vec<Problem>>,
    /// The operator. Without a name, the login on this machine is the name.
    pub operator: OperatorSettings,
    pub console: ConsoleSettings,
    /// The origin of read-only mode; none if it is not set.
    pub read_only: Option<Origin>,
    pub history: HistorySettings,
    /// The channels that get notices of releases, by name.
    pub notices: Vec<(String, NoticeSettings)>,
    pub agent: AgentSettings,
    /// The environments, in the order of promotion.
    pub environments: Vec<EnvironmentSettings>,
    /// The targets: by service in the order of the file, and for each service by environment in the order of promotion.
    pub targets: Vec<TargetSettings>,
}

impl Settings {
    pub fn environment(&self, name: &EnvironmentName) -> Option<&EnvironmentSettings> {
        self.environments
            .iter()
            .find(|environment| environment.name == *name)
    }

    /// The targets whose nginx uses this template.
    pub fn targets_behind(&self, template: &Path) -> impl Iterator<Item = &Target> {
        let is_behind = |target: &&Target| {
            let environment = self.environment(&target.environment);
            let proxy = environment.and_then(|environment| environment.proxy.as_ref());
            matches!(proxy, Some(ProxyConfig::Nginx(nginx)) if nginx.template.as_deref() == Some(template))
        };
        let targets = self.targets.iter().map(|it| &it.definition.target);
        targets.filter(is_behind)
    }

    /// The files of the configuration: the configuration file first, then the templates that it names.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.file.clone()];
        for environment in &self.environments {
            if let Some(ProxyConfig::Nginx(nginx)) = &environment.proxy
                && let Some(template) = &nginx.template
                && !files.contains(template)
            {
                files.push(template.clone());
            }
        }
        files
    }
}

/// The agent, which releases pushed versions by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentSettings {
    /// The inbox for reports of pushes; none if no address is configured.
    pub inbox: Option<InboxConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySettings {
    pub archive: PathBuf,
    /// Which records are kept: the limits of age, number and size.
    pub retention: Retention,
    /// How many bytes of each log are kept; with 0 no logs are kept.
    pub log_size: usize,
}

/// One environment: its rules, and where its servers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentSettings {
    pub name: EnvironmentName,
    pub tier: Tier,
    pub rules: Rules,
    pub runtime: RuntimeConfig,
    /// How to connect to image registries, by `host` or `host:port`, as in the names of their images. An image registry
    /// that is not listed is used anonymously over TLS.
    pub registries: BTreeMap<String, RegistryConfig>,
    pub store: StoreConfig,
    /// The proxy; none if no proxy is configured.
    pub proxy: Option<ProxyConfig>,
    /// How long a lock lasts without a heartbeat.
    pub lock_lease: Duration,
    /// The time between two heartbeats.
    pub lock_heartbeat: Duration,
    /// The origin of each key of the environment's table, by the key without `environments.NAME.`.
    pub origins: BTreeMap<String, Origin>,
}

impl EnvironmentSettings {
    /// A key of the environment's table as messages name it: `environments.qa.etcd.password (greenroom.toml:12:14)`.
    pub fn setting(&self, key: &str) -> String {
        let origin = self.origins.get(key);
        let origin = origin.map_or(String::new(), |origin| format!(" ({origin})"));
        format!("environments.{}.{key}{origin}", self.name)
    }

    /// The key of an image registry's password, as messages name it. The table `registry` describes a registry that
    /// `registries` does not name.
    pub fn registry_password(&self, host: &str) -> String {
        let table = dotted(&["registries", host].map(str::to_owned));
        let is_named = self.origins.contains_key(&table);
        self.setting(&format!(
            "{}.password",
            if is_named { &table } else { "registry" }
        ))
    }

    /// Whether both environments use the same runtime or the same proxy.
    pub(super) fn shares(&self, other: &Self) -> bool {
        let runs_there = match (&self.runtime, &other.runtime) {
            (RuntimeConfig::Docker(one), RuntimeConfig::Docker(two)) => one.address == two.address,
            (RuntimeConfig::Process(one), RuntimeConfig::Process(two)) => one.state == two.state,
            _ => false,
        };
        let is_routed_there = match (&self.proxy, &other.proxy) {
            (Some(ProxyConfig::Nginx(one)), Some(ProxyConfig::Nginx(two))) => {
                one.container == two.container
                    && (one.configuration == two.configuration || one.state == two.state)
            }
            (Some(ProxyConfig::Embedded(one)), Some(ProxyConfig::Embedded(two))) => {
                one.state == two.state
            }
            _ => false,
        };
        runs_there || is_routed_there
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeConfig {
    Docker(DockerConfig),
    Process(ProcessConfig),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreConfig {
    Etcd(EtcdConfig),
    /// The path of a database file on this machine. Its directory may have to be created.
    Sqlite(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyConfig {
    Nginx(NginxConfig),
    Embedded(EmbeddedConfig),
}

/// One target: one service in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSettings {
    /// The settings for the release engine, including the target itself.
    pub definition: Definition,
    /// The settings for the proxy.
    pub site: Option<SiteConfig>,
    /// An additional etcd key, written in the same transaction as the route.
    pub extra_key: Option<ExtraKey>,
}
