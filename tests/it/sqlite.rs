//! The store of one machine on real files, with several stores (and so connections) on one file.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt;
use greenroom::adapters::sqlite::{SqlitePresence, Store};
use greenroom::history::{
    Direction, Entry, FORMAT, JournalEvent, Outcome, ReleaseKind, ReleaseRecord, Step,
};
use greenroom::inventory::{
    Digest, FencingToken, HoldChange, ImageLabels, InstanceId, LockRecord, Operator, OthersKeys,
    Registration, ReleaseId, Route, Slot, Target, Version,
};
use greenroom::ports::{
    Acquired, FailureKind, JournalReader, JournalWriter, Lease, LeaseState, Locks, PresenceStore,
    RegistryReader, RegistryWriter, RouteChange,
};
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("deep/er/greenroom.db");
    (directory, file)
}

async fn open(file: &PathBuf) -> Store {
    Store::open(file, LONG, LONG / 3).await.expect("a store")
}

async fn brief(file: &PathBuf, lease: u64) -> Store {
    let lease = Duration::from_millis(lease);
    Store::open(file, lease, lease / 4).await.expect("a store")
}

fn web() -> Target {
    Target::new(
        "web".parse().expect("a name"),
        "production".parse().expect("a name"),
    )
}

fn digest(seed: char) -> Digest {
    format!("sha256:{}", String::from(seed).repeat(64))
        .parse()
        .expect("a digest")
}

fn id(number: u128) -> ReleaseId {
    ReleaseId(number.into())
}

fn ana() -> Operator {
    Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    }
}

fn record(console: &str) -> LockRecord {
    LockRecord {
        purpose: greenroom::inventory::LockPurpose::Release,
        operator: ana(),
        console: console.into(),
        release: id(7),
        since: Timestamp::UNIX_EPOCH,
        message: "promoting 1.9.0".into(),
    }
}

async fn lock(store: &Store) -> Lease {
    match store.acquire(&web(), &record("one")).await {
        Ok(Acquired::Held(lease)) => lease,
        other => panic!("the lock was not to be had: {other:?}"),
    }
}

fn entry_of(slot: Slot) -> Registration {
    Registration {
        slot,
        endpoint: "127.0.0.1:32771".parse().expect("an endpoint"),
        tag: Some("1.9.0".into()),
        digest: digest('a'),
        instance: InstanceId("one".into()),
        release: id(7),
        registered_at: Timestamp::UNIX_EPOCH,
        token: FencingToken(1),
    }
}

fn route(generation: u64, live: Slot) -> Route {
    Route {
        generation,
        live,
        endpoint: "127.0.0.1:32771".parse().expect("an endpoint"),
        digest: digest('a'),
        release: id(7),
        token: FencingToken(1),
    }
}

fn swap(from: Option<(u64, Slot)>, generation: u64, live: Slot) -> RouteChange {
    RouteChange {
        hold: HoldChange::Keep,
        peer_approvals: Vec::new(),
        others_keys: OthersKeys::Refuse,
        from,
        to: route(generation, live),
    }
}

fn head(number: u128) -> ReleaseRecord {
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: id(number),
        target: web(),
        kind: ReleaseKind::Promote,
        from: None,
        to: (
            Slot::Blue,
            Version {
                repository: "web".into(),
                tag: Some("1.9.0".into()),
                digest: digest('a'),
                labels: ImageLabels::default(),
            },
        ),
        operator: ana(),
        reason: None,
        opened_at: Timestamp::UNIX_EPOCH,
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: None,
    }
}

fn entry(sequence: u32, step: Step) -> Entry {
    Entry {
        sequence,
        at: Timestamp::UNIX_EPOCH,
        event: JournalEvent::Intent {
            peer_approvals: Vec::new(),
            step,
            direction: Direction::Forward,
        },
        chain: None,
    }
}

fn kind<T: std::fmt::Debug>(result: greenroom::ports::Result<T>) -> FailureKind {
    result.expect_err("this was to be refused").kind
}

#[tokio::test]
async fn another_process_reads_what_was_written_under_etcds_names() {
    let (_directory, file) = place();
    let (one, other) = (open(&file).await, open(&file).await);
    let lease = lock(&one).await;
    one.register(&web(), &entry_of(Slot::Blue), &lease.fence)
        .await
        .expect("registered");
    one.swap_route(&web(), &swap(None, 1, Slot::Blue), &lease.fence)
        .await
        .expect("routed");

    let seen = RegistryReader::read(&other, &web()).await.expect("read");
    assert_eq!(
        seen.slots.blue.map(|entry| entry.value),
        Some(entry_of(Slot::Blue))
    );
    assert_eq!(seen.slots.green, None);
    let stored = seen.route.expect("a route");
    assert_eq!(stored.value, route(1, Slot::Blue));
    assert_eq!(stored.revision, seen.revision);
    let holder = seen.lock.expect("a holder");
    assert_eq!(holder.record, record("one"));
    assert_eq!(holder.token, lease.fence.token);
    assert!(seen.problems.is_empty());

    let lines = other.keys(&web()).await.expect("keys");
    let keys: Vec<&str> = lines.iter().map(|line| line.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "targets/web/production/lock",
            "targets/web/production/route",
            "targets/web/production/slots/blue"
        ]
    );
    assert!(
        lines[0]
            .ttl_seconds
            .is_some_and(|left| (1..=30).contains(&left))
    );
    assert!(
        other
            .store()
            .await
            .expect("a store")
            .starts_with("SQLite 3.")
    );
}

#[tokio::test]
async fn a_repeated_write_changes_nothing_and_a_failed_comparison_is_a_conflict() {
    let (_directory, file) = place();
    let store = open(&file).await;
    let fence = lock(&store).await.fence;
    let (web, blue, green) = (web(), Slot::Blue, Slot::Green);
    let revision = async || {
        RegistryReader::read(&store, &web)
            .await
            .expect("read")
            .revision
    };

    let unregistered = store.swap_route(&web, &swap(None, 1, blue), &fence).await;
    assert_eq!(kind(unregistered), FailureKind::Conflict);
    for slot in [blue, green] {
        let entry = entry_of(slot);
        store
            .register(&web, &entry, &fence)
            .await
            .expect("registered");
    }
    store
        .swap_route(&web, &swap(None, 1, blue), &fence)
        .await
        .expect("routed");
    let before = revision().await;
    store
        .register(&web, &entry_of(blue), &fence)
        .await
        .expect("again");
    store
        .swap_route(&web, &swap(None, 1, blue), &fence)
        .await
        .expect("again");
    assert_eq!(revision().await, before);

    for stale in [
        swap(None, 2, green),
        swap(Some((1, green)), 2, green),
        swap(Some((2, blue)), 3, green),
    ] {
        assert_eq!(
            kind(store.swap_route(&web, &stale, &fence).await),
            FailureKind::Conflict
        );
    }
    let of_live = store.deregister(&web, blue, &fence).await;
    assert_eq!(kind(of_live), FailureKind::Conflict);
    store
        .deregister(&web, green, &fence)
        .await
        .expect("deregistered");
    let before = revision().await;
    store.deregister(&web, green, &fence).await.expect("again");
    assert_eq!(revision().await, before);
}

#[tokio::test]
async fn one_of_many_stores_gets_the_lock_and_the_next_a_greater_token() {
    let (_directory, file) = place();
    let mut asking = Vec::new();
    for number in 0..8 {
        let file = file.clone();
        asking.push(tokio::spawn(async move {
            let store = open(&file).await;
            let got = store.acquire(&web(), &record(&number.to_string())).await;
            (store, got.expect("an answer"))
        }));
    }
    let mut held = Vec::new();
    for one in asking {
        if let (store, Acquired::Held(lease)) = one.await.expect("a task") {
            held.push((store, lease));
        }
    }
    assert_eq!(held.len(), 1);
    let (store, lease) = held.remove(0);
    Locks::release(&store, &web(), &lease.fence)
        .await
        .expect("given back");
    Locks::release(&store, &web(), &lease.fence)
        .await
        .expect("again");
    let next = lock(&store).await;
    assert!(next.fence.token > lease.fence.token);

    let late = store
        .register(&web(), &entry_of(Slot::Blue), &lease.fence)
        .await;
    assert_eq!(kind(late), FailureKind::Fenced);
    Locks::release(&store, &web(), &lease.fence)
        .await
        .expect("not his to give");
    let current = store
        .register(&web(), &entry_of(Slot::Blue), &next.fence)
        .await;
    current.expect("still held");
}

#[tokio::test]
async fn a_lock_outlives_its_lease_only_with_a_heartbeat() {
    let (_directory, file) = place();
    let (one, other) = (brief(&file, 600).await, brief(&file, 600).await);
    let lease = lock(&one).await;
    let until = tokio::time::Instant::now() + Duration::from_millis(1500);
    while tokio::time::Instant::now() < until {
        let asked = other
            .acquire(&web(), &record("two"))
            .await
            .expect("an answer");
        let Acquired::Taken(holder) = asked else {
            panic!("two hold one lock");
        };
        assert_eq!(holder.record.console, "one");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(*lease.state.borrow(), LeaseState::Held);

    let fence = lease.fence.clone();
    drop(lease);
    let next = loop {
        match other
            .acquire(&web(), &record("two"))
            .await
            .expect("an answer")
        {
            Acquired::Held(next) => break next,
            Acquired::Taken(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        assert!(tokio::time::Instant::now() < until + Duration::from_secs(5));
    };
    assert!(next.fence.token > fence.token);
    let late = one.head(&head(7), &fence).await;
    assert_eq!(kind(late), FailureKind::Fenced);
}

#[tokio::test]
async fn environments_that_share_a_file_have_separate_leases() {
    let (_room, file) = place();
    let one = open(&file).await;
    let minutes = Duration::from_mins(10);
    let patient = one.leasing(minutes, minutes / 3).expect("a store");
    let hurried = one.leasing(minutes, minutes).expect_err("refused");
    assert_eq!(hurried.kind, FailureKind::Rejected);
    let held = lock(&patient).await;
    let Ok(Acquired::Taken(holder)) = one.acquire(&web(), &record("two")).await else {
        panic!("it is one database");
    };
    let left = holder.ttl_seconds.expect("a lease");
    assert!((500..=600).contains(&left), "{left}");
    drop(held);
}

#[tokio::test]
async fn an_expired_lease_is_fenced_even_if_the_lock_is_free() {
    let (_directory, file) = place();
    let store = brief(&file, 300).await;
    let fence = lock(&store).await.fence;
    crate::support::eventually("the lock ends", Duration::from_secs(5), async || {
        let seen = RegistryReader::read(&store, &web()).await.expect("read");
        seen.lock.is_none()
    })
    .await;
    let late = store.register(&web(), &entry_of(Slot::Blue), &fence).await;
    assert_eq!(kind(late), FailureKind::Fenced);
}

#[tokio::test]
async fn a_holder_that_cannot_renew_is_told_before_others_can_take_the_lock() {
    let (_directory, file) = place();
    let store = brief(&file, 1500).await;
    let mut lease = lock(&store).await;
    // A writer that does not end blocks every renewal.
    let blocker = Connection::open(&file).expect("a connection");
    blocker.execute_batch("BEGIN IMMEDIATE").expect("begun");
    let lost = tokio::time::timeout(Duration::from_secs(5), lease.state.changed()).await;
    lost.expect("in time").expect("told");
    assert!(matches!(*lease.state.borrow(), LeaseState::Lost(_)));
    let left: i64 = blocker
        .query_row("SELECT expires_at_ms FROM locks", [], |row| row.get(0))
        .expect("the row");
    assert!(
        left > Timestamp::now().as_millisecond(),
        "reported too late"
    );
}

#[tokio::test]
async fn a_lock_taken_by_force_is_reported_lost_at_the_next_heartbeat() {
    let (_directory, file) = place();
    let store = brief(&file, 900).await;
    let mut lease = lock(&store).await;
    let thief = Connection::open(&file).expect("a connection");
    thief
        .execute_batch("UPDATE locks SET token = token + 100")
        .expect("taken");
    let lost = tokio::time::timeout(Duration::from_secs(5), lease.state.changed()).await;
    lost.expect("in time").expect("told");
    assert!(matches!(*lease.state.borrow(), LeaseState::Lost(_)));
}

#[tokio::test]
async fn nothing_is_written_under_a_lock_whose_end_is_not_believed() {
    let (_directory, file) = place();
    let store = open(&file).await;
    // Without its heartbeat, which would correct the end.
    let fence = lock(&store).await.fence;
    let vandal = Connection::open(&file).expect("a connection");
    let ends_in = |milliseconds: i64| {
        let ends = Timestamp::now().as_millisecond() + milliseconds;
        let ended = vandal.execute("UPDATE locks SET expires_at_ms = ?1", [ends]);
        assert_eq!(ended.expect("written"), 1);
    };
    let entry = entry_of(Slot::Blue);
    let longest = 600_000;
    ends_in(longest + 60_000);
    assert!(!Locks::holds(&store, &web(), &fence).await.expect("read"));
    let refused = store.register(&web(), &entry, &fence).await;
    let failure = refused.expect_err("no lease lasts as long");
    assert_eq!(failure.kind, FailureKind::Fenced, "{failure}");
    assert!(failure.message.contains("is not valid"), "{failure}");
    ends_in(longest - 60_000);
    assert!(Locks::holds(&store, &web(), &fence).await.expect("read"));
    let written = store.register(&web(), &entry, &fence).await;
    written.expect("it is held");
}

#[tokio::test]
async fn sqlite_keeps_watchers_and_handover_requests_like_every_store() {
    let (_directory, file) = place();
    let (one, other) = (brief(&file, 3000).await, brief(&file, 3000).await);
    let lease = (Duration::from_secs(2), Duration::from_millis(500));
    let presence = |store| SqlitePresence::with(store, lease.0, lease.1);
    let (ana, ben) = (presence(&one), presence(&other));
    let contract = crate::support::presence::Contract {
        ana: &ana,
        ben: &ben,
        reader: &one,
        target: &web(),
    };
    contract.holds().await;
    contract.ends_with_its_console(presence(&other)).await;
}

#[tokio::test]
async fn an_unreadable_hold_can_be_removed_like_in_every_store() {
    let (_room, file) = place();
    let (ana, ben) = (open(&file).await, open(&file).await);
    let target = web();
    let contract = crate::support::holds::Contract {
        ana: &ana,
        ben: &ben,
        reader: &ana,
        journal: &ana,
        target: &target,
    };
    // The first write creates the file.
    let lease = lock(&ana).await;
    let vandal = Connection::open(&file).expect("a connection");
    let written = std::cell::Cell::new(100);
    let write = async |value: &str| {
        written.set(written.get() + 1);
        let row = rusqlite::params![web().to_string(), value, written.get()];
        let sql = "INSERT OR REPLACE INTO registry VALUES (?1, 'hold', ?2, ?3)";
        vandal.execute(sql, row).expect("written");
    };
    contract.is_removed_when_unreadable(write).await;
    Locks::release(&ana, &target, &lease.fence)
        .await
        .expect("given back");
}

#[tokio::test]
async fn sqlite_keeps_a_hold_like_every_store_and_removes_it_with_the_route() {
    let (_room, file) = place();
    let (ana, ben) = (open(&file).await, open(&file).await);
    let target = web();
    let contract = crate::support::holds::Contract {
        ana: &ana,
        ben: &ben,
        reader: &ana,
        journal: &ana,
        target: &target,
    };
    contract.is_kept().await;
    contract.is_placed_once().await;

    let lease = lock(&ana).await;
    for slot in Slot::BOTH {
        ana.register(&target, &entry_of(slot), &lease.fence)
            .await
            .expect("registered");
    }
    ana.swap_route(&target, &swap(None, 1, Slot::Blue), &lease.fence)
        .await
        .expect("switched");
    let mut back = swap(Some((1, Slot::Blue)), 2, Slot::Green);
    let left = crate::support::holds::left_by(back.to.release);
    back.hold = HoldChange::Leave(left.clone());
    ana.swap_route(&target, &back, &lease.fence)
        .await
        .expect("switched");
    let read = RegistryReader::read(&ana, &target).await.expect("a record");
    assert_eq!(read.hold, Some(left));
    let mut undone = swap(Some((2, Slot::Green)), 3, Slot::Blue);
    let end = crate::support::holds::cleared("ben", 90);
    undone.hold = HoldChange::Clear(end.clone());
    assert_eq!(undone.to.release, back.to.release);
    ana.swap_route(&target, &undone, &lease.fence)
        .await
        .expect("switched");
    let read = RegistryReader::read(&ana, &target).await.expect("a record");
    let gone = read.hold.expect("it is kept");
    assert_eq!(gone.cleared, Some(end));
    let records = JournalReader::holds(&ana, &target, 20).await;
    let mut records = records.expect("listed").into_iter();
    let record = records.find(|record| record.hold.release == Some(back.to.release));
    assert_eq!(record.expect("a record").hold, gone);
}

#[tokio::test]
async fn a_switch_compares_the_hold_and_the_approvals_it_was_decided_on() {
    let (_room, file) = place();
    let store = open(&file).await;
    let lease = lock(&store).await;
    let target = web();
    for slot in Slot::BOTH {
        store
            .register(&target, &entry_of(slot), &lease.fence)
            .await
            .expect("registered");
    }
    store
        .swap_route(&target, &swap(None, 1, Slot::Blue), &lease.fence)
        .await
        .expect("switched");
    let contract = crate::support::needs::Contract {
        writer: &store,
        reader: &store,
        journal: &store,
        holds: &store,
        peer_approvals: &store,
        target: &target,
        fence: &lease.fence,
        change: &|from, to| swap(Some(from), from.0 + 1, to),
    };
    contract.holds_count().await;
    contract.approvals_count().await;
}

#[tokio::test]
async fn approvals_are_kept_until_the_release_ends_or_they_expire() {
    let (_room, file) = place();
    let store = open(&file).await;
    let lease = lock(&store).await;
    let target = web();
    let contract = crate::support::peer_approvals::Contract {
        store: &store,
        journal: &store,
        reader: &store,
        target: &target,
        fence: &lease.fence,
    };
    contract.holds().await;
    contract.race_with_the_end().await;
    contract.runs_out(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_database_of_an_older_greenroom_gets_the_presence_table() {
    let (_directory, file) = place();
    drop(lock(&brief(&file, 3000).await).await);
    let old = Connection::open(&file).expect("a connection");
    old.execute_batch("DROP TABLE company").expect("as it was");
    drop(old);
    let store = brief(&file, 3000).await;
    let ana = SqlitePresence::new(&store);
    let watcher = crate::support::presence::watcher("ana");
    ana.show(&web(), &watcher).await.expect("here");
    let record = store.read(&web()).await.expect("a record");
    assert_eq!(record.watching, [watcher]);
}

#[tokio::test]
async fn a_lock_is_taken_over_only_from_the_observed_holder() {
    let (_directory, file) = place();
    let store = brief(&file, 3000).await;
    let contract = crate::support::takeover::Contract {
        locks: &store,
        writer: &store,
        target: &web(),
        record,
        entry: |slot, token| Registration {
            token,
            ..entry_of(slot)
        },
    };
    contract.holds().await;
    let entries = [entry(1, Step::Drain), entry(2, Step::Stop)];
    contract
        .takes_over_at_rest(&store, &head(1), &entries)
        .await;
}

#[tokio::test]
async fn the_journal_keeps_entries_in_order_and_refuses_others() {
    let (_directory, file) = place();
    let (store, other) = (open(&file).await, open(&file).await);
    let fence = lock(&store).await.fence;
    let web = web();
    let early = store
        .append(&web, id(7), &entry(1, Step::Pull), &fence)
        .await;
    assert_eq!(kind(early), FailureKind::Missing);
    for number in [7, 9, 8] {
        store.head(&head(number), &fence).await.expect("opened");
        store.head(&head(number), &fence).await.expect("again");
    }
    store
        .append(&web, id(7), &entry(1, Step::Pull), &fence)
        .await
        .expect("one");
    store
        .append(&web, id(7), &entry(1, Step::Pull), &fence)
        .await
        .expect("again");
    let other_content = store
        .append(&web, id(7), &entry(1, Step::Stop), &fence)
        .await;
    assert_eq!(kind(other_content), FailureKind::Conflict);
    let gap = store
        .append(&web, id(7), &entry(3, Step::Stop), &fence)
        .await;
    assert_eq!(kind(gap), FailureKind::Conflict);
    store
        .append(&web, id(7), &entry(2, Step::Start), &fence)
        .await
        .expect("two");

    let closed = ReleaseRecord {
        closed: Some((Timestamp::UNIX_EPOCH, Outcome::Done)),
        ..head(7)
    };
    let altered = ReleaseRecord {
        reason: Some("another".into()),
        ..closed.clone()
    };
    assert_eq!(
        kind(store.head(&altered, &fence).await),
        FailureKind::Conflict
    );
    store.head(&closed, &fence).await.expect("closed");
    assert_eq!(
        kind(store.head(&head(7), &fence).await),
        FailureKind::Conflict
    );

    let api = Target::new("api".parse().expect("a name"), web.environment.clone());
    let newest = other.current(&[web.clone(), api]).await.expect("read");
    assert_eq!(newest.len(), 1, "{newest:?}");
    assert_eq!(newest[&web].as_ref().expect("a head").id, id(9));
    let read = JournalReader::release(&other, &web, id(7))
        .await
        .expect("read")
        .expect("there");
    assert_eq!(read.head, closed);
    assert_eq!(read.entries, [entry(1, Step::Pull), entry(2, Step::Start)]);
    assert_eq!(
        JournalReader::release(&other, &web, id(1))
            .await
            .expect("read"),
        None
    );
    let newest = other.releases(&web, 2).await.expect("read");
    assert_eq!(
        newest.iter().map(|one| one.id).collect::<Vec<_>>(),
        [id(9), id(8)]
    );
    let before = other.releases_before(&web, id(9), 1).await.expect("read");
    assert_eq!(before.iter().map(|one| one.id).collect::<Vec<_>>(), [id(8)]);
    let before = other.releases_before(&web, id(1), 9).await.expect("read");
    assert_eq!(before, []);
}

#[tokio::test]
async fn many_writers_on_one_file_lose_nothing() {
    let (_directory, file) = place();
    let mut writing = Vec::new();
    for number in 0..4 {
        let file = file.clone();
        writing.push(tokio::spawn(async move {
            let store = open(&file).await;
            let name = format!("service-{number}");
            let target = Target::new(name.parse().expect("a name"), web().environment);
            let got = store.acquire(&target, &record("one")).await;
            let Ok(Acquired::Held(lease)) = got else {
                panic!("no lock: {got:?}");
            };
            let opened = ReleaseRecord {
                target: target.clone(),
                ..head(7)
            };
            store.head(&opened, &lease.fence).await.expect("opened");
            for sequence in 1..=25 {
                let one = entry(sequence, Step::Pull);
                store
                    .append(&target, id(7), &one, &lease.fence)
                    .await
                    .expect("written");
            }
            let read = JournalReader::release(&store, &target, id(7))
                .await
                .expect("read")
                .expect("there");
            read.entries.len()
        }));
    }
    for one in writing {
        assert_eq!(one.await.expect("a task"), 25);
    }
    let revision = RegistryReader::read(&open(&file).await, &web())
        .await
        .expect("read")
        .revision;
    assert_eq!(revision, 4 * 27, "one revision for each change");
}

#[tokio::test]
async fn own_and_foreign_changes_and_expired_leases_are_reported() {
    let (_directory, file) = place();
    let (here, there) = (open(&file).await, brief(&file, 900).await);
    let mut hints = here.changes().await.expect("a stream");
    let mut next = async |what: &str| {
        let hint = tokio::time::timeout(Duration::from_secs(5), hints.next()).await;
        hint.expect(what).expect("an endless stream").expect(what);
    };
    let lease = lock(&here).await;
    next("our own change").await;
    Locks::release(&here, &web(), &lease.fence)
        .await
        .expect("given back");
    next("our own second change").await;
    let lease = lock(&there).await;
    next("a change of another store").await;
    drop(lease);
    next("the end of a lease without a renewal").await;
    let seen = RegistryReader::read(&here, &web()).await.expect("read");
    assert_eq!(seen.lock, None);
}

#[tokio::test]
async fn a_missing_store_is_read_as_empty() {
    let (directory, file) = place();
    let store = open(&file).await;
    let seen = RegistryReader::read(&store, &web()).await.expect("read");
    assert_eq!((seen.route, seen.lock), (None, None));
    assert!(store.releases(&web(), 9).await.expect("read").is_empty());
    let said = store.store().await.expect("an answer");
    assert!(said.contains("no file yet"), "{said}");
    let hints = store.changes().await.expect("a stream");
    drop(hints);
    let left = std::fs::read_dir(directory.path()).expect("listed").count();
    assert_eq!(left, 0, "only looking makes nothing");
    let _lease = lock(&store).await;
    assert!(file.is_file());
    let said = store.store().await.expect("an answer");
    assert!(!said.contains("no file yet"), "{said}");
}

#[tokio::test]
async fn a_store_created_by_another_process_is_noticed() {
    let (_directory, file) = place();
    let here = open(&file).await;
    let mut hints = here.changes().await.expect("a stream");
    let there = open(&file).await;
    let lease = lock(&there).await;
    let hint = tokio::time::timeout(Duration::from_secs(5), hints.next()).await;
    hint.expect("in time")
        .expect("an endless stream")
        .expect("a hint");
    let seen = RegistryReader::read(&here, &web()).await.expect("read");
    assert_eq!(seen.lock.map(|lock| lock.token), Some(lease.fence.token));
    // Both write to the same file.
    let taken = here.acquire(&web(), &record("two")).await.expect("asked");
    assert!(matches!(taken, Acquired::Taken(_)), "{taken:?}");
}

#[tokio::test]
async fn a_renewed_lease_is_not_reported_as_a_change() {
    let (_directory, file) = place();
    let (here, there) = (open(&file).await, brief(&file, 900).await);
    let _lease = lock(&there).await;
    let mut hints = here.changes().await.expect("a stream");
    let hint = tokio::time::timeout(Duration::from_millis(1200), hints.next()).await;
    assert!(hint.is_err(), "{hint:?}");
}

#[tokio::test]
async fn unreadable_rows_are_named_and_hide_nothing_else() {
    let (_directory, file) = place();
    let store = open(&file).await;
    let fence = lock(&store).await.fence;
    store
        .register(&web(), &entry_of(Slot::Blue), &fence)
        .await
        .expect("registered");
    store.head(&head(7), &fence).await.expect("opened");
    let vandal = Connection::open(&file).expect("a connection");
    vandal
        .execute_batch(
            "INSERT INTO registry VALUES ('web/production', 'route', '{\"evil\":\"\u{1b}[2J\u{202e}\"}', 9);
             INSERT INTO registry SELECT target, 'slots/green', value, 9 FROM registry WHERE name = 'slots/blue';
             INSERT INTO registry VALUES ('web/production', 'hold', 'x', 9);
             UPDATE releases SET head = '[]';
             UPDATE locks SET record = '7';",
        )
        .expect("vandalised");
    let newest = store.current(&[web()]).await.expect("read");
    let failure = newest[&web()].as_ref().expect_err("a list is no head");
    assert_eq!(failure.kind, FailureKind::Garbled);
    let seen = RegistryReader::read(&store, &web()).await.expect("read");
    assert!(seen.slots.blue.is_some());
    assert_eq!(
        (seen.route, seen.slots.green, seen.lock),
        (None, None, None)
    );
    let named: Vec<&str> = seen.problems.keys().map(String::as_str).collect();
    assert_eq!(
        named,
        [
            "targets/web/production/hold",
            "targets/web/production/lock",
            "targets/web/production/route",
            "targets/web/production/slots/green"
        ]
    );
    let shown = format!("{:?}", store.keys(&web()).await.expect("keys"));
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
        "{shown}"
    );
    let swapped = store
        .swap_route(&web(), &swap(None, 1, Slot::Blue), &fence)
        .await;
    assert_eq!(kind(swapped), FailureKind::Garbled);
    assert_eq!(store.releases(&web(), 9).await.expect("listed"), []);
    let unreadable = store.unreadable(&web(), 9).await.expect("listed");
    assert_eq!(unreadable.len(), 1, "{unreadable:?}");
    // Every error about the lock says what to do.
    let hint = "The lock ends when its lease expires";
    let problem = &seen.problems["targets/web/production/lock"];
    assert!(problem.contains(hint), "{problem}");
    let refused = store.acquire(&web(), &record("two")).await;
    let failure = refused.expect_err("it cannot be read");
    assert_eq!(failure.kind, FailureKind::Garbled);
    assert!(failure.to_string().contains(hint), "{failure}");
}

#[tokio::test]
async fn sqlite_shows_a_foreign_key_like_every_store() {
    let (_room, file) = place();
    let store = open(&file).await;
    let lease = lock(&store).await;
    let target = web();
    let entry = entry_of(Slot::Blue);
    let registered = store.register(&target, &entry, &lease.fence).await;
    registered.expect("registered");
    let first = swap(None, 1, Slot::Blue);
    let routed = store.swap_route(&target, &first, &lease.fence).await;
    routed.expect("routed");
    let write = |sql: &str, name: &str, value: &[u8]| {
        let other = Connection::open(&file).expect("a connection");
        other.execute(sql, (name, value)).expect("written");
    };
    let contract = crate::support::foreign_keys::Contract {
        reader: &store,
        journal: &store,
        writer: &store,
        target: &target,
        fence: &lease.fence,
        head: &|id: ReleaseId| ReleaseRecord { id, ..head(1) },
        put: &|name, value| {
            let sql = "INSERT INTO registry VALUES ('web/production', ?1, CAST(?2 AS TEXT), 9)";
            write(sql, name, value);
        },
        put_head: &|name, value| {
            let sql = "INSERT INTO releases VALUES ('web/production', ?1, CAST(?2 AS TEXT))";
            write(sql, name, value);
        },
    };
    contract.unknown_keys_stop_nothing().await;
    contract.heads_that_cannot_be_read_hide_no_other().await;
}

#[tokio::test]
async fn a_foreign_file_is_refused_and_left_unchanged() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = directory.path().join("notes.txt");
    let content = "not a database ".repeat(100);
    std::fs::write(&text, &content).expect("written");
    let refused = Store::open(&text, LONG, LONG / 3)
        .await
        .expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Garbled, "{refused}");
    assert!(refused.to_string().contains("notes.txt"), "{refused}");
    assert_eq!(std::fs::read_to_string(&text).expect("read"), content);

    let foreign = directory.path().join("other.db");
    let theirs = Connection::open(&foreign).expect("a connection");
    theirs
        .execute_batch("CREATE TABLE songs (name)")
        .expect("made");
    let refused = Store::open(&foreign, LONG, LONG / 3)
        .await
        .expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");

    let newer = directory.path().join("newer.db");
    drop(lock(&open(&newer).await).await);
    let later = Connection::open(&newer).expect("a connection");
    later.execute_batch("PRAGMA user_version = 2").expect("set");
    let refused = Store::open(&newer, LONG, LONG / 3)
        .await
        .expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Unsupported, "{refused}");
    assert!(refused.hint.contains("newer"), "{refused}");
}

#[tokio::test]
async fn an_unwritable_path_is_reported() {
    for hopeless in [
        "/proc/greenroom/x.db",
        "/proc/greenroom.db",
        "/dev/null/x.db",
    ] {
        let refused = match Store::open(hopeless, LONG, LONG / 3).await {
            Ok(store) => store.acquire(&web(), &record("one")).await.err(),
            Err(refused) => Some(refused),
        };
        let refused = refused.expect("refused");
        assert_eq!(refused.kind, FailureKind::Denied, "{refused}");
        assert!(!refused.hint.is_empty(), "{refused}");
    }
    let slow = Store::open("x.db", LONG, LONG).await.expect_err("refused");
    assert_eq!(slow.kind, FailureKind::Rejected, "{slow}");
}

/// A file system of one mebibyte, mounted until this is dropped.
struct Small(TempDir);

impl Small {
    fn mount() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(directory.path())
            .status()
            .expect("mount runs");
        assert!(
            mounted.success(),
            "this test mounts a tmpfs: run the tests by tests/run"
        );
        Self(directory)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_the_write_and_keeps_existing_data() {
    let small = Small::mount();
    let file = small.0.path().join("greenroom.db");
    let store = open(&file).await;
    let fence = lock(&store).await.fence;
    store.head(&head(1), &fence).await.expect("opened");
    let filler = vec![0_u8; 2 << 20];
    std::fs::write(small.0.path().join("filler"), filler).expect_err("full");

    let mut refused = None;
    for number in 2..200 {
        if let Err(failure) = store.head(&head(number), &fence).await {
            refused = Some(failure);
            break;
        }
    }
    let refused = refused.expect("a full disk refuses");
    assert_eq!(refused.kind, FailureKind::Rejected, "{refused}");
    assert!(refused.hint.contains("full"), "{refused}");
    assert!(
        JournalReader::release(&store, &web(), id(1))
            .await
            .expect("read")
            .is_some()
    );
    std::fs::remove_file(small.0.path().join("filler")).expect("removed");
    store.head(&head(500), &fence).await.expect("room again");
}
