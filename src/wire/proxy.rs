//! Builds the ports of the proxies from the settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Builder, WireError};
use crate::adapters::docker::ContainerHost;
use crate::adapters::embedded_proxy::{self, EmbeddedRouter};
use crate::adapters::live_pointer::ThisHost;
use crate::adapters::nginx::{self, Nginx, NginxOptions, NginxReader, NginxWriter, TIMEOUT};
use crate::inventory::Endpoint;
use crate::inventory::servers::{EmbeddedConfig, NginxConfig, SiteConfig};
use crate::ports::{ProxyHost, RouterReader, RouterWriter};
use crate::settings::{
    self, EnvironmentSettings, ProxyConfig, RuntimeConfig, Settings, TargetSettings,
};

/// The proxies that have been built. Targets behind one proxy share it.
#[derive(Default)]
pub(super) struct Proxies {
    nginx: Vec<(NginxConfig, Proxy)>,
    embedded: Vec<(EmbeddedConfig, Proxy)>,
}

/// The ports of one proxy.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) read: Arc<dyn RouterReader>,
    pub(super) write: Arc<dyn RouterWriter>,
}

impl Builder<'_> {
    /// The proxy of a target; none if the target gets no requests.
    pub(super) fn proxy(
        &mut self,
        environment: &EnvironmentSettings,
        target: &TargetSettings,
    ) -> Result<Option<Proxy>, WireError> {
        let name = &environment.name;
        if target.definition.is_background() {
            return Ok(None);
        }
        if target.site.is_none() {
            let target = &target.definition.target;
            return Err(WireError::Settings(format!(
                "{target} has no proxy, which a release needs to move traffic: add [services.{}.environments.{}.proxy]",
                target.service, target.environment
            )));
        }
        match &environment.proxy {
            Some(ProxyConfig::Nginx(config)) => self.nginx(environment, config).map(Some),
            Some(ProxyConfig::Embedded(config)) => self.embedded(config).map(Some),
            None => Err(WireError::Settings(format!(
                "{name} has no proxy, which a release needs to move traffic: add [environments.{name}.nginx]"
            ))),
        }
    }

    fn nginx(
        &mut self,
        environment: &EnvironmentSettings,
        config: &NginxConfig,
    ) -> Result<Proxy, WireError> {
        let existing = self.proxies.nginx.iter().find(|(other, _)| other == config);
        if let Some((_, proxy)) = existing {
            return Ok(proxy.clone());
        }
        let template = config.template.as_ref();
        let template = template.map(|path| self.template(config, path));
        let nginx = Nginx::new(NginxOptions {
            host: self.proxy_host(environment, config)?,
            command: vec![program_of(config).to_string_lossy().into_owned()],
            config: config.clone(),
            template,
            configured_at: self.settings.modified_at,
            time_limit: TIMEOUT,
            targets: self.nginx_sites(config),
        })?;
        let proxy = Proxy {
            read: Arc::new(NginxReader::new(Arc::clone(&nginx))),
            write: Arc::new(NginxWriter::new(nginx)),
        };
        self.proxies.nginx.push((config.clone(), proxy.clone()));
        Ok(proxy)
    }

    /// Reads the text of a template. If it cannot be read, only the environments behind this nginx fail.
    fn template(&self, config: &NginxConfig, path: &Path) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| {
            let environments = self.settings.environments.iter();
            let named: Vec<String> = environments
                .filter(|environment| is_behind(environment, config))
                .map(|environment| environment.setting("nginx.template"))
                .collect();
            let (named, path) = (named.join(" and "), path.display());
            format!("the template {named} cannot be read: {path}: {error}")
        })
    }

    fn proxy_host(
        &mut self,
        environment: &EnvironmentSettings,
        config: &NginxConfig,
    ) -> Result<Arc<dyn ProxyHost>, WireError> {
        let Some(container) = &config.container else {
            return Ok(Arc::new(ThisHost));
        };
        let RuntimeConfig::Docker(docker) = &environment.runtime else {
            return Err(WireError::Settings(format!(
                "{}: nginx is in a container, so the runtime of the environment must be Docker",
                environment.name
            )));
        };
        let (engine, _) = self.docker_engine(docker)?;
        Ok(Arc::new(ContainerHost::new(engine, container.clone())))
    }

    /// Every target behind this nginx, in any environment. A target without a proxy configuration is left out.
    fn nginx_sites(&self, config: &NginxConfig) -> Vec<nginx::Site> {
        self.settings
            .environments
            .iter()
            .filter(|environment| is_behind(environment, config))
            .flat_map(|environment| self.targets_of(environment))
            .filter_map(|target| Some(nginx_site(target, target.site.as_ref()?)))
            .collect()
    }

    fn embedded(&mut self, config: &EmbeddedConfig) -> Result<Proxy, WireError> {
        let existing = self
            .proxies
            .embedded
            .iter()
            .find(|(other, _)| other == config);
        if let Some((_, proxy)) = existing {
            return Ok(proxy.clone());
        }
        let (answer, sites) = embedded_sites(self.settings, config)?;
        let router = Arc::new(EmbeddedRouter::new(sites, answer, &config.state));
        let proxy = Proxy {
            read: Arc::clone(&router) as Arc<dyn RouterReader>,
            write: router,
        };
        self.proxies.embedded.push((config.clone(), proxy.clone()));
        Ok(proxy)
    }
}

fn is_behind(environment: &EnvironmentSettings, config: &NginxConfig) -> bool {
    matches!(&environment.proxy, Some(ProxyConfig::Nginx(other)) if other == config)
}

/// The program of an nginx. On this machine, a bare name is resolved to a path when the application is built, so that
/// every command runs the same program and the doctor can name it.
fn program_of(config: &NginxConfig) -> PathBuf {
    let is_bare = config.binary.components().count() == 1;
    let search_path = std::env::var("PATH").ok();
    let found = if is_bare && config.container.is_none() {
        settings::program(&config.binary, search_path.as_deref())
    } else {
        None
    };
    found.unwrap_or_else(|| config.binary.clone())
}

fn nginx_site(target: &TargetSettings, site: &SiteConfig) -> nginx::Site {
    nginx::Site {
        target: target.definition.target.clone(),
        server_names: site.server_names.clone(),
        listen: vec![site.listen.to_string()],
        preview_server_names: site.preview_server_names.clone(),
        preview_listen: if site.preview_server_names.is_empty() {
            Vec::new()
        } else {
            site.preview_address()
                .map(ToString::to_string)
                .into_iter()
                .collect()
        },
        preview_allow: site.preview_allow.clone(),
        preview_users: site.preview_users.clone(),
        endpoints: target.definition.endpoints.clone(),
    }
}

/// The embedded proxies in the settings, each once.
pub(super) fn embedded_configs(settings: &Settings) -> Vec<EmbeddedConfig> {
    let mut configs: Vec<EmbeddedConfig> = Vec::new();
    for environment in &settings.environments {
        if let Some(ProxyConfig::Embedded(config)) = &environment.proxy
            && !configs.contains(config)
        {
            configs.push(config.clone());
        }
    }
    configs
}

/// The answer address of one embedded proxy, and the sites behind it.
pub(super) fn embedded_sites(
    settings: &Settings,
    config: &EmbeddedConfig,
) -> Result<(SocketAddr, Vec<embedded_proxy::Site>), WireError> {
    let mut sites = Vec::new();
    for target in &settings.targets {
        let environment = settings.environment(&target.definition.target.environment);
        let is_behind = environment.is_some_and(|environment| {
            matches!(&environment.proxy, Some(ProxyConfig::Embedded(other)) if other == config)
        });
        let Some(site) = target.site.as_ref().filter(|_| is_behind) else {
            continue;
        };
        let preview = site.preview_listen.as_ref().ok_or_else(|| {
            WireError::Settings(format!(
                "{}: the embedded proxy needs a separate address for the preview server: add preview_listen",
                target.definition.target
            ))
        })?;
        sites.push(embedded_proxy::Site {
            target: target.definition.target.clone(),
            public: tcp(&site.listen)?,
            preview: tcp(preview)?,
            preview_allow: site.preview_allow.clone(),
            slots: target.definition.endpoints.clone(),
        });
    }
    Ok((tcp(&config.answer)?, sites))
}

fn tcp(endpoint: &Endpoint) -> Result<SocketAddr, WireError> {
    match endpoint {
        Endpoint::Tcp(address) => Ok(*address),
        Endpoint::Unix(path) => Err(WireError::Settings(format!(
            "the embedded proxy can listen only on TCP addresses, not on the socket {}",
            path.display()
        ))),
    }
}
