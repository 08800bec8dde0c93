//! Notices of a failed release name the failed checks, and have the last lines of the candidate's log.

use serde_json::Value;

use super::receiver::{Got, Receiver};
use super::{SECRET, promote, run, sandbox, signed};
use crate::sandbox::{Sandbox, words};

/// A secret that the candidate writes to its log.
pub(super) const LOGGED: &str = "correct-horse-battery-7";

/// Lets version 1.9.2 of the service, whose checks fail, write lines before it starts, one of them with its secret.
pub(super) fn talkative(sandbox: &Sandbox) {
    std::fs::write(sandbox.place().join("logged"), LOGGED).expect("written");
    let path = sandbox.place().join("catalogue.json");
    let text = std::fs::read_to_string(&path).expect("the catalogue");
    let mut programs: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let script = "for n in 1 2 3 4 5 6; do echo \"line $n\"; done; \
        echo \"password $SAMPLE_PASSWORD\"; echo '*last* <!channel>'; exec \"$0\" \"$@\"";
    for program in &mut programs {
        let is_meant = program["repository"] == "sandbox/web" && program["tag"] == "1.9.2";
        if is_meant {
            let argv = program["argv"].as_array_mut().expect("its arguments");
            let shell = ["/bin/sh", "-c", script];
            argv.splice(0..0, shell.map(Value::from));
        }
    }
    std::fs::write(&path, serde_json::to_string(&programs).expect("JSON")).expect("written");
}

/// The setting that gives the candidate its secret.
pub(super) fn password(sandbox: &Sandbox) -> String {
    let file = sandbox.place().join("logged");
    format!(
        "services.web.environments.dev.environment.SAMPLE_PASSWORD.file={}",
        file.display()
    )
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().expect("a list");
    list.iter().map(|it| it.as_str().expect("text")).collect()
}

fn data(got: &[Got], event: &str) -> Value {
    let found = got.iter().find(|got| got.event() == event);
    found.expect("the notice").json()["data"].clone()
}

#[test]
fn a_failure_names_its_checks_with_the_last_lines_of_the_candidate() {
    let receiver = Receiver::answering([]);
    let sandbox = sandbox(SECRET);
    talkative(&sandbox);
    let mut settings = signed(&sandbox, &receiver.address);
    settings.push(password(&sandbox));
    let failed = run(&sandbox, &settings, &promote("1.9.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let got = receiver.got();
    let notice = data(&got, "release.failed");
    let checks = texts(&notice["failed_checks"]);
    assert!(
        checks.len() == 1 && checks[0].starts_with("orders are listed: "),
        "{checks:?}"
    );
    let log = texts(&notice["log"]);
    assert_eq!(log.len(), 10, "{log:?}");
    let has = |wanted: &str| log.iter().any(|line| line.contains(wanted));
    for line in ["password (hidden)", "*last* <!channel>", "GET /orders"] {
        assert!(has(line), "no {line:?} in {log:?}");
    }
    // The details are sent once for each failure.
    let notice = data(&got, "release.backed-out");
    assert_eq!(notice["failed_checks"], Value::Array(Vec::new()));
    assert_eq!(notice["log"], Value::Array(Vec::new()));
    for one in &got {
        assert!(!one.body.contains(LOGGED), "{}", one.body);
    }
}

#[test]
fn a_channel_without_failures_gets_the_details_of_a_back_out() {
    let receiver = Receiver::answering([]);
    let sandbox = sandbox(SECRET);
    talkative(&sandbox);
    let mut settings = signed(&sandbox, &receiver.address);
    settings.push(password(&sandbox));
    settings.push(r#"notices.ops.events=["backed-out"]"#.into());
    let failed = run(&sandbox, &settings, &promote("1.9.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let notice = data(&receiver.got(), "release.backed-out");
    assert_eq!(texts(&notice["failed_checks"]).len(), 1, "{notice}");
    assert_eq!(texts(&notice["log"]).len(), 10, "{notice}");
}

#[test]
fn no_line_is_sent_while_a_secret_to_hide_is_unknown() {
    let receiver = Receiver::answering([]);
    let sandbox = sandbox(SECRET);
    let path = sandbox.place().join("greenroom.toml");
    let mut text = std::fs::read_to_string(&path).expect("the configuration");
    text.push_str(
        r#"
[[services.web.checks]]
name = "private page"
path = "/"
headers = { Authorization = { env = "GREENROOM_NO_SUCH" } }
"#,
    );
    std::fs::write(&path, text).expect("written");
    let settings = signed(&sandbox, &receiver.address);
    let failed = run(&sandbox, &settings, &promote("1.8.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let notice = data(&receiver.got(), "release.failed");
    let checks = texts(&notice["failed_checks"]);
    assert!(checks[0].starts_with("private page: "), "{checks:?}");
    assert_eq!(notice["log"], Value::Array(Vec::new()));
}

#[test]
fn a_chat_gets_the_lines_of_the_log_without_markup() {
    let receiver = Receiver::answering([]);
    let sandbox = sandbox(SECRET);
    talkative(&sandbox);
    let settings = [
        format!("notices.ops.url={}", receiver.address),
        super::DEV.to_owned(),
        password(&sandbox),
    ];
    let failed = run(&sandbox, &settings, &promote("1.9.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let got = receiver.got();
    let fields = got.iter().flat_map(|got| {
        let fields = got.json()["attachments"][0]["fields"].clone();
        fields.as_array().expect("fields").clone()
    });
    let log: Vec<Value> = fields.filter(|field| field["title"] == "log").collect();
    assert_eq!(log.len(), 1, "{log:?}");
    let lines = log[0]["value"].as_str().expect("text");
    assert_eq!(lines.lines().count(), 10, "{lines}");
    assert!(lines.contains("＊last＊ &lt;!channel&gt;"), "{lines}");
    assert!(!lines.contains(LOGGED), "{lines}");
}
