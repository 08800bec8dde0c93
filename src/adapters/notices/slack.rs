//! A notice as a message for an incoming webhook. Mattermost, Rocket.Chat and others accept Slack's format only as text
//! with attachments, so the message has no blocks. [`super::plain`] removes the markup of all these chats from every
//! text.
//!
//! Source: <https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments> (fields, colours).

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::Request;
use super::plain::plain;
use crate::history::{Notice, NoticeEvent};

/// The request for a notice.
pub(super) fn request(notice: &Notice) -> Request {
    let text = plain(&notice.text);
    let body = json!({
        "text": text,
        "mrkdwn": false,
        "unfurl_links": false,
        "attachments": [{
            "fallback": text,
            "color": color(notice.event),
            "mrkdwn_in": [],
            "fields": fields(notice),
            "footer": plain(&footer(notice)),
            "ts": notice.at.as_second(),
        }],
    });
    Request {
        headers: HeaderMap::new(),
        body: body.to_string(),
    }
}

fn footer(notice: &Notice) -> String {
    match (&notice.release, &notice.push) {
        (Some(release), _) => format!("greenroom, release {release}"),
        (None, Some(push)) => format!("greenroom, push {}", push.entry.short()),
        (None, None) => "greenroom".to_owned(),
    }
}

fn fields(notice: &Notice) -> Vec<Value> {
    let field = |title: &str, value: String, is_short: bool| json!({ "title": title, "value": plain(&value), "short": is_short });
    // Each line is plain by itself. The line ends between them are the only formatting of the message.
    let lines = |title: &str, lines: &[String]| {
        let value: Vec<String> = lines.iter().map(|line| plain(line)).collect();
        json!({ "title": title, "value": value.join("\n"), "short": false })
    };
    let mut fields = vec![
        field("service", notice.target.service.to_string(), true),
        field("environment", notice.target.environment.to_string(), true),
    ];
    if let Some(to) = &notice.to {
        fields.push(field("version", to.to_string(), true));
    }
    if let Some(from) = &notice.from {
        fields.push(field("before", from.to_string(), true));
    }
    fields.push(field("operator", notice.operator.to_string(), true));
    if notice.driver != notice.operator {
        fields.push(field("driven by", notice.driver.to_string(), true));
    }
    if let Some(checks) = &notice.checks {
        let counted = format!("{} of {} passed", checks.passed, checks.of);
        fields.push(field("checks", counted, true));
    }
    if let Some(push) = &notice.push {
        fields.push(field("push", push.push.clone(), false));
    }
    if let Some(reason) = &notice.reason {
        fields.push(field("reason", reason.clone(), false));
    }
    for overridden in &notice.overridden {
        fields.push(field("overrides", overridden.clone(), false));
    }
    if let Some(why) = &notice.why {
        fields.push(field("why", why.clone(), false));
    }
    if !notice.failed_checks.is_empty() {
        fields.push(lines("failed checks", &notice.failed_checks));
    }
    if !notice.log.is_empty() {
        fields.push(lines("log", &notice.log));
    }
    fields
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
