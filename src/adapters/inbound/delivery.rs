//! What happens to a delivery: its content is read, its sender verified, its pushes handed to the receiver, and only
//! then it is answered.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::{Request, StatusCode};
use tokio::time::timeout;

use super::Shared;
use super::answer::Answer;
use super::counts::Outcome;
use super::kinds::{self, Reported};
use super::proof::Evidence;
use super::sender::Sender;
use crate::inventory::{BadPush, Digest, LONGEST_CLAIM, Push, PushSource};
use crate::ports::Received;

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
    ) -> Answer {
        let (head, body) = request.into_parts();
        let body = match self.content(body).await {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let evidence = Evidence {
            headers: &head.headers,
            query: head.uri.query(),
            body: &body,
        };
        let sender = match self.sender(&name, &evidence).await {
            Ok(sender) => sender,
            Err(answer) => return answer,
        };
        let reported = match kinds::pushes(sender.kind, &head.headers, &body) {
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

    async fn content(&self, body: Incoming) -> Result<Bytes, Answer> {
        let most = self.limits.body;
        let too_large = || {
            self.counting.count(Outcome::TooLarge);
            let text = format!("a delivery may have at most {most} bytes");
            Answer::new(StatusCode::PAYLOAD_TOO_LARGE, text).close()
        };
        let announced = usize::try_from(body.size_hint().lower());
        if !announced.is_ok_and(|announced| announced <= most) {
            return Err(too_large());
        }
        match timeout(self.limits.read, Limited::new(body, most).collect()).await {
            Ok(Ok(content)) => Ok(content.to_bytes()),
            Ok(Err(error)) if is_too_large(error.as_ref()) => Err(too_large()),
            Ok(Err(_)) => {
                self.counting.count(Outcome::Malformed);
                let text = "the content of the request did not arrive completely";
                Err(Answer::new(StatusCode::BAD_REQUEST, text).close())
            }
            Err(_) => {
                self.counting.count(Outcome::TooSlow);
                let within = self.limits.read;
                let text = format!("the content of the request did not arrive within {within:?}");
                Err(Answer::new(StatusCode::REQUEST_TIMEOUT, text).close())
            }
        }
    }

    /// The sender, if the request proves that it comes from it. An unknown name and a wrong credential have the same
    /// answer after the same work: a request for an unknown sender is compared with the credential of another.
    async fn sender(&self, name: &str, evidence: &Evidence<'_>) -> Result<&Sender, Answer> {
        let found = self.senders.get(name);
        let sent = match found.or_else(|| self.senders.values().next()) {
            Some(sender) => sender.sent(evidence).await,
            None => Ok(false),
        };
        match (sent, found) {
            (Ok(true), Some(sender)) => Ok(sender),
            (Ok(_), _) => {
                self.counting.count(Outcome::WrongCredential);
                let text = "unknown sender or wrong credential";
                Err(Answer::new(StatusCode::UNAUTHORIZED, text))
            }
            (Err(failure), _) => {
                self.counting.count_failure(failure.to_string());
                Err(try_again())
            }
        }
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

fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<LengthLimitError>().is_some()
}
