//! What a check asks and what it expects: data, no connection.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hide_in_query;
use crate::inventory::{EnvironmentValue, HIDDEN};

/// The health endpoint of a service, and the timing of its probes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The path that answers 2xx once the instance may have traffic, e.g. `/health`.
    pub path: String,
    /// The `Host` header; the endpoint's own address when absent.
    pub host: Option<String>,
    /// Further headers to send.
    #[serde(default)]
    pub headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters added to the query of the path.
    #[serde(default)]
    pub query: BTreeMap<String, EnvironmentValue>,
    /// Time between two probes.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
}

/// What an answer must be for a case to pass. Everything given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Expectation {
    /// The status code; any 2xx when absent.
    pub status: Option<u16>,
    /// Headers by lower-case name, each equal to the text.
    pub headers: BTreeMap<String, String>,
    /// A text that the body must contain.
    pub body_contains: Option<String>,
    /// JSON pointers (RFC 6901) into the body, each with the value that must be there.
    pub json: BTreeMap<String, serde_json::Value>,
    /// The maximum time for the whole answer.
    pub within: Option<Duration>,
}

/// One request and the expected answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The name on the screen.
    pub name: String,
    /// `GET`, `HEAD`, `POST`, …
    pub method: String,
    /// Path and query, e.g. `/basket?id=7`.
    pub path: String,
    /// Headers to send.
    pub headers: BTreeMap<String, EnvironmentValue>,
    /// Parameters added to the query of the path.
    pub query: BTreeMap<String, EnvironmentValue>,
    /// A body to send.
    pub body: Option<String>,
    /// How long to wait for the answer.
    pub timeout: Duration,
    /// Whether it goes through the proxy's preview URL instead of the candidate's own address.
    pub through_preview: bool,
    /// What to expect.
    pub expect: Expectation,
    /// Whether a failure stops the release.
    pub required: bool,
}

/// The checks of a target, in the order they are run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suite {
    /// The cases.
    pub cases: Vec<Case>,
}

impl HealthCheck {
    /// Path and query as shown: without values that are secret, or may be by their names.
    pub fn shown_path(&self) -> String {
        shown_path(&self.path, &self.query)
    }
}

impl Case {
    /// Path and query as shown: without values that are secret, or may be by their names.
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
