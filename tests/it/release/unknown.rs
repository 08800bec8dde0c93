//! A live target on real servers, one of which is unreachable: only the facts of that server are
//! unknown.

use serde_json::{Value, json};

use super::command_line::{err, out, run};
use super::fixture::{Fixture, FixtureOptions};
use crate::support::json_lines::json_list;
use crate::support::{docker, etcd, free_port};

/// The output of `status`, as JSON and as text, while an address leads nowhere.
async fn status_without(fixture: &mut Fixture, address: &str, scheme: &str) -> (Value, String) {
    let nowhere = format!("{scheme}://127.0.0.1:{}", free_port());
    fixture
        .rebuild(|text| text.replace(address, &nowhere))
        .await;
    let output = run(fixture, &["--json", "status"]).await;
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}{}",
        out(&output),
        err(&output)
    );
    let line = json_list(&output, "targets").remove(0);
    let said = out(&run(fixture, &["status"]).await);
    fixture
        .rebuild(|text| text.replace(&nowhere, address))
        .await;
    (line, said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_of_an_unreachable_server_are_unknown() {
    let mut fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    assert!(fixture.promote("1.9.0").await.outcome().is_some());
    let status = run(&fixture, &["status"]).await;
    assert_eq!(status.status.code(), Some(0), "{}", out(&status));

    let (line, said) = status_without(&mut fixture, &docker(), "tcp").await;
    assert_eq!(line["live"], "green", "{line}");
    assert_eq!(line["roles"], json!({ "blue": null, "green": "live" }));
    assert_eq!(
        (&line["agreed"], &line["drift"]),
        (&Value::Null, &Value::Null)
    );
    assert!(said.contains("not observed"), "{said}");
    assert!(said.contains("address answers as healthy"), "{said}");
    assert!(!said.contains("empty"), "{said}");

    let (line, said) = status_without(&mut fixture, &etcd(), "http").await;
    assert_eq!(line["roles"], json!({ "blue": null, "green": "live" }));
    assert_eq!(
        (&line["agreed"], &line["drift"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&line["holds"], &line["interrupted"]),
        (&Value::Null, &Value::Null)
    );
    for claim in ["candidate", "not registered"] {
        assert!(!said.contains(claim), "{claim}: {said}");
    }

    fixture.kill_nginx(true);
    let output = run(&fixture, &["--json", "status"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", out(&output));
    let line = json_list(&output, "targets").remove(0);
    assert_eq!(line["live"], Value::Null, "{line}");
    assert_eq!(line["roles"], json!({ "blue": null, "green": null }));
    let said = out(&run(&fixture, &["status"]).await);
    for words in [
        "which slot has the traffic: the proxy has not answered",
        "the store's route names green, generation 2",
        "the public address does not answer",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let doctor = run(&fixture, &["doctor"]).await;
    let said = out(&doctor);
    assert_eq!(doctor.status.code(), Some(1), "{said}");
    assert!(said.contains("x production             running"), "{said}");
    fixture.start_nginx_again().await;
    let doctor = run(&fixture, &["doctor"]).await;
    assert_eq!(doctor.status.code(), Some(0), "{}", out(&doctor));
    assert!(
        out(&doctor).contains("tests passed. Next: "),
        "{}",
        out(&doctor)
    );
}
