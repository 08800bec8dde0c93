//! What runs the instances of a target, and what operators call the instances.

use serde::{Deserialize, Serialize};

/// What runs the instances of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeKind {
    /// A container engine.
    #[default]
    Containers,
    /// Plain processes on this machine.
    Processes,
}

impl RuntimeKind {
    /// The word for one instance: `container`.
    pub fn one(self) -> &'static str {
        match self {
            Self::Containers => "container",
            Self::Processes => "process",
        }
    }

    /// The word for several: `containers`.
    pub fn many(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::Processes => "processes",
        }
    }
}
