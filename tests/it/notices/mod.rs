//! Notices about releases over HTTP: a test receiver, the real program, and receivers that refuse,
//! hang or are missing.

mod commit_status;
mod details;
mod pushes;
mod receiver;
mod slack_bot;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use axum::http::StatusCode;

use crate::sandbox::{Sandbox, until, words};
use crate::support::free_port;
use receiver::{Got, Inbox, PATH, Receiver};

/// How long an answer may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);
/// The signing key, as a receiver gives it out.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A sandbox with a secret file, whose releases end at once.
fn sandbox(secret: &str) -> Sandbox {
    calm_sandbox(secret).hurried()
}

/// A sandbox whose releases take long enough for a channel to be retried.
fn calm_sandbox(secret: &str) -> Sandbox {
    Sandbox::kept_on(|place: &Path| {
        std::fs::write(place.with_file_name("secret"), secret).expect("written");
    })
    .up()
}

fn secret_file(sandbox: &Sandbox) -> String {
    sandbox
        .place()
        .with_file_name("secret")
        .display()
        .to_string()
}

/// The channel settings that a layer above the file may contain: production of the sandbox is
/// protected.
const DEV: &str = r#"notices.ops.environments=["dev"]"#;

/// The settings of a signed channel.
fn signed(sandbox: &Sandbox, address: &str) -> Vec<String> {
    vec![
        "notices.ops.kind=signed".to_owned(),
        format!("notices.ops.url={address}"),
        DEV.to_owned(),
        format!("notices.ops.secret.file={}", secret_file(sandbox)),
        r#"notices.ops.events=["started","waiting","switched","failed","rolled-back","backed-out","finished"]"#
            .to_owned(),
    ]
}

fn run(sandbox: &Sandbox, settings: &[String], arguments: &[&str]) -> Output {
    let mut all = Vec::new();
    for setting in settings {
        all.extend(["--set", setting]);
    }
    all.extend(arguments);
    sandbox.run(&all)
}

fn promote(version: &str) -> [&str; 6] {
    ["promote", "web", "dev", "--version", version, "--yes"]
}

#[test]
fn a_signed_channel_gets_notices_in_order_and_retries_with_the_same_id() {
    let receiver = Receiver::answering([
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ]);
    let sandbox = calm_sandbox(SECRET);
    let settings = signed(&sandbox, &receiver.address);
    let doctor = words(&run(&sandbox, &settings, &["doctor"]));
    assert!(
        doctor.contains("notices.ops") && doctor.contains("signed webhook at http://127.0.0.1"),
        "{doctor}"
    );
    assert!(receiver.got().is_empty(), "reading sends no notice");

    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    assert_eq!(
        receiver.events(),
        [
            "release.started",
            "release.started",
            "release.started",
            "release.switched",
            "release.finished"
        ]
    );
    let got = receiver.got();
    assert!(got[0].id() == got[1].id() && got[1].id() == got[2].id());
    assert_ne!(got[2].id(), got[3].id());
    let webhook = standardwebhooks::Webhook::new(SECRET).expect("a secret");
    for one in &got {
        webhook
            .verify(one.body.as_bytes(), &one.headers)
            .expect("signed");
        assert!(
            webhook
                .verify(one.body.replace("web", "bew").as_bytes(), &one.headers)
                .is_err()
        );
    }
    let data = &got[3].json()["data"];
    let status = sandbox.status("web", "dev");
    let live = status["live"].as_str().expect("a live slot");
    assert_eq!(data["to"]["tag"], "1.8.2");
    assert_eq!(
        data["to"]["digest"],
        status["snapshot"]["slots"][live]["members"][0]["digest"]
    );
    assert_eq!(data["from"]["tag"], "1.9.0");
    assert_eq!(data["target"]["environment"], "dev");
    assert_eq!(data["checks"]["passed"], data["checks"]["of"]);

    // A failure is sent with its reason, and so is a rollback.
    let failed = run(&sandbox, &settings, &promote("1.9.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let later = receiver.got().split_off(got.len());
    let event = |got: &Got| got.json()["type"].as_str().map(str::to_owned);
    let events: Vec<String> = later.iter().filter_map(event).collect();
    assert_eq!(
        events,
        ["release.started", "release.failed", "release.backed-out"]
    );
    let data = &later[1].json()["data"];
    assert_eq!(data["step"], "verify");
    let why = data["why"].as_str().expect("why");
    assert!(words(&failed).contains(why), "{why} in {}", words(&failed));
    let before = receiver.got().len();
    let back = [
        "rollback", "web", "dev", "--to", "1.9.0", "--yes", "--reason", "slow",
    ];
    let back = run(&sandbox, &settings, &back);
    assert!(back.status.success(), "{}", words(&back));
    let events = receiver.events().split_off(before);
    assert_eq!(
        events,
        ["release.started", "release.rolled-back", "release.finished"]
    );
}

#[test]
fn approvers_are_told_at_once_that_a_release_waits_for_them() {
    let receiver = Receiver::answering([]);
    let sandbox = sandbox(SECRET);
    let mut settings = signed(&sandbox, &receiver.address);
    settings.push("environments.dev.rules.approvals=1".into());
    let mut all: Vec<&str> = Vec::new();
    for setting in &settings {
        all.extend(["--set", setting]);
    }
    all.extend(["--set", "operator.name=ana"]);
    all.extend(promote("1.8.2"));
    let mut promote = sandbox.command(&all).spawn().expect("greenroom");
    until("a notice about the missing approval", SOON, || {
        receiver
            .events()
            .iter()
            .any(|event| event == "release.waiting")
    });
    let waiting = receiver.got().pop().expect("one").json();
    assert_eq!(waiting["type"], "release.waiting");
    let text = waiting["data"]["text"].as_str().expect("a text");
    assert!(text.contains("greenroom approve web dev"), "{text}");
    assert_eq!(waiting["data"]["operator"]["name"], "ana");

    let approve = [
        "--set",
        "operator.name=ben",
        "approve",
        "web",
        "dev",
        "--yes",
    ];
    let approved = run(&sandbox, &settings, &approve);
    assert!(approved.status.success(), "{}", words(&approved));
    assert!(promote.wait().expect("its end").success());
    assert!(
        receiver
            .events()
            .ends_with(&["release.switched".to_owned(), "release.finished".to_owned()])
    );
}

#[test]
fn an_incoming_webhook_gets_plain_text_and_its_address_stays_secret() {
    let receiver = Receiver::answering([]);
    let address = format!("{}/{PATH}", receiver.address);
    let sandbox = sandbox(&address);
    let url = format!("notices.ops.url.file={}", secret_file(&sandbox));
    let settings = [url, DEV.to_owned()];
    let doctor = words(&run(&sandbox, &settings, &["doctor"]));
    assert!(
        doctor.contains("incoming webhook at http://127.0.0.1"),
        "{doctor}"
    );
    let hostile = "<!channel> @here \u{1b}[31mred\n<https://x.example|y>";
    let arguments = [&promote("1.8.2")[..], &["--reason", hostile]].concat();
    let done = run(&sandbox, &settings, &arguments);
    assert!(done.status.success(), "{}", words(&done));
    let got = receiver.got();
    assert_eq!(got.len(), 2, "started and switched");
    for one in &got {
        assert!(
            !one.body.contains("<!") && !one.body.contains("\\u001b"),
            "{}",
            one.body
        );
        let message = one.json();
        let text = message["text"].as_str().expect("a text");
        assert!(text.starts_with("web/dev: "), "{text}");
        let fields = message["attachments"][0]["fields"]
            .as_array()
            .expect("fields");
        let value = |title: &str| {
            let field = fields.iter().find(|field| field["title"] == title);
            field.map(|field| field["value"].clone())
        };
        assert_eq!(value("environment"), Some("dev".into()));
        let reason = value("reason").expect("a reason");
        assert_eq!(
            reason,
            "&lt;!channel&gt; ＠here red &lt;https：//x.example｜y&gt;"
        );
    }

    // A permanent refusal is reported once, with the answer and without the address.
    *receiver.inbox.answers.lock().expect("answers") =
        std::iter::repeat_n(StatusCode::NOT_FOUND, 9).collect();
    let done = run(&sandbox, &settings, &promote("1.9.0"));
    assert!(done.status.success(), "{}", words(&done));
    assert_eq!(receiver.got().len(), 4, "no second try");
    let log = log_of(&sandbox);
    assert!(
        log.contains("notices.ops did not get the notice")
            && log.contains("404 Not Found: no <b>thanks</b>"),
        "{log}"
    );
    for said in [log, doctor, words(&done)] {
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_hanging_or_missing_channel_delays_nothing() {
    let receiver = Receiver::start(Inbox {
        hangs: true,
        ..Inbox::default()
    });
    let sandbox = sandbox(SECRET);
    let settings = signed(&sandbox, &receiver.address);
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    assert_eq!(sandbox.live("web", "dev"), "1.8.2");
    assert_eq!(receiver.events()[0], "release.started");
    // The first notice is never answered, so the later ones are not sent, which is reported.
    assert!(!receiver.events().contains(&"release.finished".to_owned()));
    assert!(
        words(&done).contains("notices were not sent"),
        "{}",
        words(&done)
    );

    let mut settings = signed(&sandbox, &format!("http://127.0.0.1:{}", free_port()));
    settings[3] = "notices.ops.secret.env=GREENROOM_NO_SUCH".to_owned();
    let done = run(&sandbox, &settings, &promote("1.9.0"));
    assert!(done.status.success(), "{}", words(&done));
    let doctor = run(&sandbox, &settings, &["doctor"]);
    assert!(!doctor.status.success());
    assert!(
        words(&doctor).contains("GREENROOM_NO_SUCH: reading the secret: the variable is not set")
    );
    settings[3] = format!("notices.ops.secret.file={}", secret_file(&sandbox));
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    assert!(
        log_of(&sandbox).contains("Connection refused"),
        "{}",
        log_of(&sandbox)
    );
}

/// Everything that the programs of a sandbox logged.
fn log_of(sandbox: &Sandbox) -> String {
    let place = sandbox
        .place()
        .with_file_name("state")
        .join("greenroom/log");
    let files = std::fs::read_dir(place).expect("the log").flatten();
    files
        .map(|file| std::fs::read_to_string(file.path()).expect("text"))
        .collect()
}
