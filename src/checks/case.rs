//! What a check requests and what it expects, as plain data.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hide_in_query;
use crate::inventory::{EnvironmentValue, HIDDEN};

/// The health endpoint of a service, and the timing of its probes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The path that answers 2xx when the instance is ready for traffic, e.g. `/health`.
    pub path: String,
    /// The `Host` header; if absent, the endpoint's own address is sent.
    pub host: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters that are added to the query of the path.
    #[serde(default)]
    pub query: BTreeMap<String, EnvironmentValue>,
    /// The time between two probes.
    pub interval: Duration,
    pub timeout: Duration,
}

/// What a case expects of an answer. The case passes if every given condition holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Expectation {
    /// The expected status code; if absent, any 2xx.
    pub status: Option<u16>,
    /// The headers that the answer must have: each lower-case name with its exact value.
    pub headers: BTreeMap<String, String>,
    /// A text that the body must contain.
    pub body_contains: Option<String>,
    /// JSON pointers (RFC 6901) into the body, each with the value that it must find.
    pub json: BTreeMap<String, serde_json::Value>,
    /// The maximum time for the whole answer.
    pub within: Option<Duration>,
}

/// One request and the expected answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub name: String,
    /// `GET`, `HEAD`, `POST`, …
    pub method: String,
    /// Path and query, e.g. `/basket?id=7`.
    pub path: String,
    pub headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters that are added to the query of the path.
    pub query: BTreeMap<String, EnvironmentValue>,
    pub body: Option<String>,
    pub timeout: Duration,
    /// Whether the request goes to the proxy's preview URL instead of the candidate's own address.
    pub through_preview: bool,
    pub expect: Expectation,
    /// Whether the release stops if this case does not pass.
    pub required: bool,
}

/// The checks of a target, in the order in which they run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
