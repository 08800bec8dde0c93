//! The section of an environment: its rules, and where its servers are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TimingSection;
use crate::inventory::Tier;
use crate::inventory::servers::{
    DockerConfig, EmbeddedConfig, EtcdConfig, NginxConfig, ProcessConfig, RegistryConfig,
};
use crate::inventory::units::{MaybeWritten, Time};
use crate::release::Rules;

/// One environment. If `docker` is absent, Docker's socket on this machine is used. If no store is configured, the
/// store is a database file on this machine. A proxy must be configured.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct EnvironmentSection {
    /// How much the environment is protected.
    pub(in crate::settings) tier: Tier,
    /// The rules for releases to this environment.
    pub(in crate::settings) rules: Rules,
    /// The kind of runtime: a Docker engine, or child processes for the sandbox.
    pub(in crate::settings) runtime: RuntimeKind,
    /// The Docker engine, if the runtime is `docker`.
    pub(in crate::settings) docker: Option<DockerConfig>,
    /// The child processes, if the runtime is `process`.
    pub(in crate::settings) process: Option<ProcessConfig>,
    /// The image registry, if all images come from the same one; otherwise the only image registry that `registries`
    /// does not name.
    pub(in crate::settings) registry: Option<RegistryConfig>,
    /// The image registries by `host` or `host:port`, if the images come from several of them.
    pub(in crate::settings) registries: BTreeMap<String, RegistryConfig>,
    /// The kind of store that operators share; `etcd` if there is such a section, otherwise `sqlite`.
    pub(in crate::settings) store: Option<StoreKind>,
    /// The etcd cluster, if the store is `etcd`.
    pub(in crate::settings) etcd: Option<EtcdConfig>,
    /// The database file, if the store is `sqlite`.
    pub(in crate::settings) sqlite: Option<SqliteSection>,
    /// The kind of proxy; by default the kind that has a section.
    pub(in crate::settings) proxy: Option<ProxyKind>,
    /// The settings of nginx, if the proxy is `nginx`.
    pub(in crate::settings) nginx: Option<NginxConfig>,
    /// The settings of the proxy inside Greenroom, if the proxy is `embedded`.
    pub(in crate::settings) embedded: Option<EmbeddedConfig>,
    /// The locks of the environment's targets.
    pub(in crate::settings) lock: LockSection,
    /// The timing of a release.
    pub(in crate::settings) timing: TimingSection,
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

/// A database file instead of etcd, for one machine.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct SqliteSection {
    /// The file; in the user's data directory when absent.
    #[schemars(extend("format" = "path"))]
    pub(in crate::settings) path: Option<PathBuf>,
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
    #[serde(with = "MaybeWritten::<Time>")]
    pub(in crate::settings) lease: Option<Duration>,
    /// The time between two heartbeats. Built-in: 10s; less than half of the lease.
    #[serde(with = "MaybeWritten::<Time>")]
    pub(in crate::settings) heartbeat: Option<Duration>,
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
            || DockerConfig::default().address,
            |docker| docker.address.clone(),
        )
    }
}
