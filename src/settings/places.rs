//! The settings as plain data, from which the composition root builds adapters and engines.
//! All paths are absolute or relative to the working directory; all defaults are filled in.

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

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The file it was read from.
    pub file: PathBuf,
    /// When that file was last changed; none if the text did not come from a file.
    pub modified_at: Option<Timestamp>,
    /// Whether it was read from a descriptor of this process, such as `/dev/stdin`, which may be a pipe: it cannot be
    /// read again.
    #[serde(skip)]
    pub is_read_once: bool,
    /// The environments that are configured and not used, with why: other users can change what they rely on. They and
    /// their targets are left out of what follows.
    #[serde(skip)]
    pub refused: BTreeMap<EnvironmentName, Vec<Problem>>,
    /// The operator who is recorded with releases.
    pub operator: OperatorSettings,
    /// The console.
    pub console: ConsoleSettings,
    /// The archive of releases.
    pub history: HistorySettings,
    /// The channels that get notices of releases.
    pub notices: Vec<NoticeSettings>,
    /// The environments, in the order of promotion.
    pub environments: Vec<EnvironmentSettings>,
    /// The targets: by service as in the file, and within one by environment in the order of promotion.
    pub targets: Vec<TargetSettings>,
}

impl Settings {
    /// The environment with that name.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&EnvironmentSettings> {
        self.environments
            .iter()
            .find(|environment| environment.name == *name)
    }

    /// The targets behind the proxies that use this template.
    pub fn targets_behind(&self, template: &Path) -> impl Iterator<Item = &Target> {
        let is_behind = |target: &&Target| {
            let environment = self.environment(&target.environment);
            let proxy = environment.and_then(|environment| environment.proxy.as_ref());
            matches!(proxy, Some(ProxyPlace::Nginx(place)) if place.template.as_deref() == Some(template))
        };
        let targets = self.targets.iter().map(|it| &it.definition.target);
        targets.filter(is_behind)
    }

    /// The files of the configuration: its own first, then the templates it names.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.file.clone()];
        for environment in &self.environments {
            if let Some(ProxyPlace::Nginx(place)) = &environment.proxy
                && let Some(template) = &place.template
                && !files.contains(template)
            {
                files.push(template.clone());
            }
        }
        files
    }
}

/// The operator who is recorded with releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorSettings {
    /// The name; none for that of the login.
    pub name: Option<String>,
    /// The host; none for that of this machine.
    pub host: Option<String>,
}

/// The archive of releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistorySettings {
    /// Its file.
    pub archive: PathBuf,
    /// How long records are kept.
    pub retention: Retention,
    /// How many bytes of a candidate's log are kept; 0 keeps no logs.
    pub log_size: usize,
}

/// One channel that gets notices of releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeSettings {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: AddressPlace,
    /// The signing key; none for an incoming webhook.
    pub secret: Option<SecretSource>,
    /// The events it gets.
    pub events: Vec<NoticeEvent>,
    /// The environments it gets notices of; all when empty.
    pub environments: Vec<EnvironmentName>,
    /// The services it gets notices of; all when empty.
    pub services: Vec<ServiceName>,
}

/// The address of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressPlace {
    /// The address itself.
    Plain(String),
    /// The source to read it from.
    Secret(SecretSource),
}

/// The console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsoleSettings {
    /// The theme's name.
    pub theme: String,
    /// The themes of tiers that have their own.
    pub theme_by_tier: Vec<(Tier, String)>,
    /// Which characters are drawn.
    pub ascii: AsciiSetting,
    /// Other keys for actions: the action's name, and the keys as written.
    pub keys: Vec<(String, Vec<String>)>,
    /// How long a target stays armed.
    pub armed: Duration,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// When the terminal's bell rings.
    pub bell: BellSetting,
    /// Where read-only mode is set; none if it is not.
    pub read_only: Option<Origin>,
}

/// Whether to draw ASCII characters only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AsciiSetting {
    /// If the locale has no other characters.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// When the terminal's bell rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BellSetting {
    /// Never.
    Off,
    /// Once for each new thing that waits for the operator.
    Waits,
}

/// One environment: its rules, and where its systems are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentSettings {
    /// Its name.
    pub name: EnvironmentName,
    /// How much it is protected.
    pub tier: Tier,
    /// The rules of its releases.
    pub rules: Rules,
    /// What runs the instances.
    pub runtime: RuntimePlace,
    /// How to connect to image registries; one that is not listed is used anonymously over TLS.
    pub registries: Vec<RegistryPlace>,
    /// The store that operators share.
    pub store: StorePlace,
    /// The proxy; none if Greenroom configures none.
    pub proxy: Option<ProxyPlace>,
    /// How long a lock lasts without a heartbeat.
    pub lock_lease: Duration,
    /// The time between two heartbeats.
    pub lock_heartbeat: Duration,
    /// The origin of each key of its table, by the key without `environments.NAME.`.
    pub origins: BTreeMap<String, Origin>,
}

impl EnvironmentSettings {
    /// A key of its table as shown to operators: `environments.qa.etcd.password (greenroom.toml:12:14)`.
    pub fn setting(&self, key: &str) -> String {
        let origin = self.origins.get(key);
        let origin = origin.map_or(String::new(), |origin| format!(" ({origin})"));
        format!("environments.{}.{key}{origin}", self.name)
    }

    /// Whether both use one engine, or one proxy.
    pub(super) fn shares(&self, other: &Self) -> bool {
        let runs_there = match (&self.runtime, &other.runtime) {
            (RuntimePlace::Docker(one), RuntimePlace::Docker(two)) => one.address == two.address,
            (RuntimePlace::Process(one), RuntimePlace::Process(two)) => one.state == two.state,
            _ => false,
        };
        let is_routed_there = match (&self.proxy, &other.proxy) {
            (Some(ProxyPlace::Nginx(one)), Some(ProxyPlace::Nginx(two))) => {
                one.container == two.container
                    && (one.configuration == two.configuration || one.state == two.state)
            }
            (Some(ProxyPlace::Embedded(one)), Some(ProxyPlace::Embedded(two))) => {
                one.state == two.state
            }
            _ => false,
        };
        runs_there || is_routed_there
    }
}

/// What runs the instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimePlace {
    /// A Docker engine.
    Docker(DockerPlace),
    /// Child processes.
    Process(ProcessPlace),
}

/// A Docker engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DockerPlace {
    /// `unix:///run/docker.sock` or `tcp://host:port`.
    pub address: String,
    /// Certificates.
    pub tls: Option<TlsPlace>,
}

/// Certificates, as PEM files. A certificate never comes without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TlsPlace {
    /// The authority. Always present for Docker; for etcd, the authorities of this machine when absent.
    pub ca: Option<PathBuf>,
    /// The client's own certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// Child processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessPlace {
    /// The directory that records what was started.
    pub state: PathBuf,
    /// The catalogue of versions.
    pub catalogue: PathBuf,
}

/// How to connect to one image registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistryPlace {
    /// `host` or `host:port`, as in the names of its images.
    pub host: String,
    /// Whether the table `registry` configures it, not its host in `registries`.
    pub is_only: bool,
    /// User and where the password is read from; anonymous when absent.
    pub login: Option<Login>,
    /// Plain HTTP.
    pub plain_http: bool,
    /// A PEM file with the authority that signed the registry's certificate, in addition to the ones already trusted.
    pub ca: Option<PathBuf>,
    /// The server on another host that may receive the password.
    pub token_server: Option<String>,
}

impl RegistryPlace {
    /// The key of its password in the table of its environment.
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
    /// The user.
    pub user: String,
    /// The password's source.
    pub password: SecretSource,
}

/// The store that operators share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorePlace {
    /// An etcd cluster.
    Etcd(EtcdPlace),
    /// A database file of this machine.
    Sqlite(SqlitePlace),
}

/// An etcd cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EtcdPlace {
    /// Its members, e.g. `https://etcd-1.example:2379`.
    pub endpoints: Vec<String>,
    /// The prefix of all keys; starts with a slash and ends without one.
    pub prefix: String,
    /// Certificates.
    pub tls: Option<TlsPlace>,
    /// User and password.
    pub login: Option<Login>,
}

/// A database file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SqlitePlace {
    /// The file; its directory may have to be created.
    pub path: PathBuf,
}

/// The proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyPlace {
    /// An nginx.
    Nginx(NginxPlace),
    /// The proxy inside Greenroom.
    Embedded(EmbeddedPlace),
}

/// An nginx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NginxPlace {
    /// Its program.
    pub binary: PathBuf,
    /// The container it runs in; on this machine when absent. Its paths are those inside the container.
    pub container: Option<String>,
    /// Its main configuration file.
    pub configuration: PathBuf,
    /// The directory that the main configuration includes.
    pub sites: PathBuf,
    /// The directory of the live pointers.
    pub state: PathBuf,
    /// Where nginx tells which slot and generation it serves.
    pub answer_listen: Endpoint,
    /// Where Greenroom connects to it.
    pub answer_connect: Endpoint,
    /// The directory of its access logs, one per target; no logs when absent.
    pub access_log: Option<PathBuf>,
    /// A template on this machine; the built-in one when absent.
    pub template: Option<PathBuf>,
    /// How traffic is switched.
    pub switch: SwitchMode,
}

/// How traffic is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchMode {
    /// By one rename that nginx reads at every request.
    Pointer,
    /// By a new configuration and a reload, which may break requests.
    Reload,
}

/// The proxy inside Greenroom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmbeddedPlace {
    /// Where it tells which slot and generation it serves.
    pub answer: Endpoint,
    /// The directory of the live pointers.
    pub state: PathBuf,
}

/// One target: one service in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetSettings {
    /// The settings for the release engine; its target names service and environment.
    pub definition: Definition,
    /// The settings for the proxy.
    pub site: Option<SitePlace>,
    /// An additional etcd key.
    pub extra_key: Option<ExtraKey>,
}

/// A target's settings for the proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SitePlace {
    /// The names of the public server.
    pub server_names: Vec<String>,
    /// The address of the public server.
    pub listen: Endpoint,
    /// The names of the preview server, which always shows the candidate; empty if there is none.
    pub preview_server_names: Vec<String>,
    /// The address of the preview server.
    pub preview_listen: Option<Endpoint>,
    /// The addresses that may use it; all when empty.
    pub preview_allow: Vec<AddressRange>,
    /// Its file of users and passwords; none when absent. A path inside the container if the proxy runs in one.
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
