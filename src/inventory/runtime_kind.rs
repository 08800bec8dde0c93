//! The kinds of runtimes that run instances, and the words for their instances.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeKind {
    /// Docker, which runs containers.
    #[default]
    Containers,
    /// Plain processes on this machine.
    Processes,
}

impl RuntimeKind {
    /// The word for one instance, e.g. `container`.
    pub fn one(self) -> &'static str {
        match self {
            Self::Containers => "container",
            Self::Processes => "process",
        }
    }

    /// The word for several instances, e.g. `containers`.
    pub fn many(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::Processes => "processes",
        }
    }
}
