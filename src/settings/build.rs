//! From what is written to plain data with every default filled in. Runs only on what has been
//! checked; what could still be wrong is left out rather than guessed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::model::{
    AskSection, CheckSection, EnvironmentSection, HealthSection, ListenSection, NginxSection,
    ProxyKind, RestartWord, Root, RuntimeKind, SecretSection, ServiceEnvironmentSection,
    ServiceSection, SiteSection, StoreKind, SwitchWord, TierWord, TlsSection, VariableValue,
};
use super::places::{
    ConsoleSettings, DockerPlace, EmbeddedPlace, EnvironmentSettings, EtcdPlace, ExtraKey, Login,
    NginxPlace, OperatorSettings, ProcessPlace, ProxyPlace, RegistryPlace, RuntimePlace, Settings,
    SitePlace, SqlitePlace, StorePlace, SwitchMode, TargetSettings, TlsPlace,
};
use super::{paths, timing};
use crate::checks::{Case, Expectation, HealthCheck, Suite};
use crate::inventory::{
    Endpoint, EnvironmentName, EnvironmentValue, InstanceShape, Listen, Mount, PerSlot,
    PublicAddress, RestartPolicy, SecretSource, ServiceName, Target, Tier,
};
use crate::release::{Definition, Rules};

/// The settings of a file that has no errors.
pub(super) fn build(root: &Root, file: &Path) -> Settings {
    let building = Building {
        root,
        base: file.parent().unwrap_or(Path::new("")),
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
        operator: OperatorSettings {
            name: root.operator.name.clone(),
            host: root.operator.host.clone(),
        },
        console: ConsoleSettings {
            theme: root.console.theme.clone(),
            armed: root.console.armed.0,
            mouse: root.console.mouse,
            read_only: root.console.read_only,
        },
        environments,
        targets,
    }
}

struct Building<'a> {
    root: &'a Root,
    base: &'a Path,
}

impl Building<'_> {
    /// A path of the file is relative to the file, not to whoever starts the program.
    fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    fn secret(&self, section: &SecretSection) -> Option<SecretSource> {
        Some(match section.source()? {
            SecretSource::File(path) => SecretSource::File(self.path(&path)),
            other => other,
        })
    }

    fn login(&self, user: Option<&String>, password: Option<&SecretSection>) -> Option<Login> {
        Some(Login {
            user: user?.clone(),
            password: self.secret(password?)?,
        })
    }

    fn tls(&self, section: Option<&TlsSection>) -> Option<TlsPlace> {
        let section = section?;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| self.path(path));
        Some(TlsPlace {
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
            registry: section
                .registry
                .as_ref()
                .map_or_else(RegistryPlace::default, |registry| RegistryPlace {
                    login: self.login(registry.user.as_ref(), registry.password.as_ref()),
                    plain_http: registry.plain_http,
                }),
            store: self.store(section)?,
            proxy: self.proxy(section),
            lock_lease,
            lock_heartbeat,
        })
    }

    fn runtime(&self, section: &EnvironmentSection) -> Option<RuntimePlace> {
        Some(match section.runtime {
            RuntimeKind::Docker => {
                let docker = section.docker.as_ref();
                RuntimePlace::Docker(DockerPlace {
                    address: section.docker_address(),
                    tls: self.tls(docker.and_then(|docker| docker.tls.as_ref())),
                })
            }
            RuntimeKind::Process => {
                let process = section.process.as_ref()?;
                RuntimePlace::Process(ProcessPlace {
                    state: self.path(&process.state),
                    catalogue: self.path(&process.catalogue),
                })
            }
        })
    }

    fn store(&self, section: &EnvironmentSection) -> Option<StorePlace> {
        if section.store_kind() == StoreKind::Sqlite {
            let path = section
                .sqlite
                .as_ref()
                .and_then(|sqlite| sqlite.path.as_ref());
            return Some(StorePlace::Sqlite(SqlitePlace {
                path: path.map_or_else(paths::archive, |path| self.path(path)),
            }));
        }
        let etcd = section.etcd.as_ref()?;
        Some(StorePlace::Etcd(EtcdPlace {
            endpoints: etcd.endpoints.clone(),
            prefix: etcd.prefix.clone(),
            tls: self.tls(etcd.tls.as_ref()),
            login: self.login(etcd.user.as_ref(), etcd.password.as_ref()),
        }))
    }

    fn proxy(&self, section: &EnvironmentSection) -> Option<ProxyPlace> {
        Some(match section.proxy_kind()? {
            ProxyKind::Nginx => ProxyPlace::Nginx(self.nginx(section.nginx.as_ref()?)),
            ProxyKind::Embedded => {
                let embedded = section.embedded.as_ref()?;
                ProxyPlace::Embedded(EmbeddedPlace {
                    answer: embedded.answer.clone(),
                    state: self.path(&embedded.state),
                })
            }
        })
    }

    fn nginx(&self, section: &NginxSection) -> NginxPlace {
        // Inside a container the paths are its own; a bare program name is looked up on the path.
        let here = |path: &Path| match section.container {
            Some(_) => path.to_owned(),
            None => self.path(path),
        };
        let bare = section.binary.components().count() == 1;
        NginxPlace {
            binary: if bare {
                section.binary.clone()
            } else {
                here(&section.binary)
            },
            container: section.container.clone(),
            configuration: here(&section.configuration),
            sites: here(&section.sites),
            state: here(&section.state),
            answer_listen: section.answer.listen.clone(),
            answer_connect: section
                .answer
                .connect
                .clone()
                .unwrap_or_else(|| reachable(&section.answer.listen)),
            template: section.template.as_ref().map(|path| self.path(path)),
            switch: match section.switch {
                SwitchWord::Pointer => SwitchMode::Pointer,
                SwitchWord::Reload => SwitchMode::Reload,
            },
        }
    }

    fn targets(
        &self,
        name: &str,
        service: &ServiceSection,
        environments: &[EnvironmentSettings],
    ) -> Vec<TargetSettings> {
        let Ok(name) = name.parse::<ServiceName>() else {
            return Vec::new();
        };
        environments
            .iter()
            .filter_map(|environment| {
                let section = self.root.environments.get(environment.name.as_str())?;
                let here = service.environments.get(environment.name.as_str())?;
                self.target(&name, service, environment, section, here)
            })
            .collect()
    }

    fn target(
        &self,
        name: &ServiceName,
        service: &ServiceSection,
        environment: &EnvironmentSettings,
        section: &EnvironmentSection,
        here: &ServiceEnvironmentSection,
    ) -> Option<TargetSettings> {
        let health = here.health.as_ref().or(service.health.as_ref()).map(health);
        let asked = health.as_ref().map_or("/", |health| health.path.as_str());
        let cases = here.checks.as_ref().unwrap_or(&service.checks);
        let site = here.proxy.as_ref();
        let definition = Definition {
            target: Target::new(name.clone(), environment.name.clone()),
            tier: environment.tier,
            rules: environment.rules.clone(),
            repository: service.image.clone(),
            endpoints: PerSlot {
                blue: here.endpoints.blue.clone(),
                green: here.endpoints.green.clone(),
            },
            instance: self.instance(service, here)?,
            suite: Suite {
                cases: cases.iter().map(case).collect(),
            },
            timing: timing::of_target(self.root, section, service, here),
            public: site.and_then(|site| {
                address(Some(&site.listen), &site.server_names, &site.public, asked)
            }),
            preview: site.and_then(|site| {
                let listen = preview_listen(site);
                address(
                    listen.as_ref(),
                    &site.preview_server_names,
                    &site.preview,
                    asked,
                )
            }),
            health,
        };
        Some(TargetSettings {
            definition,
            site: site.map(|site| SitePlace {
                server_names: site.server_names.clone(),
                listen: site.listen.clone(),
                preview_server_names: site.preview_server_names.clone(),
                preview_listen: preview_listen(site),
            }),
            extra_key: service.etcd_key.as_ref().map(|extra| ExtraKey {
                key: extra.key.clone(),
                value: extra.value.clone(),
            }),
        })
    }

    fn instance(
        &self,
        service: &ServiceSection,
        here: &ServiceEnvironmentSection,
    ) -> Option<InstanceShape> {
        let environment: BTreeMap<String, EnvironmentValue> = service
            .environment
            .iter()
            .chain(&here.environment)
            .filter_map(|(name, value)| {
                let value = match value {
                    VariableValue::Plain(text) => EnvironmentValue::Plain(text.clone()),
                    VariableValue::Secret(secret) => EnvironmentValue::Secret(self.secret(secret)?),
                };
                Some((name.clone(), value))
            })
            .collect();
        Some(InstanceShape {
            listen: listen(&service.listen)?,
            command: service.command.clone(),
            environment,
            mounts: service
                .mounts
                .iter()
                .map(|mount| Mount {
                    source: mount.source.clone(),
                    target: mount.target.clone(),
                    read_only: mount.read_only,
                })
                .collect(),
            memory: here.memory.or(service.memory).map(|size| size.0),
            restart: match service.restart {
                RestartWord::No => RestartPolicy::No,
                RestartWord::OnFailure => RestartPolicy::OnFailure,
                RestartWord::UnlessStopped => RestartPolicy::UnlessStopped,
                RestartWord::Always => RestartPolicy::Always,
            },
            network: service.network.clone(),
            labels: service.labels.clone(),
        })
    }
}

fn tier(word: TierWord) -> Tier {
    match word {
        TierWord::Development => Tier::Development,
        TierWord::Staging => Tier::Staging,
        TierWord::Protected => Tier::Protected,
    }
}

fn rules(section: &EnvironmentSection) -> Rules {
    let from = section.rules.only_from.as_ref();
    Rules {
        allow_yes: section.rules.allow_yes,
        require_reason: section.rules.require_reason,
        only_from: from.and_then(|name| name.parse::<EnvironmentName>().ok()),
    }
}

fn listen(section: &ListenSection) -> Option<Listen> {
    match (&section.port, &section.socket) {
        (Some(port), None) => Some(Listen::Port(port.get())),
        (None, Some(path)) => Some(Listen::Socket(path.clone())),
        _ => None,
    }
}

fn health(section: &HealthSection) -> HealthCheck {
    HealthCheck {
        path: section.path.clone(),
        host: section.host.clone(),
        interval: section.interval.0,
        timeout: section.timeout.0,
    }
}

fn case(section: &CheckSection) -> Case {
    let lower = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
    Case {
        name: section.name.clone(),
        method: section.method.clone(),
        path: section.path.clone(),
        headers: section.headers.clone(),
        body: section.body.clone(),
        timeout: section.timeout.0,
        through_preview: section.through_preview,
        expect: Expectation {
            status: section.expect.status,
            headers: section.expect.headers.iter().map(lower).collect(),
            body_contains: section.expect.body_contains.clone(),
            json: section.expect.json.clone(),
            within: section.expect.within.map(|time| -> Duration { time.0 }),
        },
        required: section.required,
    }
}

/// The preview server listens where the public one does, unless it says otherwise.
fn preview_listen(site: &SiteSection) -> Option<Endpoint> {
    if site.preview_server_names.is_empty() {
        return site.preview_listen.clone();
    }
    Some(site.preview_listen.as_ref().unwrap_or(&site.listen).clone())
}

fn address(
    listen: Option<&Endpoint>,
    names: &[String],
    ask: &AskSection,
    path: &str,
) -> Option<PublicAddress> {
    let listen = listen?;
    let endpoint = ask.connect.clone().unwrap_or_else(|| reachable(listen));
    let host = ask.host.as_ref().or(names.first()).cloned();
    Some(PublicAddress {
        host: host.unwrap_or_else(|| match &endpoint {
            Endpoint::Tcp(address) => address.to_string(),
            Endpoint::Unix(_) => "localhost".into(),
        }),
        endpoint,
        path: ask.path.clone().unwrap_or_else(|| path.to_owned()),
    })
}

/// Where to connect to what listens there: everywhere is also here.
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
