//! Registrations and routes: the store returns what was written and refuses everything else.

use greenroom::adapters::etcd::{EtcdWriter, ExtraKey, Options};
use greenroom::inventory::{FencingToken, OthersKeys, PerSlot, Slot, Target};
use greenroom::ports::{Acquired, FailureKind, Fence, Locks, RegistryReader, RegistryWriter};

use super::world::{World, change, lock, registration};

#[tokio::test]
async fn registrations_and_route_are_read_back_at_one_revision() {
    let world = World::shared();
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
    let record = world.reader.read(target).await.expect("read");
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

    let lines = world.reader.keys(target).await.expect("listed");
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
    assert!(
        world
            .reader
            .store()
            .await
            .expect("a version")
            .starts_with("etcd 3.")
    );
}

#[tokio::test]
async fn a_repeated_write_changes_nothing() {
    let world = World::shared();
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    world.registered(Slot::Green, fence).await;
    let swap = change(None, Slot::Green, fence.token);
    world
        .writer
        .swap_route(target, &swap, fence)
        .await
        .expect("switched");
    let before = world.reader.read(target).await.expect("read");
    world.registered(Slot::Green, fence).await;
    world
        .writer
        .swap_route(target, &swap, fence)
        .await
        .expect("stands");
    let after = world.reader.read(target).await.expect("read");
    assert_eq!(before.route, after.route);
    assert_eq!(before.slots, after.slots);
    world
        .writer
        .deregister(target, Slot::Blue, fence)
        .await
        .expect("not there");
}

#[tokio::test]
async fn a_route_is_swapped_only_from_its_value_and_to_a_registered_slot() {
    let world = World::shared();
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
    let record = world.reader.read(target).await.expect("read");
    assert!(record.slots.green.is_none() && record.slots.blue.is_some());
}

#[tokio::test]
async fn exactly_one_of_two_racing_swaps_wins() {
    let world = World::shared();
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

#[tokio::test]
async fn an_older_token_is_refused_after_the_lock_moved() {
    let world = World::shared();
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

#[tokio::test]
async fn foreign_values_are_sanitized_and_hide_nothing() {
    let world = World::shared();
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    world.registered(Slot::Green, fence).await;
    for (key, value) in [
        ("route", "{\"generation\":\"\u{1b}[31mred\u{202e}\"}"),
        ("slots/blue", "10.0.0.1:80"),
        ("hold", "[[[["),
        ("notes", "mine"),
    ] {
        world.etcdctl(&["put", &world.key(key), value]);
    }
    let record = world.reader.read(target).await.expect("read");
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
    assert!(failure.hint.contains("etcdctl"), "{failure}");
    assert!(!failure.to_string().contains(['\u{1b}', '\u{202e}']));
    let failure = world.writer.deregister(target, Slot::Green, fence).await;
    assert_eq!(failure.expect_err("who knows").kind, FailureKind::Conflict);
    world.registered(Slot::Blue, fence).await;
}

#[tokio::test]
async fn an_extra_key_is_written_in_the_transaction_of_the_route() {
    let elsewhere = format!("/others/{}", ulid::Ulid::generate());
    let extra = [ExtraKey {
        key: format!("{elsewhere}/{{{{ service }}}}-{{{{ environment }}}}"),
        value: "{{ slot }} {{ address }} {{ tag }} {{ generation }}".into(),
    }];
    let world = World::with(Options::new(vec![crate::support::etcd()]), &extra);
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    world.registered(Slot::Green, fence).await;
    let swap = change(None, Slot::Green, fence.token);
    world
        .writer
        .swap_route(target, &swap, fence)
        .await
        .expect("switched");
    let key = format!("{elsewhere}/web-production");
    let lines = world.etcdctl(&["get", &key, "--write-out=fields"]);
    world.etcdctl(&["del", &key]);
    assert!(lines.contains("\"green 127.0.0.1:8002 1.9 1\""), "{lines}");
    let revision = world
        .reader
        .read(target)
        .await
        .expect("read")
        .route
        .expect("a route")
        .revision;
    assert!(
        lines.contains(&format!("\"ModRevision\" : {revision}")),
        "{lines}"
    );
}

#[tokio::test]
async fn an_extra_key_written_by_another_target_is_left_unchanged() {
    let elsewhere = format!("/others/{}", ulid::Ulid::generate());
    let extra = [ExtraKey {
        key: format!("{elsewhere}/upstream"),
        value: "{{ service }} {{ address }}".into(),
    }];
    let world = World::with(Options::new(vec![crate::support::etcd()]), &extra);
    let key = format!("{elsewhere}/upstream");
    let value = || world.etcdctl(&["get", &key, "--print-value-only"]);
    let other = Target::new(
        "api".parse().expect("a name"),
        "production".parse().expect("a name"),
    );
    let theirs = [(other.service.clone(), extra.to_vec())].into();
    let theirs = EtcdWriter::new(&world.store, &theirs).expect("a writer");
    let held = world.locks.acquire(&other, &lock("console-2")).await;
    let Ok(Acquired::Held(held)) = held else {
        panic!("the lock is free: {held:?}");
    };
    let swap = |fence: &Fence| change(None, Slot::Green, fence.token);
    let entry = registration(Slot::Green, held.fence.token);
    let registered = theirs.register(&other, &entry, &held.fence).await;
    registered.expect("registered");
    let first = swap(&held.fence);
    let switched = theirs.swap_route(&other, &first, &held.fence).await;
    switched.expect("switched");
    assert_eq!(value(), "api 127.0.0.1:8002\n");

    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    world.registered(Slot::Green, fence).await;
    let endpoints = PerSlot::from_fn(|_| "127.0.0.1:8002".parse().expect("an endpoint"));
    let taken = world
        .writer
        .keys_of_others(target, &endpoints)
        .await
        .expect("asked");
    let [said] = taken.as_slice() else {
        panic!("one key: {taken:?}");
    };
    let owner = format!("the key {key} in etcd belongs to api/production");
    assert!(said.contains(&owner), "{said}");
    let own = theirs
        .keys_of_others(&other, &endpoints)
        .await
        .expect("asked");
    assert!(own.is_empty(), "{own:?}");
    let refused = world.writer.swap_route(target, &swap(fence), fence).await;
    let refused = refused.expect_err("another target's");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    assert!(refused.to_string().contains(&owner), "{refused}");
    assert_eq!(value(), "api 127.0.0.1:8002\n");
    let record = world.reader.read(target).await.expect("read");
    assert!(record.route.is_none());

    // A key that no target wrote belongs to a program that Greenroom replaces.
    world.etcdctl(&["put", &key, "by hand"]);
    let taken = world
        .writer
        .keys_of_others(target, &endpoints)
        .await
        .expect("asked");
    assert!(taken.is_empty(), "{taken:?}");
    let switched = world.writer.swap_route(target, &swap(fence), fence).await;
    switched.expect("switched");
    assert_eq!(value(), "web 127.0.0.1:8002\n");
    world.etcdctl(&["del", "--prefix", &elsewhere]);
}

/// Two configurations name the same key: web switched and wrote it, api overwrote it with force,
/// and then web's watch fails.
#[tokio::test]
async fn switching_back_leaves_an_extra_key_that_another_target_wrote_since() {
    let elsewhere = format!("/others/{}", ulid::Ulid::generate());
    let key = format!("{elsewhere}/upstream");
    let extra = [ExtraKey {
        key: key.clone(),
        value: "{{ service }} {{ slot }}".into(),
    }];
    let world = World::with(Options::new(vec![crate::support::etcd()]), &extra);
    let value = || world.etcdctl(&["get", &key, "--print-value-only"]);
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    for slot in Slot::BOTH {
        world.registered(slot, fence).await;
    }
    let first = change(None, Slot::Blue, fence.token);
    let switched = world.writer.swap_route(target, &first, fence).await;
    switched.expect("switched");
    let second = change(Some((1, Slot::Blue)), Slot::Green, fence.token);
    let switched = world.writer.swap_route(target, &second, fence).await;
    switched.expect("switched");
    assert_eq!(value(), "web green\n");

    let other = Target::new(
        "api".parse().expect("a name"),
        "production".parse().expect("a name"),
    );
    let theirs = [(other.service.clone(), extra.to_vec())].into();
    let theirs = EtcdWriter::new(&world.store, &theirs).expect("a writer");
    let held = world.locks.acquire(&other, &lock("console-2")).await;
    let Ok(Acquired::Held(held)) = held else {
        panic!("the lock is free: {held:?}");
    };
    let entry = registration(Slot::Green, held.fence.token);
    let registered = theirs.register(&other, &entry, &held.fence).await;
    registered.expect("registered");
    world.etcdctl(&["del", &key]);
    let release = change(None, Slot::Green, held.fence.token);
    let switched = theirs.swap_route(&other, &release, &held.fence).await;
    switched.expect("switched");
    assert_eq!(value(), "api green\n");

    // A switch that was made already stays true, whoever wrote the key last.
    let again = world.writer.swap_route(target, &second, fence).await;
    again.expect("it is so already");
    let mut back = change(Some((2, Slot::Green)), Slot::Blue, fence.token);
    let refused = world.writer.swap_route(target, &back, fence).await;
    let refused = refused.expect_err("a promote is refused");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    back.others_keys = OthersKeys::Leave;
    let switched = world.writer.swap_route(target, &back, fence).await;
    switched.expect("the way back is never locked");
    assert_eq!(value(), "api green\n");
    let record = world.reader.read(target).await.expect("read");
    assert_eq!(record.route.expect("a route").value, back.to);
    world.etcdctl(&["del", "--prefix", &elsewhere]);
}

#[tokio::test]
async fn a_wrong_template_is_refused_before_anything_is_written() {
    let world = World::shared();
    let extra = ExtraKey {
        key: "/a".into(),
        value: "{{ port }}".into(),
    };
    let extra = [(world.target.service.clone(), vec![extra])].into();
    let failure = EtcdWriter::new(&world.store, &extra).expect_err("no such name");
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.message.contains("unknown names: port"), "{failure}");
}
