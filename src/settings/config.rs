//! The settings as plain data, from which `wire` builds adapters and engines. All defaults are filled in, and paths
//! that are relative to the file are made absolute.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::origin::Origin;
use super::problem::{Problem, dotted};
use crate::history::{NoticeEvent, Retention};
use crate::inventory::{
    AddressRange, Endpoint, EnvironmentName, SecretSource, ServiceName, Target, Tier,
};
use crate::release::{Definition, Rules};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The file that the settings were read from.
    pub file: PathBuf,
    /// When the file was last changed; none if that is unknown, or if the file cannot be read again.
    pub modified_at: Option<Timestamp>,
    /// Whether the file is a descriptor of this process, such as `/dev/stdin`. A descriptor may be a pipe, so the file
    /// cannot be read again.
    #[serde(skip)]
    pub is_read_once: bool,
    /// The environments that are configured but not used, with the reasons: other users can change their files, or they
    /// depend on such an environment. `environments` and `targets` do not contain them.
    #[serde(skip)]
    pub refused: BTreeMap<EnvironmentName, Vec<Problem>>,
    pub operator: OperatorSettings,
    pub console: ConsoleSettings,
    pub history: HistorySettings,
    /// The channels that get notices of releases.
    pub notices: Vec<NoticeSettings>,
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
            matches!(proxy, Some(ProxyConfig::Nginx(place)) if place.template.as_deref() == Some(template))
        };
        let targets = self.targets.iter().map(|it| &it.definition.target);
        targets.filter(is_behind)
    }

    /// The files of the configuration: the configuration file first, then the templates that it names.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.file.clone()];
        for environment in &self.environments {
            if let Some(ProxyConfig::Nginx(place)) = &environment.proxy
                && let Some(template) = &place.template
                && !files.contains(template)
            {
                files.push(template.clone());
            }
        }
        files
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorSettings {
    /// The name; none for the name of the login.
    pub name: Option<String>,
    /// The host; none for the name of this machine.
    pub host: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistorySettings {
    pub archive: PathBuf,
    /// How long records are kept.
    pub retention: Retention,
    /// How many bytes of a candidate's log are kept; with 0 no logs are kept.
    pub log_size: usize,
}

/// One channel that gets notices of releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeSettings {
    pub name: String,
    pub address: AddressConfig,
    /// The signing key; none for an incoming webhook.
    pub secret: Option<SecretSource>,
    /// The events that the channel gets notices of.
    pub events: Vec<NoticeEvent>,
    /// The environments that the channel gets notices of; all when empty.
    pub environments: Vec<EnvironmentName>,
    /// The services that the channel gets notices of; all when empty.
    pub services: Vec<ServiceName>,
}

/// The address of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressConfig {
    /// The address itself.
    Plain(String),
    /// The source to read the address from.
    Secret(SecretSource),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsoleSettings {
    pub theme: String,
    /// The tiers that have a theme of their own, and the name of the theme.
    pub theme_by_tier: Vec<(Tier, String)>,
    pub ascii: AsciiSetting,
    /// The actions with configured keys: the action's name, and the keys as written.
    pub keys: Vec<(String, Vec<String>)>,
    /// How long a target stays armed.
    pub armed: Duration,
    pub mouse: bool,
    /// When the terminal's bell rings.
    pub bell: BellSetting,
    /// The origin of read-only mode; none if it is not set.
    pub read_only: Option<Origin>,
}

/// Whether to draw ASCII characters only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AsciiSetting {
    /// Draws only ASCII characters if the locale has no other characters.
    Auto,
    Always,
    Never,
}

/// When the terminal's bell rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BellSetting {
    Off,
    /// The bell rings once for each new thing that waits for the operator.
    Waits,
}

/// One environment: its rules, and where its servers are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentSettings {
    pub name: EnvironmentName,
    pub tier: Tier,
    pub rules: Rules,
    pub runtime: RuntimeConfig,
    /// How to connect to image registries. A registry that is not listed is used anonymously over TLS.
    pub registries: Vec<RegistryConfig>,
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeConfig {
    Docker(DockerConfig),
    Process(ProcessConfig),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DockerConfig {
    /// The address: `unix:///run/docker.sock` or `tcp://host:port`.
    pub address: String,
    pub tls: Option<TlsConfig>,
}

/// Certificates, as PEM files. `cert` and `key` are either both present or both absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TlsConfig {
    /// The authority that signed the server's certificate. Always present for Docker. For etcd, the authorities of this
    /// machine apply when absent.
    pub ca: Option<PathBuf>,
    /// The client's own certificate.
    pub cert: Option<PathBuf>,
    /// The private key of the client's certificate.
    pub key: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessConfig {
    /// The directory with the records of started processes.
    pub state: PathBuf,
    /// The catalogue of versions that can be started.
    pub catalogue: PathBuf,
}

/// How to connect to one image registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistryConfig {
    /// `host` or `host:port`, as in the names of the registry's images.
    pub host: String,
    /// Whether the table `registry` describes this registry, and not an entry of `registries`.
    pub is_only: bool,
    /// The user and the source of the password; anonymous when absent.
    pub login: Option<Login>,
    /// Whether to use plain HTTP instead of TLS.
    pub plain_http: bool,
    /// A PEM file with the authority that signed the registry's certificate, in addition to the trusted authorities.
    pub ca: Option<PathBuf>,
    /// The server on another host that may receive the password.
    pub token_server: Option<String>,
}

impl RegistryConfig {
    /// The key of the registry's password in the table of its environment.
    pub fn password_key(&self) -> String {
        if self.is_only {
            "registry.password".to_owned()
        } else {
            dotted(&["registries", &self.host, "password"].map(str::to_owned))
        }
    }
}

/// A user, and the source of the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    pub user: String,
    pub password: SecretSource,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreConfig {
    Etcd(EtcdConfig),
    /// A database file on this machine.
    Sqlite(SqliteConfig),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EtcdConfig {
    /// The members, e.g. `https://etcd-1.example:2379`.
    pub endpoints: Vec<String>,
    /// The prefix of all keys. It starts with a slash and ends without a slash.
    pub prefix: String,
    pub tls: Option<TlsConfig>,
    pub login: Option<Login>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SqliteConfig {
    /// The file; its directory may have to be created.
    pub path: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyConfig {
    Nginx(NginxConfig),
    Embedded(EmbeddedConfig),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NginxConfig {
    pub binary: PathBuf,
    /// The container that nginx runs in; on this machine when absent. With a container, the paths below are paths inside
    /// the container.
    pub container: Option<String>,
    /// The main configuration file of nginx.
    pub configuration: PathBuf,
    /// The directory that the main configuration includes.
    pub sites: PathBuf,
    pub state: PathBuf,
    /// The address at which nginx says which slot and generation it serves.
    pub answer_listen: Endpoint,
    /// The address that Greenroom connects to for these answers.
    pub answer_connect: Endpoint,
    /// The directory of nginx's access logs, one per target; no logs when absent.
    pub access_log: Option<PathBuf>,
    /// A template on this machine; the built-in one when absent.
    pub template: Option<PathBuf>,
    pub switch: SwitchMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchMode {
    /// Traffic is switched by one rename of the live pointer, which nginx reads at every request.
    Pointer,
    /// Traffic is switched by a new configuration and a reload, which may break requests.
    Reload,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmbeddedConfig {
    /// The address at which the proxy says which slot and generation it serves.
    pub answer: Endpoint,
    pub state: PathBuf,
}

/// One target: one service in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetSettings {
    /// The settings for the release engine, including the target itself.
    pub definition: Definition,
    /// The settings for the proxy.
    pub site: Option<SiteConfig>,
    /// An additional etcd key.
    pub extra_key: Option<ExtraKey>,
}

/// A target's settings for the proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteConfig {
    pub server_names: Vec<String>,
    pub listen: Endpoint,
    /// The names of the preview server, which always shows the candidate. If there are none, nginx has no preview server.
    pub preview_server_names: Vec<String>,
    pub preview_listen: Option<Endpoint>,
    /// The addresses that may use the preview server; all when empty.
    pub preview_allow: Vec<AddressRange>,
    /// The file of users and passwords for the preview server. A path inside the container if the proxy runs in a
    /// container.
    pub preview_users: Option<PathBuf>,
}

/// An additional etcd key, written in the same transaction as a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtraKey {
    /// A template of the key.
    pub key: String,
    /// A template of the value.
    pub value: String,
}
