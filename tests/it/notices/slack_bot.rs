//! A channel of the kind `slack-bot` against a stand-in of Slack's Web API.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::details::{LOGGED, password, talkative};
use super::receiver::{Got, Receiver};
use super::{DEV, log_of, promote, run, sandbox, secret_file};
use crate::sandbox::{Sandbox, words};

const TOKEN: &str = "xoxb-hunter2-hunter2";

/// Answers as Slack does. The number of the request is part of the time stamp.
fn slack(got: &Got, number: usize) -> Response {
    let answer = match got.path.as_str() {
        "/api/auth.test" => json!({ "ok": true, "team": "Shop\u{1b}[31m", "user": "greenroom" }),
        "/api/chat.postMessage" | "/api/chat.update" => {
            json!({ "ok": true, "channel": "C0123456789", "ts": format!("17.{number}") })
        }
        other => json!({ "ok": false, "error": other }),
    };
    answer.to_string().into_response()
}

fn settings(sandbox: &Sandbox, receiver: &Receiver) -> Vec<String> {
    vec![
        "notices.ops.kind=slack-bot".to_owned(),
        format!("notices.ops.url={}/api/", receiver.address),
        format!("notices.ops.token.file={}", secret_file(sandbox)),
        "notices.ops.channel=#releases".to_owned(),
        DEV.to_owned(),
    ]
}

/// The called methods, each with the colour of its message and the thread that it replies to.
fn calls(got: &[Got]) -> Vec<(String, String, Option<String>)> {
    let call = |got: &Got| {
        let body = got.json();
        let color = body["attachments"][0]["color"].as_str().unwrap_or_default();
        let thread = body["thread_ts"].as_str().map(str::to_owned);
        (got.path.replace("/api/", ""), color.to_owned(), thread)
    };
    got.iter().map(call).collect()
}

fn call(method: &str, color: &str, thread: Option<&str>) -> (String, String, Option<String>) {
    (method.into(), color.into(), thread.map(str::to_owned))
}

fn field(got: &Got, title: &str) -> Option<String> {
    let body = got.json();
    let fields = body["attachments"][0]["fields"].as_array()?;
    let found = fields.iter().find(|field| field["title"] == title)?;
    found["value"].as_str().map(str::to_owned)
}

#[test]
fn a_failing_release_is_one_message_with_replies_in_its_thread() {
    let receiver = Receiver::responding(slack);
    let sandbox = sandbox(TOKEN);
    talkative(&sandbox);
    let mut settings = settings(&sandbox, &receiver);
    settings.push(password(&sandbox));
    let failed = run(&sandbox, &settings, &promote("1.9.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let got = receiver.got();
    assert_eq!(
        calls(&got),
        [
            call("chat.postMessage", "#808080", None),
            call("chat.update", "danger", None),
            call("chat.postMessage", "danger", Some("17.1")),
            call("chat.update", "warning", None),
            call("chat.postMessage", "warning", Some("17.1")),
        ]
    );
    assert_eq!(got[0].json()["channel"], "#releases");
    for one in &got[1..] {
        assert_eq!(one.json()["channel"], "C0123456789", "{}", one.body);
    }
    for update in [&got[1], &got[3]] {
        assert_eq!(update.json()["ts"], "17.1");
        assert_eq!(field(update, "environment").as_deref(), Some("dev"));
    }
    for shown in [&got[1], &got[2], &got[3]] {
        let checks = field(shown, "failed checks").expect("the failed checks");
        assert!(checks.starts_with("orders are listed: "), "{checks}");
        let log = field(shown, "log").expect("the log");
        assert_eq!(log.lines().count(), 10, "{log}");
        assert!(log.contains("＊last＊ &lt;!channel&gt;"), "{log}");
    }
    for one in &got {
        assert_eq!(one.header("authorization"), format!("Bearer {TOKEN}"));
        assert!(!one.body.contains(LOGGED), "{}", one.body);
    }
}

#[test]
fn a_good_release_is_one_message_without_replies() {
    let receiver = Receiver::responding(slack);
    let sandbox = sandbox(TOKEN);
    let settings = settings(&sandbox, &receiver);
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    let got = receiver.got();
    assert_eq!(
        calls(&got),
        [
            call("chat.postMessage", "#808080", None),
            call("chat.update", "good", None),
            call("chat.update", "good", None),
        ]
    );
    let text = got[2].json()["text"].clone();
    assert!(text.as_str().expect("text").contains("is live"), "{text}");
}

#[test]
fn a_call_that_slack_has_confirmed_is_not_repeated() {
    // Slack refuses the first reply, which is the third call.
    let receiver = Receiver::responding(|got, number| {
        if number == 3 {
            let busy = json!({ "ok": false, "error": "ratelimited" }).to_string();
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], busy).into_response();
        }
        slack(got, number)
    });
    let sandbox = sandbox(TOKEN);
    let settings = settings(&sandbox, &receiver);
    let failed = run(&sandbox, &settings, &promote("1.9.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    // On a busy machine, the command ends before it has sent what comes after the repeated call.
    let calls = calls(&receiver.got());
    assert_eq!(
        calls[..4],
        [
            call("chat.postMessage", "#808080", None),
            call("chat.update", "danger", None),
            call("chat.postMessage", "danger", Some("17.1")),
            call("chat.postMessage", "danger", Some("17.1")),
        ]
    );
    assert!(
        calls[4..]
            .iter()
            .all(|it| *it != calls[0] && *it != calls[3]),
        "{calls:?}"
    );
}

#[test]
fn a_deleted_message_is_posted_again() {
    let receiver = Receiver::responding(|got, number| {
        if got.path.ends_with("chat.update") && number == 2 {
            return r#"{"ok":false,"error":"message_not_found"}"#.into_response();
        }
        slack(got, number)
    });
    let sandbox = sandbox(TOKEN);
    let settings = settings(&sandbox, &receiver);
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    let got = receiver.got();
    assert_eq!(
        calls(&got),
        [
            call("chat.postMessage", "#808080", None),
            call("chat.update", "good", None),
            call("chat.postMessage", "good", None),
            call("chat.update", "good", None),
        ]
    );
    assert_eq!(got[3].json()["ts"], "17.3");
}

#[test]
fn a_refused_token_is_reported_with_a_hint_once() {
    let receiver = Receiver::responding(|got, _| {
        // A server must not be able to write the token to the log.
        let says = got.header("authorization").replace("Bearer ", "");
        let error = if got.path.ends_with("auth.test") {
            "invalid_auth".to_owned()
        } else {
            says
        };
        json!({ "ok": false, "error": error })
            .to_string()
            .into_response()
    });
    let sandbox = sandbox(TOKEN);
    let settings = settings(&sandbox, &receiver);
    let doctor = run(&sandbox, &settings, &["doctor"]);
    assert!(!doctor.status.success());
    let doctor = words(&doctor);
    assert!(
        doctor.contains("calling auth.test: invalid_auth (check the token"),
        "{doctor}"
    );
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    let posts = receiver.got().split_off(1);
    assert_eq!(posts.len(), 3, "each notice is tried once");
    let log = log_of(&sandbox);
    assert!(log.contains("calling chat.postMessage"), "{log}");
    for said in [log, doctor, words(&done)] {
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn doctor_names_the_bot() {
    let receiver = Receiver::responding(slack);
    let sandbox = sandbox(TOKEN);
    let doctor = words(&run(&sandbox, &settings(&sandbox, &receiver), &["doctor"]));
    assert!(
        doctor.contains("Slack bot greenroom of Shop at http://127.0.0.1")
            && doctor.contains("for the channel #releases"),
        "{doctor}"
    );
    let methods: Vec<Value> = receiver
        .got()
        .iter()
        .map(|got| got.path.clone().into())
        .collect();
    assert_eq!(methods, ["/api/auth.test"]);
}
