//! The whole file, and the sections that belong to nobody else.

use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::words::Size;
use super::{
    ConsoleSection, DockerSection, EnvironmentSection, EtcdSection, LockSection, NginxSection,
    NoticeSection, Ordered, RegistrySection, ServiceSection, SharedTable, TimingSection,
};

/// The configuration of Greenroom.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct Root {
    /// What holds wherever nothing nearer says otherwise.
    pub(in crate::settings) defaults: DefaultsSection,
    /// Who is recorded as having released.
    pub(in crate::settings) operator: OperatorSection,
    /// The console.
    pub(in crate::settings) console: ConsoleSection,
    /// The copy of every release that was seen.
    pub(in crate::settings) history: HistorySection,
    /// The channels that are told of releases.
    pub(in crate::settings) notices: Ordered<NoticeSection>,
    /// The environments, in the order a version is promoted.
    pub(in crate::settings) environments: Ordered<EnvironmentSection>,
    /// The services.
    pub(in crate::settings) services: Ordered<ServiceSection>,
}

/// What holds wherever nothing nearer says otherwise.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct DefaultsSection {
    /// The patience of a release.
    pub(in crate::settings) timing: TimingSection,
    /// The lock of a target.
    pub(in crate::settings) lock: LockSection,
    /// The Docker engine of the environments that have one.
    pub(in crate::settings) docker: Option<SharedTable<DockerSection>>,
    /// The image registry of those environments.
    pub(in crate::settings) registry: Option<SharedTable<RegistrySection>>,
    /// The etcd cluster of the environments that do not keep their truth in a file.
    pub(in crate::settings) etcd: Option<SharedTable<EtcdSection>>,
    /// The nginx of the environments that have no other proxy.
    pub(in crate::settings) nginx: Option<SharedTable<NginxSection>>,
}

/// Who is recorded as having released.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct OperatorSection {
    /// Whose name it is where `name` says none: the one of the login on this machine, or the user that etcd knows, who
    /// has to prove with a password that it is them.
    pub(in crate::settings) from: OperatorFrom,
    /// The name, whatever it would be otherwise.
    pub(in crate::settings) name: Option<String>,
    /// The host; this machine's name when absent.
    pub(in crate::settings) host: Option<String>,
}

/// The copy of every release that was seen, for browsing without a network. The last release of a target and its last
/// good one are never forgotten.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct HistorySection {
    /// Its file; in the user's state directory when absent. Configurations whose targets have the same
    /// names and are not the same need one each.
    pub(in crate::settings) archive: Option<PathBuf>,
    /// Releases that were begun more days ago are forgotten; none are when absent.
    pub(in crate::settings) keep_days: Option<NonZeroU32>,
    /// How many releases of a target are kept at most; all when absent.
    pub(in crate::settings) keep_last: Option<NonZeroU32>,
    /// How much the file may hold; then the oldest logs are forgotten, and then the oldest releases.
    pub(in crate::settings) max_size: Size,
    /// Whether what candidates write is kept with their releases.
    pub(in crate::settings) keep_logs: bool,
    /// How much of the log of a candidate is kept, before it is compressed: a quarter from its beginning, the rest up to its
    /// end.
    pub(in crate::settings) log_size: Size,
}

impl Default for HistorySection {
    fn default() -> Self {
        Self {
            archive: None,
            keep_days: None,
            keep_last: None,
            max_size: Size(1 << 30),
            keep_logs: true,
            log_size: Size(1 << 20),
        }
    }
}

/// Where an operator's name comes from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::settings) enum OperatorFrom {
    #[default]
    System,
    Etcd,
}
