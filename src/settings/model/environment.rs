//! An environment: how careful to be in it, and where its systems are.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::words::{Percent, Time};
use super::etcd::SqliteSection;
use super::{
    DockerSection, EmbeddedSection, EtcdSection, NginxSection, ProcessSection, RegistrySection,
    TimingSection,
};

/// One environment. Where a system is not said, it is a default of this machine.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct EnvironmentSection {
    /// How careful one has to be.
    pub(in crate::settings) tier: TierWord,
    /// What is allowed.
    pub(in crate::settings) rules: RulesSection,
    /// What runs the containers or processes.
    pub(in crate::settings) runtime: RuntimeKind,
    /// The Docker engine.
    pub(in crate::settings) docker: Option<DockerSection>,
    /// Child processes.
    pub(in crate::settings) process: Option<ProcessSection>,
    /// The image registry, where all images come from one, or from one that `registries` does not name.
    pub(in crate::settings) registry: Option<RegistrySection>,
    /// Image registries by `host` or `host:port`, where the images come from several.
    pub(in crate::settings) registries: BTreeMap<String, RegistrySection>,
    /// Where the shared truth is; `etcd` when there is such a section, otherwise `sqlite`.
    pub(in crate::settings) store: Option<StoreKind>,
    /// The etcd cluster.
    pub(in crate::settings) etcd: Option<EtcdSection>,
    /// The database file.
    pub(in crate::settings) sqlite: Option<SqliteSection>,
    /// What carries the traffic; the one there is a section of when absent.
    pub(in crate::settings) proxy: Option<ProxyKind>,
    /// The nginx.
    pub(in crate::settings) nginx: Option<NginxSection>,
    /// The proxy inside Greenroom.
    pub(in crate::settings) embedded: Option<EmbeddedSection>,
    /// The lock of a target.
    pub(in crate::settings) lock: LockSection,
    /// The patience of a release.
    pub(in crate::settings) timing: TimingSection,
}

/// How careful one has to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum TierWord {
    Development,
    #[default]
    Staging,
    Protected,
}

/// What an environment allows.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct RulesSection {
    /// Whether `--yes` may stand for the operator's approvals in a protected environment, and for the beginning of a
    /// release that reloads an nginx which a protected target shares.
    pub(in crate::settings) allow_yes: bool,
    /// Whether a promote needs a reason.
    pub(in crate::settings) require_reason: bool,
    /// The environment a version has to be live in first.
    pub(in crate::settings) only_from: Option<String>,
    /// How many people other than the operator have to approve a promote before the switch. Built-in: 0.
    pub(in crate::settings) approvals: u8,
    /// How long such an approval counts. Built-in: 1h.
    pub(in crate::settings) approvals_last: Option<Time>,
    /// How many per cent of the public's requests may fail while a new version is watched: more switch back. Built-in: 5%.
    pub(in crate::settings) watch_errors: Option<Percent>,
    /// Of how many requests at least; fewer say nothing. Built-in: 20.
    pub(in crate::settings) watch_requests: Option<NonZeroU32>,
    /// How many good versions keep their image on the engine when `greenroom prune` removes others. Built-in: 5.
    pub(in crate::settings) keep_images: Option<NonZeroU32>,
    /// When nothing is promoted: once, or every week.
    pub(in crate::settings) freezes: Vec<FreezeSection>,
}

/// A time at which nothing is promoted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct FreezeSection {
    /// What it is for, e.g. payday.
    pub(in crate::settings) name: String,
    /// By the clocks of which place, e.g. Europe/Berlin.
    pub(in crate::settings) zone: String,
    /// The days of every week on which it begins, e.g. `["fri"]`; absent for a window with dates.
    #[serde(default)]
    pub(in crate::settings) every: Vec<String>,
    /// When it begins: 2026-12-23 18:00, or with `every` a time such as 16:00.
    pub(in crate::settings) from: String,
    /// When it ends: 2027-01-02 08:00, or with `every` a time such as 22:00 or mon 08:00.
    pub(in crate::settings) until: String,
    /// The services it is for; all when absent.
    #[serde(default)]
    pub(in crate::settings) services: Vec<String>,
}

/// What runs the containers or processes.
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

/// Where the shared truth is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum StoreKind {
    Etcd,
    Sqlite,
}

/// What carries the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum ProxyKind {
    Nginx,
    Embedded,
}

/// The lock of a target: how soon a lost operator is noticed.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct LockSection {
    /// How long a lock lasts without a sign of life. Built-in: 30s.
    pub(in crate::settings) lease: Option<Time>,
    /// How often that sign is given. Built-in: 10s; less than half of the lease.
    pub(in crate::settings) heartbeat: Option<Time>,
}

impl EnvironmentSection {
    /// Where the shared truth is.
    pub(in crate::settings) fn store_kind(&self) -> StoreKind {
        self.store.unwrap_or(match self.etcd {
            Some(_) => StoreKind::Etcd,
            None => StoreKind::Sqlite,
        })
    }

    /// What carries the traffic, if anything does.
    pub(in crate::settings) fn proxy_kind(&self) -> Option<ProxyKind> {
        self.proxy.or(match (&self.nginx, &self.embedded) {
            (Some(_), _) => Some(ProxyKind::Nginx),
            (None, Some(_)) => Some(ProxyKind::Embedded),
            (None, None) => None,
        })
    }

    /// The Docker engine's address.
    pub(in crate::settings) fn docker_address(&self) -> String {
        self.docker.as_ref().map_or_else(
            || DockerSection::default().address,
            |docker| docker.address.clone(),
        )
    }
}
