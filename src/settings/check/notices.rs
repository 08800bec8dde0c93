//! Checks of notice channels: a channel without a usable address or secret, and a channel that would never get a
//! notice.

use super::super::model::{NoticeKind, NoticeSettings, Root};
use super::super::problem::nearest;
use super::super::read::suggestion;
use super::Checker;
use crate::inventory::{EnvironmentName, EnvironmentValue, ServiceName};
use crate::sanitize::visible;

impl Checker<'_> {
    pub(super) fn notice(&mut self, root: &Root, name: &str, section: &NoticeSettings) {
        let table = ["notices", name];
        let at = |key: &'static str| [table[0], table[1], key];
        match (&section.url, section.kind) {
            (None, _) => self.error(
                &table,
                "`url` is missing: write the address, or its source, e.g. { env = \"NAME\" }",
            ),
            (Some(EnvironmentValue::Secret(secret)), _) => self.secret(&at("url"), Some(secret)),
            (Some(EnvironmentValue::Plain(url)), kind) => {
                let is_web = url.starts_with("https://") || url.starts_with("http://");
                if !is_web {
                    self.error(
                        &at("url"),
                        "the address must start with https:// or http://",
                    );
                } else if kind == NoticeKind::Slack {
                    self.warning(
                        &at("url"),
                        "anyone who knows this address can post to the channel: keep it secret with { env = \"NAME\" }, { file = \"/path\" } or { command = [\"program\"] }",
                    );
                }
            }
        }
        self.secret(&at("secret"), section.secret.as_ref());
        match (section.kind, section.secret.is_some()) {
            (NoticeKind::Signed, false) => self.error(
                &table,
                "`secret` is missing, and kind = \"signed\" needs it to sign notices: name the source of the secret, e.g. { env = \"NAME\" }",
            ),
            (NoticeKind::Slack, true) => {
                self.error(&at("secret"), "an incoming webhook uses no signature: remove `secret`, or set kind = \"signed\"");
            }
            _ => {}
        }
        if section.events.is_empty() {
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
