//! The inbox of the agent over real sockets: what senders report, and what it refuses. The receiver of the pushes is a
//! fake, and the image registry of one test is real.

mod https;
mod kinds;
mod notifications;
mod outcomes;
mod unwanted;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use greenroom::adapters::inbound::{Inbox, Limits};
use greenroom::adapters::secrets::LocalSecrets;
use greenroom::inventory::servers::{InboxConfig, SenderConfig, SenderKind, ServerTls};
use greenroom::inventory::{EntryId, Push, SecretSource, Target};
use greenroom::ports::{PushReceiver, Received, Result, SystemClock};
use reqwest::{RequestBuilder, StatusCode};
use standardwebhooks::Webhook;
use tempfile::TempDir;

use crate::support;

/// The secret of every sender in these tests.
const SECRET: &str = "s3cret s3cret s3cret s3cret";

/// Remembers the pushes, and answers with the next of the prepared results, or with `Queued`.
#[derive(Default)]
struct Receiver {
    got: Mutex<Vec<Push>>,
    results: Mutex<VecDeque<Result<Received>>>,
    delay: Mutex<Duration>,
}

fn qa() -> Target {
    Target {
        service: "web".parse().expect("a name"),
        environment: "qa".parse().expect("a name"),
    }
}

#[async_trait]
impl PushReceiver for Receiver {
    async fn receive(&self, push: Push) -> Result<Received> {
        let delay = *self.delay.lock().expect("delay");
        tokio::time::sleep(delay).await;
        let next = self.results.lock().expect("results").pop_front();
        let result = next.unwrap_or_else(|| Ok(Received::Queued(vec![qa()])));
        if result.is_ok() {
            self.got.lock().expect("got").push(push);
        }
        result
    }
}

/// A running inbox with a sender of each kind, and with its secret in a file.
struct World {
    inbox: Inbox,
    receiver: Arc<Receiver>,
    client: reqwest::Client,
    directory: TempDir,
}

/// A sender without a credential.
fn sender(kind: SenderKind) -> SenderConfig {
    SenderConfig {
        kind,
        token: None,
        user: None,
        password: None,
        secret: None,
    }
}

fn senders(source: &SecretSource) -> Vec<(String, SenderConfig)> {
    let token = |kind| SenderConfig {
        token: Some(source.clone()),
        ..sender(kind)
    };
    let secret = |kind| SenderConfig {
        secret: Some(source.clone()),
        ..sender(kind)
    };
    let login = |kind| SenderConfig {
        user: Some("ana".into()),
        password: Some(source.clone()),
        ..sender(kind)
    };
    [
        ("hub", token(SenderKind::DockerHub)),
        ("registry", token(SenderKind::Distribution)),
        ("registry-login", login(SenderKind::Distribution)),
        ("ghcr", secret(SenderKind::GitHub)),
        ("gitlab", token(SenderKind::GitLab)),
        ("gitlab-signed", secret(SenderKind::GitLab)),
        ("harbor", token(SenderKind::Harbor)),
        ("harbor-login", login(SenderKind::Harbor)),
        ("ci", secret(SenderKind::Signed)),
    ]
    .map(|(name, sender)| (name.to_owned(), sender))
    .into()
}

impl World {
    async fn start() -> Self {
        Self::within(Limits::default()).await
    }

    async fn within(limits: Limits) -> Self {
        Self::over(limits, |_| None).await
    }

    /// Starts an inbox with the certificate that `tls` makes in a directory.
    async fn over(limits: Limits, tls: impl FnOnce(&TempDir) -> Option<ServerTls>) -> Self {
        let directory = TempDir::new().expect("a directory");
        let file = directory.path().join("secret");
        std::fs::write(&file, SECRET).expect("written");
        let config = InboxConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            tls: tls(&directory),
            senders: senders(&SecretSource::File(file)),
        };
        let receiver = Arc::new(Receiver::default());
        let secrets = Arc::new(LocalSecrets::default());
        let clock = Arc::new(SystemClock::default());
        let inbox =
            Inbox::start_within(config, secrets, Arc::clone(&receiver) as _, clock, limits).await;
        Self {
            inbox: inbox.unwrap_or_else(|failure| panic!("{failure}")),
            receiver,
            client: support::http_client().build().expect("a client"),
            directory,
        }
    }

    fn address(&self) -> SocketAddr {
        self.inbox.address()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    fn post(&self, path: &str, body: impl Into<String>) -> RequestBuilder {
        self.client.post(self.url(path)).body(body.into())
    }

    /// A push of `tag` of `team/web` in the plain form, with a signature.
    fn signed(&self, id: &str, tag: &str) -> RequestBuilder {
        self.sign_as("ci", id, &plain(tag))
    }

    fn sign_as(&self, name: &str, id: &str, body: &str) -> RequestBuilder {
        let now = jiff::Timestamp::now().as_second();
        let key = Webhook::from_bytes(SECRET.into()).expect("a key");
        let signature = key.sign(id, now, body.as_bytes()).expect("a signature");
        self.post(&format!("/push/{name}"), body)
            .header("webhook-id", id)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", signature)
    }

    fn got(&self) -> Vec<Push> {
        self.receiver.got.lock().expect("got").clone()
    }

    /// What was received: repository, tag and person.
    fn reports(&self) -> Vec<String> {
        let words = |push: &Push| {
            let by = push.by.as_deref().unwrap_or("-");
            format!("{} {} {} {by}", push.source, push.repository, push.tag)
        };
        self.got().iter().map(words).collect()
    }

    fn ids(&self) -> Vec<EntryId> {
        self.got().iter().map(EntryId::of).collect()
    }

    /// The result of the receiver's next call.
    fn next(&self, result: Result<Received>) {
        let mut results = self.receiver.results.lock().expect("results");
        results.push_back(result);
    }
}

fn plain(tag: &str) -> String {
    format!(r#"{{"repository":"team/web","tag":"{tag}","by":"ci"}}"#)
}

/// The status and the text of the answer.
async fn answer(request: RequestBuilder) -> (StatusCode, String) {
    let answer = request.send().await.expect("an answer");
    (answer.status(), answer.text().await.expect("a text"))
}

async fn status(request: RequestBuilder) -> u16 {
    answer(request).await.0.as_u16()
}
