//! Checks of notice channels: a channel without a usable address or secret, and a channel that would never get a
//! notice.

use super::super::model::{NoticeKind, NoticeSettings, Root};
use super::super::problem::nearest;
use super::super::read::suggestion;
use super::Checker;
use crate::inventory::{EnvironmentName, EnvironmentValue, ServiceName};
use crate::sanitize::visible;

const A_SECRET: &str = "name the source of the key that signs notices, e.g. { env = \"NAME\" }";
const A_TOKEN: &str = "name the source of the access token, e.g. { env = \"NAME\" }";
const A_CHANNEL: &str =
    "write the id or the name of the channel, e.g. \"C0123456789\" or \"#releases\"";
const A_REPOSITORY: &str = "write the name of the repository as the code host has it, e.g. \"team/web\"; for GitLab, the path or the number of the project";

impl Checker<'_> {
    pub(super) fn notice(&mut self, root: &Root, name: &str, section: &NoticeSettings) {
        let table = ["notices", name];
        let at = |key: &'static str| [table[0], table[1], key];
        match &section.url {
            None if section.url().is_none() => self.error(
                &table,
                "`url` is missing: write the address, or its source, e.g. { env = \"NAME\" }",
            ),
            None => {}
            Some(EnvironmentValue::Secret(secret)) => self.secret(&at("url"), Some(secret)),
            Some(EnvironmentValue::Plain(url)) => self.notice_url(&at("url"), url, section),
        }
        self.secret(&at("secret"), section.secret.as_ref());
        self.secret(&at("token"), section.token.as_ref());
        let kind = section.kind.as_str();
        for (key, is_set, says) in [
            ("secret", section.secret.is_some(), A_SECRET),
            ("token", section.token.is_some(), A_TOKEN),
            ("channel", section.channel.is_some(), A_CHANNEL),
            ("repository", section.repository.is_some(), A_REPOSITORY),
        ] {
            match (section.kind.keys().contains(&key), is_set) {
                (true, false) => self.error(
                    &table,
                    format!("`{key}` is missing, and kind = \"{kind}\" needs it: {says}"),
                ),
                (false, true) => self.error(
                    &at(key),
                    format!(
                        "kind = \"{kind}\" does not use this key: remove it, or set another kind"
                    ),
                ),
                _ => {}
            }
        }
        if let Some(channel) = &section.channel
            && (channel.is_empty() || channel.contains(char::is_whitespace))
        {
            self.error(&at("channel"), A_CHANNEL);
        }
        if let Some(repository) = &section.repository
            && !is_repository(section.kind, repository)
        {
            self.error(&at("repository"), A_REPOSITORY);
        }
        if section.events.as_ref().is_some_and(Vec::is_empty) {
            self.warning(
                &at("events"),
                "the list is empty, so this channel gets no notices: name events, or remove this key to get the usual ones",
            );
        }
        let environments: Vec<&str> = root.environments.iter().map(|(name, _)| name).collect();
        let written = section.environments.iter().map(EnvironmentName::as_str);
        self.known(name, "environments", written, &environments);
        let services: Vec<&str> = root.services.iter().map(|(name, _)| name).collect();
        let written = section.services.iter().map(ServiceName::as_str);
        self.known(name, "services", written, &services);
    }

    fn notice_url(&mut self, at: &[&str], url: &str, section: &NoticeSettings) {
        let is_local = ["127.", "localhost", "[::1]"].iter().any(|host| {
            url.strip_prefix("http://")
                .is_some_and(|rest| rest.starts_with(host))
        });
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            self.error(at, "the address must start with https:// or http://");
        } else if section.kind == NoticeKind::Slack {
            self.warning(
                at,
                "anyone who knows this address can post to the channel: keep it secret with { env = \"NAME\" }, { file = \"/path\" } or { command = [\"program\"] }",
            );
        } else if section.token.is_some() && url.starts_with("http://") && !is_local {
            self.warning(
                at,
                "the token is sent unencrypted to this address: use https://",
            );
        }
    }

    fn known<'w>(
        &mut self,
        name: &str,
        key: &str,
        written: impl Iterator<Item = &'w str>,
        known: &[&str],
    ) {
        for (index, word) in written.enumerate() {
            if known.contains(&word) {
                continue;
            }
            let hint = suggestion(nearest(word, known.iter().copied()));
            let index = format!("[{index}]");
            let says = format!("`{}` is not in [{key}]{hint}", visible(word));
            self.error(&["notices", name, key, &index], says);
        }
    }
}

/// Whether a code host of this kind can have a repository with this name.
fn is_repository(kind: NoticeKind, name: &str) -> bool {
    let is_part = |part: &str| {
        let is_usual = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        part.chars().all(is_usual) && !matches!(part, "" | "." | "..")
    };
    let parts: Vec<&str> = name.split('/').collect();
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let has_length = match kind {
        NoticeKind::GitlabStatus => parts.len() >= 2 || is_number,
        _ => parts.len() == 2,
    };
    has_length && parts.into_iter().all(is_part)
}
