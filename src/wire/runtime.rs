//! Builds the runtimes, and the clients of their image registries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Builder, WireError, outbound_proxy};
use crate::adapters::docker::{
    DockerAddress, DockerReader, DockerWriter, Engine, TlsFiles, wrong_options,
};
use crate::adapters::oci_registry::{DOCKER_CERTIFICATES, OciRegistry};
use crate::adapters::process::{Catalogue, Processes};
use crate::inventory::servers::{DockerConfig, ProcessConfig, TlsConfig};
use crate::ports::{CheckContainers, Credentials, Images, RuntimeReader, RuntimeWriter};
use crate::settings::{DockerOptions, EnvironmentSettings, RuntimeConfig};

/// The runtimes that have been built. Environments with equal settings share one runtime.
#[derive(Default)]
pub(super) struct Runtimes {
    docker: Vec<(DockerConfig, Arc<Engine>, Arc<DockerReader>)>,
    process: Vec<(ProcessConfig, Arc<Processes>, Catalogue)>,
}

/// The ports of the runtime of one environment.
pub(super) struct Runtime {
    pub(super) read: Arc<dyn RuntimeReader>,
    pub(super) write: Arc<dyn RuntimeWriter>,
    /// None if the runtime has no containers.
    pub(super) check_containers: Option<Arc<dyn CheckContainers>>,
    pub(super) images: Arc<dyn Images>,
}

/// Checks options of Docker's API in the configuration.
pub fn docker_options() -> DockerOptions {
    DockerOptions(wrong_options)
}

impl Builder<'_> {
    pub(super) fn runtime(
        &mut self,
        environment: &EnvironmentSettings,
    ) -> Result<Runtime, WireError> {
        match &environment.runtime {
            RuntimeConfig::Docker(config) => self.docker(environment, config),
            RuntimeConfig::Process(config) => Ok(self.processes(environment, config)),
        }
    }

    fn docker(
        &mut self,
        environment: &EnvironmentSettings,
        config: &DockerConfig,
    ) -> Result<Runtime, WireError> {
        let (engine, reader) = self.docker_engine(config)?;
        let credentials = self.credentials(environment);
        let writer = DockerWriter::new(engine, credentials.clone(), Arc::clone(&self.secrets));
        let writer = Arc::new(writer);
        let registries = || environment.registries.iter();
        let plain = registries().filter(|(_, registry)| registry.plain_http);
        let plain = plain.map(|(host, _)| host.clone()).collect();
        let authorities =
            registries().filter_map(|(host, it)| Some((host.clone(), it.ca.clone()?)));
        let token_servers =
            registries().filter_map(|(host, it)| Some((host.clone(), it.token_server.clone()?)));
        let images = OciRegistry::new(credentials, plain)
            .with_authorities(authorities.collect())
            .with_token_servers(token_servers.collect())
            .with_docker_certificates(docker_certificates())
            .through(outbound_proxy());
        Ok(Runtime {
            read: reader,
            write: Arc::clone(&writer) as _,
            check_containers: Some(writer),
            images: Arc::new(images),
        })
    }

    /// The connection to Docker with these settings. It is built once and then shared.
    pub(super) fn docker_engine(
        &mut self,
        config: &DockerConfig,
    ) -> Result<(Arc<Engine>, Arc<DockerReader>), WireError> {
        let built = self
            .runtimes
            .docker
            .iter()
            .find(|(built, ..)| built == config);
        if let Some((_, engine, reader)) = built {
            return Ok((Arc::clone(engine), Arc::clone(reader)));
        }
        let tls = config.tls.as_ref().map(tls_files).transpose()?;
        let address = DockerAddress::parse(&config.address, tls)
            .map_err(|error| WireError::Settings(error.to_string()))?;
        let engine = Engine::at(address);
        let reader = Arc::new(DockerReader::new(Arc::clone(&engine)));
        self.runtimes
            .docker
            .push((config.clone(), Arc::clone(&engine), Arc::clone(&reader)));
        Ok((engine, reader))
    }

    fn credentials(&self, environment: &EnvironmentSettings) -> BTreeMap<String, Credentials> {
        let registries = environment.registries.iter();
        let credentials = registries.filter_map(|(host, registry)| {
            let (user, password) = registry.user.as_ref().zip(registry.password.as_ref())?;
            let credentials = Credentials {
                user: user.clone(),
                password: self.password(password, environment.registry_password(host)),
            };
            Some((host.clone(), credentials))
        });
        credentials.collect()
    }

    fn processes(&mut self, environment: &EnvironmentSettings, config: &ProcessConfig) -> Runtime {
        let built = self
            .runtimes
            .process
            .iter()
            .find(|(built, ..)| built == config);
        let (processes, catalogue) = if let Some((_, processes, catalogue)) = built {
            (Arc::clone(processes), catalogue.clone())
        } else {
            let setting = environment.setting("process.catalogue");
            let catalogue = Catalogue::File {
                path: config.catalogue.clone(),
                setting,
            };
            let secrets = Arc::clone(&self.secrets);
            let processes = Processes::new(&config.state, catalogue.clone(), secrets);
            let processes = Arc::new(processes);
            let built = (config.clone(), Arc::clone(&processes), catalogue.clone());
            self.runtimes.process.push(built);
            (processes, catalogue)
        };
        Runtime {
            read: Arc::clone(&processes) as Arc<dyn RuntimeReader>,
            write: processes,
            check_containers: None,
            images: Arc::new(catalogue),
        }
    }
}

/// The directories in which Docker looks for the certificate authorities of registries. The second directory belongs to
/// a rootless Docker.
fn docker_certificates() -> Vec<PathBuf> {
    let of_user = directories::BaseDirs::new()
        .map(|directories| directories.config_dir().join("docker/certs.d"));
    let of_machine = PathBuf::from(DOCKER_CERTIFICATES);
    std::iter::once(of_machine).chain(of_user).collect()
}

fn tls_files(tls: &TlsConfig) -> Result<TlsFiles, WireError> {
    match (&tls.ca, &tls.cert, &tls.key) {
        (Some(ca), Some(cert), Some(key)) => Ok(TlsFiles {
            ca: ca.clone(),
            cert: cert.clone(),
            key: key.clone(),
        }),
        _ => Err(WireError::Settings(
            "the TLS connection to Docker needs all three settings: ca, cert and key".into(),
        )),
    }
}
