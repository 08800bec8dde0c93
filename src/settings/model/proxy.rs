//! The proxy of an environment, and its settings for one target.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inventory::Endpoint;

/// The nginx that directs the traffic.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct NginxSection {
    /// The program of nginx.
    #[serde(default = "binary")]
    pub(in crate::settings) binary: PathBuf,
    /// The container that nginx runs in; on this machine when absent.
    #[serde(default)]
    pub(in crate::settings) container: Option<String>,
    /// The main configuration file of nginx.
    #[serde(default = "configuration")]
    pub(in crate::settings) configuration: PathBuf,
    /// The directory that the main configuration includes. Greenroom writes one file per target there.
    #[serde(default = "sites")]
    pub(in crate::settings) sites: PathBuf,
    /// The directory of the live pointers.
    #[serde(default = "state")]
    pub(in crate::settings) state: PathBuf,
    /// Where nginx tells Greenroom which slot and generation it serves.
    pub(in crate::settings) answer: AnswerSection,
    /// The directory of nginx's access logs, one per target; no logs when absent. From such a log, the watch counts the
    /// public requests, and the console shows rates and requests.
    #[serde(default)]
    pub(in crate::settings) access_log: Option<PathBuf>,
    /// A template for the file of a target; the built-in one when absent.
    #[serde(default)]
    pub(in crate::settings) template: Option<PathBuf>,
    /// How traffic is switched.
    #[serde(default)]
    pub(in crate::settings) switch: SwitchSetting,
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
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct AnswerSection {
    /// The TCP address on which nginx listens for these requests: a loopback address, unless nginx runs in a container.
    /// It cannot be a unix socket: if nginx is killed, a socket remains and keeps nginx from starting again.
    #[schemars(with = "String", extend("format" = "endpoint"))]
    pub(in crate::settings) listen: Endpoint,
    /// The address that Greenroom connects to; `listen` when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "endpoint"))]
    pub(in crate::settings) connect: Option<Endpoint>,
}

/// How traffic is switched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum SwitchSetting {
    /// A switch changes a link, which nginx reads at every request. nginx is not reloaded.
    #[default]
    Pointer,
    /// A switch writes the configuration and reloads nginx, for all its targets.
    Reload,
}

/// The proxy inside Greenroom: for the sandbox.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct EmbeddedSection {
    /// The address at which the proxy says which slot and generation it serves.
    #[schemars(with = "String", extend("format" = "endpoint"))]
    pub(in crate::settings) answer: Endpoint,
    /// The directory of the live pointers.
    pub(in crate::settings) state: PathBuf,
}

/// How clients reach a service in an environment.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct SiteSection {
    /// The names of the public server.
    pub(in crate::settings) server_names: Vec<String>,
    /// Where the public server listens.
    #[schemars(with = "String", extend("format" = "endpoint"))]
    pub(in crate::settings) listen: Endpoint,
    /// The names of the preview server, which always shows the candidate. Without a name, nginx has no preview server.
    #[serde(default)]
    pub(in crate::settings) preview_server_names: Vec<String>,
    /// The address of the preview server. With nginx, `listen` when absent. The embedded proxy needs this address.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "endpoint"))]
    pub(in crate::settings) preview_listen: Option<Endpoint>,
    /// The addresses and networks that may use the preview server, e.g. `["10.0.0.0/8", "192.0.2.7"]`; all when empty.
    /// Behind a load balancer, every request has the balancer's address.
    #[serde(default)]
    pub(in crate::settings) preview_allow: Vec<String>,
    /// A file of users and passwords for the preview server, as `htpasswd` writes it. If `preview_allow` is set too, a
    /// request must satisfy both.
    #[serde(default)]
    pub(in crate::settings) preview_users: Option<PathBuf>,
    /// How Greenroom asks the public server which version answers.
    #[serde(default)]
    pub(in crate::settings) public: AskSection,
    /// How Greenroom reaches the preview server: for checks that go through it, and for the address that the console
    /// shows.
    #[serde(default)]
    pub(in crate::settings) preview: AskSection,
}

/// How Greenroom reaches the public server or the preview server of a target.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct AskSection {
    /// The address to connect to; the server's own address when absent.
    #[schemars(with = "Option<String>", extend("format" = "endpoint"))]
    pub(in crate::settings) connect: Option<Endpoint>,
    /// The `Host` header. When absent: the first server name, otherwise the TCP address, or `localhost` for a unix socket.
    pub(in crate::settings) host: Option<String>,
    /// The path; the health path of the service when absent.
    #[schemars(extend("format" = "http-path"))]
    pub(in crate::settings) path: Option<String>,
}
