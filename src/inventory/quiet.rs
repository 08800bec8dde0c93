//! How the old version of a worker is told to take no more jobs before it is stopped.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{Time, Written};

/// How the old version of a worker is told to take no more jobs, and how long it may take to finish those that it has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// The signal that each member gets. It may be sent again, e.g. after a crash.
    #[serde(default)]
    pub signal: Option<QuietSignal>,
    /// The command that runs in the container of each member, instead of a signal. It may run again, e.g. after a crash.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// The command that runs in the container of each member, every second, and prints how many jobs it still has.
    /// Without this command, the whole time is waited, or until all members have exited.
    #[serde(default)]
    pub jobs: Option<Vec<String>>,
    /// How long the jobs may take. After that the old version is stopped, whatever it is doing.
    #[serde(with = "Written::<Time>")]
    pub timeout: Duration,
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
