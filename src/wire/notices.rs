//! Builds the channels that receive notices of releases. The secrets of a channel are read when a notice is sent, so
//! that a missing secret blocks no release.

use std::sync::Arc;
use std::time::Duration;

use super::{App, outbound_proxy};
use crate::adapters::notices::{Format, Webhook};
use crate::inventory::Operator;
use crate::ports::{Clock, Secrets};
use crate::settings::{NoticeKind, NoticeSettings, Settings};
use crate::watchers::{Channel, Outbox};

/// How long the end of a command or of the console waits for notices to be sent.
const WAIT_AT_END: Duration = Duration::from_secs(5);

impl App {
    /// The channels that receive notices of releases.
    pub fn channels(&self) -> &[Channel] {
        self.outbox.channels()
    }

    /// Waits until all notices are sent, at most five seconds. After that, returns a message if notices may be unsent.
    /// Its number is an estimate: it includes one notice for each release that is still followed.
    pub async fn wait_for_notices(&self) -> Option<String> {
        let unsent = self.outbox.settle(WAIT_AT_END).await;
        (unsent > 0).then(|| {
            format!("up to {unsent} notices were not sent within {WAIT_AT_END:?} and will not be sent later: look for the reason in the log (greenroom doctor shows its path)")
        })
    }
}

pub(super) fn outbox(
    settings: &Settings,
    secrets: &Arc<dyn Secrets>,
    driver: &Operator,
    clock: &Arc<dyn Clock>,
) -> Outbox {
    let notices = settings.notices.iter();
    let channels = notices
        .filter_map(|(name, notice)| channel(name, notice, secrets))
        .collect();
    Outbox::new(channels, driver.clone(), Arc::clone(clock))
}

/// None for a channel without an address, or without the key that its format needs. The checks of the settings have
/// refused such a channel.
fn channel(name: &str, settings: &NoticeSettings, secrets: &Arc<dyn Secrets>) -> Option<Channel> {
    let format = match settings.kind {
        NoticeKind::Slack => Format::Slack,
        NoticeKind::Signed => Format::Signed(settings.secret.clone()?),
    };
    Some(Channel {
        name: name.to_owned(),
        notifier: Arc::new(Webhook::new(
            settings.url.clone()?,
            format,
            Arc::clone(secrets),
            outbound_proxy(),
        )),
        events: settings.events.iter().copied().collect(),
        environments: settings.environments.iter().cloned().collect(),
        services: settings.services.iter().cloned().collect(),
    })
}
