//! How an instance of a service is created, and at which address the public reaches it. The types do not depend on the
//! format of the configuration file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Address, ContainerOptions};

/// A directory of the host, or a volume, that a container or process sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The path on the host, or the name of a volume.
    pub source: String,
    /// The path inside the container or process.
    pub target: String,
    /// Whether the container or process can only read it.
    #[serde(default)]
    pub read_only: bool,
}

/// When the runtime restarts a container or process that has ended: `on-failure` if its exit code reports a failure,
/// `unless-stopped` unless an operator or Greenroom stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    No,
    OnFailure,
    #[default]
    UnlessStopped,
    Always,
}

/// Where a service listens inside its container or process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listen {
    /// A TCP port. The runtime publishes it on the loopback port of the slot.
    Port(u16),
    /// The path of a unix socket. On the host, the directory of the socket belongs to the slot.
    Socket(PathBuf),
    /// No requests are sent to the service.
    None,
}

/// A text, or the source of a secret text: the value of an environment variable of a container or process, of a header
/// or query parameter of a check, or the address of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EnvironmentValue {
    Plain(String),
    /// A secret, which is read when it is needed. The secret of a variable is read when the container or process is
    /// started.
    Secret(SecretSource),
}

impl<T: Into<String>> From<T> for EnvironmentValue {
    fn from(text: T) -> Self {
        Self::Plain(text.into())
    }
}

/// Where a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// The name of an environment variable of Greenroom.
    Env(String),
    /// The content of a file, without one newline at its end.
    File(PathBuf),
    /// The output of a command, without one newline at its end.
    Command(Vec<String>),
}

/// A table with exactly one of three keys.
impl JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        "SecretSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "The source of a secret: exactly one of these three keys.",
            "properties": {
                "env": { "type": "string", "description": "The environment variable of Greenroom that contains the secret." },
                "file": {
                    "type": "string",
                    "format": "path",
                    "description": "A file; the secret is its whole text without one final newline.",
                },
                "command": {
                    "type": "array",
                    "items": { "type": "string" },
                    "minItems": 1,
                    "description": "A command; the secret is its output without one final newline.",
                },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceShape {
    /// Where the service listens inside the instance.
    pub listen: Listen,
    /// The command to run; none for the command of the image.
    pub command: Option<Vec<String>>,
    pub environment: BTreeMap<String, EnvironmentValue>,
    pub mounts: Vec<Mount>,
    /// How many bytes of memory the instance may use; none for no limit.
    pub memory: Option<u64>,
    pub restart: RestartPolicy,
    /// The network of the runtime; none for the default network.
    pub network: Option<String>,
    /// Labels in addition to the labels that Greenroom sets.
    pub labels: BTreeMap<String, String>,
    /// What only a container can have. Boxed, because many futures hold a shape.
    pub container: Box<ContainerOptions>,
}

impl InstanceShape {
    /// A shape without options.
    pub fn listening(listen: Listen) -> Self {
        Self {
            listen,
            command: None,
            environment: BTreeMap::new(),
            mounts: Vec::new(),
            memory: None,
            restart: RestartPolicy::default(),
            network: None,
            labels: BTreeMap::new(),
            container: Box::default(),
        }
    }
}

/// The address at which the public reaches a target. Greenroom sends requests to it to find out which slot answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAddress {
    /// Where the proxy, or a load balancer in front of it, is reached.
    pub endpoint: Address,
    /// The `Host` header that selects the target.
    pub host: String,
    pub path: String,
}

impl PublicAddress {
    /// The URL to type into a browser, without the default port. For a unix socket, the host and the path of the socket.
    pub fn url(&self) -> String {
        let (host, scheme) = (&self.host, self.endpoint.scheme());
        // The colons of an IPv6 address are not a port.
        let has_port = host.rsplit(']').next().unwrap_or_default().contains(':');
        let is_default = self.endpoint.has_default_port();
        match (&self.endpoint, self.endpoint.port()) {
            (Address::Unix(path), _) if !has_port => format!("{host} at {}", path.display()),
            (_, Some(port)) if !has_port && !is_default => format!("{scheme}://{host}:{port}/"),
            _ => format!("{scheme}://{host}/"),
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
            ("web.example", "https://lb:443", "https://web.example/"),
            ("web.example", "https://lb:80", "https://web.example:80/"),
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
