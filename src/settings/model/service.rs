//! The section of a service: its image, its instances and checks, and its environments.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::units::{Size, Time};
use super::{Ordered, SiteSection, TimingSection, VariableValue};
use crate::inventory::Endpoint;

/// One service.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct ServiceSection {
    /// The image's repository, without tag, e.g. `registry.example/team/web`.
    #[schemars(extend("format" = "repository"))]
    pub(in crate::settings) image: String,
    /// Where the service listens inside its container or process: a port or a socket.
    pub(in crate::settings) listen: ListenSection,
    /// The command to run instead of the image's own command.
    #[serde(default)]
    pub(in crate::settings) command: Option<Vec<String>>,
    /// Environment variables of the containers or processes.
    #[serde(default)]
    pub(in crate::settings) environment: BTreeMap<String, VariableValue>,
    /// Directories of the host, or volumes, that the containers or processes see.
    #[serde(default)]
    pub(in crate::settings) mounts: Vec<MountSection>,
    /// The most memory a container or process may use.
    #[serde(default)]
    pub(in crate::settings) memory: Option<Size>,
    /// When a container or process is restarted automatically.
    #[serde(default)]
    pub(in crate::settings) restart: RestartSetting,
    /// The network of the containers or processes.
    #[serde(default)]
    pub(in crate::settings) network: Option<String>,
    /// Further labels of the containers or processes.
    #[serde(default)]
    pub(in crate::settings) labels: BTreeMap<String, String>,
    /// The health endpoint. Nothing is released without one.
    #[serde(default)]
    pub(in crate::settings) health: Option<HealthSection>,
    /// The checks of a candidate before it gets traffic.
    #[serde(default)]
    pub(in crate::settings) checks: Vec<CheckSection>,
    /// The timing of a release.
    #[serde(default)]
    pub(in crate::settings) timing: TimingSection,
    /// An additional etcd key for other programs, written in the same transaction as the registration.
    #[serde(default)]
    pub(in crate::settings) etcd_key: Option<ExtraKeySection>,
    /// The environments to which the service can be released.
    #[serde(default)]
    pub(in crate::settings) environments: Ordered<ServiceEnvironmentSection>,
}

/// Where a service listens: exactly one of the two.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct ListenSection {
    /// The TCP port.
    pub(in crate::settings) port: Option<NonZeroU16>,
    /// The path of a unix socket.
    pub(in crate::settings) socket: Option<PathBuf>,
}

/// A directory of the host, or a volume, that a container or process sees.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct MountSection {
    /// The path on the host, or the name of a volume.
    pub(in crate::settings) source: String,
    /// The path inside the container or process.
    pub(in crate::settings) target: String,
    /// Whether the container or process can only read it.
    #[serde(default)]
    pub(in crate::settings) read_only: bool,
}

/// When a container or process is restarted automatically.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum RestartSetting {
    No,
    OnFailure,
    #[default]
    UnlessStopped,
    Always,
}

/// The health endpoint, and the timing of its probes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct HealthSection {
    /// The path that answers 2xx once the container or process may have traffic.
    #[schemars(extend("format" = "http-path"))]
    pub(in crate::settings) path: String,
    /// The `Host` header; the endpoint's own address when absent.
    #[serde(default)]
    pub(in crate::settings) host: Option<String>,
    /// Further headers to send, e.g. `X-Forwarded-Proto = "https"` for an application that redirects to HTTPS.
    #[serde(default)]
    pub(in crate::settings) headers: BTreeMap<String, VariableValue>,
    /// Parameters added to the query of the path.
    #[serde(default)]
    pub(in crate::settings) query: BTreeMap<String, VariableValue>,
    /// The time between two probes.
    #[serde(default = "one_second")]
    pub(in crate::settings) interval: Time,
    /// How long one probe may take.
    #[serde(default = "five_seconds")]
    pub(in crate::settings) timeout: Time,
}

fn one_second() -> Time {
    Time(std::time::Duration::from_secs(1))
}

fn five_seconds() -> Time {
    Time(std::time::Duration::from_secs(5))
}

/// One request and the expected answer.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct CheckSection {
    /// The name that the console shows.
    pub(in crate::settings) name: String,
    /// The HTTP method.
    #[serde(default = "get")]
    #[schemars(extend("format" = "http-method"))]
    pub(in crate::settings) method: String,
    /// The path and query to request.
    #[schemars(extend("format" = "http-path"))]
    pub(in crate::settings) path: String,
    /// The headers to send.
    #[serde(default)]
    pub(in crate::settings) headers: BTreeMap<String, VariableValue>,
    /// Parameters added to the query of the path.
    #[serde(default)]
    pub(in crate::settings) query: BTreeMap<String, VariableValue>,
    /// The body to send.
    #[serde(default)]
    pub(in crate::settings) body: Option<String>,
    /// How long to wait for the answer.
    #[serde(default = "five_seconds")]
    pub(in crate::settings) timeout: Time,
    /// Whether the check goes through the preview server instead of the candidate's own address.
    #[serde(default)]
    pub(in crate::settings) through_preview: bool,
    /// The expected answer: everything given must hold. Without `status`, any 2xx is expected.
    #[serde(default)]
    pub(in crate::settings) expect: ExpectSection,
    /// Whether a failure stops the release.
    #[serde(default = "yes")]
    pub(in crate::settings) required: bool,
}

fn get() -> String {
    "GET".into()
}

fn yes() -> bool {
    true
}

/// What the answer to a check must be.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct ExpectSection {
    /// The expected status code; any 2xx when absent.
    #[schemars(range(min = 100, max = 599))]
    pub(in crate::settings) status: Option<u16>,
    /// The expected headers, each with its exact value.
    pub(in crate::settings) headers: BTreeMap<String, String>,
    /// A text that the body must contain.
    pub(in crate::settings) body_contains: Option<String>,
    /// JSON pointers into the body, each with the value that must be there.
    pub(in crate::settings) json: BTreeMap<String, serde_json::Value>,
    /// The maximum time for the whole answer.
    pub(in crate::settings) within: Option<Time>,
}

/// An additional etcd key. Key and value are templates that are filled in from the registration.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct ExtraKeySection {
    /// The template of the key.
    pub(in crate::settings) key: String,
    /// The template of the value.
    pub(in crate::settings) value: String,
}

/// A service in an environment. Its values override those of the service.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct ServiceEnvironmentSection {
    /// The fixed address of each slot.
    pub(in crate::settings) endpoints: EndpointsSection,
    /// How clients reach the service.
    #[serde(default)]
    pub(in crate::settings) proxy: Option<SiteSection>,
    /// Environment variables, added to those of the service.
    #[serde(default)]
    pub(in crate::settings) environment: BTreeMap<String, VariableValue>,
    /// The most memory a container or process may use.
    #[serde(default)]
    pub(in crate::settings) memory: Option<Size>,
    /// The health endpoint, instead of that of the service.
    #[serde(default)]
    pub(in crate::settings) health: Option<HealthSection>,
    /// The checks, instead of those of the service.
    #[serde(default)]
    pub(in crate::settings) checks: Option<Vec<CheckSection>>,
    /// The timing of a release.
    #[serde(default)]
    pub(in crate::settings) timing: TimingSection,
}

/// The fixed address of each slot.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct EndpointsSection {
    /// The address of blue: `127.0.0.1:18081` or `unix:/run/web/blue.sock`.
    #[schemars(with = "String", extend("format" = "endpoint"))]
    pub(in crate::settings) blue: Endpoint,
    /// The address of green: `127.0.0.1:18082` or `unix:/run/web/green.sock`.
    #[schemars(with = "String", extend("format" = "endpoint"))]
    pub(in crate::settings) green: Endpoint,
}
