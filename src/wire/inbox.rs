//! Starts the inbox of the agent, and reports pushes to the inbox of the sandbox.

use std::sync::Arc;

use super::{App, WireError, outbound_proxy};
pub use crate::adapters::inbound::Inbox;
use crate::adapters::notices;
use crate::adapters::secrets::LocalSecrets;
use crate::inventory::Push;
use crate::inventory::servers::SenderCredential;
use crate::ports::{PushReceiver, Secrets};
use crate::settings::Settings;

/// Starts the inbox; none if the configuration has no inbox.
pub async fn start_inbox(
    app: &App,
    settings: &Settings,
    receiver: Arc<dyn PushReceiver>,
) -> Result<Option<Inbox>, WireError> {
    let Some(config) = settings.agent.inbox.clone() else {
        return Ok(None);
    };
    let secrets = Arc::new(LocalSecrets::default());
    let clock = Arc::clone(app.engine.clock());
    Ok(Some(Inbox::start(config, secrets, receiver, clock).await?))
}

/// Reads the credentials and the certificate of the inbox of the configuration. The failure says why the inbox would
/// not start.
pub async fn check_inbox(settings: &Settings) -> Result<(), WireError> {
    let Some(inbox) = &settings.agent.inbox else {
        return Ok(());
    };
    let secrets: Arc<dyn Secrets> = Arc::new(LocalSecrets::default());
    for (name, sender) in &inbox.senders {
        Inbox::check_sender(name, sender, Arc::clone(&secrets)).await?;
    }
    if let Some(tls) = &inbox.tls {
        Inbox::check_certificate(tls).await?;
    }
    Ok(())
}

/// Reports a push to the inbox of the configuration, as its first sender of the kind `signed`. Returns when the inbox
/// has stored the push or does not need it.
pub async fn report_push(settings: &Settings, push: &Push) -> Result<(), WireError> {
    let inbox = settings.agent.inbox.as_ref();
    let signed = inbox.and_then(|inbox| {
        inbox
            .senders
            .iter()
            .find_map(|(name, sender)| match sender.credential()? {
                SenderCredential::Secret(source) => Some((inbox.listen, name, source)),
                _ => None,
            })
    });
    let Some((listen, name, source)) = signed else {
        let why = "the configuration has no inbox with a sender of the kind signed";
        return Err(WireError::Settings(why.to_owned()));
    };
    let secret = LocalSecrets::default().read(&source).await?;
    let url = format!("http://{listen}/push/{name}");
    notices::report_push(&url, &secret, push, outbound_proxy()).await?;
    Ok(())
}
