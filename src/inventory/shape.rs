//! How an instance of a service is created and where the public reaches it. Independent of the configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Endpoint;

/// A directory of the host, mounted in an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The path on the host, or the name of a volume.
    pub source: String,
    /// The path in the instance.
    pub target: String,
    /// Whether the instance may only read it.
    pub read_only: bool,
}

/// When the runtime restarts an instance by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    No,
    /// If it failed.
    OnFailure,
    /// Unless it was stopped on purpose.
    #[default]
    UnlessStopped,
    /// Always.
    Always,
}

/// Where a service listens inside its instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listen {
    /// A TCP port, published on the slot's own loopback port.
    Port(u16),
    /// The path of a unix socket; its directory on the host belongs to the slot.
    Socket(PathBuf),
}

/// A value of an instance's environment, or of a header or query of a check. A secret is known by its source, never by
/// its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentValue {
    /// The text itself.
    Plain(String),
    /// A secret, read when it is needed: for an instance, when it is started.
    Secret(SecretSource),
}

impl<T: Into<String>> From<T> for EnvironmentValue {
    fn from(text: T) -> Self {
        Self::Plain(text.into())
    }
}

/// The source of a secret, read at the moment it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// A variable of Greenroom's own environment.
    Env(String),
    /// The text of a file, without one final newline.
    File(PathBuf),
    /// The output of a command, without one final newline.
    Command(Vec<String>),
}

/// How an instance of the service is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceShape {
    /// Where it listens inside.
    pub listen: Listen,
    /// The command to run instead of the image's own.
    pub command: Option<Vec<String>>,
    /// Its environment variables.
    pub environment: BTreeMap<String, EnvironmentValue>,
    /// Its mounts of host directories.
    pub mounts: Vec<Mount>,
    /// The most memory it may use, in bytes.
    pub memory: Option<u64>,
    /// When the runtime restarts it.
    pub restart: RestartPolicy,
    /// The runtime's network; none for its default.
    pub network: Option<String>,
    /// Additional labels.
    pub labels: BTreeMap<String, String>,
}

/// Where the public reaches a target. Greenroom asks it to see which slot answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAddress {
    /// Where the proxy listens.
    pub endpoint: Endpoint,
    /// The `Host` header that selects the target.
    pub host: String,
    /// The path to request.
    pub path: String,
}

impl PublicAddress {
    /// The URL as one types it into a browser, with its port if that is not 80.
    pub fn url(&self) -> String {
        let host = &self.host;
        // The colons of an IPv6 address are not a port.
        let has_port = host.rsplit(']').next().unwrap_or_default().contains(':');
        match &self.endpoint {
            _ if has_port => format!("http://{host}/"),
            Endpoint::Tcp(at) if at.port() == 80 => format!("http://{host}/"),
            Endpoint::Tcp(at) => format!("http://{host}:{}/", at.port()),
            Endpoint::Unix(path) => format!("{host} at {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_the_port_that_it_needs() {
        for (host, at, url) in [
            ("web.example", "127.0.0.1:80", "http://web.example/"),
            ("web.example", "127.0.0.1:8081", "http://web.example:8081/"),
            (
                "web.example:8081",
                "127.0.0.1:80",
                "http://web.example:8081/",
            ),
            ("[::1]", "[::1]:8081", "http://[::1]:8081/"),
            ("[::1]:8081", "[::1]:8081", "http://[::1]:8081/"),
            ("127.0.0.1:8081", "127.0.0.1:8081", "http://127.0.0.1:8081/"),
            (
                "web.example",
                "unix:/run/web.sock",
                "web.example at /run/web.sock",
            ),
        ] {
            let address = PublicAddress {
                endpoint: at.parse().expect("an endpoint"),
                host: host.into(),
                path: "/".into(),
            };
            assert_eq!(address.url(), url);
        }
    }
}
