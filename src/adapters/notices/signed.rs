//! A notice or a push as JSON with a signature, as in Standard Webhooks. The receiver can check the sender, the content
//! and the time, and recognise a repeated notice by its id.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde::Serialize;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};

use super::Server;
use super::post::{Post, Request, place};
use crate::adapters::outbound_proxy::OutboundProxy;
use crate::adapters::signing_key;
use crate::history::Notice;
use crate::inventory::{Digest, Push, SecretSource};
use crate::ports::{Failure, FailureKind, Notifier, Result};

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    timestamp: Timestamp,
    data: &'a Notice,
}

/// A push in the plain form of the inbox.
#[derive(Serialize)]
struct PlainPush<'a> {
    repository: &'a str,
    tag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
}

/// A receiver of signed notices.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct SignedWebhook {
    server: Server,
    /// The source of the signing key.
    key: SecretSource,
}

impl SignedWebhook {
    pub fn new(server: Server, key: SecretSource) -> Self {
        Self { server, key }
    }
}

#[async_trait]
impl Notifier for SignedWebhook {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let url = self.server.url().await?;
        let key = signing_key::parse(&self.server.secret(&self.key).await?)?;
        let subject = if notice.event.is_of_push() {
            "push"
        } else {
            "release"
        };
        let body = Body {
            r#type: format!("{subject}.{}", notice.event),
            timestamp: notice.at,
            data: notice,
        };
        let of = ("signing the notice", notice.id.as_str());
        let request = signed(url, of, &body, &key, Timestamp::now())?;
        self.server.post.send(request).await.map(drop)
    }

    async fn ready(&self) -> Result<String> {
        let url = self.server.url().await?;
        signing_key::parse(&self.server.secret(&self.key).await?)?;
        Ok(format!("signed webhook at {}", place(&url)))
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
    let url = Url::parse(url).map_err(|error| {
        let message = error.to_string();
        Failure::new(
            FailureKind::Rejected,
            "inbox",
            "reporting the push",
            message,
        )
    })?;
    let key = signing_key::parse(secret)?;
    let body = PlainPush {
        repository: &push.repository,
        tag: &push.tag,
        digest: push.digest.as_ref(),
        by: push.by.as_deref(),
    };
    let of = ("signing the push", push.delivery.as_str());
    let request = signed(url, of, &body, &key, Timestamp::now())?;
    Post::new(proxy).send(request).await.map(drop)
}

/// A request that is signed at `now`.
fn signed(
    url: Url,
    (doing, id): (&str, &str),
    body: &impl Serialize,
    key: &Webhook,
    now: Timestamp,
) -> Result<Request> {
    let failure =
        |reason: String| Failure::new(FailureKind::Rejected, "signed webhook", doing, reason);
    let body = serde_json::to_string(body).map_err(|error| failure(error.to_string()))?;
    let signature = key.sign(id, now.as_second(), body.as_bytes());
    let signature = signature.map_err(|error| failure(error.to_string()))?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (HEADER_WEBHOOK_ID, id.to_owned()),
        (HEADER_WEBHOOK_TIMESTAMP, now.as_second().to_string()),
        (HEADER_WEBHOOK_SIGNATURE, signature),
    ] {
        let value = HeaderValue::try_from(value).map_err(|error| failure(error.to_string()))?;
        headers.insert(name, value);
    }
    Ok(Request::post(url, headers, body))
}
