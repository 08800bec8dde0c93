//! Sends notices over HTTP. Each kind of channel is one file, which implements [`Notifier`]: incoming webhooks in
//! Slack's format (which Mattermost and others accept), bots of Slack, receivers of signed webhooks, and the commit
//! statuses of code hosts. Addresses and secrets are read again for each notice. Errors never show a secret. They show
//! only the server of an address, because the address of an incoming webhook is a secret. This module does not decide
//! what to announce.

mod commit_status;
mod plain;
mod post;
mod signed;
mod slack;
mod slack_bot;

use std::sync::Arc;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

pub use commit_status::{CodeHost, CommitStatus};
pub use signed::{SignedWebhook, report_push};
pub use slack::IncomingWebhook;
pub use slack_bot::SlackBot;

use crate::adapters::outbound_proxy::OutboundProxy;
use crate::inventory::{EnvironmentValue, Mask, SecretSource};
use crate::ports::{Bound, Failure, FailureKind, Result, Secrets, TimeLimit};

use post::Post;

/// The read limits for a receiver.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "receiver of notices",
    answer: "the answer to a notice",
    bytes: post::ANSWER as u64,
    time: TimeLimit::Within(post::TIMEOUT),
}];

/// The server of a channel. It is contacted when the first notice is sent.
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Server {
    address: EnvironmentValue,
    secrets: Arc<dyn Secrets>,
    post: Post,
}

impl Server {
    /// A server at `address`. `secrets` reads the address and the secrets of the channel for each notice. `proxy` is
    /// the forward proxy for other machines.
    pub fn new(address: EnvironmentValue, secrets: Arc<dyn Secrets>, proxy: OutboundProxy) -> Self {
        Self {
            address,
            secrets,
            post: Post::new(proxy),
        }
    }

    async fn url(&self) -> Result<Url> {
        let text = match &self.address {
            EnvironmentValue::Plain(text) => SecretString::from(text.clone()),
            EnvironmentValue::Secret(source) => self.secrets.read(source).await?,
        };
        // The address may be a secret, so the error does not quote it.
        let url = Url::parse(text.expose_secret().trim()).ok();
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        url.filter(is_web).ok_or_else(|| {
            Failure::new(
                FailureKind::Rejected,
                "the channel",
                "reading the address",
                "the address is not a URL that starts with https:// or http://",
            )
        })
    }

    /// The address of an API with these parts added to its path. Each part is escaped.
    async fn api(&self, parts: &[&str]) -> Result<Url> {
        let mut url = self.url().await?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        Ok(url)
    }

    async fn secret(&self, source: &SecretSource) -> Result<SecretString> {
        self.secrets.read(source).await
    }

    /// The token of an API, and the mask that hides it in errors.
    async fn token(&self, source: &SecretSource) -> Result<(SecretString, Mask)> {
        let token = self.secrets.read(source).await?;
        let token = SecretString::from(token.expose_secret().trim().to_owned());
        let mask = Mask::of([token.expose_secret()]);
        Ok((token, mask))
    }
}

/// A header with a token. The value is marked as a secret, so that no log shows it.
fn token_header(scheme: &str, token: &SecretString) -> Result<reqwest::header::HeaderValue> {
    let text = SecretString::from(format!("{scheme}{}", token.expose_secret()));
    let value = reqwest::header::HeaderValue::try_from(text.expose_secret());
    let mut value = value.map_err(|_| {
        Failure::new(
            FailureKind::Rejected,
            "the channel",
            "reading the token",
            "the token has characters that a header cannot have",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
