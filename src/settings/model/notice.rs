//! A channel that gets notices of releases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::NoticeEvent;
use crate::inventory::{EnvironmentName, EnvironmentValue, SecretSource, ServiceName};

/// One channel that gets notices of releases. The driver sends the notices. No channel delays a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeSettings {
    /// The format of a notice: `slack` for an incoming webhook of Slack or a compatible service, or `signed` for JSON
    /// with a Standard Webhooks signature.
    pub kind: NoticeKind,
    /// The URL, or the source to read it from. The URL of an incoming webhook is a secret.
    pub url: Option<EnvironmentValue>,
    /// The signing key; only for `signed`: `whsec_` and base64, or any text of at least 24 characters.
    pub secret: Option<SecretSource>,
    /// The events that the channel gets notices of.
    pub events: Vec<NoticeEvent>,
    /// The environments that the channel gets notices of; all when empty.
    pub environments: Vec<EnvironmentName>,
    /// The services that the channel gets notices of; all when empty.
    pub services: Vec<ServiceName>,
}

impl Default for NoticeSettings {
    fn default() -> Self {
        Self {
            kind: NoticeKind::Slack,
            url: None,
            secret: None,
            events: vec![
                NoticeEvent::Started,
                NoticeEvent::Waiting,
                NoticeEvent::Switched,
                NoticeEvent::Failed,
                NoticeEvent::RolledBack,
                NoticeEvent::BackedOut,
                NoticeEvent::Offered,
                NoticeEvent::Refused,
            ],
            environments: Vec::new(),
            services: Vec::new(),
        }
    }
}

/// The format of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    Slack,
    Signed,
}
