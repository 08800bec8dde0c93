//! Locks: one holder, a heartbeat that reports truthfully, and no accidental release.

use std::time::{Duration, Instant};

use greenroom::adapters::etcd::{EtcdLocks, EtcdPresence, LockTimes, Options};
use greenroom::inventory::Slot;
use greenroom::ports::{
    Acquired, FailureKind, LeaseState, Locks, PresenceStore, RegistryReader, RegistryWriter,
};

use super::journal;
use super::server::{Carries, Line, Server};
use super::world::{World, lock, registration};
use crate::support::eventually;

#[tokio::test]
async fn a_lock_is_taken_once_and_names_its_holder() {
    let world = World::shared();
    let lease = world.locked().await;
    let second = world.locks.acquire(&world.target, &lock("console-2")).await;
    let Ok(Acquired::Taken(holder)) = second else {
        panic!("taken: {second:?}");
    };
    assert_eq!(holder.record, lock("console-1"));
    assert_eq!(holder.token, lease.fence.token);
    world
        .locks
        .release(&world.target, &lease.fence)
        .await
        .expect("given back");
    world
        .locks
        .release(&world.target, &lease.fence)
        .await
        .expect("again, and nothing is done");
    world.locked_by("console-2").await;
}

#[tokio::test]
async fn a_lock_is_taken_over_only_from_the_observed_holder() {
    let world = World::shared();
    let contract = crate::support::takeover::Contract {
        locks: &world.locks,
        writer: &world.writer,
        target: &world.target,
        record: lock,
        entry: registration,
    };
    contract.holds().await;
    let release = lock("one").release;
    let head = journal::head(&world.target, release);
    let entries = [journal::entry(1, None), journal::entry(2, None)];
    contract
        .takes_over_at_rest(&world.writer, &head, &entries)
        .await;
}

#[tokio::test]
async fn etcd_keeps_watchers_and_handover_requests_like_every_store() {
    let world = World::shared();
    let presence = || {
        let (lease, beat) = (Duration::from_secs(2), Duration::from_millis(500));
        EtcdPresence::with(&world.store, lease, beat)
    };
    let (ana, ben) = (presence(), presence());
    let contract = crate::support::presence::Contract {
        ana: &ana,
        ben: &ben,
        reader: &world.reader,
        target: &world.target,
    };
    contract.holds().await;
    contract.ends_with_its_console(presence()).await;
    // Two consoles have one lease each, however many keys they write.
    ana.show(&world.target, &crate::support::presence::watcher("ana"))
        .await
        .expect("here");
    let asked = crate::support::presence::request("ana");
    ana.request_handover(&world.target, &asked)
        .await
        .expect("asked");
    let watching = world.key("watching/ana@ops-1%204711%2001JD%2F4");
    for key in [watching, world.key("wheel")] {
        let stored = world.etcdctl(&["get", &key, "--write-out=json"]);
        assert!(stored.contains("\"lease\":"), "on a lease: {stored}");
    }
    ana.leave().await.expect("left");
}

#[tokio::test]
async fn of_many_concurrent_takers_exactly_one_gets_the_lock() {
    let world = World::shared();
    let names: Vec<String> = (0..12).map(|n| format!("console-{n}")).collect();
    let asked = names.iter().map(|name| {
        let record = lock(name);
        let world = &world;
        async move {
            world
                .locks
                .acquire(&world.target, &record)
                .await
                .expect("an answer")
        }
    });
    let answers = futures_util::future::join_all(asked).await;
    let held = answers
        .iter()
        .filter(|it| matches!(it, Acquired::Held(_)))
        .count();
    assert_eq!(held, 1);
}

#[tokio::test]
async fn a_heartbeat_renews_the_lease_and_without_it_the_lease_expires() {
    let world = World::forgetful(crate::support::etcd(), Duration::from_secs(6));
    let lease = world.locked().await;
    let taken = Instant::now();
    let world = &world;
    let beyond = Duration::from_secs(8);
    eventually("more than the lease", beyond * 2, || async move {
        taken.elapsed() > beyond
    })
    .await;
    assert_eq!(*lease.state.borrow(), LeaseState::Held);
    let record = world.reader.read(&world.target).await.expect("read");
    assert_eq!(record.lock.expect("still there").token, lease.fence.token);

    let fence = lease.fence.clone();
    drop(lease);
    let after = world.reader.read(&world.target).await.expect("read");
    assert!(after.lock.is_some(), "dropping does not give back");
    eventually(
        "the lease expires",
        Duration::from_secs(30),
        || async move {
            world
                .reader
                .read(&world.target)
                .await
                .expect("read")
                .lock
                .is_none()
        },
    )
    .await;
    let late = world
        .writer
        .register(
            &world.target,
            &registration(Slot::Blue, fence.token),
            &fence,
        )
        .await;
    assert_eq!(late.expect_err("fenced").kind, FailureKind::Fenced);
}

#[tokio::test]
async fn a_lock_that_was_deleted_by_hand_is_lost() {
    let world = World::shared();
    let mut lease = world.locked().await;
    world.etcdctl(&["del", &world.key("lock")]);
    let lost = tokio::time::timeout(
        Duration::from_secs(20),
        lease.state.wait_for(|state| *state != LeaseState::Held),
    );
    let state = lost
        .await
        .expect("reported in time")
        .expect("a state")
        .clone();
    assert_eq!(state, LeaseState::Lost("the lock was removed".into()));
}

#[tokio::test]
async fn every_error_about_an_unreadable_lock_says_what_to_do() {
    let world = World::shared();
    let key = world.key("lock");
    world.etcdctl(&["put", &key, "mine"]);
    let record = world.reader.read(&world.target).await.expect("read");
    let taken = world.locks.acquire(&world.target, &lock("console-1")).await;
    let refused = taken.expect_err("it is in the way").to_string();
    for said in [&record.problems[&key], &refused] {
        for words in [
            "it has no lease".to_owned(),
            format!("etcdctl get {key}"),
            format!("etcdctl del {key}"),
        ] {
            assert!(said.contains(&words), "{words}: {said}");
        }
    }
}

#[tokio::test]
async fn a_lock_is_lost_at_two_thirds_of_its_lease_without_a_renewal() {
    let mut server = Server::start().await;
    let world = World::forgetful(server.endpoint(), Duration::from_secs(9));
    let mut lease = world.locked().await;
    server.stop();
    let stopped = Instant::now();
    let lost = tokio::time::timeout(
        Duration::from_secs(20),
        lease.state.wait_for(|state| *state != LeaseState::Held),
    );
    lost.await.expect("reported in time").expect("a state");
    let after = stopped.elapsed();
    assert!(
        after > Duration::from_secs(5) && after < Duration::from_secs(9),
        "{after:?}"
    );
}

#[tokio::test]
async fn retrying_after_a_lost_answer_adopts_the_lock() {
    let server = Server::start().await;
    let world = World::at(vec![server.endpoint()]);
    let line = Line::to(server.port).await;
    let mut options = Options::new(vec![line.endpoint.clone()]);
    options.prefix.clone_from(&world.prefix);
    options.deadline = Duration::from_millis(800);
    let store = greenroom::adapters::etcd::Store::open(&options).expect("a store");
    let times = LockTimes {
        lease: Duration::from_secs(5),
        heartbeat: Duration::from_secs(1),
    };
    let locks = EtcdLocks::new(&store, times);
    let record = lock("console-1");
    // Another write with the very same record, as a lost answer leaves it.
    let first = world.locked_by("console-1").await;
    let again = locks.acquire(&world.target, &record).await;
    let Ok(Acquired::Held(adopted)) = again else {
        panic!("adopted: {again:?}");
    };
    assert_eq!(adopted.fence, first.fence);
    line.set(Carries::Nothing);
    let failure = locks
        .acquire(&world.target, &record)
        .await
        .expect_err("no line");
    assert!(failure.kind.may_pass(), "{failure}");
}
