//! What runs the instances of a target, and what an operator calls them there.

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeKind {
    /// A container engine.
    #[default]
    Containers,
    /// Plain processes of this machine.
    Processes,
}

impl RuntimeKind {
    /// One of them: `container`.
    pub fn one(self) -> &'static str {
        match self {
            Self::Containers => "container",
            Self::Processes => "process",
        }
    }

    /// Several of them: `containers`.
    pub fn many(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::Processes => "processes",
        }
    }
}
