//! The section of an environment: its rules, and where its servers are.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::units::{Percent, Time};
use super::etcd::SqliteSection;
use super::{
    DockerSection, EmbeddedSection, EtcdSection, NginxSection, ProcessSection, RegistrySection,
    TimingSection,
};

/// One environment. If `docker` is absent, Docker's socket on this machine is used. If no store is configured, the store
/// is a database file on this machine. A proxy must be configured.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct EnvironmentSection {
    /// How much the environment is protected.
    pub(in crate::settings) tier: TierSetting,
    /// The rules for releases to this environment.
    pub(in crate::settings) rules: RulesSection,
    /// The kind of runtime: a Docker engine, or child processes for the sandbox.
    pub(in crate::settings) runtime: RuntimeKind,
    /// The Docker engine, if the runtime is `docker`.
    pub(in crate::settings) docker: Option<DockerSection>,
    /// The child processes, if the runtime is `process`.
    pub(in crate::settings) process: Option<ProcessSection>,
    /// The image registry, if all images come from the same one; otherwise the only image registry that `registries` does
    /// not name.
    pub(in crate::settings) registry: Option<RegistrySection>,
    /// The image registries by `host` or `host:port`, if the images come from several of them.
    pub(in crate::settings) registries: BTreeMap<String, RegistrySection>,
    /// The kind of store that operators share; `etcd` if there is such a section, otherwise `sqlite`.
    pub(in crate::settings) store: Option<StoreKind>,
    /// The etcd cluster, if the store is `etcd`.
    pub(in crate::settings) etcd: Option<EtcdSection>,
    /// The database file, if the store is `sqlite`.
    pub(in crate::settings) sqlite: Option<SqliteSection>,
    /// The kind of proxy; by default the kind that has a section.
    pub(in crate::settings) proxy: Option<ProxyKind>,
    /// The settings of nginx, if the proxy is `nginx`.
    pub(in crate::settings) nginx: Option<NginxSection>,
    /// The settings of the proxy inside Greenroom, if the proxy is `embedded`.
    pub(in crate::settings) embedded: Option<EmbeddedSection>,
    /// The locks of the environment's targets.
    pub(in crate::settings) lock: LockSection,
    /// The timing of a release.
    pub(in crate::settings) timing: TimingSection,
}

/// How much an environment is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum TierSetting {
    Development,
    #[default]
    Staging,
    Protected,
}

/// The rules of an environment.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct RulesSection {
    /// Whether `--yes` may give the operator's approvals in a protected environment, and start a
    /// release that reloads an nginx which a protected target shares.
    pub(in crate::settings) allow_yes: bool,
    /// Whether a promote needs a reason.
    pub(in crate::settings) require_reason: bool,
    /// The environment in which a version must be live first.
    pub(in crate::settings) only_from: Option<String>,
    /// How many people other than the operator must approve a promote before the switch. Built-in: 0.
    pub(in crate::settings) approvals: u8,
    /// How long an approval by another person is valid. Built-in: 1h.
    pub(in crate::settings) approvals_last: Option<Time>,
    /// The percentage of public requests that may fail during the watch. If more fail, the traffic goes back to the old
    /// version. Built-in: 5%.
    pub(in crate::settings) watch_errors: Option<Percent>,
    /// The minimum number of public requests for the decision about `watch_errors`. Built-in: 20.
    pub(in crate::settings) watch_requests: Option<NonZeroU32>,
    /// How many good versions of each target keep their image when `greenroom prune` removes other images. Built-in: 5.
    pub(in crate::settings) keep_images: Option<NonZeroU32>,
    /// The times at which nothing is promoted, once or weekly.
    pub(in crate::settings) freezes: Vec<FreezeSection>,
}

/// A time at which nothing is promoted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct FreezeSection {
    /// The reason as a name, e.g. payday.
    pub(in crate::settings) name: String,
    /// The time zone, e.g. Europe/Berlin.
    pub(in crate::settings) zone: String,
    /// The weekdays on which the freeze starts, e.g. `["fri"]`; absent for a window with dates.
    #[serde(default)]
    pub(in crate::settings) every: Vec<String>,
    /// When the freeze starts: 2026-12-23 18:00, or with `every` a time such as 16:00.
    pub(in crate::settings) from: String,
    /// When the freeze ends: 2027-01-02 08:00, or with `every` a time such as 22:00 or mon 08:00.
    pub(in crate::settings) until: String,
    /// The services that the freeze applies to; all when absent.
    #[serde(default)]
    pub(in crate::settings) services: Vec<String>,
}

/// The kind of runtime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum RuntimeKind {
    #[default]
    Docker,
    Process,
}

impl From<RuntimeKind> for crate::inventory::RuntimeKind {
    fn from(kind: RuntimeKind) -> Self {
        match kind {
            RuntimeKind::Docker => Self::Containers,
            RuntimeKind::Process => Self::Processes,
        }
    }
}

/// The kind of store that operators share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum StoreKind {
    Etcd,
    Sqlite,
}

/// The kind of proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum ProxyKind {
    Nginx,
    Embedded,
}

/// The lock of a target: how soon other operators notice that a driver is lost.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct LockSection {
    /// How long a lock lasts without a heartbeat. Built-in: 30s.
    pub(in crate::settings) lease: Option<Time>,
    /// The time between two heartbeats. Built-in: 10s; less than half of the lease.
    pub(in crate::settings) heartbeat: Option<Time>,
}

impl EnvironmentSection {
    pub(in crate::settings) fn store_kind(&self) -> StoreKind {
        self.store.unwrap_or(match self.etcd {
            Some(_) => StoreKind::Etcd,
            None => StoreKind::Sqlite,
        })
    }

    pub(in crate::settings) fn proxy_kind(&self) -> Option<ProxyKind> {
        self.proxy.or(match (&self.nginx, &self.embedded) {
            (Some(_), _) => Some(ProxyKind::Nginx),
            (None, Some(_)) => Some(ProxyKind::Embedded),
            (None, None) => None,
        })
    }

    pub(in crate::settings) fn docker_address(&self) -> String {
        self.docker.as_ref().map_or_else(
            || DockerSection::default().address,
            |docker| docker.address.clone(),
        )
    }
}
