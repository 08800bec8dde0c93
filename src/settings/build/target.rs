//! Builds a target, one service in one environment, for the release engine and the proxy.

use std::collections::BTreeMap;

use super::super::config::{EnvironmentSettings, ExtraKey, SiteConfig, TargetSettings};
use super::super::model::{
    AskSection, CheckSection, EnvironmentSection, HealthSection, ListenSection, RestartSetting,
    ServiceEnvironmentSection, ServiceSection, SiteSection, VariableValue,
};
use super::super::timing;
use super::{Building, reachable};
use crate::checks::{Case, Expectation, HealthCheck, Suite};
use crate::inventory::{
    AddressRange, Endpoint, EnvironmentValue, InstanceShape, Listen, Mount, PerSlot, PublicAddress,
    RestartPolicy, ServiceName, Target,
};
use crate::release::Definition;

impl Building<'_> {
    /// The targets of a service, in the order of promotion.
    pub(super) fn targets(
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
                let in_environment = service.environments.get(environment.name.as_str())?;
                self.target(&name, service, environment, section, in_environment)
            })
            .collect()
    }

    fn target(
        &self,
        name: &ServiceName,
        service: &ServiceSection,
        environment: &EnvironmentSettings,
        section: &EnvironmentSection,
        in_environment: &ServiceEnvironmentSection,
    ) -> Option<TargetSettings> {
        let health = in_environment.health.as_ref().or(service.health.as_ref());
        let health = health.map(|section| self.health(section));
        let default_path = health.as_ref().map_or("/", |health| health.path.as_str());
        let cases = in_environment.checks.as_ref().unwrap_or(&service.checks);
        let site = in_environment.proxy.as_ref();
        let definition = Definition {
            target: Target::new(name.clone(), environment.name.clone()),
            tier: environment.tier,
            runtime_kind: section.runtime.into(),
            rules: environment.rules.clone(),
            repository: service.image.clone(),
            endpoints: PerSlot {
                blue: in_environment.endpoints.blue.clone(),
                green: in_environment.endpoints.green.clone(),
            },
            instance: self.instance(service, in_environment)?,
            suite: Suite {
                cases: cases.iter().map(|section| self.case(section)).collect(),
            },
            timing: timing::of_target(self.root, section, service, in_environment),
            public: site.and_then(|site| {
                address(
                    Some(&site.listen),
                    &site.server_names,
                    &site.public,
                    default_path,
                )
            }),
            preview: site.and_then(|site| {
                let listen = preview_listen(site);
                address(
                    listen.as_ref(),
                    &site.preview_server_names,
                    &site.preview,
                    default_path,
                )
            }),
            health,
        };
        Some(TargetSettings {
            definition,
            site: site.map(|site| SiteConfig {
                server_names: site.server_names.clone(),
                listen: site.listen.clone(),
                preview_server_names: site.preview_server_names.clone(),
                preview_listen: preview_listen(site),
                preview_allow: ranges(site),
                preview_users: site.preview_users.as_ref().map(|path| {
                    let nginx = section.nginx.as_ref();
                    match nginx.and_then(|nginx| nginx.container.as_ref()) {
                        Some(_) => path.clone(),
                        None => self.path(path),
                    }
                }),
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
        in_environment: &ServiceEnvironmentSection,
    ) -> Option<InstanceShape> {
        let environment: BTreeMap<String, EnvironmentValue> = service
            .environment
            .iter()
            .chain(&in_environment.environment)
            .filter_map(|(name, value)| self.value(name, value))
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
            memory: in_environment.memory.or(service.memory).map(|size| size.0),
            restart: match service.restart {
                RestartSetting::No => RestartPolicy::No,
                RestartSetting::OnFailure => RestartPolicy::OnFailure,
                RestartSetting::UnlessStopped => RestartPolicy::UnlessStopped,
                RestartSetting::Always => RestartPolicy::Always,
            },
            network: service.network.clone(),
            labels: service.labels.clone(),
        })
    }
}

impl Building<'_> {
    fn value(&self, name: &str, value: &VariableValue) -> Option<(String, EnvironmentValue)> {
        let value = match value {
            VariableValue::Plain(text) => EnvironmentValue::Plain(text.clone()),
            VariableValue::Secret(secret) => EnvironmentValue::Secret(self.secret(secret)?),
        };
        Some((name.to_owned(), value))
    }

    fn values(
        &self,
        section: &BTreeMap<String, VariableValue>,
    ) -> BTreeMap<String, EnvironmentValue> {
        let values = section.iter();
        values
            .filter_map(|(name, value)| self.value(name, value))
            .collect()
    }

    fn health(&self, section: &HealthSection) -> HealthCheck {
        HealthCheck {
            path: section.path.clone(),
            host: section.host.clone(),
            headers: self.values(&section.headers),
            query: self.values(&section.query),
            interval: section.interval.0,
            timeout: section.timeout.0,
        }
    }

    fn case(&self, section: &CheckSection) -> Case {
        let lower = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
        Case {
            name: section.name.clone(),
            method: section.method.clone(),
            path: section.path.clone(),
            headers: self.values(&section.headers),
            query: self.values(&section.query),
            body: section.body.clone(),
            timeout: section.timeout.0,
            through_preview: section.through_preview,
            expect: Expectation {
                status: section.expect.status,
                headers: section.expect.headers.iter().map(lower).collect(),
                body_contains: section.expect.body_contains.clone(),
                json: section.expect.json.clone(),
                within: section.expect.within.map(|time| time.0),
            },
            required: section.required,
        }
    }
}

fn listen(section: &ListenSection) -> Option<Listen> {
    match (&section.port, &section.socket) {
        (Some(port), None) => Some(Listen::Port(port.get())),
        (None, Some(path)) => Some(Listen::Socket(path.clone())),
        _ => None,
    }
}

/// The clients that may use the preview server. The checks have already refused invalid ranges.
fn ranges(site: &SiteSection) -> Vec<AddressRange> {
    let allowed = site.preview_allow.iter();
    allowed.filter_map(|text| text.parse().ok()).collect()
}

/// The address of the preview server: the configured address, if there is one. With names but without a configured
/// address, the preview server has the address of the public server. Without names and without an address there is no
/// preview server.
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
