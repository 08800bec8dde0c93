//! The whole file, and the sections without a module of their own.

use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::environment::LockSection;
use super::shared::SharedTable;
use super::{
    AgentSection, ConsoleSettings, EnvironmentSection, NoticeSettings, Ordered, ServiceSection,
    TimingSection,
};
use crate::inventory::servers::{DockerConfig, EtcdConfig, NginxConfig, RegistryConfig};
use crate::inventory::units::{Size, Written};

/// The configuration of Greenroom.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct Root {
    /// Defaults for all environments and services.
    pub(in crate::settings) defaults: DefaultsSection,
    /// The operator who is recorded with releases.
    pub(in crate::settings) operator: OperatorSettings,
    /// The looks and keys of the console.
    pub(in crate::settings) console: ConsoleSettings,
    /// The local archive of releases.
    pub(in crate::settings) history: HistorySection,
    /// The channels that get notices of releases.
    pub(in crate::settings) notices: Ordered<NoticeSettings>,
    /// The agent, which releases pushed versions by itself.
    pub(in crate::settings) agent: AgentSection,
    /// The environments, in the order a version is promoted.
    pub(in crate::settings) environments: Ordered<EnvironmentSection>,
    /// The services that can be released.
    pub(in crate::settings) services: Ordered<ServiceSection>,
}

/// The defaults. The tables of environments, services and targets override them.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct DefaultsSection {
    /// The timing of a release.
    pub(in crate::settings) timing: TimingSection,
    /// The locks of targets.
    pub(in crate::settings) lock: LockSection,
    /// The Docker engine of the environments that use Docker.
    pub(in crate::settings) docker: Option<SharedTable<DockerConfig>>,
    /// The image registry of the environments that use Docker.
    pub(in crate::settings) registry: Option<SharedTable<RegistryConfig>>,
    /// The etcd cluster of the environments that have no database file.
    pub(in crate::settings) etcd: Option<SharedTable<EtcdConfig>>,
    /// The nginx of the environments that have no other proxy.
    pub(in crate::settings) nginx: Option<SharedTable<NginxConfig>>,
}

/// The operator who is recorded with releases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperatorSettings {
    /// The source of the name if `name` is absent: the login on this machine, or the etcd user, who is authenticated by
    /// a password.
    pub(in crate::settings) from: OperatorFrom,
    /// The name. It cannot be set together with `from = "etcd"`.
    pub name: Option<String>,
    /// The host; this machine's name when absent.
    pub host: Option<String>,
}

/// The local archive of releases, for browsing without a network. A target's last release and its last successful
/// release are never removed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct HistorySection {
    /// The file of the archive; in the user's state directory when absent. Two configurations that use the same names
    /// for different targets need an archive each.
    #[schemars(extend("format" = "path"))]
    pub(in crate::settings) archive: Option<PathBuf>,
    /// How many days a release is kept, counted from its start; without a limit when absent.
    pub(in crate::settings) keep_days: Option<NonZeroU32>,
    /// The maximum number of releases kept per target; all when absent.
    pub(in crate::settings) keep_last: Option<NonZeroU32>,
    /// The maximum size of the file. The oldest logs are removed first, then the oldest releases.
    #[serde(with = "Written::<Size>")]
    pub(in crate::settings) max_size: u64,
    /// Whether the logs of candidates and tasks are kept with their releases.
    pub(in crate::settings) keep_logs: bool,
    /// How much of each log is kept, measured before compression: a quarter from its start, the rest from its
    /// end.
    #[serde(with = "Written::<Size>")]
    pub(in crate::settings) log_size: u64,
}

impl Default for HistorySection {
    fn default() -> Self {
        Self {
            archive: None,
            keep_days: None,
            keep_last: None,
            max_size: 1 << 30,
            keep_logs: true,
            log_size: 1 << 20,
        }
    }
}

/// The source of an operator's name.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::settings) enum OperatorFrom {
    #[default]
    System,
    Etcd,
}
