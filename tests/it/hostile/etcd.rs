//! A cluster that others write to as well.

use etcd_client::Client;
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
fn what_stands_in_a_cluster_is_what_it_says_or_refused() {
    let runtime = waiting();
    let _entered = runtime.enter();
    let world = World::shared();
    let client = runtime
        .block_on(Client::connect([crate::support::etcd()], None))
        .expect("connected");
    // The lock is held by somebody else, with a lease of its own.
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
            let record = world
                .reader
                .read(&world.target)
                .await
                .expect("one key hides no other");
            prop_assert!(record.lock.is_some(), "the lock is still seen");
            stores::judge_key(&key, &stored.0, &record);
            stores::judge_lines(&world.reader.keys(&world.target).await.expect("listed"));
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
                .newest(std::slice::from_ref(target))
                .await
                .expect("read");
            let newest = newest.remove(target).expect("there is one");
            let listed = world.reader.releases(target, 10).await;
            match (newest, listed) {
                (Ok(head), Ok(listed)) => prop_assert_eq!(vec![head], listed),
                // What is no record at all hides no other; what a newer one wrote is never left out.
                (Err(one), Ok(listed)) => {
                    prop_assert_eq!(one.kind, FailureKind::Garbled);
                    prop_assert_eq!(listed, vec![]);
                }
                (Err(one), Err(all)) => prop_assert_eq!(one.kind, all.kind),
                (one, all) => prop_assert!(false, "{:?}, but {:?}", one, all),
            }
            Ok(())
        })
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_a_list_is_not_silent_about_what_is_newer() {
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
            let listed = world
                .reader
                .releases(&world.target, 10)
                .await
                .expect_err(words);
            assert_eq!(listed.kind, kind, "{listed}");
        }
    }
}

/// Nothing is decided by who looks on and who asks: what nobody can read there is in nobody's way.
#[tokio::test]
async fn what_is_unreadable_about_watchers_stands_in_nobodys_way() {
    let world = World::shared();
    let client = Client::connect([crate::support::etcd()], None)
        .await
        .expect("connected");
    set(&client, world.key("wheel"), b"\xff not for us").await;
    set(&client, world.key("watching/x"), b"{\"format\":99}").await;
    let record = world.reader.read(&world.target).await.expect("a record");
    assert!(record.problems.is_empty(), "{:?}", record.problems);
    assert!(record.watching.is_empty() && record.wheel.is_none());
}
