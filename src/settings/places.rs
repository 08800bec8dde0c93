//! The settings as plain data: what the composition root builds adapters and engines from.
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

/// Everything that is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The file it was read from.
    pub file: PathBuf,
    /// When that file was last changed; none where it was not read from a file.
    pub modified_at: Option<Timestamp>,
    /// Whether it was read from a descriptor of this process, such as `/dev/stdin`, which may be a pipe: it cannot be
    /// read again.
    #[serde(skip)]
    pub is_read_once: bool,
    /// The environments that are configured and not used, with why: other users can change what they rely on. They and
    /// their targets are left out of what follows.
    #[serde(skip)]
    pub refused: BTreeMap<EnvironmentName, Vec<Problem>>,
    /// Who is recorded as having released.
    pub operator: OperatorSettings,
    /// The console.
    pub console: ConsoleSettings,
    /// The copy of every release that was seen.
    pub history: HistorySettings,
    /// The channels that are told of releases.
    pub notices: Vec<NoticeSettings>,
    /// The environments, in the order of promotion.
    pub environments: Vec<EnvironmentSettings>,
    /// The targets: by service as in the file, and within one by environment in the order of promotion.
    pub targets: Vec<TargetSettings>,
}

impl Settings {
    /// The environment of that name.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&EnvironmentSettings> {
        self.environments
            .iter()
            .find(|environment| environment.name == *name)
    }

    /// The targets behind the proxies that are configured by this template.
    pub fn targets_behind(&self, template: &Path) -> impl Iterator<Item = &Target> {
        let is_behind = |target: &&Target| {
            let environment = self.environment(&target.environment);
            let proxy = environment.and_then(|environment| environment.proxy.as_ref());
            matches!(proxy, Some(ProxyPlace::Nginx(place)) if place.template.as_deref() == Some(template))
        };
        let targets = self.targets.iter().map(|it| &it.definition.target);
        targets.filter(is_behind)
    }

    /// The files that it was put together from: its own first, then the templates it names.
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

/// Who is recorded as having released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorSettings {
    /// The name; that of the login when absent.
    pub name: Option<String>,
    /// The host; that of this machine when absent.
    pub host: Option<String>,
}

/// The copy of every release that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistorySettings {
    /// Its file.
    pub archive: PathBuf,
    /// What is forgotten of it.
    pub retention: Retention,
    /// How many bytes of a candidate's log are kept; none when zero.
    pub log_size: usize,
}

/// One channel that is told of releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeSettings {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: AddressPlace,
    /// What signs; none for an incoming webhook.
    pub secret: Option<SecretSource>,
    /// What is told of.
    pub events: Vec<NoticeEvent>,
    /// In which environments; in all when empty.
    pub environments: Vec<EnvironmentName>,
    /// Of which services; of all when empty.
    pub services: Vec<ServiceName>,
}

/// Where a webhook is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressPlace {
    /// As it is written.
    Plain(String),
    /// Where it is read from.
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
    /// Other keys for actions: the action's name, and the keys as they are written.
    pub keys: Vec<(String, Vec<String>)>,
    /// How long a target stays armed.
    pub armed: Duration,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// When the terminal's bell rings.
    pub bell: BellSetting,
    /// Where it is said that nothing can be changed at all; none where that is not said.
    pub read_only: Option<Origin>,
}

/// Whether only characters of ASCII are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AsciiSetting {
    /// Where the locale speaks of nothing else.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
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

/// One environment: how careful to be, and where its systems are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentSettings {
    /// Its name.
    pub name: EnvironmentName,
    /// How careful one has to be.
    pub tier: Tier,
    /// What is allowed.
    pub rules: Rules,
    /// What runs the instances.
    pub runtime: RuntimePlace,
    /// How image registries are spoken to; one that is not here, anonymously and over TLS.
    pub registries: Vec<RegistryPlace>,
    /// Where the shared truth is.
    pub store: StorePlace,
    /// What carries the traffic; none when nothing is reached through a proxy of ours.
    pub proxy: Option<ProxyPlace>,
    /// How long a lock lasts without a sign of life.
    pub lock_lease: Duration,
    /// How often that sign is given.
    pub lock_heartbeat: Duration,
    /// Where each key of its table is written, by the key without `environments.NAME.`.
    pub origins: BTreeMap<String, Origin>,
}

impl EnvironmentSettings {
    /// A key of its table as an operator reads it: `environments.qa.etcd.password (greenroom.toml:12:14)`.
    pub fn setting(&self, key: &str) -> String {
        let origin = self.origins.get(key);
        let origin = origin.map_or(String::new(), |origin| format!(" ({origin})"));
        format!("environments.{}.{key}{origin}", self.name)
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
    /// The authority. Never absent for Docker; for etcd, the authorities of this machine when absent.
    pub ca: Option<PathBuf>,
    /// The client's own certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// Child processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessPlace {
    /// The directory that remembers what was started.
    pub state: PathBuf,
    /// The catalogue of versions.
    pub catalogue: PathBuf,
}

/// How one image registry is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistryPlace {
    /// `host` or `host:port`, as in the names of its images.
    pub host: String,
    /// Whether it is configured by the table `registry`, and not by its host in `registries`.
    pub is_only: bool,
    /// User and where the password is read from; anonymous when absent.
    pub login: Option<Login>,
    /// Plain HTTP.
    pub plain_http: bool,
    /// A PEM file with the authority that signed the registry's certificate, besides those that are trusted anyway.
    pub ca: Option<PathBuf>,
    /// The server on another host that may get the password.
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

/// A user, and where the password is read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password's source.
    pub password: SecretSource,
}

/// Where the shared truth is.
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
    /// Under which everything is kept; starts with a slash and ends without.
    pub prefix: String,
    /// Certificates.
    pub tls: Option<TlsPlace>,
    /// User and password.
    pub login: Option<Login>,
}

/// A database file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SqlitePlace {
    /// The file; its directory may have to be made.
    pub path: PathBuf,
}

/// What carries the traffic.
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
    /// The container it runs in; on this machine itself when absent. Paths are those inside.
    pub container: Option<String>,
    /// Its main configuration file.
    pub configuration: PathBuf,
    /// The directory that the main configuration includes.
    pub sites: PathBuf,
    /// The directory of the live pointers.
    pub state: PathBuf,
    /// Where nginx listens for questions about slot and generation.
    pub answer_listen: Endpoint,
    /// Where Greenroom connects to for them.
    pub answer_connect: Endpoint,
    /// The directory in which it keeps an access log for each target; none are kept when absent.
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
    /// By a new configuration and a reload, which may cost requests.
    Reload,
}

/// The proxy inside Greenroom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmbeddedPlace {
    /// Where it says which slot and generation it serves.
    pub answer: Endpoint,
    /// The directory of the live pointers.
    pub state: PathBuf,
}

/// One target: one service in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetSettings {
    /// What the release engine knows of it. Its target names service and environment.
    pub definition: Definition,
    /// What the proxy knows of it.
    pub site: Option<SitePlace>,
    /// A further key of etcd.
    pub extra_key: Option<ExtraKey>,
}

/// What the proxy knows of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SitePlace {
    /// The names of the public server.
    pub server_names: Vec<String>,
    /// Where it listens.
    pub listen: Endpoint,
    /// The names of the server that always shows the candidate; empty when there is none.
    pub preview_server_names: Vec<String>,
    /// Where that server listens.
    pub preview_listen: Option<Endpoint>,
    /// The addresses whose requests it answers; all when empty.
    pub preview_allow: Vec<AddressRange>,
    /// The file of users and passwords it asks for; none when absent. Inside a container where the proxy is in one.
    pub preview_users: Option<PathBuf>,
}

/// A further key of etcd, written in the same transaction as a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtraKey {
    /// A template of the key.
    pub key: String,
    /// A template of the value.
    pub value: String,
}
