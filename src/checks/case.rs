//! What a check asks and what it expects: data, no connection.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The health endpoint of a service and how patient to be with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The path that answers 2xx when the instance may have traffic, e.g. `/health`.
    pub path: String,
    /// The `Host` header; the endpoint's own address when absent.
    pub host: Option<String>,
    /// Further headers to send. Their values may be secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Time between two probes.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
}

/// What an answer has to be for a case to pass. Everything given has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Expectation {
    /// The status code; any 2xx when absent.
    pub status: Option<u16>,
    /// Headers by lower-case name, each equal to the text.
    pub headers: BTreeMap<String, String>,
    /// A text that the body contains.
    pub body_contains: Option<String>,
    /// JSON pointers (RFC 6901) into the body and the value at each.
    pub json: BTreeMap<String, serde_json::Value>,
    /// How long the whole answer may take.
    pub within: Option<Duration>,
}

/// One request and what to expect of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its name on the screen.
    pub name: String,
    /// `GET`, `HEAD`, `POST`, …
    pub method: String,
    /// Path and query, e.g. `/basket?id=7`.
    pub path: String,
    /// Headers to send.
    pub headers: BTreeMap<String, String>,
    /// A body to send.
    pub body: Option<String>,
    /// How long to wait for the answer.
    pub timeout: Duration,
    /// Whether it is asked through the preview URL of the proxy instead of the candidate's own address.
    pub through_preview: bool,
    /// What to expect.
    pub expect: Expectation,
    /// Whether the release may go on without it having passed.
    pub required: bool,
}

/// The checks of a target, in the order they are run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suite {
    /// The cases.
    pub cases: Vec<Case>,
}
