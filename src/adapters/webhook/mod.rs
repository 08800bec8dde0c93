//! Tells channels over HTTP: incoming webhooks as Slack has them (Mattermost and others take the same), and any
//! receiver of signed webhooks. Where to send to and the signing secret are read at each sending, never kept and
//! never said: whoever knows the address of an incoming webhook may post there. Must not decide what is told.

mod plain;
mod post;
mod signed;
mod slack;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::adapters::outbound_proxy::OutboundProxy;
use crate::history::Notice;
use crate::inventory::SecretSource;
use crate::ports::{Bound, Failure, FailureKind, Notifier, Result, Secrets, TimeLimit};

use post::{Letter, Post};

/// What is read of a receiver at most.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "webhook",
    answer: "why it refuses a notice",
    bytes: post::ANSWER as u64,
    time: TimeLimit::Within(post::TIMEOUT),
}];

/// Where a webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Written down.
    Plain(String),
    /// Itself a secret.
    Secret(SecretSource),
}

/// How a notice is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// As a message of an incoming webhook.
    Slack,
    /// As JSON, signed with this secret the way <https://www.standardwebhooks.com> has it.
    Signed(SecretSource),
}

/// One webhook.
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Webhook {
    address: Address,
    manner: Manner,
    secrets: Arc<dyn Secrets>,
    post: Post,
}

impl Webhook {
    /// A webhook, not connected to yet. `secrets` reads address and secret when they are needed; `proxy` is what
    /// other machines are reached through.
    pub fn new(
        address: Address,
        manner: Manner,
        secrets: Arc<dyn Secrets>,
        proxy: OutboundProxy,
    ) -> Self {
        Self {
            address,
            manner,
            secrets,
            post: Post::new(proxy),
        }
    }

    async fn url(&self) -> Result<reqwest::Url> {
        let text = match &self.address {
            Address::Plain(text) => SecretString::from(text.clone()),
            Address::Secret(source) => self.secrets.read(source).await?,
        };
        // What is wrong with it is not quoted: it is a secret.
        let url = reqwest::Url::parse(text.expose_secret().trim()).ok();
        let is_web =
            |url: &reqwest::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        url.filter(is_web).ok_or_else(|| {
            Failure::new(
                FailureKind::Rejected,
                "the address of a webhook",
                "reading it",
                "it is not a URL that begins with https:// or http://",
            )
        })
    }

    async fn letter(&self, notice: &Notice) -> Result<Letter> {
        match &self.manner {
            Manner::Slack => Ok(slack::letter(notice)),
            Manner::Signed(source) => {
                let secret = self.secrets.read(source).await?;
                signed::letter(notice, &signed::Key::of(&secret)?, jiff::Timestamp::now())
            }
        }
    }
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let url = self.url().await?;
        let letter = self.letter(notice).await?;
        self.post.send(url, letter).await
    }

    async fn ready(&self) -> Result<String> {
        let url = self.url().await?;
        let place = post::place(&url);
        if let Manner::Signed(source) = &self.manner {
            signed::Key::of(&self.secrets.read(source).await?)?;
            return Ok(format!("signed webhook at {place}"));
        }
        Ok(format!("incoming webhook at {place}"))
    }
}
