//! An etcd cluster that other programs write to as well.

use etcd_client::Client;
use greenroom::inventory::StoredKey;
use greenroom::ports::{FailureKind, JournalReader, RegistryReader};
use proptest::prelude::*;

use super::journals::{self, Journal};
use super::{runner, stores, values, waiting};
use crate::etcd::world::World;

async fn set(client: &Client, key: String, value: &[u8]) {
    client
        .kv_client()
        .put(key, value, None)
        .await
        .expect("written");
}

async fn journal(client: &Client, world: &World, journal: &Journal) {
    let release = values::RELEASE;
    set(
        client,
        world.key(&format!("releases/{release}")),
        &journal.head.0,
    )
    .await;
    for (number, entry) in &journal.entries {
        set(
            client,
            world.key(&format!("steps/{release}/{number:04}")),
            &entry.0,
        )
        .await;
    }
}

#[test]
fn every_value_in_etcd_is_read_correctly_or_refused() {
    let runtime = waiting();
    let _entered = runtime.enter();
    let world = World::shared();
    let client = runtime
        .block_on(Client::connect([crate::support::etcd()], None))
        .expect("connected");
    // Another operator has the lock, with another lease.
    let _lease = runtime.block_on(world.locked());
    let run = runner(150).run(&stores::key(), |(key, stored)| {
        runtime.block_on(async {
            for (other, _) in stores::keys() {
                client
                    .kv_client()
                    .delete(world.key(other), None)
                    .await
                    .expect("gone");
            }
            set(&client, world.key(&key), &stored.0).await;
            let read = world.reader.read_with_keys(&world.target).await;
            let (record, lines) = read.expect("one key hides no other");
            prop_assert!(record.lock.is_some(), "the lock is still seen");
            stores::judge_key(&key, &stored.0, &record);
            stores::judge_lines(&lines);
            Ok(())
        })
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    let run = runner(120).run(&journals::journal(), |kept| {
        runtime.block_on(async {
            let steps = world.key(&format!("steps/{}/", values::RELEASE));
            let all = etcd_client::DeleteOptions::new().with_prefix();
            client
                .kv_client()
                .delete(steps, Some(all))
                .await
                .expect("gone");
            journal(&client, &world, &kept).await;
            let (target, id) = (&world.target, stores::release());
            stores::judge_release(&kept, world.reader.release(target, id).await);
            let mut newest = world
                .reader
                .current(std::slice::from_ref(target))
                .await
                .expect("read");
            let newest = newest.remove(target).expect("there is one");
            let listed = world.reader.releases(target, 10).await;
            let listed = listed.expect("an unreadable head hides no other");
            let unreadable = world.reader.unreadable(target, 10).await.expect("listed");
            match newest {
                Ok(head) => {
                    prop_assert_eq!(vec![head], listed);
                    prop_assert!(unreadable.is_empty(), "{:?}", unreadable);
                }
                Err(failure) => {
                    prop_assert_eq!(listed, vec![]);
                    let (id, why) = &unreadable[0];
                    prop_assert_eq!((*id, why.kind), (stores::release(), failure.kind));
                }
            }
            Ok(())
        })
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn unknown_values_are_refused_and_newer_formats_are_named() {
    let world = World::shared();
    let client = Client::connect([crate::support::etcd()], None)
        .await
        .expect("connected");
    for (kept, kind, words) in journals::refused() {
        let all = etcd_client::DeleteOptions::new().with_prefix();
        client
            .kv_client()
            .delete(world.key("steps/"), Some(all))
            .await
            .expect("gone");
        journal(&client, &world, &kept).await;
        let read = world.reader.release(&world.target, stores::release()).await;
        let failure = read.expect_err(words);
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.to_string().contains(words), "{words}: {failure}");
        if kind == FailureKind::Unsupported {
            let listed = world.reader.unreadable(&world.target, 10).await;
            let (id, why) = listed.expect("listed").remove(0);
            assert_eq!((id, why.kind), (stores::release(), kind), "{why}");
        }
    }
}

/// No decision depends on watchers and requests: unreadable values there are shown and stop
/// nothing.
#[tokio::test]
async fn unreadable_watchers_stop_nothing() {
    let world = World::shared();
    let client = Client::connect([crate::support::etcd()], None)
        .await
        .expect("connected");
    set(&client, world.key("handover"), b"\xff not for us").await;
    set(&client, world.key("watching/x"), b"{\"format\":99}").await;
    let record = world.reader.read(&world.target).await.expect("a record");
    assert_eq!(record.problems.len(), 2, "{:?}", record.problems);
    for key in record.problems.keys() {
        let key = StoredKey::of(&world.target, key);
        assert!(!key.stops_promote() && !key.is_drift(), "{key:?}");
    }
    assert!(record.watching.is_empty() && record.handover_request.is_none());
}
