//! A channel that gets notices of releases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::NoticeEvent;
use crate::inventory::{EnvironmentName, EnvironmentValue, SecretSource, ServiceName};

/// One channel that gets notices of releases and of pushes. The driver of a release and the agent send the notices. No
/// channel delays a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeSettings {
    /// The format of a notice: `slack` for an incoming webhook of Slack or a compatible service, `slack-bot` for a bot
    /// of Slack that updates one message per release, `signed` for JSON with a Standard Webhooks signature, or
    /// `github-status`, `gitlab-status` or `forgejo-status` for the status of the commit of a version.
    pub kind: NoticeKind,
    /// The URL, or the source to read it from. The URL of an incoming webhook is a secret. For `slack-bot` and for
    /// commit statuses, the URL of the API; it must be set for `forgejo-status`.
    pub url: Option<EnvironmentValue>,
    /// The signing key; only for `signed`: `whsec_` and base64, or any text of at least 24 characters.
    pub secret: Option<SecretSource>,
    /// The access token; only for `slack-bot` and commit statuses.
    pub token: Option<SecretSource>,
    /// The id or the name of the channel; only for `slack-bot`.
    pub channel: Option<String>,
    /// The repository of the commits: `owner/name`, or the path or number of a GitLab project; only for commit statuses.
    pub repository: Option<String>,
    /// The events that the channel gets notices of. When absent, all events; for `slack` and `signed`, all except
    /// `finished`.
    pub events: Option<Vec<NoticeEvent>>,
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
            token: None,
            channel: None,
            repository: None,
            events: None,
            environments: Vec::new(),
            services: Vec::new(),
        }
    }
}

impl NoticeSettings {
    /// The events that the channel gets notices of. A channel that shows one state per release, which each notice
    /// replaces, also needs the end of a release.
    pub fn events(&self) -> Vec<NoticeEvent> {
        let is_usual = |event: &NoticeEvent| match self.kind {
            NoticeKind::Slack | NoticeKind::Signed => *event != NoticeEvent::Finished,
            _ => true,
        };
        let usual = || NoticeEvent::ALL.into_iter().filter(is_usual).collect();
        self.events.clone().unwrap_or_else(usual)
    }

    /// The URL, or the one that the kind has without this key.
    pub fn url(&self) -> Option<EnvironmentValue> {
        let of_kind = || self.kind.url().map(EnvironmentValue::from);
        self.url.clone().or_else(of_kind)
    }
}

/// The format of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    Slack,
    SlackBot,
    Signed,
    GithubStatus,
    GitlabStatus,
    ForgejoStatus,
}

impl NoticeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::SlackBot => "slack-bot",
            Self::Signed => "signed",
            Self::GithubStatus => "github-status",
            Self::GitlabStatus => "gitlab-status",
            Self::ForgejoStatus => "forgejo-status",
        }
    }

    /// The keys that the kind needs besides the URL. The other kinds do not use them.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Slack => &[],
            Self::SlackBot => &["token", "channel"],
            Self::Signed => &["secret"],
            Self::GithubStatus | Self::GitlabStatus | Self::ForgejoStatus => {
                &["token", "repository"]
            }
        }
    }

    /// The URL of the usual server; none if there is no usual server.
    fn url(self) -> Option<&'static str> {
        match self {
            Self::SlackBot => Some("https://slack.com/api"),
            Self::GithubStatus => Some("https://api.github.com"),
            Self::GitlabStatus => Some("https://gitlab.com/api/v4"),
            Self::Slack | Self::Signed | Self::ForgejoStatus => None,
        }
    }
}
