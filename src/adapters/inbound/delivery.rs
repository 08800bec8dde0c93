//! What happens to a delivery: its sender is verified, its content read, its pushes handed to the receiver, and only then
//! it is answered. A credential in the head is compared before a byte of the content is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use ring::hmac;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Shared;
use super::answer::Answer;
use super::content::{self, Content, Unread};
use super::counts::Outcome;
use super::kinds::{self, Reported};
use super::proof::Head;
use super::sender::{Sender, Shown};
use crate::adapters::http_server::Client;
use crate::inventory::{BadPush, Digest, LONGEST_CLAIM, Push, PushSource};
use crate::ports::{Failure, Received};

/// When a sender should try again after a failure of the store.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// When a sender should try again while a queue is full.
const QUEUE_PAUSE: Duration = Duration::from_mins(1);

impl Shared {
    /// Handles a request to `/push/NAME`.
    pub(super) async fn deliver(
        self: &Arc<Self>,
        name: String,
        request: Request<Incoming>,
        client: &Client,
    ) -> Answer {
        let (parts, body) = request.into_parts();
        let head = Head {
            headers: &parts.headers,
            query: parts.uri.query(),
        };
        let (sender, body) = match self.verified(&name, &head, body, client).await {
            Ok(verified) => verified,
            Err(answer) => return answer,
        };
        let reported = match kinds::pushes(sender.kind, head.headers, &body) {
            Ok(reported) => reported,
            Err(bad) => {
                self.counting.count(Outcome::Malformed);
                return Answer::new(StatusCode::BAD_REQUEST, bad.to_string());
            }
        };
        if reported.is_empty() {
            return Answer::new(
                StatusCode::ACCEPTED,
                "this reports no push of a tag, so nothing is queued",
            );
        }
        if reported.len() > self.limits.pushes {
            self.counting.count(Outcome::TooLarge);
            let most = self.limits.pushes;
            let text = format!("a delivery may report at most {most} pushes");
            return Answer::new(StatusCode::PAYLOAD_TOO_LARGE, text);
        }
        // Deliveries about other events do not count: an image registry reports every pull.
        if let Err(pause) = sender.rate.take(Instant::now()) {
            self.counting.count(Outcome::TooMany);
            let text = "this sender reports more pushes than the inbox accepts: try again later";
            return Answer::new(StatusCode::TOO_MANY_REQUESTS, text).retry_after(pause);
        }
        self.receive_all(sender, reported, &body).await
    }

    /// The sender and the content, if the request proves that it comes from the sender. An unknown name and a wrong
    /// credential have the same answer after the same work: a request for an unknown sender is treated like one for
    /// another sender. Only a request for a known sender may cause another read of its credential, so an outsider cannot
    /// use up the reads of all senders. Once a minute, a slow command can therefore tell that a name exists.
    async fn verified(
        &self,
        name: &str,
        head: &Head<'_>,
        body: Incoming,
        client: &Client,
    ) -> Result<(&Sender, Vec<u8>), Answer> {
        let named = self.senders.get(name);
        let Some(sender) = named.or_else(|| self.instead_of(name)) else {
            return Err(self.refused());
        };
        let unknown = client.waits(false);
        let shown = sender.shown(head, self.clock.now(), named.is_some()).await;
        match shown.map_err(|failure| self.failed(&failure))? {
            Shown::Credential if named.is_some() => {
                drop(unknown);
                let _known = client.waits(true);
                Ok((sender, self.content(body, None).await?.bytes))
            }
            Shown::Signature => {
                let content = self.content(body, Some(&self.large)).await?;
                let signed = sender
                    .has_signed(head, &content.bytes, named.is_some())
                    .await;
                let is_signed = signed.map_err(|failure| self.failed(&failure))?;
                if is_signed && named.is_some() {
                    Ok((sender, content.bytes))
                } else {
                    Err(self.refused())
                }
            }
            Shown::Credential | Shown::Nothing => Err(self.refused()),
        }
    }

    /// The sender with whose credential a request for an unknown one is compared. It is always the same for one name,
    /// also after a restart, so the name seems to be a sender of that kind.
    fn instead_of(&self, name: &str) -> Option<&Sender> {
        let hash = hmac::sign(&self.unknown, name.as_bytes());
        let number = u64::from_be_bytes(*hash.as_ref().first_chunk()?);
        let count = u64::try_from(self.senders.len()).ok()?;
        let index = number.checked_rem(count)?;
        self.senders.values().nth(usize::try_from(index).ok()?)
    }

    fn refused(&self) -> Answer {
        self.counting.count(Outcome::WrongCredential);
        let text = "unknown sender or wrong credential";
        Answer::new(StatusCode::UNAUTHORIZED, text).close()
    }

    fn failed(&self, failure: &Failure) -> Answer {
        self.counting.count_failure(failure.to_string());
        try_again().close()
    }

    /// Reads the content. Without a proof of its sender, it needs a permit of `large` to be large.
    async fn content<'a>(
        &self,
        body: Incoming,
        large: Option<&'a Semaphore>,
    ) -> Result<Content<'a>, Answer> {
        let (most, within) = (self.limits.body, self.limits.read);
        let (status, outcome, text) = match content::read(body, (most, within), large).await {
            Ok(content) => return Ok(content),
            Err(Unread::TooLarge) => {
                let text = format!("a delivery may have at most {most} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, Outcome::TooLarge, text)
            }
            Err(Unread::Incomplete) => {
                let text = "the content of the request did not arrive completely".to_owned();
                (StatusCode::BAD_REQUEST, Outcome::Malformed, text)
            }
            Err(Unread::TooSlow) => {
                let text = format!(
                    "the content of the request arrived too slowly: it may take {within:?}, and must not stop for long"
                );
                (StatusCode::REQUEST_TIMEOUT, Outcome::TooSlow, text)
            }
            Err(Unread::NoPermit) => {
                let reason = "too many large deliveries arrive at the same time".to_owned();
                self.counting.count_failure(reason);
                return Err(try_again().close());
            }
        };
        self.counting.count(outcome);
        Err(Answer::new(status, text).close())
    }

    /// Hands the pushes to the receiver. This continues if the sender closes the connection: a sender that waits less
    /// long than the store needs would otherwise never succeed.
    async fn receive_all(
        self: &Arc<Self>,
        sender: &Sender,
        reported: Vec<Reported>,
        body: &[u8],
    ) -> Answer {
        let content = Digest::of(body);
        let source = PushSource::Inbox(sender.name.clone());
        let now = self.clock.now();
        let pushes: Vec<Result<Push, BadPush>> = reported
            .iter()
            .map(|it| {
                let delivery = delivery_name(it.delivery.as_deref(), &content);
                let push = Push::new(&it.repository, &it.tag, source.clone(), &delivery, now)?;
                Ok(push.digest(it.digest.clone()).by(it.by.as_deref()))
            })
            .collect();
        let shared = Arc::clone(self);
        let receiving = tokio::spawn(async move {
            let mut all = Outcomes::default();
            for push in pushes {
                let push = match push {
                    Ok(push) => push,
                    Err(bad) => {
                        shared.counting.count(Outcome::Malformed);
                        all.add(Outcome::Malformed, bad.to_string());
                        continue;
                    }
                };
                let (outcome, text) = shared.receive(push).await;
                all.add(outcome, text);
                // The sender must repeat the whole delivery, so the rest can wait.
                if outcome == Outcome::NotStored {
                    break;
                }
            }
            all.answer()
        });
        let within = self.limits.receive;
        if let Ok(Ok(answer)) = timeout(within, receiving).await {
            return answer;
        }
        let reason = format!("a push was not stored within {within:?}");
        self.counting.count_failure(reason);
        try_again()
    }

    async fn receive(&self, push: Push) -> (Outcome, String) {
        let words = push.words();
        let (outcome, text) = match self.receiver.receive(push).await {
            Ok(Received::Queued(targets)) => {
                let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
                let text = format!("{words}: queued for {}", targets.join(", "));
                tracing::info!("{text}");
                (Outcome::Queued, text)
            }
            Ok(Received::NotFollowed) => {
                let text = format!("{words}: no environment follows this tag, so it is not queued");
                (Outcome::NotFollowed, text)
            }
            Ok(Received::UnknownRepository) => {
                let text = format!("{words}: no service has this repository, so it is not queued");
                (Outcome::UnknownRepository, text)
            }
            Ok(Received::Full(target)) => {
                let text = format!("{words}: the queue of {target} is full: try again later");
                (Outcome::Full, text)
            }
            Err(failure) => {
                self.counting.count_failure(failure.to_string());
                let text = format!("{words}: could not be stored: try again later");
                return (Outcome::NotStored, text);
            }
        };
        self.counting.count(outcome);
        (outcome, text)
    }
}

/// The outcomes of the pushes of one delivery.
#[derive(Default)]
struct Outcomes {
    outcomes: Vec<Outcome>,
    lines: Vec<String>,
}

impl Outcomes {
    fn add(&mut self, outcome: Outcome, line: String) {
        self.outcomes.push(outcome);
        self.lines.push(line);
    }

    /// One answer for all pushes. If a push was not stored, the sender must repeat the delivery. A push that no target
    /// follows is accepted, because an image registry would repeat a refused delivery for ever.
    fn answer(self) -> Answer {
        let has = |outcome| self.outcomes.contains(&outcome);
        let text = self.lines.join("\n");
        if has(Outcome::NotStored) {
            Answer::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(STORE_PAUSE)
        } else if has(Outcome::Full) {
            Answer::new(StatusCode::TOO_MANY_REQUESTS, text).retry_after(QUEUE_PAUSE)
        } else if has(Outcome::Queued) {
            Answer::new(StatusCode::OK, text)
        } else if self.outcomes.iter().all(|it| *it == Outcome::Malformed) {
            Answer::new(StatusCode::BAD_REQUEST, text)
        } else {
            Answer::new(StatusCode::ACCEPTED, text)
        }
    }
}

fn try_again() -> Answer {
    let text = "the inbox cannot process deliveries at the moment: try again later";
    Answer::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(STORE_PAUSE)
}

/// The name of a delivery: the sender's, or the hash of the content. A long name is replaced by its hash, because a push
/// keeps only the beginning of a name.
fn delivery_name(named: Option<&str>, content: &Digest) -> String {
    match named {
        None | Some("") => content.to_string(),
        Some(name)
            if name.len() <= LONGEST_CLAIM && name.bytes().all(|it| it.is_ascii_graphic()) =>
        {
            name.to_owned()
        }
        Some(name) => Digest::of(name.as_bytes()).to_string(),
    }
}
