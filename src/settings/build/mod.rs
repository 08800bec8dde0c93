//! Turns the sections of the file into plain data, with every default filled in. Runs only after the checks. A value
//! that still cannot be converted is left out.

mod target;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{
    AgentSettings, EnvironmentSettings, HistorySettings, ProxyConfig, RuntimeConfig, Settings,
    StoreConfig,
};
use super::model::{
    AgentSection, EnvironmentSection, OperatorFrom, OperatorSettings, ProxyKind, Root, RuntimeKind,
    StoreKind,
};
use super::origin::Origin;
use super::registries::other_hosts;
use super::{paths, timing};
use crate::history::Retention;
use crate::inventory::Endpoint;
use crate::inventory::servers::{InboxConfig, NginxConfig, RegistryConfig, ServerTls};

/// The settings of a file without errors. `read_only` is the origin of the read-only mode, if that is set.
pub(super) fn build(root: &Root, file: &Path, read_only: Option<Origin>) -> Settings {
    let building = Building {
        root,
        base: paths::absolute(&paths::base_of(file)),
    };
    let environments: Vec<EnvironmentSettings> = root
        .environments
        .iter()
        .filter_map(|(name, section)| building.environment(name, section))
        .collect();
    let targets = root
        .services
        .iter()
        .flat_map(|(name, service)| building.targets(name, service, &environments))
        .collect();
    Settings {
        file: file.to_owned(),
        modified_at: None,
        is_read_once: false,
        refused: BTreeMap::new(),
        operator: OperatorSettings {
            name: root.operator.name.clone().or_else(|| etcd_user(root)),
            ..root.operator.clone()
        },
        console: root.console.clone(),
        read_only,
        history: HistorySettings {
            // `check` has refused a file without this key if there is no directory for the archive.
            archive: (root.history.archive.clone().or_else(paths::archive)).unwrap_or_default(),
            retention: Retention {
                keep_for: root.history.keep_days.map(days),
                keep_last: root.history.keep_last.map(NonZeroU32::get),
                max_size: Some(root.history.max_size),
            },
            log_size: if root.history.keep_logs {
                usize::try_from(root.history.log_size).unwrap_or(usize::MAX)
            } else {
                0
            },
        },
        notices: root.notices.0.clone(),
        agent: AgentSettings {
            inbox: inbox(&root.agent),
        },
        environments,
        targets,
    }
}

struct Building<'a> {
    root: &'a Root,
    base: PathBuf,
}

impl Building<'_> {
    /// Resolves a path against the directory of the file. Only the paths that can also be inside a container need this
    /// here: all other paths are already resolved.
    fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    fn environment(&self, name: &str, section: &EnvironmentSection) -> Option<EnvironmentSettings> {
        let (lock_lease, lock_heartbeat) = timing::lock(self.root, section);
        Some(EnvironmentSettings {
            name: name.parse().ok()?,
            tier: section.tier,
            rules: section.rules.clone(),
            runtime: runtime(section)?,
            registries: self.registries(name, section),
            store: store(section)?,
            proxy: self.proxy(section),
            lock_lease,
            lock_heartbeat,
            origins: BTreeMap::new(),
        })
    }

    fn registries(
        &self,
        name: &str,
        section: &EnvironmentSection,
    ) -> BTreeMap<String, RegistryConfig> {
        let mut registries = section.registries.clone();
        // The table `registry` is for one registry. If `registries` leaves out several, `check` has already refused it.
        if let (Some(registry), [host]) = (
            &section.registry,
            &other_hosts(self.root, name, section)[..],
        ) {
            registries.insert((*host).to_owned(), registry.clone());
        }
        registries
    }

    fn proxy(&self, section: &EnvironmentSection) -> Option<ProxyConfig> {
        Some(match section.proxy_kind()? {
            ProxyKind::Nginx => ProxyConfig::Nginx(self.nginx(section.nginx.clone()?)),
            ProxyKind::Embedded => ProxyConfig::Embedded(section.embedded.clone()?),
        })
    }

    /// Fills in the address at which nginx answers, and resolves the paths. Paths inside a container stay as they are.
    /// So does a program name without a directory: it is searched in PATH when the program is run.
    fn nginx(&self, mut nginx: NginxConfig) -> NginxConfig {
        nginx.answer.connect = Some(nginx.answer.address());
        if nginx.container.is_some() {
            return nginx;
        }
        if nginx.binary.components().count() > 1 {
            nginx.binary = self.path(&nginx.binary);
        }
        let paths = [&mut nginx.configuration, &mut nginx.sites, &mut nginx.state];
        for path in paths.into_iter().chain(&mut nginx.access_log) {
            *path = self.path(path);
        }
        nginx
    }
}

fn runtime(section: &EnvironmentSection) -> Option<RuntimeConfig> {
    Some(match section.runtime {
        RuntimeKind::Docker => RuntimeConfig::Docker(section.docker.clone().unwrap_or_default()),
        RuntimeKind::Process => RuntimeConfig::Process(section.process.clone()?),
    })
}

fn store(section: &EnvironmentSection) -> Option<StoreConfig> {
    Some(match section.store_kind() {
        StoreKind::Etcd => StoreConfig::Etcd(section.etcd.clone()?),
        StoreKind::Sqlite => {
            let named = section.sqlite.as_ref().and_then(|it| it.path.clone());
            StoreConfig::Sqlite(named.or_else(paths::store)?)
        }
    })
}

fn inbox(section: &AgentSection) -> Option<InboxConfig> {
    let Endpoint::Tcp(listen) = section.listen.clone()? else {
        return None;
    };
    let tls = section.certificate.clone().zip(section.key.clone());
    Some(InboxConfig {
        listen,
        tls: tls.map(|(certificate, key)| ServerTls { certificate, key }),
        senders: section.senders.0.clone(),
    })
}

fn days(days: NonZeroU32) -> Duration {
    Duration::from_secs(24 * 60 * 60 * u64::from(days.get()))
}

/// The etcd user, if the operator's name comes from etcd. `check` has made sure that all environments with a store in
/// etcd have the same user.
fn etcd_user(root: &Root) -> Option<String> {
    if root.operator.from != OperatorFrom::Etcd {
        return None;
    }
    let of_etcd = root.environments.iter();
    let of_etcd = of_etcd.filter(|(_, it)| it.store_kind() == StoreKind::Etcd);
    let mut users = of_etcd.filter_map(|(_, environment)| {
        let etcd = environment.etcd.as_ref()?;
        etcd.user.clone()
    });
    users.next()
}
