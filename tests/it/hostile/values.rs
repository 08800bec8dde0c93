//! Values as other programs may write them: valid ones, and everything near to and far from valid.

use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) const RELEASE: &str = "01JD4ZZZZZ0000000000000007";

fn digest() -> String {
    format!("sha256:{}", "a1".repeat(32))
}

pub(super) fn registration() -> Value {
    json!({
        "slot": "blue", "members": [{ "endpoint": "127.0.0.1:32771", "instance": "c0ffee" }],
        "tag": "1.9.0", "digest": digest(), "release": RELEASE, "registered_at": "2026-11-20T14:02:11Z", "token": 7,
    })
}

pub(super) fn route() -> Value {
    json!({
        "generation": 41, "live": "blue", "addresses": ["127.0.0.1:32771"], "digest": digest(),
        "release": RELEASE, "token": 7,
    })
}

pub(super) fn lock() -> Value {
    json!({
        "operator": { "name": "ana", "host": "ops-1" }, "console": "c1", "release": RELEASE,
        "since": "2026-11-20T14:02:11Z", "message": "promote 1.9.0",
    })
}

pub(super) fn hold() -> Value {
    json!({
        "reason": "payday", "author": { "name": "ana", "host": "ops-1" },
        "since": "2026-11-20T14:02:11Z", "until": "2026-11-21T14:02:11Z",
    })
}

pub(super) fn queued() -> Value {
    let push = json!({
        "repository": "team/web", "tag": "develop", "source": { "kind": "inbox", "name": "hub" },
        "delivery": "d1", "by": "ana", "received_at": "2026-11-20T14:02:11Z",
    });
    json!({
        "format": 1, "id": "0123456789abcdef0123456789abcdef",
        "target": { "service": "web", "environment": "production" }, "push": push,
        "state": "waiting", "why": "a hold", "changed_at": "2026-11-20T14:02:11Z",
    })
}

pub(super) fn head() -> Value {
    let version = json!({ "repository": "registry.example/web", "tag": "1.9.0", "digest": digest(), "labels": {} });
    json!({
        "format": 1, "id": RELEASE, "target": { "service": "web", "environment": "production" },
        "kind": "promote", "from": ["blue", version], "to": ["green", version],
        "operator": { "name": "ana", "host": "ops-1" }, "reason": "it is time",
        "opened_at": "2026-11-20T14:02:11Z",
        "plan": [{ "step": "pull", "calls": ["pull it"], "undo": "nothing" },
                 { "step": "switch", "calls": ["switch"], "undo": "switch back" }],
        "closed": ["2026-11-20T14:12:11Z", { "outcome": "backed-out", "reason": "a threshold" }],
    })
}

/// One entry of each kind, in order.
pub(super) fn entries() -> Vec<Value> {
    let decision =
        json!({ "by": { "name": "ana", "host": "ops-1" }, "asked_at": null, "note": "fine" });
    let case = json!({
        "name": "front page", "verdict": "failed", "required": true, "detail": "status 500", "took": { "secs": 1, "nanos": 5 },
    });
    let all = [
        json!({ "entry": "intent", "step": "pull", "direction": "forward" }),
        json!({ "entry": "outcome", "step": "pull", "direction": "forward", "failure": null, "took": { "secs": 3, "nanos": 0 } }),
        json!({ "entry": "approved", "step": "switch", "decision": decision }),
        json!({ "entry": "checked", "report": { "digest": digest(), "at": "2026-11-20T14:02:30Z", "cases": [case] } }),
        json!({ "entry": "chosen", "step": "switch", "choice": "retry", "decision": decision }),
        json!({ "entry": "back-out-asked", "decision": decision, "reason": "errors" }),
        json!({ "entry": "outcome", "step": "switch", "direction": "back", "failure": "it is gone", "took": { "secs": 0, "nanos": 1 } }),
    ];
    let numbered = (1..).zip(all).map(|(sequence, mut entry)| {
        entry["sequence"] = json!(sequence);
        entry["at"] = json!("2026-11-20T14:02:12Z");
        entry
    });
    numbered.collect()
}

/// Bytes, printed as text when a case has failed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = self.0.get(..1_000).unwrap_or(&self.0);
        write!(f, "{} bytes: {}", self.0.len(), start.escape_ascii())
    }
}

/// Text that could control a terminal or escape from a path.
pub(super) fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "\u{1b}[2J\u{1b}[31mred", "\u{1b}]0;owned\u{7}", "\u{1b}]52;c;ZXZpbA==\u{7}", "\u{202e}live",
            "\u{9b}31m", "a\u{200b}b", "\r\n\t\u{8}", "../../etc/passwd", "\u{0}", "\u{fdd0}\u{10ffff}", "%s%n",
            "\u{feff}web", "'; DROP TABLE registry; --", "{{ 7 }}", "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        ]).prop_map(str::to_owned),
        2 => "(?s).{0,40}",
        1 => (1_usize..70_000).prop_map(|length| "\u{1b}[1mlong".repeat(length / 8)),
    ]
}

/// Possible replacements of a value.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "green",
            "9999-12-31T23:59:59Z",
            "-009999-01-01T00:00:00Z",
            "00000000000000000000000000",
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "unix:/a/../b",
            "[::1]:1",
            "0.0.0.0:0",
            "sha256:",
            "done",
            "api",
        ])
        .prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((words(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// The positions in a value: every path, the root first.
fn places(value: &Value) -> Vec<String> {
    let mut all = vec![String::new()];
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(n, value)| (n.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in inner {
        all.extend(
            places(value)
                .into_iter()
                .map(|rest| format!("/{key}{rest}")),
        );
    }
    all
}

fn replaced(mut value: Value, at: prop::sample::Index, by: Option<Value>) -> Value {
    let all = places(&value);
    let place = at.get(&all).clone();
    match (by, place.rsplit_once('/')) {
        (Some(by), _) => {
            if let Some(there) = value.pointer_mut(&place) {
                *there = by;
            }
        }
        (None, Some((around, key))) => match value.pointer_mut(around) {
            Some(Value::Object(entries)) => drop(entries.remove(key)),
            Some(Value::Array(items)) => drop(items.pop()),
            _ => {}
        },
        (None, None) => value = Value::Null,
    }
    value
}

/// A valid value with something removed or replaced; sometimes unchanged.
pub(super) fn mutated(valid: Value) -> impl Strategy<Value = Value> {
    let wound = (
        any::<prop::sample::Index>(),
        prop::option::weighted(0.8, anything()),
    );
    prop::collection::vec(wound, 0..3).prop_map(move |wounds| {
        let wounded = wounds.into_iter();
        wounded.fold(valid.clone(), |value, (at, by)| replaced(value, at, by))
    })
}

/// Bytes in place of such a value: garbage, a value of another shape, a changed one, a far too
/// large one, and one with endless nesting.
pub(super) fn bytes(valid: Value) -> impl Strategy<Value = Bytes> {
    let text = valid.to_string();
    let cut_text = text.clone();
    let bytes = prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..200),
        2 => anything().prop_map(|value| value.to_string().into_bytes()),
        6 => mutated(valid).prop_map(|value| value.to_string().into_bytes()),
        1 => any::<prop::sample::Index>().prop_map(move |at| cut_text.as_bytes()[..at.index(cut_text.len())].to_vec()),
        1 => (1_usize..200_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        1 => (1_usize..50_000).prop_map(|depth| "{\"slot\":".repeat(depth).into_bytes()),
        1 => (1_usize..400_000).prop_map(move |more| {
            let huge = text.replacen('{', &format!("{{\"more\":\"{}\",", "\u{1b}".escape_default().to_string().repeat(more / 6)), 1);
            huge.into_bytes()
        }),
    ];
    bytes.prop_map(Bytes)
}
