//! A notice as a message of an incoming webhook. What Slack takes is taken by Mattermost, Rocket.Chat and others as
//! long as it is a text with attachments, so no blocks. Nobody is mentioned and nothing becomes a link or markup, whatever
//! a reason or an error says.
//!
//! Source: <https://docs.slack.dev/messaging/formatting-message-text> (what is escaped),
//! <https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments> (fields, colours).

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::Letter;
use crate::history::{Notice, NoticeEvent};

/// The letter.
pub(super) fn letter(notice: &Notice) -> Letter {
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
            "footer": plain(&format!("greenroom, release {}", notice.release)),
            "ts": notice.at.as_second(),
        }],
    });
    Letter {
        headers: HeaderMap::new(),
        body: body.to_string(),
    }
}

fn fields(notice: &Notice) -> Vec<Value> {
    let field = |title: &str, value: String, is_short: bool| json!({ "title": title, "value": plain(&value), "short": is_short });
    let mut fields = vec![
        field("service", notice.target.service.to_string(), true),
        field("environment", notice.target.environment.to_string(), true),
        field("version", notice.to.to_string(), true),
    ];
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
    if let Some(reason) = &notice.reason {
        fields.push(field("reason", reason.clone(), false));
    }
    for overridden in &notice.overridden {
        fields.push(field("in spite of", overridden.clone(), false));
    }
    if let Some(why) = &notice.why {
        fields.push(field("why", why.clone(), false));
    }
    fields
}

fn color(event: NoticeEvent) -> &'static str {
    match event {
        NoticeEvent::Failed => "danger",
        NoticeEvent::Waiting | NoticeEvent::RolledBack | NoticeEvent::BackedOut => "warning",
        NoticeEvent::Switched | NoticeEvent::Finished => "good",
        NoticeEvent::Started => "#808080",
    }
}

/// Text that is only text there: `&`, `<` and `>` are what Slack's own sequences are made of, and an `@` that begins
/// a word mentions people in what imitates it.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '@' if !before.is_alphanumeric() => shown.push('＠'),
            _ => shown.push(c),
        }
        before = c;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_mentioned_and_nothing_is_a_link() {
        for (text, shown) in [
            (
                "<!channel> & <https://x|y>",
                "&lt;!channel&gt; &amp; &lt;https://x|y&gt;",
            ),
            ("@here (@all) ada@host-1", "＠here (＠all) ada@host-1"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
