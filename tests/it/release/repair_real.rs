//! Repairs of manual changes to a live target on real servers: planned, confirmed, done under load,
//! observed and recorded. Where the manual change did not break the traffic, no request fails.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use etcd_client::{Client, KvClient};
use greenroom::history::{
    AuditRecord, Integrity, Outcome, Provable, RepairOutcome, RepairRecord, Step,
};
use greenroom::inventory::drift::Name;
use greenroom::inventory::{Instance, Role, Slot, Target, instance_name};
use greenroom::release::{
    Command, Progress, Refusal, Refused, RepairApproval, RepairHandle, RepairNews, RepairPlan,
    RepairRequest,
};

use super::drift::{engine, named};
use super::fixture::{Fixture, FixtureOptions, version};
use super::load;
use crate::support::load::Load;
use crate::support::{etcd, eventually};

pub(super) async fn plan(fixture: &Fixture, only: Option<Name>) -> Result<RepairPlan, Refused> {
    let request = RepairRequest {
        target: fixture.target.clone(),
        only,
    };
    fixture.app.engine.plan_repair(&request).await
}

async fn begin(fixture: &Fixture, plan: RepairPlan) -> Result<RepairHandle, Refused> {
    let engine = &fixture.app.engine;
    let by = engine.operator().clone();
    let approval = RepairApproval::give(&plan, by, None, engine.clock().now()).expect("a yes");
    engine.repair(plan, &approval).await
}

async fn ended(mut handle: RepairHandle) -> RepairRecord {
    while let Some(news) = handle.news.recv().await {
        if let RepairNews::Ended(record) = news {
            return *record;
        }
    }
    panic!("it has no end");
}

/// Repairs the current difference with this name, and asserts that nothing differs afterwards.
pub(super) async fn repaired(fixture: &Fixture, what: &str, names: &[&str]) {
    assert_eq!(named(fixture).await, names, "{what}");
    let plan = plan(fixture, None).await.expect("a plan");
    assert_eq!(plan.for_a_person().count(), 0, "{what}: {plan:#?}");
    let handle = begin(fixture, plan).await.expect("a repair");
    let record = ended(handle).await;
    let outcome = record.closed.as_ref().map(|(_, outcome)| outcome);
    assert_eq!(outcome, Some(&RepairOutcome::Done), "{what}: {record:#?}");
    assert!(
        record
            .repair_actions
            .iter()
            .all(|repair_action| repair_action.done_at.is_some()),
        "{what}: {record:#?}"
    );
    assert_eq!(named(fixture).await, [""; 0], "{what}");
    let site = fixture.app.engine.site(&fixture.target).expect("a site");
    let journal = &site.read.journal;
    let record = AuditRecord::Repair(record);
    let listed = journal.repairs(&fixture.target, 1).await;
    let newest = listed.expect("the journal").pop().map(AuditRecord::Repair);
    assert_eq!(newest.as_ref(), Some(&record), "{what}");
    assert_eq!(record.prove(), Integrity::Whole, "{what}");
    let kept = journal.audit_record(&fixture.target, record.id()).await;
    assert_eq!(kept.expect("the journal"), Some(record), "{what}");
    assert_eq!(
        fixture.snapshot().await.lock,
        None,
        "{what}: the lock is given back"
    );
}

/// The keys of a target, as `etcdctl` sees them.
pub(super) struct Keys {
    client: KvClient,
    below: String,
}

impl Keys {
    pub(super) async fn of(fixture: &Fixture) -> Self {
        let client = Client::connect([etcd()], None).await.expect("connected");
        let service = &fixture.target.service;
        Self {
            client: client.kv_client(),
            below: format!("/greenroom-test/{service}/targets/{service}/production"),
        }
    }

    pub(super) async fn get(&mut self, name: &str) -> serde_json::Value {
        let key = format!("{}/{name}", self.below);
        let found = self.client.get(key, None).await.expect("read");
        let pair = found.kvs().first().expect("it is there");
        serde_json::from_slice(pair.value()).expect("JSON")
    }

    pub(super) async fn put(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        let key = format!("{}/{name}", self.below);
        self.client.put(key, value, None).await.expect("edited");
    }

    async fn delete(&mut self, name: &str) {
        let key = format!("{}/{name}", self.below);
        self.client.delete(key, None).await.expect("deleted");
    }

    /// Writes the key again with one field changed.
    async fn edit(&mut self, name: &str, field: &str, value: serde_json::Value) {
        let mut stored = self.get(name).await;
        stored[field] = value;
        self.put(name, stored.to_string()).await;
    }
}

/// 1.9.0 live in green, 1.8.2 stopped in blue.
pub(super) async fn fixture() -> Fixture {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let fixture = fixture.with("1.9.0").await;
    fixture.stands("1.9.0", Role::Stopped).await;
    fixture
}

async fn nothing_failed(load: Load, what: &str) {
    let report = load.stop().await;
    println!("{what}: {report}");
    report.assert_nothing_failed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_changed_by_hand_are_repaired_and_no_client_notices() {
    let fixture = fixture().await;
    let mut keys = Keys::of(&fixture).await;
    let load = load(&fixture).await;

    keys.delete("slots/green").await;
    repaired(&fixture, "an entry deleted", &["live-not-registered"]).await;
    keys.put("slots/green", "by hand").await;
    repaired(&fixture, "nonsense in an entry", &["key-unreadable"]).await;
    let other = format!("sha256:{}", "d".repeat(64));
    keys.edit("slots/green", "digest", other.clone().into())
        .await;
    repaired(&fixture, "another digest in an entry", &["version-differs"]).await;
    let entry = keys.get("slots/green").await;
    let address = &keys.get("route").await["addresses"][0];
    assert_eq!(&entry["members"][0]["endpoint"], address);

    keys.delete("route").await;
    repaired(&fixture, "the route deleted", &["route-missing"]).await;
    keys.put("route", "by hand").await;
    repaired(&fixture, "nonsense in the route", &["key-unreadable"]).await;
    keys.edit("route", "generation", 1.into()).await;
    repaired(&fixture, "an older route", &["generation-differs"]).await;
    assert_eq!(keys.get("route").await["generation"], 2, "it only grows");
    keys.edit("route", "digest", other.into()).await;
    repaired(
        &fixture,
        "another digest in the route",
        &["route-version-differs"],
    )
    .await;
    keys.edit("route", "live", "blue".into()).await;
    let names = named(&fixture).await;
    assert!(names.contains(&"proxy-elsewhere".to_owned()), "{names:?}");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    repaired(&fixture, "a route to what does not run", &names).await;
    assert_eq!(keys.get("route").await["live"], "green");

    keys.put("slots/blue", entry.to_string().replace("green", "blue"))
        .await;
    let names = named(&fixture).await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    repaired(&fixture, "an entry for what does not run", &names).await;

    nothing_failed(load, "keys by hand").await;
    fixture.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_changed_by_hand_are_repaired() {
    let fixture = fixture().await;
    let (old, live) = (
        instance_name(&fixture.target, Slot::Blue, 1),
        instance_name(&fixture.target, Slot::Green, 1),
    );
    let load = load(&fixture).await;
    engine(&["start", &old]);
    repaired(&fixture, "the old version started", &["instance-started"]).await;

    // The old version is started and the live pointer moved to it: two manual changes, and every
    // request is answered.
    engine(&["start", &old]);
    healthy(&fixture, Slot::Blue).await;
    let pointer = pointer(&fixture);
    let new_link = pointer.with_extension("by-hand");
    std::os::unix::fs::symlink("blue", &new_link).expect("a link");
    fs::rename(&new_link, &pointer).expect("over it");
    let names = named(&fixture).await;
    assert!(names.contains(&"proxy-elsewhere".to_owned()), "{names:?}");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    repaired(&fixture, "the live pointer moved", &names).await;
    nothing_failed(load, "containers and the pointer by hand").await;
    fixture.stands("1.9.0", Role::Stopped).await;

    // From here on the manual changes stop the traffic, and the repair restores it.
    for (what, how) in [
        ("stopped", vec!["stop", "-t", "1", &live]),
        ("paused", vec!["pause", &live]),
        ("removed", vec!["rm", "-f", &live]),
    ] {
        engine(&how);
        let names = named(&fixture).await;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let load = Load::start(&fixture.load());
        repaired(&fixture, what, &names).await;
        let good = load.good();
        eventually("it is answered", Duration::from_secs(10), || async {
            load.good() > good + 50
        })
        .await;
        load.stop().await;
        fixture.stands("1.9.0", Role::Stopped).await;
    }
    // A repaired target can be released to.
    let finished = fixture.promote("1.8.2").await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
}

/// Waits until an instance started by hand answers.
async fn healthy(fixture: &Fixture, slot: Slot) {
    eventually("it is healthy", Duration::from_secs(10), || async {
        let snapshot = fixture.snapshot().await;
        let probe = snapshot.slots.get(slot).probe.as_ref();
        probe.is_some_and(|probe| probe.healthy)
    })
    .await;
}

/// The link that nginx reads at every request.
fn pointer(fixture: &Fixture) -> PathBuf {
    let service = fixture.target.service.as_str();
    fixture
        .place
        .path()
        .join("live")
        .join(service)
        .join("production/live")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_files_changed_by_hand_are_installed_again() {
    let fixture = fixture().await;
    let mut asking = fixture.load();
    // A reload may cut kept connections. The plan says so, and this test does not measure it.
    asking.kept = 0;
    let load = Load::start(&asking);
    let sites = fixture.place.path().join("sites");
    let site = fs::read_dir(&sites).expect("the sites").next();
    let site = site.expect("one site").expect("a file").path();
    let text = fs::read_to_string(&site).expect("its text");
    fs::write(&site, format!("{text}# by hand\n")).expect("edited");
    let planned = plan(&fixture, None).await.expect("a plan");
    assert!(
        planned.costs().iter().any(|cost| cost.contains("reloads")),
        "{planned:?}"
    );
    repaired(&fixture, "an edited file", &["proxy-edited"]).await;
    assert_eq!(fs::read_to_string(&site).expect("its text"), text);
    fs::remove_file(&site).expect("removed");
    repaired(&fixture, "a removed file", &["proxy-not-installed"]).await;
    assert_eq!(fs::read_to_string(&site).expect("its text"), text);
    nothing_failed(load, "nginx files by hand").await;
    fs::remove_file(pointer(&fixture)).expect("removed");
    let names = named(&fixture).await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    repaired(&fixture, "the live pointer removed", &names).await;
    fixture.stands("1.9.0", Role::Stopped).await;
}

fn only_reason(refused: &Refused) -> &Refusal {
    assert_eq!(refused.0.len(), 1, "{refused}");
    &refused.0[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_stops_when_the_target_changed_or_a_release_is_open() {
    let fixture = fixture().await;
    let mut keys = Keys::of(&fixture).await;
    let refused = plan(&fixture, None).await.expect_err("nothing differs");
    assert!(matches!(
        only_reason(&refused),
        Refusal::NothingDiffers { .. }
    ));

    let stored = keys.get("slots/green").await.to_string();
    keys.delete("slots/green").await;
    let planned = plan(&fixture, None).await.expect("a plan");
    // Another operator was faster: nothing is done, and the lock is released.
    keys.put("slots/green", stored).await;
    let refused = begin(&fixture, planned).await.expect_err("the world moved");
    assert!(
        matches!(only_reason(&refused), Refusal::WorldChanged { .. }),
        "{refused}"
    );
    assert_eq!(fixture.snapshot().await.lock, None);

    // An unreleased version in the live slot: no action is safe.
    let other = format!("sha256:{}", "d".repeat(64));
    keys.edit("slots/green", "digest", other.clone().into())
        .await;
    keys.edit("route", "digest", other.into()).await;
    let planned = plan(&fixture, None).await.expect("a plan");
    assert_eq!(
        (planned.repair_actions.len(), planned.for_a_person().count()),
        (0, 1),
        "{planned:#?}"
    );
    let right = fixture
        .snapshot()
        .await
        .live_instance()
        .expect("it runs")
        .digest
        .to_string();
    keys.edit("slots/green", "digest", right.clone().into())
        .await;
    keys.edit("route", "digest", right.into()).await;

    // During a release, and after it was interrupted, the target is not repaired.
    let release = fixture.begin(version("1.8.2")).await;
    let refused = plan(&fixture, None).await.expect_err("it is driven");
    assert!(
        matches!(only_reason(&refused), Refusal::Locked { .. }),
        "{refused}"
    );
    let reason = "a test".to_owned();
    let interrupt = Command::Interrupt { reason };
    release.handle.command(interrupt).await.expect("driven");
    release
        .until("parked", |status| {
            matches!(status.progress, Progress::Parked { .. })
        })
        .await;
    release.handle.ended().await;
    let refused = plan(&fixture, None).await.expect_err("it has no end");
    assert!(
        matches!(only_reason(&refused), Refusal::Unfinished { .. }),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_deleted_in_the_watch_keeps_the_old_version_until_it_is_repaired() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let mut keys = Keys::of(&fixture).await;
    let load = load(&fixture).await;
    let release = fixture.begin(version("1.9.0")).await;
    release.until_running(Step::Watch).await;
    keys.delete("route").await;
    let finished = release.finish().await;
    let Some(Outcome::NeedsPerson { reason }) = finished.outcome() else {
        panic!("{finished:?}");
    };
    let Target {
        service,
        environment,
    } = &fixture.target;
    for words in [
        "blue is kept: the store has no readable route",
        &format!("greenroom repair {service} {environment}"),
    ] {
        assert!(reason.contains(words), "{reason}");
    }
    let snapshot = fixture.snapshot().await;
    let old = snapshot.slots.blue.members.representative();
    assert!(old.is_some_and(Instance::is_running), "{old:?}");
    repaired(
        &fixture,
        "the route deleted in the watch",
        &["route-missing"],
    )
    .await;
    fixture.stands("1.9.0", Role::Standby).await;
    nothing_failed(load, "the route deleted in the watch").await;
}

/// An older backup of the store is restored: entries, route and journal are from before the last
/// release, and the pointer has a token higher than any lock of the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_older_store_is_repaired_and_no_request_fails() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let mut keys = Keys::of(&fixture).await;
    let (entry, route) = (keys.get("slots/blue").await, keys.get("route").await);
    let fixture = fixture.with("1.9.0").await;
    fixture.stands("1.9.0", Role::Stopped).await;
    let load = load(&fixture).await;
    keys.put("slots/blue", entry.to_string()).await;
    keys.put("route", route.to_string()).await;
    keys.delete("slots/green").await;
    let answer = pointer(&fixture).join("answer.json");
    let text = fs::read_to_string(&answer).expect("the answer");
    let mut carried: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    carried["token"] = 8_000_000_000_i64.into();
    fs::write(&answer, carried.to_string()).expect("a token of before");

    let names = named(&fixture).await;
    assert!(names.contains(&"store-went-back".to_owned()), "{names:?}");
    let refused = fixture.plan(version("1.8.2")).await.expect_err("refused");
    let is_named = |reason: &Refusal| matches!(reason, Refusal::StoreWentBack { .. });
    assert!(refused.0.iter().any(is_named), "{refused}");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    repaired(&fixture, "a store that went back", &names).await;
    let route = keys.get("route").await;
    assert_eq!(
        route["live"], "green",
        "the store follows the proxy: {route}"
    );
    fixture.stands("1.9.0", Role::Stopped).await;
    let fixture = fixture.with("1.8.2").await;
    nothing_failed(load, "a store that went back").await;
    fixture.stands("1.8.2", Role::Stopped).await;
}
