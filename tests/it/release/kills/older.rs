//! A release that an older version started and did not end. The older version recorded less:
//! `fixtures/journal/older.json` has the content of its heads and entries.

use std::collections::BTreeSet;

use etcd_client::Client;
use greenroom::history::{FORMAT, Outcome, Recorded};
use serde_json::Value;

use super::stage::Stage;
use super::trial::{Course, Ended, Second};
use crate::support::etcd;
use crate::support::middleman::{Moment, Point};

fn fixture() -> Value {
    let text = include_str!("../../../../fixtures/journal/older.json");
    serde_json::from_str(text).expect("JSON")
}

/// Keeps only those leaves of a value that `then` has, in objects and lists alike.
fn reduce(value: &mut Value, then: &Value) {
    match (value, then) {
        (Value::Object(value), Value::Object(then)) => {
            value.retain(|name, _| then.contains_key(name));
            for (name, value) in value {
                reduce(value, &then[name]);
            }
        }
        (Value::Array(values), Value::Array(then)) => {
            for (index, value) in values.iter_mut().enumerate() {
                if let Some(then) = then.get(index).or(then.last()) {
                    reduce(value, then);
                }
            }
        }
        _ => {}
    }
}

fn keys(value: &Value) -> BTreeSet<&String> {
    value.as_object().expect("an object").keys().collect()
}

/// An entry of the same kind from the older version.
fn of_kind<'a>(fixture: &'a Value, entry: &Value) -> &'a Value {
    let entries = fixture["entries"].as_array().expect("entries");
    let is_it = |then: &&Value| then["entry"] == entry["entry"];
    entries
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("no fixture has {entry}"))
}

impl Stage {
    /// Rewrites the journal of the newest release as the older version would have written it.
    pub(super) async fn as_an_older_one_wrote(&self) {
        let fixture = fixture();
        let client = Client::connect([etcd()], None).await.expect("connected");
        let mut pairs = client.kv_client();
        let service = &self.fixture.target.service;
        let below = format!("/greenroom-test/{service}/targets/{service}/production");
        let id = self.newest().await.id;
        let key = format!("{below}/releases/{id}");
        let all = etcd_client::GetOptions::new().with_prefix();
        let steps = pairs.get(format!("{below}/steps/{id}/"), Some(all)).await;
        let head = pairs.get(key, None).await;
        let found = [head.expect("read"), steps.expect("read")];
        for pair in found.iter().flat_map(etcd_client::GetResponse::kvs) {
            let mut value: Value = serde_json::from_slice(pair.value()).expect("JSON");
            let then = match &value["entry"] {
                Value::Null => &fixture["head"],
                _ => of_kind(&fixture, &value),
            };
            reduce(&mut value, then);
            assert_eq!(keys(&value), keys(then), "it has everything it had then");
            let put = pairs.put(pair.key(), value.to_string(), None).await;
            put.expect("written");
        }
    }
}

#[test]
fn a_journal_of_an_older_version_can_be_read() {
    let recorded: Recorded = serde_json::from_value(fixture()).expect("a journal");
    assert!(recorded.head.format <= FORMAT);
    assert_eq!(recorded.head.baseline, None, "it knew of none");
    greenroom::history::check_whole(&recorded.entries).expect("whole");
    assert!(matches!(recorded.head.closed, Some((_, Outcome::Done))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_of_an_older_version_is_finished_without_a_failed_request() {
    let mut stage = Stage::new().await;
    stage.is_older = true;
    let cases = [
        // It must not remove the content of the slot, because the older journal does not say
        // whether that was planned.
        ("intent start", Second::BacksOut, Ended::BackedOut),
        ("remove container", Second::Resumes, Ended::Done),
        ("create container", Second::BacksOut, Ended::BackedOut),
        ("checked", Second::Forces, Ended::Done),
        ("route", Second::Resumes, Ended::Done),
        ("intent watch", Second::BacksOut, Ended::BackedOut),
        ("deregister", Second::Forces, Ended::Done),
    ];
    for (act, second, ended) in cases {
        let point = Point {
            act: act.to_owned(),
            nth: 1,
            moment: Moment::After,
        };
        let killed = Box::pin(stage.killed_at(Course::Forward, &point, second));
        let trial = killed.await;
        assert_eq!(trial.ended, ended, "{act}");
    }
    let report = stage.close().await;
    println!("started by an older version: {report}");
    super::super::nothing_was_noticed(&report);
}
