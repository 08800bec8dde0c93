//! Registrations and routes: the store returns what was written and refuses everything else.

use futures_util::StreamExt;
use greenroom::inventory::{FencingToken, Slot};
use greenroom::ports::{FailureKind, Fence, Hint, Locks, RegistryReader, RegistryWriter};
use std::time::Duration;

use super::world::{World, change, registration};
use crate::support::lossy::Lossy;

pub(super) async fn registrations_and_route_are_read_back_at_one_revision(world: &World) {
    let lease = world.locked().await;
    let token = lease.fence.token;
    let entry = world.registered(Slot::Green, &lease.fence).await;
    let swap = change(None, Slot::Green, token);
    let target = &world.target;
    world
        .writer
        .swap_route(target, &swap, &lease.fence)
        .await
        .expect("switched");
    let record = world.record().await;
    assert_eq!(record.route.as_ref().map(|it| &it.value), Some(&swap.to));
    let read = record.slots.green.as_ref().expect("registered");
    assert_eq!(read.value, entry);
    assert!(read.revision < record.route.as_ref().expect("a route").revision);
    assert!(record.slots.blue.is_none());
    let holder = record.lock.expect("locked");
    assert_eq!(holder.token, token);
    assert!(
        holder
            .ttl_seconds
            .is_some_and(|ttl| (1..=30).contains(&ttl))
    );
    assert!(record.problems.is_empty(), "{:?}", record.problems);

    let lines = world.lines().await;
    let keys: Vec<&str> = lines.iter().map(|line| line.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            world.key("lock"),
            world.key("route"),
            world.key("slots/green")
        ]
    );
    assert!(lines[0].ttl_seconds.is_some() && lines[1].ttl_seconds.is_none());
    // All of it is from one read, apart from the approvals.
    let lossy = Lossy::new(&world.kv);
    let counted = world.through(std::sync::Arc::new(lossy.clone()));
    let (again, listed) = counted.reader.read_with_keys(target).await.expect("read");
    assert_eq!(again.route, record.route);
    assert_eq!(listed.len(), lines.len());
    assert_eq!(lossy.reads(), 2);
    let another = world.again();
    let version = another.reader.store().await.expect("a version");
    assert!(version.contains(" 3."), "{version}");
}

pub(super) async fn a_repeated_write_changes_nothing(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    world.registered(Slot::Green, fence).await;
    let swap = change(None, Slot::Green, fence.token);
    world
        .writer
        .swap_route(target, &swap, fence)
        .await
        .expect("switched");
    let before = world.record().await;
    world.registered(Slot::Green, fence).await;
    world
        .writer
        .swap_route(target, &swap, fence)
        .await
        .expect("stands");
    let after = world.record().await;
    assert_eq!(before.route, after.route);
    assert_eq!(before.slots, after.slots);
    world
        .writer
        .deregister(target, Slot::Blue, fence)
        .await
        .expect("not there");
}

pub(super) async fn a_route_is_swapped_only_from_its_value_and_to_a_registered_slot(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let kind = |outcome: greenroom::ports::Result<()>| outcome.expect_err("refused").kind;
    let first = change(None, Slot::Green, fence.token);
    let unregistered = world.writer.swap_route(target, &first, fence).await;
    assert_eq!(kind(unregistered), FailureKind::Conflict);
    world.registered(Slot::Green, fence).await;
    world.registered(Slot::Blue, fence).await;
    world
        .writer
        .swap_route(target, &first, fence)
        .await
        .expect("switched");
    for wrong in [None, Some((1, Slot::Blue)), Some((2, Slot::Green))] {
        let swap = change(wrong, Slot::Blue, fence.token);
        let outcome = world.writer.swap_route(target, &swap, fence).await;
        assert_eq!(kind(outcome), FailureKind::Conflict);
    }
    let live = world.writer.deregister(target, Slot::Green, fence).await;
    assert_eq!(kind(live), FailureKind::Conflict);
    let second = change(Some((1, Slot::Green)), Slot::Blue, fence.token);
    world
        .writer
        .swap_route(target, &second, fence)
        .await
        .expect("switched");
    world
        .writer
        .deregister(target, Slot::Green, fence)
        .await
        .expect("free now");
    let record = world.record().await;
    assert!(record.slots.green.is_none() && record.slots.blue.is_some());
}

pub(super) async fn exactly_one_of_two_racing_swaps_wins(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    world.registered(Slot::Green, fence).await;
    world.registered(Slot::Blue, fence).await;
    let mut from = None;
    for _ in 0..20 {
        let blue = change(from, Slot::Blue, fence.token);
        let green = change(from, Slot::Green, fence.token);
        let (one, other) = tokio::join!(
            world.writer.swap_route(target, &blue, fence),
            world.writer.swap_route(target, &green, fence)
        );
        let route = world
            .reader
            .read(target)
            .await
            .expect("read")
            .route
            .expect("a route")
            .value;
        let (won, lost) = if one.is_ok() {
            (&blue, other)
        } else {
            (&green, one)
        };
        assert_eq!(route, won.to);
        assert_eq!(lost.expect_err("one loses").kind, FailureKind::Conflict);
        from = Some((route.generation, route.live));
    }
}

pub(super) async fn an_older_token_is_refused_after_the_lock_moved(world: &World) {
    let old = world.locked().await;
    let target = &world.target;
    world
        .locks
        .release(target, &old.fence)
        .await
        .expect("given back");
    let gone = world
        .writer
        .register(
            target,
            &registration(Slot::Green, old.fence.token),
            &old.fence,
        )
        .await
        .expect_err("no lock");
    assert_eq!(gone.kind, FailureKind::Fenced);
    let new = world.locked_by("console-2").await;
    assert!(new.fence.token > old.fence.token);
    let entry = registration(Slot::Green, old.fence.token);
    for outcome in [
        world.writer.register(target, &entry, &old.fence).await,
        world
            .writer
            .deregister(target, Slot::Green, &old.fence)
            .await,
        world
            .writer
            .swap_route(
                target,
                &change(None, Slot::Green, old.fence.token),
                &old.fence,
            )
            .await,
    ] {
        let failure = outcome.expect_err("fenced");
        assert_eq!(failure.kind, FailureKind::Fenced);
        assert!(failure.message.contains("ana@ops-1"), "{failure}");
    }
    world
        .locks
        .release(target, &old.fence)
        .await
        .expect("not ours: nothing done");
    world.registered(Slot::Green, &new.fence).await;
    let no_lock = Fence {
        token: FencingToken(0),
    };
    world
        .locks
        .release(target, &new.fence)
        .await
        .expect("given back");
    let failure = world.writer.register(target, &entry, &no_lock).await;
    assert_eq!(
        failure.expect_err("a token of zero is no lock").kind,
        FailureKind::Fenced
    );
}

pub(super) async fn foreign_values_are_sanitized_and_hide_nothing(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    world.registered(Slot::Green, fence).await;
    for (key, value) in [
        ("route", "{\"generation\":\"\u{1b}[31mred\u{202e}\"}"),
        ("slots/blue", "10.0.0.1:80"),
        ("hold", "[[[["),
        ("notes", "mine"),
    ] {
        world.put(&world.key(key), value);
    }
    let record = world.record().await;
    assert!(record.slots.green.is_some() && record.lock.is_some());
    assert_eq!(record.problems.len(), 4, "{:?}", record.problems);
    for (key, words) in &record.problems {
        assert!(!words.contains(['\u{1b}', '\u{202e}']), "{key}: {words:?}");
    }
    let swap = change(None, Slot::Green, fence.token);
    let failure = world
        .writer
        .swap_route(target, &swap, fence)
        .await
        .expect_err("blocked");
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.contains(&world.key("route")), "{failure}");
    assert!(failure.hint.contains("read it with `"), "{failure}");
    assert!(!failure.to_string().contains(['\u{1b}', '\u{202e}']));
    let failure = world.writer.deregister(target, Slot::Green, fence).await;
    assert_eq!(failure.expect_err("who knows").kind, FailureKind::Conflict);
    world.registered(Slot::Blue, fence).await;
}

/// Hints name their target, also those of other processes, and nothing is reported that happened before.
pub(super) async fn changes_are_reported_with_their_target(world: &World) {
    let first = world.locked().await;
    let mut changes = world.reader.changes().await.expect("a watch");
    let early = tokio::time::timeout(Duration::from_millis(300), changes.next()).await;
    assert!(early.is_err(), "nothing changed: {early:?}");
    let wanted = Hint::Target(world.target.clone());
    let mut next = async |what: &str| {
        let hint = tokio::time::timeout(Duration::from_secs(10), changes.next()).await;
        let hint = hint.expect(what).expect("an endless stream");
        assert_eq!(hint.expect(what), wanted, "{what}");
    };
    world.registered(Slot::Blue, &first.fence).await;
    next("a change of this process").await;
    let other = world.again();
    let released = other.locks.release(&world.target, &first.fence);
    released.await.expect("given back");
    next("a change of another process").await;
    let mut forgetful = world.again();
    forgetful.forgetful(Duration::from_secs(2));
    drop(forgetful.locked().await);
    next("a lock is taken").await;
    next("its lease expires").await;
    assert!(world.record().await.lock.is_none());
}
