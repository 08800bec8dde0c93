//! A notice as a message for a chat, and incoming webhooks, which get such messages. Mattermost, Rocket.Chat and others accept Slack's format only as text
//! with attachments, so the message has no blocks. [`super::plain`] removes the markup of all these chats from every
//! text.
//!
//! Source: <https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments> (fields, colours).

use std::fmt;

use async_trait::async_trait;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::Server;
use super::plain::plain;
use super::post::{Request, place};
use crate::history::{Notice, NoticeEvent};
use crate::ports::{Notifier, Result};

/// An incoming webhook. Any program that has its address can post to it, so the address is a secret.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct IncomingWebhook {
    server: Server,
}

impl IncomingWebhook {
    pub fn new(server: Server) -> Self {
        Self { server }
    }
}

#[async_trait]
impl Notifier for IncomingWebhook {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let url = self.server.url().await?;
        let request = Request::post(url, HeaderMap::new(), message(notice).to_string());
        self.server.post.send(request).await.map(drop)
    }

    async fn ready(&self) -> Result<String> {
        let url = self.server.url().await?;
        Ok(format!("incoming webhook at {}", place(&url)))
    }
}

/// The message for a notice.
pub(super) fn message(notice: &Notice) -> Value {
    let mut fields = fields(notice);
    fields.extend(details(notice));
    message_with(notice, &fields)
}

/// A message with only the reasons of a notice, for a chat that shows the other fields elsewhere.
pub(super) fn details_message(notice: &Notice) -> Value {
    message_with(notice, &details(notice))
}

fn message_with(notice: &Notice, fields: &[Value]) -> Value {
    let text = plain(&notice.text);
    json!({
        "text": text,
        "mrkdwn": false,
        "unfurl_links": false,
        "attachments": [{
            "fallback": text,
            "color": color(notice.event),
            "mrkdwn_in": [],
            "fields": fields,
            "footer": plain(&footer(notice)),
            "ts": notice.at.as_second(),
        }],
    })
}

fn footer(notice: &Notice) -> String {
    match (&notice.release, &notice.push) {
        (Some(release), _) => format!("greenroom, release {release}"),
        (None, Some(push)) => format!("greenroom, push {}", push.entry.short()),
        (None, None) => "greenroom".to_owned(),
    }
}

fn field(title: &str, value: &str, is_short: bool) -> Value {
    json!({ "title": title, "value": plain(value), "short": is_short })
}

/// A field with several lines. Each line is plain by itself, so the line ends are the only formatting.
fn lines(title: &str, lines: &[String]) -> Value {
    let value: Vec<String> = lines.iter().map(|line| plain(line)).collect();
    json!({ "title": title, "value": value.join("\n"), "short": false })
}

fn fields(notice: &Notice) -> Vec<Value> {
    let short = |title: &str, value: &dyn fmt::Display| field(title, &value.to_string(), true);
    let mut fields = vec![
        short("service", &notice.target.service),
        short("environment", &notice.target.environment),
    ];
    if let Some(to) = &notice.to {
        fields.push(short("version", to));
    }
    if let Some(from) = &notice.from {
        fields.push(short("before", from));
    }
    fields.push(short("operator", &notice.operator));
    if notice.driver != notice.operator {
        fields.push(short("driven by", &notice.driver));
    }
    if let Some(checks) = &notice.checks {
        let counted = format!("{} of {} passed", checks.passed, checks.of);
        fields.push(short("checks", &counted));
    }
    if let Some(push) = &notice.push {
        fields.push(field("push", &push.push, false));
    }
    if let Some(reason) = &notice.reason {
        fields.push(field("reason", reason, false));
    }
    let overridden = notice.overridden.iter();
    fields.extend(overridden.map(|it| field("overrides", it, false)));
    fields
}

/// Why a release failed.
fn details(notice: &Notice) -> Vec<Value> {
    let why = notice.why.iter().map(|why| field("why", why, false));
    let mut details: Vec<Value> = why.collect();
    for (title, of) in [
        ("failed checks", &notice.failed_checks),
        ("log", &notice.log),
    ] {
        if !of.is_empty() {
            details.push(lines(title, of));
        }
    }
    details
}

fn color(event: NoticeEvent) -> &'static str {
    match event {
        NoticeEvent::Failed | NoticeEvent::Refused => "danger",
        NoticeEvent::Waiting
        | NoticeEvent::RolledBack
        | NoticeEvent::BackedOut
        | NoticeEvent::Offered => "warning",
        NoticeEvent::Switched | NoticeEvent::Finished => "good",
        NoticeEvent::Started => "#808080",
    }
}
