//! How the old version of a worker is told to take no more jobs before it is stopped.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the old version of a worker is told to take no more jobs, and how long it may take to finish those that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    pub by: QuietBy,
    /// The command that prints how many jobs a member still has; none if the jobs are not counted.
    pub jobs: Option<Vec<String>>,
    /// How long the jobs may take.
    pub timeout: Duration,
}

/// How a member is told to take no more jobs. It may be told again, e.g. after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuietBy {
    Signal(QuietSignal),
    /// A command inside the container.
    Command(Vec<String>),
}

/// How many jobs the old version of a worker still has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobCount {
    Left(u64),
    /// The jobs cannot be counted. The text is the reason.
    Uncounted(String),
}

/// A signal that tells a worker to take no more jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum QuietSignal {
    #[serde(rename = "SIGHUP")]
    Hangup,
    #[serde(rename = "SIGINT")]
    Interrupt,
    #[serde(rename = "SIGQUIT")]
    Quit,
    #[serde(rename = "SIGUSR1")]
    User1,
    #[serde(rename = "SIGUSR2")]
    User2,
    #[serde(rename = "SIGTERM")]
    Terminate,
    #[serde(rename = "SIGTSTP")]
    TerminalStop,
    #[serde(rename = "SIGTTIN")]
    TerminalInput,
    #[serde(rename = "SIGWINCH")]
    WindowChange,
}

impl QuietSignal {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::User1 => "SIGUSR1",
            Self::User2 => "SIGUSR2",
            Self::Terminate => "SIGTERM",
            Self::TerminalStop => "SIGTSTP",
            Self::TerminalInput => "SIGTTIN",
            Self::WindowChange => "SIGWINCH",
        }
    }
}

impl fmt::Display for QuietSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
