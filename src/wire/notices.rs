//! Builds the channels that receive notices of releases. The secrets of a channel are read when a notice is sent, so
//! that a missing secret blocks no release.

use std::sync::Arc;
use std::time::Duration;

use super::{App, outbound_proxy};
use crate::adapters::notices::{
    CodeHost, CommitStatus, IncomingWebhook, Server, SignedWebhook, SlackBot,
};
use crate::inventory::Operator;
use crate::ports::{Clock, Notifier, Secrets};
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

/// None for a channel without a key that its kind needs. The checks of the settings have refused such a channel.
fn channel(name: &str, settings: &NoticeSettings, secrets: &Arc<dyn Secrets>) -> Option<Channel> {
    let server = Server::new(settings.url()?, Arc::clone(secrets), outbound_proxy());
    let token = || settings.token.clone();
    let status = |server, host| -> Option<Arc<dyn Notifier>> {
        let repository = settings.repository.clone()?;
        Some(Arc::new(CommitStatus::new(
            server,
            host,
            token()?,
            repository,
        )))
    };
    let notifier: Arc<dyn Notifier> = match settings.kind {
        NoticeKind::Slack => Arc::new(IncomingWebhook::new(server)),
        NoticeKind::SlackBot => {
            Arc::new(SlackBot::new(server, token()?, settings.channel.clone()?))
        }
        NoticeKind::Signed => Arc::new(SignedWebhook::new(server, settings.secret.clone()?)),
        NoticeKind::GithubStatus => status(server, CodeHost::GitHub)?,
        NoticeKind::GitlabStatus => status(server, CodeHost::GitLab)?,
        NoticeKind::ForgejoStatus => status(server, CodeHost::Forgejo)?,
    };
    Some(Channel {
        name: name.to_owned(),
        notifier,
        events: settings.events().into_iter().collect(),
        environments: settings.environments.iter().cloned().collect(),
        services: settings.services.iter().cloned().collect(),
    })
}
