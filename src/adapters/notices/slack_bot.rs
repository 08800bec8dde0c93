//! A bot of Slack, which posts one message for each release or push. Later notices of the same subject update the
//! message, and those that a person should see also get a reply in its thread.
//!
//! Slack documents no way to repeat `chat.postMessage` without a second message: neither `client_msg_id` nor the
//! metadata of a message makes the call idempotent. To search the channel for the message, the bot would have to be
//! allowed to read the channel. So if a failure leaves it open whether Slack has posted a message, the repeated call
//! may post it twice. A call that Slack has confirmed is not repeated.
//!
//! The messages are remembered in memory only. If another process resumes a release, or the agent starts again, the bot
//! posts a new message.
//!
//! Sources: <https://docs.slack.dev/reference/methods/chat.postMessage>,
//! <https://docs.slack.dev/reference/methods/chat.update>, <https://docs.slack.dev/reference/methods/auth.test>,
//! <https://docs.slack.dev/apis/web-api/rate-limits>.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json};

use super::post::{Request, place};
use super::{Server, slack, token_header};
use crate::history::{Notice, NoticeEvent};
use crate::inventory::SecretSource;
use crate::ports::{Failure, FailureKind, Notifier, Result};
use crate::sanitize::sanitize;

/// How many messages are remembered. The oldest is forgotten first.
const REMEMBERED: usize = 256;

#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct SlackBot {
    server: Server,
    token: SecretSource,
    /// The id or the name of the channel.
    channel: String,
    messages: Mutex<VecDeque<Message>>,
}

/// The message about one release or push.
#[derive(Debug, Clone)]
struct Message {
    subject: String,
    /// The id of the channel. `chat.update` does not accept its name.
    channel: String,
    /// The time stamp, which identifies the message in its channel.
    ts: String,
    /// The id of the notice that the message shows.
    shown: String,
    /// The id of the last notice that people were notified of, by the message itself or by a reply.
    notified: String,
    /// The failed checks and the lines of the log of the last failure.
    details: (Vec<String>, Vec<String>),
}

/// The part of Slack's answers that is needed.
#[derive(Debug, Default, Deserialize)]
struct Reply {
    ok: bool,
    error: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
    user: Option<String>,
    team: Option<String>,
}

impl SlackBot {
    /// A bot that posts to `channel` with the token from `token`.
    pub fn new(server: Server, token: SecretSource, channel: String) -> Self {
        Self {
            server,
            token,
            channel,
            messages: Mutex::default(),
        }
    }

    /// Calls a method of the Web API. The failure of a refused call has Slack's word for the reason as its message.
    async fn call(&self, method: &str, body: &Value) -> Result<Reply> {
        let (token, mask) = self.server.token(&self.token).await?;
        let authorization = token_header("Bearer ", &token)?;
        let request = Request {
            url: self.server.api(&[method]).await?,
            method: Method::POST,
            headers: HeaderMap::from_iter([(AUTHORIZATION, authorization)]),
            body: body.to_string(),
            mask,
        };
        let answer = self.server.post.send(request).await?;
        let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else {
            // A repeated call could post a second message.
            let message = format!("the answer to {method} is not one of Slack's API");
            return Err(answer
                .failure(FailureKind::Garbled, &message)
                .hint("check the url of the channel"));
        };
        if reply.ok {
            return Ok(reply);
        }
        let error = reply.error.unwrap_or_default();
        let (kind, hint) = refusal(&error);
        let mut failure = answer.failure(kind, &error).hint(hint);
        failure.doing = format!("calling {method}");
        Err(failure)
    }

    fn known(&self, subject: &str) -> Option<Message> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.iter().find(|it| it.subject == subject).cloned()
    }

    /// Remembers a message in the place of an earlier message of the same subject.
    fn remember(&self, message: &Message) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.retain(|it| it.subject != message.subject);
        messages.push_back(message.clone());
        let old = messages.len().saturating_sub(REMEMBERED);
        messages.drain(..old);
    }

    fn forget(&self, subject: &str) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.retain(|it| it.subject != subject);
    }

    async fn post(&self, notice: &Notice) -> Result<Message> {
        let mut body = slack::message(notice);
        body["channel"] = self.channel.clone().into();
        body["unfurl_media"] = false.into();
        let reply = self.call("chat.postMessage", &body).await?;
        let message = Message {
            subject: notice.subject(),
            channel: reply.channel.unwrap_or_else(|| self.channel.clone()),
            ts: reply.ts.unwrap_or_default(),
            shown: notice.id.clone(),
            notified: notice.id.clone(),
            details: (notice.failed_checks.clone(), notice.log.clone()),
        };
        self.remember(&message);
        Ok(message)
    }

    /// Shows the notice in the message. Posts a new message if the old one can no longer be changed, e.g. because a
    /// person has deleted it.
    async fn update(&self, mut message: Message, notice: &Notice) -> Result<Message> {
        let mut notice = notice.clone();
        if notice.event.has_details() && !(notice.failed_checks.is_empty() && notice.log.is_empty())
        {
            message.details = (notice.failed_checks.clone(), notice.log.clone());
        }
        if matches!(
            notice.event,
            NoticeEvent::BackedOut | NoticeEvent::RolledBack
        ) {
            (notice.failed_checks, notice.log) = message.details.clone();
        }
        let shown = slack::message(&notice);
        let body = json!({
            "channel": message.channel,
            "ts": message.ts,
            "text": shown["text"],
            "attachments": shown["attachments"],
            // By default, this method makes links and mentions, unlike `chat.postMessage`.
            "parse": "none",
        });
        match self.call("chat.update", &body).await {
            Ok(_) => {
                message.shown.clone_from(&notice.id);
                self.remember(&message);
                Ok(message)
            }
            Err(failure) if is_gone(&failure) => self.post(&notice).await,
            Err(failure) => Err(failure),
        }
    }

    /// Notifies people with a reply in the thread of the message. An update of a message notifies no person.
    async fn reply(&self, mut message: Message, notice: &Notice) -> Result<()> {
        let mut body = slack::details_message(notice);
        body["channel"] = message.channel.clone().into();
        body["thread_ts"] = message.ts.clone().into();
        self.call("chat.postMessage", &body).await?;
        message.notified.clone_from(&notice.id);
        self.remember(&message);
        Ok(())
    }
}

#[async_trait]
impl Notifier for SlackBot {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let subject = notice.subject();
        let message = match self.known(&subject) {
            // The caller repeats the notice because the reply has failed.
            Some(message) if message.shown == notice.id => message,
            Some(message) => self.update(message, notice).await?,
            None => self.post(notice).await?,
        };
        if needs_reply(notice.event) && message.notified != notice.id {
            self.reply(message, notice).await?;
        }
        if is_last(notice.event) {
            self.forget(&subject);
        }
        Ok(())
    }

    async fn ready(&self) -> Result<String> {
        let place = place(&self.server.url().await?);
        let reply = self.call("auth.test", &json!({})).await?;
        let named =
            |name: Option<String>| sanitize(&name.unwrap_or_else(|| "(unnamed)".to_owned()));
        Ok(format!(
            "Slack bot {} of {} at {place}, for the channel {}",
            named(reply.user),
            named(reply.team),
            self.channel
        ))
    }
}

/// Whether people should be notified of the event.
fn needs_reply(event: NoticeEvent) -> bool {
    match event {
        NoticeEvent::Waiting
        | NoticeEvent::Failed
        | NoticeEvent::RolledBack
        | NoticeEvent::BackedOut
        | NoticeEvent::Refused => true,
        NoticeEvent::Started
        | NoticeEvent::Switched
        | NoticeEvent::Finished
        | NoticeEvent::Offered => false,
    }
}

/// Whether no notice of the same subject follows.
fn is_last(event: NoticeEvent) -> bool {
    matches!(
        event,
        NoticeEvent::Finished | NoticeEvent::BackedOut | NoticeEvent::Refused
    )
}

/// Whether the message can no longer be changed.
fn is_gone(failure: &Failure) -> bool {
    matches!(
        failure.message.as_str(),
        "message_not_found" | "cant_update_message" | "edit_window_closed"
    )
}

/// What a refused call means for the caller, and what an operator can do.
fn refusal(error: &str) -> (FailureKind, &'static str) {
    match error {
        "ratelimited" | "rate_limited" | "service_unavailable" => (
            FailureKind::Unreachable,
            "Slack accepts no more messages for a moment",
        ),
        // Slack says that a part of the call may have succeeded.
        "internal_error" | "fatal_error" | "request_timeout" => (FailureKind::Ambiguous, ""),
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => (
            FailureKind::Denied,
            "check the token: it must be the bot token of a Slack app (xoxb-…) that is installed",
        ),
        "missing_scope" | "not_allowed_token_type" | "no_permission" => (
            FailureKind::Denied,
            "the Slack app needs the scope chat:write; after a change of its scopes, install it again",
        ),
        "access_denied" | "accesslimited" | "ekm_access_denied" | "restricted_action" => (
            FailureKind::Denied,
            "the rules of the workspace forbid it: ask its administrators",
        ),
        "channel_not_found" => (
            FailureKind::Missing,
            "check the channel; invite the bot if the channel is private",
        ),
        "not_in_channel" => (
            FailureKind::Denied,
            "invite the bot to the channel: /invite @BOT",
        ),
        "is_archived" => (
            FailureKind::Missing,
            "the channel is archived: name another",
        ),
        _ => (FailureKind::Rejected, ""),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::adapters::outbound_proxy::OutboundProxy;
    use crate::adapters::secrets::LocalSecrets;

    fn message(subject: usize) -> Message {
        Message {
            subject: subject.to_string(),
            channel: "C1".into(),
            ts: "1.2".into(),
            shown: "a".into(),
            notified: "a".into(),
            details: Default::default(),
        }
    }

    #[test]
    fn only_the_newest_messages_are_remembered() {
        let server = Server::new(
            "http://127.0.0.1:1".into(),
            Arc::new(LocalSecrets::default()),
            OutboundProxy::default(),
        );
        let bot = SlackBot::new(server, SecretSource::Env("T".into()), "#ops".into());
        for subject in 0..300 {
            bot.remember(&message(subject));
            bot.remember(&message(subject));
        }
        assert_eq!(bot.messages.lock().expect("messages").len(), REMEMBERED);
        assert!(bot.known("43").is_none() && bot.known("44").is_some());
        bot.forget("44");
        assert!(bot.known("44").is_none());
    }

    #[test]
    fn only_a_moment_of_overload_is_repeated_without_a_doubt() {
        for (error, kind) in [
            ("ratelimited", FailureKind::Unreachable),
            ("fatal_error", FailureKind::Ambiguous),
            ("invalid_auth", FailureKind::Denied),
            ("channel_not_found", FailureKind::Missing),
            ("msg_too_long", FailureKind::Rejected),
        ] {
            assert_eq!(refusal(error).0, kind, "{error}");
        }
    }
}
