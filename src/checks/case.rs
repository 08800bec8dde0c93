//! What a check requests and what it expects, as plain data.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::hide_in_query;
use crate::inventory::units::{MaybeWritten, Time, Written};
use crate::inventory::{EnvironmentValue, HIDDEN};

/// The health endpoint, and the timing of its probes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The path that answers 2xx once the container or process may have traffic.
    #[schemars(extend("format" = "http-path"))]
    pub path: String,
    /// The `Host` header; the endpoint's own address when absent.
    #[serde(default)]
    pub host: Option<String>,
    /// Further headers to send, e.g. `X-Forwarded-Proto = "https"` for an application that redirects to HTTPS.
    #[serde(default)]
    pub headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters added to the query of the path.
    #[serde(default)]
    pub query: BTreeMap<String, EnvironmentValue>,
    /// The time between two probes.
    #[serde(default = "one_second", with = "Written::<Time>")]
    pub interval: Duration,
    /// How long one probe may take.
    #[serde(default = "five_seconds", with = "Written::<Time>")]
    pub timeout: Duration,
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

/// What the answer to a check must be. The answer must meet every expectation that is set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// The expected status code; any 2xx when absent.
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// The expected headers, each with its exact value.
    #[serde(deserialize_with = "with_lower_case_names")]
    pub headers: BTreeMap<String, String>,
    /// A text that the body must contain.
    pub body_contains: Option<String>,
    /// JSON pointers (RFC 6901) into the body, each with the value that must be there.
    pub json: BTreeMap<String, serde_json::Value>,
    /// The maximum time for the whole answer.
    #[serde(with = "MaybeWritten::<Time>")]
    pub within: Option<Duration>,
}

/// The names of headers are compared in lower case.
fn with_lower_case_names<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let headers = BTreeMap::<String, String>::deserialize(deserializer)?.into_iter();
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value));
    Ok(headers.collect())
}

/// One request and the expected answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The name that the console shows.
    pub name: String,
    /// The HTTP method.
    #[serde(default = "get")]
    #[schemars(extend("format" = "http-method"))]
    pub method: String,
    /// The path and query to request.
    #[schemars(extend("format" = "http-path"))]
    pub path: String,
    /// The headers to send.
    #[serde(default)]
    pub headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters added to the query of the path.
    #[serde(default)]
    pub query: BTreeMap<String, EnvironmentValue>,
    /// The body to send.
    #[serde(default)]
    pub body: Option<String>,
    /// How long to wait for the answer.
    #[serde(default = "five_seconds", with = "Written::<Time>")]
    pub timeout: Duration,
    /// Whether the check goes through the preview server instead of the candidate's own address.
    #[serde(default)]
    pub through_preview: bool,
    /// The expected answer, which must meet every expectation that is set. Without `status`, any 2xx is expected.
    #[serde(default)]
    pub expect: Expectation,
    /// Whether a failure stops the release.
    #[serde(default = "yes")]
    pub required: bool,
}

fn get() -> String {
    "GET".into()
}

fn yes() -> bool {
    true
}

/// The checks of a target, in the order in which they run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suite {
    pub cases: Vec<Case>,
}

impl HealthCheck {
    /// Path and query as text to show. A value is hidden if it is secret, or if its name suggests a secret.
    pub fn shown_path(&self) -> String {
        shown_path(&self.path, &self.query)
    }
}

impl Case {
    /// Path and query as text to show. A value is hidden if it is secret, or if its name suggests a secret.
    pub fn shown_path(&self) -> String {
        shown_path(&self.path, &self.query)
    }
}

fn shown_path(path: &str, query: &BTreeMap<String, EnvironmentValue>) -> String {
    let mut shown = path.to_owned();
    for (name, value) in query {
        let value = match value {
            EnvironmentValue::Plain(text) => text,
            EnvironmentValue::Secret(_) => HIDDEN,
        };
        shown.push(if shown.contains('?') { '&' } else { '?' });
        shown.extend([name, "=", value]);
    }
    hide_in_query(&shown).0
}
