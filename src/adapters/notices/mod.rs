//! Sends notices to channels over HTTP: to incoming webhooks in Slack's format (which Mattermost and others accept),
//! and to receivers of signed webhooks. Any program that has the address of an incoming webhook can post to it, so this
//! module shows only the server of the address, and never the signing secret. It reads the address and the secret again
//! for each notice. This module does not decide what to announce.

mod plain;
mod post;
mod signed;
mod slack;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::adapters::outbound_proxy::OutboundProxy;
use crate::adapters::signing_key;
use crate::history::Notice;
use crate::inventory::{EnvironmentValue, Push, SecretSource};
use crate::ports::{Bound, Failure, FailureKind, Notifier, Result, Secrets, TimeLimit};

use post::{Post, Request};

/// The read limits for a receiver.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "webhook",
    answer: "the reason why a notice is refused",
    bytes: post::ANSWER as u64,
    time: TimeLimit::Within(post::TIMEOUT),
}];

/// The format of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// A message for an incoming webhook.
    Slack,
    /// JSON, signed with this secret as in <https://www.standardwebhooks.com>.
    Signed(SecretSource),
}

#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Webhook {
    address: EnvironmentValue,
    format: Format,
    secrets: Arc<dyn Secrets>,
    post: Post,
}

impl Webhook {
    /// Connects when the first notice is sent. `secrets` reads the address and the signing secret for each notice;
    /// `proxy` is the forward proxy for other machines.
    pub fn new(
        address: EnvironmentValue,
        format: Format,
        secrets: Arc<dyn Secrets>,
        proxy: OutboundProxy,
    ) -> Self {
        Self {
            address,
            format,
            secrets,
            post: Post::new(proxy),
        }
    }

    async fn url(&self) -> Result<reqwest::Url> {
        let text = match &self.address {
            EnvironmentValue::Plain(text) => SecretString::from(text.clone()),
            EnvironmentValue::Secret(source) => self.secrets.read(source).await?,
        };
        // The address may be a secret, so the error does not quote it.
        let url = reqwest::Url::parse(text.expose_secret().trim()).ok();
        let is_web =
            |url: &reqwest::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        url.filter(is_web).ok_or_else(|| {
            Failure::new(
                FailureKind::Rejected,
                "webhook",
                "reading the address",
                "the address is not a URL that starts with https:// or http://",
            )
        })
    }

    async fn request(&self, notice: &Notice) -> Result<Request> {
        match &self.format {
            Format::Slack => Ok(slack::request(notice)),
            Format::Signed(source) => {
                let secret = self.secrets.read(source).await?;
                signed::request(
                    notice,
                    &signing_key::parse(&secret)?,
                    jiff::Timestamp::now(),
                )
            }
        }
    }
}

/// Reports a push to an inbox, in the plain form and signed with `secret`. Returns when the inbox has stored the push,
/// or has decided that no target follows it.
pub async fn report_push(
    url: &str,
    secret: &SecretString,
    push: &Push,
    proxy: OutboundProxy,
) -> Result<()> {
    let failure = |error: &dyn std::error::Error| {
        Failure::new(
            FailureKind::Rejected,
            "inbox",
            "reporting the push",
            error.to_string(),
        )
    };
    let url = reqwest::Url::parse(url).map_err(|error| failure(&error))?;
    let key = signing_key::parse(secret)?;
    let request = signed::push_request(push, &key, jiff::Timestamp::now())?;
    Post::new(proxy).send(url, request).await
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let url = self.url().await?;
        let request = self.request(notice).await?;
        self.post.send(url, request).await
    }

    async fn ready(&self) -> Result<String> {
        let url = self.url().await?;
        let place = post::place(&url);
        if let Format::Signed(source) = &self.format {
            signing_key::parse(&self.secrets.read(source).await?)?;
            return Ok(format!("signed webhook at {place}"));
        }
        Ok(format!("incoming webhook at {place}"))
    }
}
