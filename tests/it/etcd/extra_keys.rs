//! Keys for other readers of etcd, which are written with the route.

use greenroom::adapters::etcd::Options;
use greenroom::inventory::{ExtraKey, OthersKeys, PerSlot, Slot, Target};
use greenroom::ports::{Acquired, FailureKind, Fence, Locks, RegistryReader, RegistryWriter};
use greenroom::store::StoreWriter;

use super::world::{World, change, etcdctl, lock, registration};

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
    let lines = etcdctl(
        &crate::support::etcd(),
        &["get", &key, "--write-out=fields"],
    );
    etcdctl(&crate::support::etcd(), &["del", &key]);
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
    let value = || {
        etcdctl(
            &crate::support::etcd(),
            &["get", &key, "--print-value-only"],
        )
    };
    let other = Target::new(
        "api".parse().expect("a name"),
        "production".parse().expect("a name"),
    );
    let theirs = [(other.service.clone(), extra.to_vec())].into();
    let theirs = StoreWriter::new(&world.store, &theirs).expect("a writer");
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
    etcdctl(&crate::support::etcd(), &["put", &key, "by hand"]);
    let taken = world
        .writer
        .keys_of_others(target, &endpoints)
        .await
        .expect("asked");
    assert!(taken.is_empty(), "{taken:?}");
    let switched = world.writer.swap_route(target, &swap(fence), fence).await;
    switched.expect("switched");
    assert_eq!(value(), "web 127.0.0.1:8002\n");
    etcdctl(&crate::support::etcd(), &["del", "--prefix", &elsewhere]);
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
    let value = || {
        etcdctl(
            &crate::support::etcd(),
            &["get", &key, "--print-value-only"],
        )
    };
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
    let theirs = StoreWriter::new(&world.store, &theirs).expect("a writer");
    let held = world.locks.acquire(&other, &lock("console-2")).await;
    let Ok(Acquired::Held(held)) = held else {
        panic!("the lock is free: {held:?}");
    };
    let entry = registration(Slot::Green, held.fence.token);
    let registered = theirs.register(&other, &entry, &held.fence).await;
    registered.expect("registered");
    etcdctl(&crate::support::etcd(), &["del", &key]);
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
    etcdctl(&crate::support::etcd(), &["del", "--prefix", &elsewhere]);
}

#[tokio::test]
async fn a_wrong_template_is_refused_before_anything_is_written() {
    let world = World::shared();
    let extra = ExtraKey {
        key: "/a".into(),
        value: "{{ port }}".into(),
    };
    let extra = [(world.target.service.clone(), vec![extra])].into();
    let failure = StoreWriter::new(&world.store, &extra).expect_err("no such name");
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.message.contains("unknown names: port"), "{failure}");
}
