//! Locks and presence: one holder, a heartbeat that reports truthfully, and no accidental release.

use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom::inventory::{FencingToken, LONGEST_LEASE, ReleaseId, Slot, StoredKey};
use greenroom::ports::kv::{Command, Range, Txn, Write};
use greenroom::ports::{Acquired, FailureKind, LeaseState, Locks, PresenceStore, RegistryWriter};

use super::world::{World, call, entry, head, lock, registration};
use crate::support::eventually;
use crate::support::lossy::Lossy;
use crate::support::presence::{Contract, request, watcher};

pub(super) async fn a_lock_is_taken_once_and_names_its_holder(world: &World) {
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

pub(super) async fn a_lock_is_taken_over_only_from_the_observed_holder(world: &World) {
    let contract = crate::support::takeover::Contract {
        locks: &world.locks,
        writer: &world.writer,
        target: &world.target,
        record: lock,
        entry: registration,
    };
    contract.holds().await;
    let release = lock("one").release;
    let head = head(&world.target, release);
    let entries = [entry(1, None), entry(2, None)];
    contract
        .takes_over_at_rest(&world.writer, &head, &entries)
        .await;
}

pub(super) async fn watchers_and_handover_requests_are_kept(world: &World) {
    let other = world.again();
    let (ana, ben) = (world.presence(), other.presence());
    let contract = Contract {
        ana: &ana,
        ben: &ben,
        reader: &world.reader,
        target: &world.target,
    };
    contract.holds().await;
    contract.ends_with_its_console(other.presence()).await;
    // Two consoles have one lease each, however many keys they write.
    ana.show(&world.target, &watcher("ana"))
        .await
        .expect("here");
    let asked = request("ana");
    ana.request_handover(&world.target, &asked)
        .await
        .expect("asked");
    let watching = world.key("watching/ana@ops-1%204711%2001JD%2F4");
    let mut leases = Vec::new();
    for key in [watching, world.key("handover")] {
        let read = world.kv.read(call(), &[Range::one(key)]).await;
        let pair = read.expect("read").ranges[0].remove(0);
        leases.push(pair.lease.expect("on a lease"));
    }
    assert_eq!(leases[0], leases[1]);
    ana.leave().await.expect("left");
}

pub(super) async fn of_many_concurrent_takers_exactly_one_gets_the_lock(world: &World) {
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

pub(super) async fn a_lock_that_was_deleted_by_hand_is_lost(world: &World) {
    let mut lease = world.locked().await;
    world.raw.delete(&world.key("lock"));
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

pub(super) async fn every_error_about_an_unreadable_lock_says_what_to_do(world: &World) {
    let key = world.key("lock");
    world.put(&key, "mine");
    let record = world.record().await;
    let taken = world.locks.acquire(&world.target, &lock("console-1")).await;
    let refused = taken.expect_err("it is in the way").to_string();
    for said in [&record.problems[&key], &refused] {
        for words in [
            "the lock has no lease".to_owned(),
            world.kv.command(Command::Show(&key)),
            world.kv.command(Command::Delete(&key)),
        ] {
            assert!(said.contains(&words), "{words}: {said}");
        }
    }
}

pub(super) async fn a_heartbeat_renews_the_lease_and_without_it_the_lease_expires(world: &World) {
    let mut forgetful = world.again();
    let brief = world.raw.brief();
    forgetful.forgetful(brief);
    let lease = forgetful.locked().await;
    let taken = Instant::now();
    let beyond = brief + brief / 3;
    eventually("more than the lease", beyond * 2, || async {
        taken.elapsed() > beyond
    })
    .await;
    assert_eq!(*lease.state.borrow(), LeaseState::Held);
    let holder = world.record().await.lock;
    assert_eq!(holder.expect("still there").token, lease.fence.token);

    let fence = lease.fence.clone();
    drop(lease);
    let after = world.record().await;
    assert!(after.lock.is_some(), "dropping does not give back");
    eventually("the lease expires", brief * 5, || async {
        world.record().await.lock.is_none()
    })
    .await;
    // Although no driver has taken the lock.
    let entry = registration(Slot::Blue, fence.token);
    let late = world.writer.register(&world.target, &entry, &fence).await;
    assert_eq!(late.expect_err("fenced").kind, FailureKind::Fenced);
    let next = world.locked_by("console-2").await;
    assert!(next.fence.token > fence.token);
}

/// Writes a lock of another console on a lease of this length.
async fn lock_for(world: &World, ttl: Duration) {
    let granted = world.kv.grant(call(), ttl).await.expect("granted");
    let mut theirs = lock("console-1");
    theirs.release = ReleaseId(ulid::Ulid::generate());
    let put = Write::Put {
        key: world.key("lock"),
        value: serde_json::to_string(&theirs).expect("JSON"),
        lease: Some(granted.lease),
    };
    let txn = Txn {
        when: Vec::new(),
        then: vec![put],
    };
    world.kv.commit(call(), &txn).await.expect("written");
}

/// A clock that was set back, or another program, can leave a lock that ends much later than any lease lasts.
pub(super) async fn a_lock_beyond_the_longest_lease_is_reported_and_can_be_taken(world: &World) {
    lock_for(world, LONGEST_LEASE * 3).await;
    let seen = world.record().await;
    assert_eq!(seen.lock, None);
    let (key, said) = seen.problems.iter().next().expect("it is reported");
    assert_eq!(StoredKey::of(&world.target, key), StoredKey::LockEnd);
    assert!(
        said.contains("No driver can set a time so far ahead"),
        "{said}"
    );
    let lease = world.locked_by("console-2").await;
    world.registered(Slot::Blue, &lease.fence).await;
    let seen = world.record().await;
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    assert_eq!(seen.lock.expect("held").token, lease.fence.token);
}

/// A clock that is set back a little makes the lease of a running driver longer.
pub(super) async fn a_lock_a_little_beyond_the_longest_lease_is_held(world: &World) {
    lock_for(world, LONGEST_LEASE + Duration::from_secs(50)).await;
    let seen = world.record().await;
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    let taken = world.locks.acquire(&world.target, &lock("console-2")).await;
    assert!(matches!(taken, Ok(Acquired::Taken(_))), "{taken:?}");
}

pub(super) async fn a_taken_lock_costs_no_lease(world: &World) {
    let lossy = Lossy::new(&world.kv);
    let counted = world.through(Arc::new(lossy.clone()));
    let lease = counted.locked().await;
    assert_eq!(lossy.grants(), 1);
    let record = lock("two");
    let two = counted.locks.acquire(&world.target, &record).await;
    assert!(matches!(two, Ok(Acquired::Taken(_))), "{two:?}");
    let from = FencingToken(lease.fence.token.0 + 1);
    let late = counted.locks.take_over(&world.target, &record, from);
    let late = late.await;
    assert!(matches!(late, Ok(Acquired::Taken(_))), "{late:?}");
    assert_eq!(lossy.grants(), 0);
}

pub(super) async fn a_failed_write_of_presence_is_repeated(world: &World) {
    let lossy = Lossy::new(&world.kv);
    let presence = world.through(Arc::new(lossy.clone())).presence();
    let (ana, ben) = (watcher("ana"), watcher("ben"));
    presence.show(&world.target, &ana).await.expect("shown");
    lossy.hang(true);
    let shown = presence.show(&world.target, &ben).await;
    shown.expect_err("no answer");
    let hidden = presence.hide(&world.target, &ana.console).await;
    hidden.expect_err("no answer");
    lossy.hang(false);
    eventually(
        "ana is hidden and ben is shown",
        Duration::from_secs(10),
        || async { world.record().await.watching == [ben.clone()] },
    )
    .await;
    presence.leave().await.expect("left");
}

pub(super) async fn the_same_lock_taken_again_is_adopted(world: &World) {
    // A lost answer leaves a lock with the record of this console.
    let first = world.locked_by("console-1").await;
    let again = world.again().locked_by("console-1").await;
    assert_eq!(again.fence, first.fence);
}
