//! How to reach the servers of an environment: Docker, image registries, etcd and the proxies; and how senders reach
//! the inbox of the agent. The configuration file is read into these types, and the adapters take them.

mod inbox;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::readable;
use super::{Address, AddressRange, Endpoint, SecretSource};

pub use inbox::{
    CredentialKind, InboxConfig, SenderConfig, SenderCredential, SenderKind, ServerTls,
};

/// How to connect to a Docker engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DockerConfig {
    /// The address: `unix:///run/docker.sock` or `tcp://host:port`.
    #[schemars(extend("format" = "docker-address"))]
    pub address: String,
    /// The certificates for a `tcp://` address.
    pub tls: Option<TlsConfig>,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            address: "unix:///var/run/docker.sock".into(),
            tls: None,
        }
    }
}

/// Certificates, as PEM files. Docker needs all three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The authority that signed the server's certificate. Docker needs it. For etcd, the authorities of this machine
    /// are the default.
    #[schemars(extend("format" = "path"))]
    pub ca: Option<PathBuf>,
    /// The client's own certificate.
    #[schemars(extend("format" = "path"))]
    pub cert: Option<PathBuf>,
    /// The private key of the client's certificate.
    #[schemars(extend("format" = "path"))]
    pub key: Option<PathBuf>,
}

impl TlsConfig {
    /// The client's certificate and its key, if it has both.
    pub fn identity(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.cert.as_ref().zip(self.key.as_ref())
    }
}

/// Child processes instead of containers: for the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessConfig {
    /// The directory in which Greenroom records the processes that it started.
    #[schemars(extend("format" = "path"))]
    pub state: PathBuf,
    /// The catalogue of versions that can be started.
    #[schemars(extend("format" = "path"))]
    pub catalogue: PathBuf,
}

/// How to connect to the image registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// The name of the user.
    pub user: Option<String>,
    /// The source of the password or token.
    pub password: Option<SecretSource>,
    /// Whether to use plain HTTP instead of TLS. An image registry on a loopback address does not need this.
    pub plain_http: bool,
    /// A PEM file with the authority that signed the image registry's certificate, in addition to those of this machine
    /// and those that Docker's `certs.d` has for the image registry.
    #[schemars(extend("format" = "path"))]
    pub ca: Option<PathBuf>,
    /// The server on another host that exchanges the password for tokens, `host` or `host:port`. Without this key the
    /// password is sent only to the image registry's own host.
    pub token_server: Option<String>,
}

/// How to connect to an etcd cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdConfig {
    /// The members, e.g. `http://127.0.0.1:2379`.
    pub endpoints: Vec<String>,
    /// The prefix of all keys.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// The certificates for `https://` endpoints.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// The name of the user.
    #[serde(default)]
    pub user: Option<String>,
    /// The source of the password.
    #[serde(default)]
    pub password: Option<SecretSource>,
}

fn prefix() -> String {
    "/greenroom/v1".into()
}

/// The nginx that directs the traffic. With a container, all paths except that of the template are paths inside the
/// container.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NginxConfig {
    /// The program of nginx.
    #[serde(default = "binary")]
    pub binary: PathBuf,
    /// The container that nginx runs in; on this machine when absent.
    #[serde(default)]
    pub container: Option<String>,
    /// The main configuration file of nginx.
    #[serde(default = "configuration")]
    pub configuration: PathBuf,
    /// The directory that the main configuration includes. Greenroom writes one file per target there.
    #[serde(default = "sites")]
    pub sites: PathBuf,
    /// The directory of the live pointers.
    #[serde(default = "state")]
    pub state: PathBuf,
    /// Where nginx tells Greenroom which slot and generation it serves.
    pub answer: AnswerConfig,
    /// The directory of nginx's access logs, one per target; no logs when absent. From such a log, the watch counts the
    /// public requests, and the console shows rates and requests.
    #[serde(default)]
    pub access_log: Option<PathBuf>,
    /// A template for the file of a target; the built-in one when absent.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub template: Option<PathBuf>,
    /// How traffic is switched.
    #[serde(default)]
    pub switch: SwitchMode,
}

fn binary() -> PathBuf {
    "nginx".into()
}

fn configuration() -> PathBuf {
    "/etc/nginx/nginx.conf".into()
}

fn sites() -> PathBuf {
    "/etc/nginx/conf.d".into()
}

fn state() -> PathBuf {
    "/var/lib/greenroom/nginx".into()
}

/// Where nginx tells Greenroom which slot and generation it serves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerConfig {
    /// The TCP address on which nginx listens for these requests: a loopback address, unless nginx runs in a container.
    /// It cannot be a unix socket: if nginx is killed, a socket remains and keeps nginx from starting again.
    pub listen: Endpoint,
    /// The address that Greenroom connects to; `listen` when absent.
    #[serde(default)]
    pub connect: Option<Address>,
}

impl AnswerConfig {
    /// The address that Greenroom connects to.
    pub fn address(&self) -> Address {
        let connect = self.connect.clone();
        connect.unwrap_or_else(|| self.listen.reachable().into())
    }
}

/// How a switch moves the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchMode {
    /// By one rename, which nginx notices at the next request: no reload, and no connection is cut.
    #[default]
    Pointer,
    /// By a new configuration and a reload, which may cut kept-alive connections.
    Reload,
}

/// The proxy inside Greenroom: for the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedConfig {
    /// The address at which the proxy says which slot and generation it serves.
    pub answer: Endpoint,
    /// The directory of the live pointers.
    #[schemars(extend("format" = "path"))]
    pub state: PathBuf,
}

/// How clients reach a service in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// The names of the public server.
    pub server_names: Vec<String>,
    /// Where the public server listens.
    pub listen: Endpoint,
    /// The names of the preview server, which always shows the candidate. Without a name, nginx has no preview server.
    #[serde(default)]
    pub preview_server_names: Vec<String>,
    /// The address of the preview server. With nginx, `listen` when absent. The embedded proxy needs this address.
    #[serde(default)]
    pub preview_listen: Option<Endpoint>,
    /// The addresses and networks that may use the preview server, e.g. `["10.0.0.0/8", "192.0.2.7"]`; all when empty.
    /// Behind a load balancer, every request has the balancer's address.
    #[serde(default, deserialize_with = "readable::<_, String, _>")]
    pub preview_allow: Vec<AddressRange>,
    /// A file of users and passwords for the preview server, as `htpasswd` writes it. If `preview_allow` is set too, a
    /// request must satisfy both. A path inside the container if nginx runs in a container.
    #[serde(default)]
    pub preview_users: Option<PathBuf>,
    /// How Greenroom asks the public server which version answers.
    #[serde(default)]
    pub public: AskConfig,
    /// How Greenroom reaches the preview server: for checks that go through it, and for the address that the console
    /// shows.
    #[serde(default)]
    pub preview: AskConfig,
}

impl SiteConfig {
    /// The address of the preview server: with names, the public server's address is the default. None if there is no
    /// preview server.
    pub fn preview_address(&self) -> Option<&Endpoint> {
        let default = (!self.preview_server_names.is_empty()).then_some(&self.listen);
        self.preview_listen.as_ref().or(default)
    }
}

/// How Greenroom reaches the public server or the preview server of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AskConfig {
    /// The address to connect to, e.g. `https://web.example` for a load balancer with TLS; the server's own address when
    /// absent. The certificate must be valid for the host of this address.
    pub connect: Option<Address>,
    /// The `Host` header. When absent: the first server name, otherwise the host of the address, or `localhost` for a unix socket.
    pub host: Option<String>,
    /// The path; the health path of the service when absent.
    #[schemars(extend("format" = "http-path"))]
    pub path: Option<String>,
}
