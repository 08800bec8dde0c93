//! Channels that set the status of a commit, against stand-ins of the code hosts.

use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::receiver::{Got, Receiver};
use super::{DEV, log_of, promote, run, sandbox, secret_file};
use crate::sandbox::{Sandbox, words};

const TOKEN: &str = "ghp-hunter2-hunter2";
/// The full commits of the versions. In the sandbox, the labels have short hashes.
const COMMITS: [(&str, &str); 3] = [
    ("1.8.2", "4be1f0a000000000000000000000000000000001"),
    ("1.9.0", "9c27d31000000000000000000000000000000002"),
    ("1.9.2", "17fb2d5000000000000000000000000000000003"),
];

/// A sandbox whose versions have full commits in their labels.
fn with_commits() -> Sandbox {
    let sandbox = sandbox(TOKEN);
    let path = sandbox.place().join("catalogue.json");
    let mut text = std::fs::read_to_string(&path).expect("the catalogue");
    for (_, commit) in COMMITS {
        let short = format!("\"{}\"", &commit[..7]);
        assert!(text.contains(&short), "{text}");
        text = text.replace(&short, &format!("{commit:?}"));
    }
    std::fs::write(&path, text).expect("written");
    sandbox
}

fn settings(sandbox: &Sandbox, receiver: &Receiver, host: &str, repository: &str) -> Vec<String> {
    vec![
        format!("notices.ops.kind={host}-status"),
        format!("notices.ops.url={}/api", receiver.address),
        format!("notices.ops.token.file={}", secret_file(sandbox)),
        format!("notices.ops.repository={repository}"),
        DEV.to_owned(),
    ]
}

/// The path of each request with the state that it sets.
fn states(got: &[Got]) -> Vec<(String, String)> {
    let state = |got: &Got| {
        let state = got.json()["state"].as_str().expect("a state").to_owned();
        (got.path.clone(), state)
    };
    got.iter().map(state).collect()
}

fn expected(before: &str, sets: &[(&str, &str)]) -> Vec<(String, String)> {
    let of = |tag: &str| COMMITS.iter().find(|(it, _)| *it == tag).expect("a tag").1;
    let sets = sets.iter();
    sets.map(|(tag, state)| {
        (
            format!("{before}/statuses/{}", of(tag)),
            (*state).to_owned(),
        )
    })
    .collect()
}

#[test]
fn github_gets_the_statuses_of_a_release_in_order() {
    let receiver = Receiver::answering([]);
    let sandbox = with_commits();
    let settings = settings(&sandbox, &receiver, "github", "team/web");
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    let failed = run(&sandbox, &settings, &promote("1.9.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let back = [
        "rollback", "web", "dev", "--to", "1.9.0", "--yes", "--reason", "slow",
    ];
    let back = run(&sandbox, &settings, &back);
    assert!(back.status.success(), "{}", words(&back));
    let got = receiver.got();
    assert_eq!(
        states(&got),
        expected(
            "/api/repos/team/web",
            &[
                ("1.8.2", "pending"),
                ("1.8.2", "pending"),
                ("1.8.2", "success"),
                ("1.9.2", "pending"),
                ("1.9.2", "failure"),
                ("1.9.2", "failure"),
                ("1.9.0", "pending"),
                ("1.9.0", "pending"),
                ("1.9.0", "success"),
                ("1.8.2", "failure"),
            ]
        )
    );
    for one in &got {
        assert_eq!(one.method, Method::POST);
        assert_eq!(one.header("authorization"), format!("Bearer {TOKEN}"));
        assert_eq!(one.header("accept"), "application/vnd.github+json");
        assert_eq!(one.header("x-github-api-version"), "2022-11-28");
        assert!(one.header("user-agent").starts_with("greenroom/"));
        assert_eq!(one.json()["context"], "greenroom/web/dev");
    }
    let description = got[4].json()["description"].clone();
    let description = description.as_str().expect("text");
    assert!(description.contains("orders are listed"), "{description}");
}

#[test]
fn gitlab_takes_a_state_that_is_set_already_as_done() {
    let receiver = Receiver::responding(|_, number| {
        if number == 2 {
            let message = "Cannot transition status via :run from :running (Reason(s): …)";
            let body = json!({ "message": message }).to_string();
            return (StatusCode::BAD_REQUEST, body).into_response();
        }
        (StatusCode::CREATED, "{}").into_response()
    });
    let sandbox = with_commits();
    let settings = settings(&sandbox, &receiver, "gitlab", "team/shop/web");
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    let got = receiver.got();
    assert_eq!(
        states(&got),
        expected(
            "/api/projects/team%2Fshop%2Fweb",
            &[
                ("1.8.2", "running"),
                ("1.8.2", "running"),
                ("1.8.2", "success"),
            ]
        )
    );
    assert!(got.iter().all(|got| got.header("private-token") == TOKEN));
    assert_eq!(got[0].json()["name"], "greenroom/web/dev");
    let log = log_of(&sandbox);
    assert!(!log.contains("did not get the notice"), "{log}");
}

#[test]
fn a_repeated_status_does_not_replace_a_newer_one() {
    let receiver = Receiver::answering([StatusCode::SERVICE_UNAVAILABLE]);
    let sandbox = with_commits();
    let settings = settings(&sandbox, &receiver, "forgejo", "team/web");
    let failed = run(&sandbox, &settings, &promote("1.9.2"));
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let got = receiver.got();
    assert_eq!(
        states(&got),
        expected(
            "/api/repos/team/web",
            &[
                ("1.9.2", "pending"),
                ("1.9.2", "pending"),
                ("1.9.2", "failure"),
                ("1.9.2", "failure"),
            ]
        )
    );
    assert_eq!(got[0].header("authorization"), format!("token {TOKEN}"));
}

#[test]
fn without_a_full_commit_no_status_is_set() {
    let receiver = Receiver::answering([]);
    let sandbox = sandbox(TOKEN);
    let settings = settings(&sandbox, &receiver, "github", "team/web");
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    assert!(receiver.got().is_empty());
    let log = log_of(&sandbox);
    assert!(!log.contains("did not get the notice"), "{log}");
}

#[test]
fn a_refused_token_is_not_in_the_log() {
    let receiver = Receiver::responding(|got, _| {
        let says = got.header("authorization").to_owned();
        (StatusCode::UNAUTHORIZED, says).into_response()
    });
    let sandbox = with_commits();
    let settings = settings(&sandbox, &receiver, "github", "team/web");
    let doctor = words(&run(&sandbox, &settings, &["doctor"]));
    let asked: Vec<Value> = receiver
        .got()
        .iter()
        .map(|got| got.path.clone().into())
        .collect();
    assert_eq!(asked, ["/api/repos/team/web"], "{doctor}");
    let done = run(&sandbox, &settings, &promote("1.8.2"));
    assert!(done.status.success(), "{}", words(&done));
    let log = log_of(&sandbox);
    assert!(log.contains("401 Unauthorized"), "{log}");
    for said in [log, doctor, words(&done)] {
        assert!(!said.contains("hunter2"), "{said}");
    }
}
