//! The sections of Docker, child processes and image registries.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretSection;

/// How to connect to a Docker engine.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct DockerSection {
    /// The address: `unix:///run/docker.sock` or `tcp://host:port`.
    #[schemars(extend("format" = "docker-address"))]
    pub(in crate::settings) address: String,
    /// The certificates for a `tcp://` address.
    pub(in crate::settings) tls: Option<TlsSection>,
}

impl Default for DockerSection {
    fn default() -> Self {
        Self {
            address: "unix:///var/run/docker.sock".into(),
            tls: None,
        }
    }
}

/// Certificates, as PEM files. Docker needs all three.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct TlsSection {
    /// The authority that signed the server's certificate. Docker needs it. For etcd, the authorities of this machine
    /// are the default.
    pub(in crate::settings) ca: Option<PathBuf>,
    /// The client's own certificate.
    pub(in crate::settings) cert: Option<PathBuf>,
    /// The private key of the client's certificate.
    pub(in crate::settings) key: Option<PathBuf>,
}

/// Child processes instead of containers: for the sandbox.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct ProcessSection {
    /// The directory in which Greenroom records the processes that it started.
    pub(in crate::settings) state: PathBuf,
    /// The catalogue of versions that can be started.
    pub(in crate::settings) catalogue: PathBuf,
}

/// How to connect to the image registry.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct RegistrySection {
    /// The name of the user.
    pub(in crate::settings) user: Option<String>,
    /// The source of the password or token.
    pub(in crate::settings) password: Option<SecretSection>,
    /// Whether to use plain HTTP instead of TLS. An image registry on a loopback address does not need this.
    pub(in crate::settings) plain_http: bool,
    /// A PEM file with the authority that signed the image registry's certificate, in addition to those of this machine
    /// and those that Docker's `certs.d` has for the image registry.
    pub(in crate::settings) ca: Option<PathBuf>,
    /// The server on another host that exchanges the password for tokens, `host` or `host:port`. Without this key the
    /// password is sent only to the image registry's own host.
    pub(in crate::settings) token_server: Option<String>,
}
