//! What operators do with queues: report a push, list, dismiss and retry. On a store in a file, without an agent.

use greenroom::inventory::{
    EntryId, EntryState, MOST_PENDING, Push, PushSource, QueueEntry, ReleaseId, ServiceName,
    StateKind, Target,
};
use greenroom::ports::{QueueStore, Queued};
use greenroom::release::{Engine, Notification, QueueRefusal, Refusal, Refused};
use greenroom::settings::{Request, Settings};
use greenroom::wire::{self, App};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::Value;

use crate::sandbox::{Sandbox, words};
use crate::support::json_lines::json_data;
use crate::support::pairs::Pairs;

/// One service in three environments with one store. Nothing else answers.
const SETTINGS: &str = r#"
[services.web]
image = "registry.example/team/web"
listen = { port = 8080 }
health = { path = "/health" }
"#;

const ENVIRONMENT: &str = r#"
[environments.NAME]
runtime = "process"
store = "sqlite"
proxy = "embedded"
sqlite = { path = "store.sqlite" }
process = { state = "processes", catalogue = "catalogue.json" }
embedded = { answer = "127.0.0.1:8190", state = "proxy" }
[services.web.environments.NAME]
endpoints = { blue = "127.0.0.1:10PORT", green = "127.0.0.1:11PORT" }
follow = FOLLOW
[services.web.environments.NAME.proxy]
server_names = ["localhost"]
listen = "127.0.0.1:12PORT"
preview_listen = "127.0.0.1:13PORT"
"#;

struct Room {
    directory: tempfile::TempDir,
    text: String,
}

impl Room {
    fn new() -> Self {
        let mut text = SETTINGS.to_owned();
        for (port, name, follow) in [
            ("01", "dev", "[]"),
            ("02", "qa", r#"["develop", "v*"]"#),
            ("03", "staging", r#"["v*"]"#),
        ] {
            let environment = ENVIRONMENT.replace("NAME", name).replace("PORT", port);
            text.push_str(&environment.replace("FOLLOW", follow));
        }
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            text,
        }
    }

    fn app(&self, operator: &str, is_read_only: bool) -> App {
        let file = self.directory.path().join("greenroom.toml");
        let request = Request {
            overrides: vec![("operator.name".to_owned(), operator.to_owned())],
            ..Request::default()
        };
        let loaded = Settings::read(&file, &self.text, &request);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        wire::build(&loaded.settings, is_read_only).expect("an app")
    }

    fn store(&self) -> Pairs {
        Pairs::of(&self.directory.path().join("store.sqlite"))
    }
}

fn web() -> ServiceName {
    "web".parse().expect("a name")
}

fn target(environment: &str) -> Target {
    Target::new(web(), environment.parse().expect("a name"))
}

async fn notify(engine: &Engine, tag: &str) -> Result<Vec<Target>, Refused> {
    let notification = Notification {
        service: web(),
        tag: tag.to_owned(),
        digest: None,
    };
    let notified = engine.notify(&notification).await?;
    let targets = notified.into_iter().map(|(target, added)| {
        let entry = added.expect("added");
        assert_eq!((&entry.target, &entry.push.tag), (&target, &tag.to_owned()));
        target
    });
    Ok(targets.collect())
}

/// The store of a target, as an agent uses it.
fn queue_store(engine: &Engine, target: &Target) -> std::sync::Arc<dyn QueueStore> {
    let site = engine.site(target).expect("a site");
    std::sync::Arc::clone(&site.write.as_ref().expect("it may write").store.queue)
}

fn reason<T: std::fmt::Debug>(refused: Result<T, Refused>) -> (Refusal, String) {
    let mut refused = refused.expect_err("refused");
    let said = refused.to_string();
    (refused.0.remove(0), said)
}

fn release() -> ReleaseId {
    ReleaseId(ulid::Ulid::nil())
}

#[tokio::test]
async fn a_notification_reaches_every_target_that_follows_the_tag() {
    let room = Room::new();
    let engine = room.app("ana", false).engine;
    let notified = notify(&engine, "v1.9.0").await.expect("queued");
    assert_eq!(notified, [target("qa"), target("staging")]);
    let notified = notify(&engine, "develop").await.expect("queued");
    assert_eq!(notified, [target("qa")]);

    let queue = engine.queue(&target("qa")).await.expect("read");
    let tags: Vec<&str> = queue.iter().map(|entry| entry.push.tag.as_str()).collect();
    assert_eq!(tags, ["develop", "v1.9.0"], "the newest comes first");
    let push = &queue[0].push;
    assert_eq!(push.source, PushSource::Notify);
    assert_eq!(push.repository, "registry.example/team/web");
    let by = push.by.as_deref().expect("the operator");
    assert!(by.starts_with("ana@"), "{by}");
    assert_eq!(queue[0].state, EntryState::Waiting { why: None });
    let staging = engine.queue(&target("staging")).await.expect("read");
    assert_eq!(staging[0].id, queue[1].id, "it is the same push");
    // The same tag again is another push.
    notify(&engine, "develop").await.expect("queued");
    assert_eq!(engine.queue(&target("qa")).await.expect("read").len(), 3);
}

#[tokio::test]
async fn a_tag_that_no_target_follows_is_refused_with_the_followed_ones() {
    let room = Room::new();
    let engine = room.app("ana", false).engine;
    let (refusal, said) = reason(notify(&engine, "feature-x").await);
    assert!(
        matches!(
            refusal,
            Refusal::OfQueue(QueueRefusal::TagNotFollowed { .. })
        ),
        "{said}"
    );
    let expected = "no environment of web follows the tag feature-x (dev follows no tag; qa follows develop, v*; staging follows v*): push another tag, or add this one to `follow` in [services.web.environments.NAME]";
    assert_eq!(said, expected);
    let (refusal, said) = reason(notify(&engine, "v 1").await);
    assert!(
        matches!(refusal, Refusal::OfQueue(QueueRefusal::BadPush(_))),
        "{said}"
    );
    assert!(said.contains("is not a tag"), "{said}");
    assert_eq!(engine.queue(&target("qa")).await.expect("read"), []);
}

#[tokio::test]
async fn a_full_queue_is_reported_for_its_target_alone() {
    let room = Room::new();
    let engine = room.app("ana", false).engine;
    let qa = target("qa");
    let store = queue_store(&engine, &qa);
    for number in 0..MOST_PENDING {
        let name = format!("d{number}");
        let at = Timestamp::UNIX_EPOCH;
        let push = Push::new("team/web", "v1", PushSource::Poll, &name, at).expect("a push");
        let added = store.add(&QueueEntry::new(&qa, push)).await;
        assert_eq!(added.expect("added"), Queued::New);
    }
    let notification = Notification {
        service: web(),
        tag: "v2".to_owned(),
        digest: None,
    };
    let notified = engine.notify(&notification).await.expect("an answer");
    let (full, added) = (&notified[0], &notified[1]);
    assert_eq!(
        *full,
        (
            qa.clone(),
            Err(Refusal::OfQueue(QueueRefusal::QueueFull(qa)))
        )
    );
    assert_eq!(added.0, target("staging"));
    assert!(added.1.is_ok(), "{added:?}");
}

#[tokio::test]
async fn an_operator_who_may_only_read_changes_no_queue() {
    let room = Room::new();
    let writer = room.app("ana", false).engine;
    notify(&writer, "develop").await.expect("queued");
    let engine = room.app("ana", true).engine;
    let qa = target("qa");
    let queue = engine.queue(&qa).await.expect("it can be read");
    let id = &queue[0].id;
    for refused in [
        reason(engine.dismiss(&qa, id, None).await),
        reason(engine.retry(&qa, id).await),
        reason(notify(&engine, "develop").await),
    ] {
        assert_eq!(refused.0, Refusal::ReadOnly, "{}", refused.1);
    }
    assert_eq!(engine.queue(&qa).await.expect("read"), queue);
}

#[tokio::test]
async fn an_entry_is_named_by_the_beginning_of_its_id() {
    let room = Room::new();
    let engine = room.app("ana", false).engine;
    let qa = target("qa");
    notify(&engine, "develop").await.expect("queued");
    let first = engine.queue(&qa).await.expect("read").remove(0);
    let id = &first.id;
    for named in [id.as_str(), id.short(), &id.short().to_uppercase()] {
        let found = engine.named_entry(&qa, named).await.expect("found");
        assert_eq!(found, *id, "{named}");
    }
    for named in ["zzzz", "", "\u{1b}[2J", &id.as_str()[..3]] {
        let (refusal, said) = reason(engine.named_entry(&qa, named).await);
        assert!(
            matches!(refusal, Refusal::OfQueue(QueueRefusal::NoEntryNamed { .. })),
            "{said}"
        );
        assert!(said.contains("greenroom queue web qa --all"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
    // Another entry whose id begins with the same digits.
    let other: EntryId = format!("{}{}", id.short(), "0".repeat(24))
        .parse()
        .expect("an id");
    let key = format!("targets/web/qa/queue/{id}");
    let value = room.store().get(&key).expect("a value");
    let key = format!("targets/web/qa/queue/{other}");
    room.store()
        .put(key, value.replace(id.as_str(), other.as_str()));
    let (refusal, said) = reason(engine.named_entry(&qa, id.short()).await);
    assert!(
        matches!(
            refusal,
            Refusal::OfQueue(QueueRefusal::SeveralEntriesNamed { .. })
        ),
        "{said}"
    );
    assert!(
        said.contains(id.as_str()) && said.contains(other.as_str()),
        "{said}"
    );
}

/// Brings the newest entry of qa into a state, as an agent does.
async fn put(engine: &Engine, state: EntryState) -> QueueEntry {
    let qa = target("qa");
    let entry = engine.queue(&qa).await.expect("read").remove(0);
    let next = entry.becomes(state, engine.clock().now());
    let changed = queue_store(engine, &qa).change(&entry, &next).await;
    assert!(changed.expect("changed"));
    next
}

fn ended(engine: &Engine) -> Vec<EntryState> {
    vec![
        EntryState::Failed {
            release: release(),
            why: "a check failed".into(),
        },
        EntryState::Refused {
            why: "no such tag".into(),
        },
        EntryState::Skipped {
            for_entry: "0".repeat(32).parse().expect("an id"),
        },
        EntryState::Dismissed {
            by: engine.operator().clone(),
            reason: None,
        },
    ]
}

#[tokio::test]
async fn only_a_waiting_or_offered_entry_is_dismissed() {
    let room = Room::new();
    let engine = room.app("ana", false).engine;
    let qa = target("qa");
    notify(&engine, "develop").await.expect("queued");
    let id = engine.queue(&qa).await.expect("read").remove(0).id;
    for state in [EntryState::Waiting { why: None }, EntryState::Offered] {
        put(&engine, state).await;
        let reason = Some("wrong \u{1b}[31mbranch".to_owned());
        let dismissed = engine.dismiss(&qa, &id, reason).await.expect("dismissed");
        let EntryState::Dismissed { by, reason } = &dismissed.state else {
            panic!("{dismissed:?}");
        };
        assert_eq!(by, engine.operator());
        let reason = reason.as_deref().expect("the reason");
        assert!(
            reason.contains("branch") && !reason.contains('\u{1b}'),
            "{reason:?}"
        );
        assert_eq!(engine.queue(&qa).await.expect("read"), [dismissed]);
    }
    for state in ended(&engine)
        .into_iter()
        .chain([EntryState::Done { release: None }])
    {
        let entry = put(&engine, state).await;
        let (refusal, said) = reason(engine.dismiss(&qa, &id, None).await);
        assert_eq!(
            refusal,
            Refusal::OfQueue(QueueRefusal::NotDismissable(Box::new(entry)))
        );
        assert!(said.contains("there is nothing to dismiss"), "{said}");
    }
    let rolling_out = EntryState::RollingOut {
        release: release(),
        agent: "one".into(),
    };
    let entry = put(&engine, rolling_out).await;
    let (refusal, said) = reason(engine.dismiss(&qa, &id, None).await);
    assert_eq!(
        refusal,
        Refusal::OfQueue(QueueRefusal::NotDismissable(Box::new(entry)))
    );
    let command = "greenroom resume web qa 00000000 --take-over --back-out --reason";
    assert!(said.contains(command), "{said}");
}

#[tokio::test]
async fn only_an_entry_that_ended_without_success_is_retried() {
    let room = Room::new();
    let engine = room.app("ana", false).engine;
    let qa = target("qa");
    notify(&engine, "develop").await.expect("queued");
    let id = engine.queue(&qa).await.expect("read").remove(0).id;
    for state in ended(&engine) {
        put(&engine, state).await;
        let waiting = engine.retry(&qa, &id).await.expect("retried");
        assert_eq!(waiting.state, EntryState::Waiting { why: None });
        let retry = waiting.retried.as_ref().expect("a retry");
        assert_eq!(retry.by, *engine.operator());
        assert_eq!(engine.queue(&qa).await.expect("read"), [waiting]);
    }
    let why = Some("held until 18:00".to_owned());
    let rolling_out = EntryState::RollingOut {
        release: release(),
        agent: "one".into(),
    };
    let done = EntryState::Done {
        release: Some(release()),
    };
    for (state, expected) in [
        (
            EntryState::Waiting { why },
            "(waiting: held until 18:00): there is nothing to retry",
        ),
        (
            rolling_out,
            "(rolling out: release 00000000): there is nothing to retry",
        ),
        (
            EntryState::Offered,
            "greenroom promote web qa --version develop",
        ),
        (
            done,
            "is done (release 00000000): to release the version again",
        ),
    ] {
        let entry = put(&engine, state).await;
        let (refusal, said) = reason(engine.retry(&qa, &id).await);
        assert_eq!(
            refusal,
            Refusal::OfQueue(QueueRefusal::NotRetryable(Box::new(entry)))
        );
        assert!(said.contains(expected), "{said}");
    }
}

fn done(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let output = sandbox.run(arguments);
    assert!(output.status.success(), "{}", words(&output));
    words(&output)
}

/// The verbs, without an agent.
#[test]
fn a_push_is_notified_listed_dismissed_and_retried() {
    let mut sandbox = Sandbox::kept().up().following_nothing();
    let follow = [
        "--set",
        r#"services.web.environments.dev.follow=["develop"]"#,
    ];
    let run = |arguments: &[&str]| done(&sandbox, &[&follow[..], arguments].concat());
    let said = run(&["queue"]);
    assert!(said.contains("no push is pending"), "{said}");
    let said = run(&["queue", "--all"]);
    assert!(said.contains("no push has been reported yet"), "{said}");
    let said = run(&["notify", "web", "develop"]);
    assert!(said.contains("web/dev: queued develop as entry "), "{said}");
    let id = said
        .trim_end()
        .rsplit(' ')
        .next()
        .expect("an id")
        .to_owned();
    assert_eq!(id.len(), 8, "{said}");
    let said = run(&["queue", "web"]);
    assert!(said.contains("web/dev: no agent is running"), "{said}");
    let parts = [
        "web/dev  develop  waiting",
        "from greenroom notify",
        "no agent has considered it yet",
    ];
    for part in [&id, parts[0], parts[1], parts[2]] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = done(&sandbox, &["status", "web", "dev"]);
    assert!(
        said.contains("queue: develop waiting: no agent has considered it yet"),
        "{said}"
    );

    let config = sandbox.place().join("greenroom.toml");
    let line = ["queue", "dismiss", "web", "dev", &id[..2]];
    let mut completing = sandbox.bare();
    completing.env("GREENROOM_COMPLETE", "fish");
    completing.args(["--", "greenroom", "--config"]).arg(config);
    let completed = completing.args(line).output().expect("it runs");
    let completed = String::from_utf8_lossy(&completed.stdout).into_owned();
    assert!(
        completed.starts_with(&format!("{id}\tdevelop waiting")),
        "{completed}"
    );

    let pending = sandbox.run(&["queue", "retry", "web", "dev", &id]);
    assert_eq!(pending.status.code(), Some(1), "{}", words(&pending));
    let said = run(&[
        "queue",
        "dismiss",
        "web",
        "dev",
        &id,
        "--reason",
        "not this one",
    ]);
    assert!(said.contains("is now dismissed"), "{said}");
    let said = run(&["queue"]);
    assert!(said.contains("--all also lists"), "{said}");
    let said = run(&["queue", "--all"]);
    assert!(
        said.contains("dismissed") && said.contains("not this one"),
        "{said}"
    );
    let said = run(&["queue", "retry", "web", "dev", &id]);
    assert!(said.contains("is now waiting"), "{said}");
    let said = run(&["queue"]);
    assert!(said.contains("; retried by "), "{said}");

    // A value that is no entry is reported, and a person has to look.
    let store = Pairs::of(&sandbox.place().join("store.sqlite"));
    store.put("targets/web/dev/queue/x", "\u{1b}[31mred");
    let output = sandbox.run(&["--json", "queue"]);
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    let targets = json_data(&output)["targets"].take();
    let is_dev = |it: &&Value| it["entries"].as_array().is_some_and(|it| !it.is_empty());
    let dev = targets.as_array().expect("a list").iter().find(is_dev);
    let dev = dev.expect("the target with the push");
    assert_eq!(
        dev["problems"].as_object().map(serde_json::Map::len),
        Some(1),
        "{dev}"
    );
    let entry = &dev["entries"][0];
    assert_eq!(entry["state"], StateKind::Waiting.as_str());
    assert!(
        entry["id"].as_str().is_some_and(|it| it.starts_with(&id)),
        "{entry}"
    );
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}

#[test]
fn the_doctor_reads_the_credentials_of_the_inbox() {
    let sandbox = Sandbox::kept().up().following_nothing();
    let line = |said: &str| {
        let mut lines = said.lines();
        let of_sender = lines.find(|line| line.contains("inbox.sandbox"));
        of_sender
            .unwrap_or_else(|| panic!("no line: {said}"))
            .to_owned()
    };
    let said = line(&done(&sandbox, &["doctor"]));
    assert!(
        said.starts_with('+') && said.contains("credential"),
        "{said}"
    );
    let secret = sandbox.place().join("inbox-secret");
    std::fs::write(secret, "short").expect("written");
    let failed = sandbox.run(&["doctor"]);
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let said = line(&words(&failed));
    assert!(
        said.starts_with('x') && said.contains("fewer than 24 bytes"),
        "{said}"
    );
}

#[test]
fn the_doctor_and_the_status_name_the_agents() {
    let mut sandbox = Sandbox::kept().up().following_nothing();
    let doctor = [
        "--set",
        r#"services.web.environments.dev.follow=["develop"]"#,
        "doctor",
    ];
    let said = done(&sandbox, &["doctor"]);
    assert!(!said.contains("agent"), "no target follows a tag: {said}");
    let failed = sandbox.run(&doctor);
    assert_eq!(failed.status.code(), Some(1), "{}", words(&failed));
    let expected = "no agent is running for web/dev: pushes wait in the queue";
    assert!(words(&failed).contains(expected), "{}", words(&failed));

    let agent = r#"{"operator":{"name":"greenroom","host":"ops-1\u001b[2J"},"console":"one","since":"2026-11-20T14:02:11Z","is_agent":true}"#;
    let store = Pairs::of(&sandbox.place().join("store.sqlite"));
    store.put("targets/web/dev/watching/one", agent);
    let said = done(&sandbox, &doctor);
    let expected = ["greenroom@ops-1", "since 2026-11-20", "follows 1 target"];
    for part in expected {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let said = done(&sandbox, &["status", "web", "dev"]);
    let expected = "> an agent (greenroom@ops-1";
    assert!(
        said.contains(expected) && !said.contains("has watched"),
        "{said}"
    );
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}
