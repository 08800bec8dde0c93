//! A channel that gets notices of releases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretSection, VariableValue};
use crate::history::NoticeEvent;

/// One channel that gets notices of releases. The driver sends the notices. No channel delays a release.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct NoticeSection {
    /// The format of a notice: `slack` for an incoming webhook of Slack or a compatible service, or `signed` for JSON
    /// with a Standard Webhooks signature.
    pub(in crate::settings) kind: NoticeKind,
    /// The URL, or the source to read it from. The URL of an incoming webhook is a secret.
    pub(in crate::settings) url: Option<VariableValue>,
    /// The signing key; only for `signed`: `whsec_` and base64, or any text of at least 24 characters.
    pub(in crate::settings) secret: Option<SecretSection>,
    /// The events that the channel gets notices of.
    pub(in crate::settings) events: Vec<EventSetting>,
    /// The environments that the channel gets notices of; all when empty.
    pub(in crate::settings) environments: Vec<String>,
    /// The services that the channel gets notices of; all when empty.
    pub(in crate::settings) services: Vec<String>,
}

impl Default for NoticeSection {
    fn default() -> Self {
        Self {
            kind: NoticeKind::Slack,
            url: None,
            secret: None,
            events: vec![
                EventSetting::Started,
                EventSetting::Waiting,
                EventSetting::Switched,
                EventSetting::Failed,
                EventSetting::RolledBack,
                EventSetting::BackedOut,
            ],
            environments: Vec::new(),
            services: Vec::new(),
        }
    }
}

/// The format of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::settings) enum NoticeKind {
    Slack,
    Signed,
}

/// An event of a release. See [`NoticeEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::settings) enum EventSetting {
    Started,
    Waiting,
    Switched,
    Failed,
    RolledBack,
    BackedOut,
    Finished,
}

impl From<EventSetting> for NoticeEvent {
    fn from(word: EventSetting) -> Self {
        match word {
            EventSetting::Started => Self::Started,
            EventSetting::Waiting => Self::Waiting,
            EventSetting::Switched => Self::Switched,
            EventSetting::Failed => Self::Failed,
            EventSetting::RolledBack => Self::RolledBack,
            EventSetting::BackedOut => Self::BackedOut,
            EventSetting::Finished => Self::Finished,
        }
    }
}
