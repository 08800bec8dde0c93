//! A channel that is told of releases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretSection, VariableValue};
use crate::history::NoticeEvent;

/// One channel that is told of releases by whoever drives them. None of them holds a release up.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct NoticeSection {
    /// How a notice is written: `slack`, an incoming webhook of Slack or what takes the same, or `signed`, JSON with
    /// a signature as Standard Webhooks has it.
    pub(in crate::settings) kind: NoticeKind,
    /// Where to: a URL, or where it is read from. That of an incoming webhook is a secret.
    pub(in crate::settings) url: Option<VariableValue>,
    /// What signs; only for `signed`: `whsec_` and base64, or any text of at least 24 characters.
    pub(in crate::settings) secret: Option<SecretSection>,
    /// What is told of.
    pub(in crate::settings) events: Vec<EventWord>,
    /// In which environments; in all when empty.
    pub(in crate::settings) environments: Vec<String>,
    /// Of which services; of all when empty.
    pub(in crate::settings) services: Vec<String>,
}

impl Default for NoticeSection {
    fn default() -> Self {
        Self {
            kind: NoticeKind::Slack,
            url: None,
            secret: None,
            events: vec![
                EventWord::Started,
                EventWord::Waiting,
                EventWord::Switched,
                EventWord::Failed,
                EventWord::RolledBack,
                EventWord::BackedOut,
            ],
            environments: Vec::new(),
            services: Vec::new(),
        }
    }
}

/// How a notice is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::settings) enum NoticeKind {
    Slack,
    Signed,
}

/// What is told of. See [`NoticeEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum EventWord {
    Started,
    Waiting,
    Switched,
    Failed,
    RolledBack,
    BackedOut,
    Finished,
}

impl From<EventWord> for NoticeEvent {
    fn from(word: EventWord) -> Self {
        match word {
            EventWord::Started => Self::Started,
            EventWord::Waiting => Self::Waiting,
            EventWord::Switched => Self::Switched,
            EventWord::Failed => Self::Failed,
            EventWord::RolledBack => Self::RolledBack,
            EventWord::BackedOut => Self::BackedOut,
            EventWord::Finished => Self::Finished,
        }
    }
}
