//! Turns the sections of the file into plain data, with every default filled in. Runs only after the checks. A value
//! that still cannot be converted is left out.

mod target;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{
    AddressConfig, AsciiSetting, BellSetting, ConsoleSettings, DockerConfig, EmbeddedConfig,
    EnvironmentSettings, EtcdConfig, HistorySettings, Login, NginxConfig, NoticeSettings,
    OperatorSettings, ProcessConfig, ProxyConfig, RegistryConfig, RuntimeConfig, Settings,
    SqliteConfig, StoreConfig, SwitchMode, TlsConfig,
};
use super::freeze::freeze;
use super::model::{
    AsciiAuto, AsciiChoice, BellChoice, ConsoleSection, EnvironmentSection, NginxSection,
    NoticeKind, NoticeSection, OperatorFrom, ProxyKind, RegistrySection, Root, RuntimeKind,
    SecretSection, StoreKind, SwitchSetting, TierSetting, TlsSection, VariableValue,
};
use super::origin::Origin;
use super::registries::other_hosts;
use super::{paths, timing};
use crate::history::Retention;
use crate::inventory::{Endpoint, EnvironmentName, SecretSource, Tier};
use crate::release::Rules;

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
            host: root.operator.host.clone(),
        },
        console: console(&root.console, read_only),
        history: HistorySettings {
            archive: match &root.history.archive {
                Some(path) => building.path(path),
                // `check` has refused a file without this key if there is no directory for the archive.
                None => paths::archive().unwrap_or_default(),
            },
            retention: Retention {
                keep_for: root.history.keep_days.map(days),
                keep_last: root.history.keep_last.map(NonZeroU32::get),
                max_size: Some(root.history.max_size.0),
            },
            log_size: if root.history.keep_logs {
                usize::try_from(root.history.log_size.0).unwrap_or(usize::MAX)
            } else {
                0
            },
        },
        notices: root
            .notices
            .iter()
            .filter_map(|(name, section)| building.notice(name, section))
            .collect(),
        environments,
        targets,
    }
}

fn console(section: &ConsoleSection, read_only: Option<Origin>) -> ConsoleSettings {
    let tiers = &section.theme_by_tier;
    let own = [
        (Tier::Development, &tiers.development),
        (Tier::Staging, &tiers.staging),
        (Tier::Protected, &tiers.protected),
    ];
    let keys = section.keys.0.iter();
    ConsoleSettings {
        theme: section.theme.clone(),
        theme_by_tier: own
            .into_iter()
            .filter_map(|(tier, name)| Some((tier, name.clone()?)))
            .collect(),
        ascii: match section.ascii {
            AsciiChoice::Is(true) => AsciiSetting::Always,
            AsciiChoice::Is(false) => AsciiSetting::Never,
            AsciiChoice::Word(AsciiAuto::Auto) => AsciiSetting::Auto,
        },
        keys: keys
            .map(|(name, keys)| (name.clone(), keys.clone()))
            .collect(),
        armed: section.armed.0,
        mouse: section.mouse,
        bell: match section.bell {
            BellChoice::Off => BellSetting::Off,
            BellChoice::Waits => BellSetting::Waits,
        },
        read_only,
    }
}

struct Building<'a> {
    root: &'a Root,
    base: PathBuf,
}

impl Building<'_> {
    /// Resolves a path of the file: relative to the file's directory, not to the working directory.
    fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    fn secret(&self, section: &SecretSection) -> Option<SecretSource> {
        Some(match section.source()? {
            SecretSource::File(path) => SecretSource::File(self.path(&path)),
            other => other,
        })
    }

    fn notice(&self, name: &str, section: &NoticeSection) -> Option<NoticeSettings> {
        Some(NoticeSettings {
            name: name.to_owned(),
            address: match section.url.as_ref()? {
                VariableValue::Plain(url) => AddressConfig::Plain(url.clone()),
                VariableValue::Secret(secret) => AddressConfig::Secret(self.secret(secret)?),
            },
            secret: match section.kind {
                NoticeKind::Slack => None,
                NoticeKind::Signed => Some(self.secret(section.secret.as_ref()?)?),
            },
            events: section.events.iter().map(|word| (*word).into()).collect(),
            environments: names(&section.environments),
            services: names(&section.services),
        })
    }

    fn login(&self, user: Option<&String>, password: Option<&SecretSection>) -> Option<Login> {
        Some(Login {
            user: user?.clone(),
            password: self.secret(password?)?,
        })
    }

    fn tls(&self, section: Option<&TlsSection>) -> Option<TlsConfig> {
        let section = section?;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| self.path(path));
        Some(TlsConfig {
            ca: path(&section.ca),
            cert: path(&section.cert),
            key: path(&section.key),
        })
    }

    fn environment(&self, name: &str, section: &EnvironmentSection) -> Option<EnvironmentSettings> {
        let (lock_lease, lock_heartbeat) = timing::lock(self.root, section);
        Some(EnvironmentSettings {
            name: name.parse().ok()?,
            tier: tier(section.tier),
            rules: rules(section),
            runtime: self.runtime(section)?,
            registries: self.registries(name, section),
            store: self.store(section)?,
            proxy: self.proxy(section),
            lock_lease,
            lock_heartbeat,
            origins: BTreeMap::new(),
        })
    }

    fn registries(&self, name: &str, section: &EnvironmentSection) -> Vec<RegistryConfig> {
        let by_host = section.registries.iter();
        let mut places: Vec<RegistryConfig> = by_host
            .map(|(host, registry)| self.registry(host, registry, false))
            .collect();
        // The table `registry` is for one registry. If `registries` leaves out several, `check` has already refused it.
        if let (Some(registry), [host]) = (
            &section.registry,
            &other_hosts(self.root, name, section)[..],
        ) {
            places.push(self.registry(host, registry, true));
        }
        places
    }

    fn registry(&self, host: &str, section: &RegistrySection, is_only: bool) -> RegistryConfig {
        RegistryConfig {
            host: host.to_owned(),
            is_only,
            login: self.login(section.user.as_ref(), section.password.as_ref()),
            plain_http: section.plain_http,
            ca: section.ca.as_ref().map(|path| self.path(path)),
            token_server: section.token_server.clone(),
        }
    }

    fn runtime(&self, section: &EnvironmentSection) -> Option<RuntimeConfig> {
        Some(match section.runtime {
            RuntimeKind::Docker => {
                let docker = section.docker.as_ref();
                RuntimeConfig::Docker(DockerConfig {
                    address: section.docker_address(),
                    tls: self.tls(docker.and_then(|docker| docker.tls.as_ref())),
                })
            }
            RuntimeKind::Process => {
                let process = section.process.as_ref()?;
                RuntimeConfig::Process(ProcessConfig {
                    state: self.path(&process.state),
                    catalogue: self.path(&process.catalogue),
                })
            }
        })
    }

    fn store(&self, section: &EnvironmentSection) -> Option<StoreConfig> {
        if section.store_kind() == StoreKind::Sqlite {
            let path = section
                .sqlite
                .as_ref()
                .and_then(|sqlite| sqlite.path.as_ref());
            return Some(StoreConfig::Sqlite(SqliteConfig {
                path: path.map_or_else(paths::store, |path| Some(self.path(path)))?,
            }));
        }
        let etcd = section.etcd.as_ref()?;
        Some(StoreConfig::Etcd(EtcdConfig {
            endpoints: etcd.endpoints.clone(),
            prefix: etcd.prefix.clone(),
            tls: self.tls(etcd.tls.as_ref()),
            login: self.login(etcd.user.as_ref(), etcd.password.as_ref()),
        }))
    }

    fn proxy(&self, section: &EnvironmentSection) -> Option<ProxyConfig> {
        Some(match section.proxy_kind()? {
            ProxyKind::Nginx => ProxyConfig::Nginx(self.nginx(section.nginx.as_ref()?)),
            ProxyKind::Embedded => {
                let embedded = section.embedded.as_ref()?;
                ProxyConfig::Embedded(EmbeddedConfig {
                    answer: embedded.answer.clone(),
                    state: self.path(&embedded.state),
                })
            }
        })
    }

    fn nginx(&self, section: &NginxSection) -> NginxConfig {
        // Paths inside a container stay as they are. A program name without a directory is searched in PATH.
        let resolve = |path: &Path| match section.container {
            Some(_) => path.to_owned(),
            None => self.path(path),
        };
        let bare = section.binary.components().count() == 1;
        NginxConfig {
            binary: if bare {
                section.binary.clone()
            } else {
                resolve(&section.binary)
            },
            container: section.container.clone(),
            configuration: resolve(&section.configuration),
            sites: resolve(&section.sites),
            state: resolve(&section.state),
            answer_listen: section.answer.listen.clone(),
            answer_connect: section
                .answer
                .connect
                .clone()
                .unwrap_or_else(|| reachable(&section.answer.listen)),
            access_log: section.access_log.as_deref().map(resolve),
            template: section.template.as_ref().map(|path| self.path(path)),
            switch: match section.switch {
                SwitchSetting::Pointer => SwitchMode::Pointer,
                SwitchSetting::Reload => SwitchMode::Reload,
            },
        }
    }
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

fn names<T: std::str::FromStr>(written: &[String]) -> Vec<T> {
    let names = written.iter().filter_map(|name| name.parse().ok());
    names.collect()
}

fn tier(word: TierSetting) -> Tier {
    match word {
        TierSetting::Development => Tier::Development,
        TierSetting::Staging => Tier::Staging,
        TierSetting::Protected => Tier::Protected,
    }
}

fn rules(section: &EnvironmentSection) -> Rules {
    let from = section.rules.only_from.as_ref();
    Rules {
        allow_yes: section.rules.allow_yes,
        require_reason: section.rules.require_reason,
        only_from: from.and_then(|name| name.parse::<EnvironmentName>().ok()),
        freezes: section
            .rules
            .freezes
            .iter()
            .filter_map(|section| freeze(section).ok())
            .collect(),
        approvals: section.rules.approvals,
        approvals_last: section
            .rules
            .approvals_last
            .map_or(Rules::default().approvals_last, |time| time.0),
        watch_errors: section
            .rules
            .watch_errors
            .map_or(Rules::default().watch_errors, |percent| percent.0),
        watch_requests: section
            .rules
            .watch_requests
            .map_or(Rules::default().watch_requests, |least| least.get().into()),
        keep_images: section
            .rules
            .keep_images
            .map_or(Rules::default().keep_images, NonZeroU32::get),
        origins: BTreeMap::new(),
    }
}

/// The address at which a listener can be reached: the loopback address if it listens on all addresses.
fn reachable(listen: &Endpoint) -> Endpoint {
    let Endpoint::Tcp(address) = listen else {
        return listen.clone();
    };
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Endpoint::Tcp(SocketAddr::new(ip, address.port()))
}
