//! How an instance of a service is made and where the world reaches it, in nouns that know no
//! configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Endpoint;

/// A directory of the host that an instance sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// On the host, or the name of a volume.
    pub source: String,
    /// Inside.
    pub target: String,
    /// Whether the instance may only read it.
    pub read_only: bool,
}

/// When the runtime starts an instance again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    No,
    /// When it failed.
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
    /// A TCP port inside; published on the slot's own loopback port.
    Port(u16),
    /// A unix socket at this path inside; its directory is the slot's own on the host.
    Socket(PathBuf),
}

/// A value of an instance's environment, or of a header or query of a check; a secret is known by where it comes from, never by value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentValue {
    /// The text itself.
    Plain(String),
    /// Read when it is needed: a secret of an instance when that is started.
    Secret(SecretSource),
}

impl<T: Into<String>> From<T> for EnvironmentValue {
    fn from(text: T) -> Self {
        Self::Plain(text.into())
    }
}

/// Where a secret is read from at the moment it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// A variable of Greenroom's own environment.
    Env(String),
    /// The text of a file less one final newline.
    File(PathBuf),
    /// What a command prints less one final newline.
    Command(Vec<String>),
}

/// How an instance of the service is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceShape {
    /// Where it listens inside.
    pub listen: Listen,
    /// What to run instead of the image's own command.
    pub command: Option<Vec<String>>,
    /// Its environment variables.
    pub environment: BTreeMap<String, EnvironmentValue>,
    /// What it sees of the host.
    pub mounts: Vec<Mount>,
    /// The most memory it may use, in bytes.
    pub memory: Option<u64>,
    /// When the runtime starts it again.
    pub restart: RestartPolicy,
    /// The runtime's network; its default when absent.
    pub network: Option<String>,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
}

/// Where the outside world reaches a target: what is asked to see who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAddress {
    /// Where the proxy listens.
    pub endpoint: Endpoint,
    /// The `Host` header that selects the target.
    pub host: String,
    /// The path to ask for.
    pub path: String,
}

impl PublicAddress {
    /// As one would type it into a browser, with its port where that is not 80.
    pub fn url(&self) -> String {
        let host = &self.host;
        // The colons of an IPv6 address are no port.
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
