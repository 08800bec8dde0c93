//! What a service does, and so how its versions change.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of a service. Workers and schedulers are *background services*: they get no requests, and have neither
/// addresses nor a proxy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceKind {
    /// A proxy sends requests to it.
    #[default]
    Http,
    /// It takes its work from elsewhere, e.g. from a queue. Old and new version run side by side during a release.
    Worker,
    /// It starts work itself, e.g. by the clock. Two instances never run at once, not even for a moment.
    Scheduler,
}

impl ServiceKind {
    /// Whether the service gets no requests.
    pub fn is_background(self) -> bool {
        self != Self::Http
    }

    /// Whether two instances must never run at once (interlock 12).
    pub fn is_exclusive(self) -> bool {
        self == Self::Scheduler
    }

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
        }
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
