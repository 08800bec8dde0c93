//! Watching: changes arrive at once, also after an interruption.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use greenroom::inventory::Slot;
use greenroom::ports::{Hint, RegistryReader, RegistryWriter, Result};

use super::server::{Carries, Line, Server};
use super::world::{World, etcdctl};

async fn next(changes: &mut BoxStream<'static, Result<Hint>>) -> Result<Hint> {
    tokio::time::timeout(Duration::from_secs(10), changes.next())
        .await
        .expect("an item arrives")
        .expect("the stream continues")
}

/// The next hint; errors before it are accepted.
async fn hint(changes: &mut BoxStream<'static, Result<Hint>>) {
    while next(changes).await.is_err() {}
}

#[tokio::test]
async fn a_change_is_reported_within_50_milliseconds() {
    let world = World::shared();
    let lease = world.locked().await;
    let mut changes = world.reader.changes().await.expect("a watch");
    let mut best = Duration::MAX;
    for _ in 0..5 {
        world.registered(Slot::Blue, &lease.fence).await;
        let written = Instant::now();
        let hint = next(&mut changes).await.expect("a hint");
        best = best.min(written.elapsed());
        // The hint names its target, so only that target is read.
        assert_eq!(hint, Hint::Target(world.target.clone()));
        let gone = world
            .writer
            .deregister(&world.target, Slot::Blue, &lease.fence);
        gone.await.expect("deregistered");
        next(&mut changes).await.expect("a hint");
    }
    assert!(best < Duration::from_millis(50), "{best:?}");
}

#[tokio::test]
async fn a_watch_survives_a_restart_of_its_server() {
    let mut server = Server::start().await;
    let world = World::at(vec![server.endpoint()]);
    let mut changes = world.reader.changes().await.expect("a watch");
    server.stop();
    assert!(next(&mut changes).await.is_err(), "not reported");
    server.start_again().await;
    next(&mut changes).await.expect("reported again");
    world.locked().await;
    next(&mut changes).await.expect("a change");
}

#[tokio::test]
async fn a_watch_survives_compaction_of_missed_changes() {
    let server = Server::start().await;
    let line = Line::to(server.port).await;
    let world = World::at(vec![line.endpoint.clone()]);
    let mut changes = world.reader.changes().await.expect("a watch");
    let direct = server.endpoint();
    let put = |value: &str| etcdctl(&direct, &["put", &world.key("notes"), value]);
    put("1");
    next(&mut changes).await.expect("a hint");
    line.set(Carries::Nothing);
    assert!(next(&mut changes).await.is_err(), "not reported");
    for value in ["2", "3", "4"] {
        put(value);
    }
    let record = World::at(vec![server.endpoint()])
        .reader
        .read(&world.target)
        .await;
    let revision = record.expect("read").revision.to_string();
    etcdctl(&direct, &["compact", &revision]);
    line.set(Carries::All);
    hint(&mut changes).await;
    // The watch must continue: a watch that requests compacted revisions would be refused again and
    // again.
    let quiet = Duration::from_millis(500);
    while let Ok(item) = tokio::time::timeout(quiet, changes.next()).await {
        item.expect("the stream continues").expect("still reported");
    }
    put("5");
    next(&mut changes).await.expect("a hint");
}

#[tokio::test]
async fn a_watch_moves_to_another_node() {
    let mut servers = Server::three().await;
    let world = World::at(servers.iter().map(Server::endpoint).collect());
    let mut changes = world.reader.changes().await.expect("a watch");
    servers[0].stop();
    let lease = world.locked().await;
    hint(&mut changes).await;
    world.registered(Slot::Blue, &lease.fence).await;
    hint(&mut changes).await;
}
