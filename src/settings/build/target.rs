//! Builds a target, one service in one environment, for the release engine and the proxy.

use std::collections::BTreeMap;

use super::super::config::{EnvironmentSettings, TargetSettings};
use super::super::model::{
    EnvironmentSection, QuietSection, ServiceEnvironmentSection, ServiceSection,
};
use super::super::timing;
use super::Building;
use crate::checks::Suite;
use crate::inventory::servers::{AskConfig, SiteConfig};
use crate::inventory::{
    ContainerOptions, Endpoint, EnvironmentValue, InstanceShape, Listen, PublicAddress,
    ServiceName, Target, Task,
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
        let health = health.cloned();
        let default_path = health.as_ref().map_or("/", |health| health.path.as_str());
        let cases = in_environment.checks.as_ref().unwrap_or(&service.checks);
        let site = in_environment.proxy.as_ref();
        let definition = Definition {
            target: Target::new(name.clone(), environment.name.clone()),
            tier: environment.tier,
            kind: service.kind,
            quiet: service.quiet.as_ref().and_then(QuietSection::quiet),
            runtime_kind: section.runtime.into(),
            rules: environment.rules.clone(),
            repository: service.image.clone(),
            endpoints: in_environment.slots(),
            instance: instance(service, in_environment)?,
            suite: Suite {
                cases: cases.clone(),
            },
            tasks: tasks(service, environment),
            timing: timing::of_target(self.root, section, service, in_environment),
            follows: in_environment.follow.clone(),
            poll: in_environment.poll,
            public: site
                .map(|site| address(&site.listen, &site.server_names, &site.public, default_path)),
            preview: site.and_then(|site| {
                let listen = site.preview_address()?;
                let names = &site.preview_server_names;
                Some(address(listen, names, &site.preview, default_path))
            }),
            health,
        };
        Some(TargetSettings {
            definition,
            site: site.map(|site| self.site(site, section)),
            extra_key: service.etcd_key.clone(),
        })
    }

    /// Resolves the path of `preview_users`, unless it is a path inside the container of nginx.
    fn site(&self, site: &SiteConfig, environment: &EnvironmentSection) -> SiteConfig {
        let mut site = site.clone();
        let nginx = environment.nginx.as_ref();
        if nginx.is_none_or(|nginx| nginx.container.is_none()) {
            site.preview_users = site.preview_users.map(|path| self.path(&path));
        }
        site
    }
}

fn tasks(service: &ServiceSection, environment: &EnvironmentSettings) -> Vec<Task> {
    let tasks = service.tasks.iter();
    tasks
        .filter(|task| task.runs_in(&environment.name))
        .cloned()
        .collect()
}

fn instance(
    service: &ServiceSection,
    in_environment: &ServiceEnvironmentSection,
) -> Option<InstanceShape> {
    let variables = service
        .environment
        .iter()
        .chain(&in_environment.environment);
    let variables = variables.map(|(name, value)| (name.clone(), value.clone()));
    Some(InstanceShape {
        listen: listen(service)?,
        command: service.command.clone(),
        environment: variables.collect::<BTreeMap<String, EnvironmentValue>>(),
        mounts: service.mounts.clone(),
        memory: in_environment.memory.or(service.memory),
        restart: service.restart,
        network: service.network.clone(),
        labels: service.labels.clone(),
        container: Box::new(container(&service.container, in_environment)),
    })
}

fn container(
    options: &ContainerOptions,
    in_environment: &ServiceEnvironmentSection,
) -> ContainerOptions {
    let mut options = options.clone();
    options.cpus = in_environment.cpus.or(options.cpus);
    options.secrets.extend(in_environment.secrets.clone());
    options
}

fn listen(service: &ServiceSection) -> Option<Listen> {
    match (&service.listen.port, &service.listen.socket) {
        _ if service.is_background() => Some(Listen::None),
        (Some(port), None) => Some(Listen::Port(port.get())),
        (None, Some(path)) => Some(Listen::Socket(path.clone())),
        _ => None,
    }
}

fn address(listen: &Endpoint, names: &[String], ask: &AskConfig, path: &str) -> PublicAddress {
    let connect = ask.connect.clone();
    let endpoint = connect.unwrap_or_else(|| listen.reachable().into());
    let host = ask.host.as_ref().or(names.first()).cloned();
    PublicAddress {
        host: host.unwrap_or_else(|| endpoint.http_host()),
        endpoint,
        path: ask.path.clone().unwrap_or_else(|| path.to_owned()),
    }
}
