//! Servers that stop, restart, lose a node or lose an answer during calls.

use std::time::{Duration, Instant};

use greenroom::adapters::etcd::Options;
use greenroom::inventory::Slot;
use greenroom::ports::{Acquired, FailureKind, Locks, RegistryReader, RegistryWriter};
use greenroom::store::{StoreWriter, StoredLocks};

use super::server::{Carries, Line, Server, Trap};
use super::world::{World, change, lock, registration};
use crate::support::{eventually, free_port};

#[tokio::test]
async fn no_call_fails_with_one_of_three_nodes_dead() {
    let mut servers = Server::three().await;
    let world = World::at(servers.iter().map(Server::endpoint).collect());
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    world.registered(Slot::Green, fence).await;
    world.registered(Slot::Blue, fence).await;
    let endpoints: Vec<String> = servers.iter().map(Server::endpoint).collect();
    for dead in &mut servers {
        dead.stop();
        // One call starts while the node is dead, and one had a connection to it.
        let fresh = World::at(endpoints.clone());
        fresh.reader.read(target).await.expect("read");
        for _ in 0..10 {
            let route = world.reader.read(target).await.expect("read").route;
            let from = route.map(|it| (it.value.generation, it.value.live));
            let to = from.map_or(Slot::Green, |(_, slot)| slot.other());
            let swap = change(from, to, fence.token);
            world
                .writer
                .swap_route(target, &swap, fence)
                .await
                .expect("switched");
        }
        dead.start_again().await;
        let healthy = World::at(vec![dead.endpoint()]);
        let healthy = &healthy;
        eventually("the node is back", Duration::from_secs(20), || async move {
            healthy.reader.read(&healthy.target).await.is_ok()
        })
        .await;
    }
}

#[tokio::test]
async fn a_stopped_server_is_unreachable_within_the_deadline() {
    let world = World::at(vec![format!("http://127.0.0.1:{}", free_port())]);
    let asked = Instant::now();
    let failure = world
        .reader
        .read(&world.target)
        .await
        .expect_err("no server there");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(failure.message.contains("refused"), "{failure}");
    let fence = greenroom::ports::Fence {
        token: greenroom::inventory::FencingToken(1),
    };
    let entry = registration(Slot::Blue, fence.token);
    let failure = world.writer.register(&world.target, &entry, &fence).await;
    assert_eq!(
        failure.expect_err("no server there").kind,
        FailureKind::Unreachable
    );
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn calls_work_again_when_their_server_is_back() {
    let mut server = Server::start().await;
    let world = World::at(vec![server.endpoint()]);
    world.reader.read(&world.target).await.expect("read");
    server.stop();
    world.reader.read(&world.target).await.expect_err("gone");
    server.start_again().await;
    let world = &world;
    eventually("it is back", Duration::from_secs(10), || async move {
        world.reader.read(&world.target).await.is_ok()
    })
    .await;
    let lease = world.locked().await;
    world.registered(Slot::Blue, &lease.fence).await;
}

/// An adapter behind a line, with the keys of another world.
async fn behind_a_line(server: &Server, world: &World) -> (Line, StoreWriter, StoredLocks) {
    let line = Line::to(server.port).await;
    let mut options = Options::new(vec![line.endpoint.clone()]);
    options.deadline = Duration::from_secs(2);
    let World { writer, locks, .. } = world.reached(options);
    (line, writer, locks)
}

#[tokio::test]
async fn an_interrupted_write_is_read_back_and_reported_truthfully() {
    let server = Server::start().await;
    let world = World::at(vec![server.endpoint()]);
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let (line, writer, _) = behind_a_line(&server, &world).await;
    world.registered(Slot::Blue, fence).await;
    world.registered(Slot::Green, fence).await;
    let mut from = None;
    for trap in [Trap::LoseAnswer, Trap::LoseRequest] {
        let swap = change(from, Slot::Blue, fence.token);
        line.trap(&swap.to.release.to_string(), trap);
        writer
            .swap_route(target, &swap, fence)
            .await
            .expect("there in the end");
        assert!(line.sprung());
        let route = world
            .reader
            .read(target)
            .await
            .expect("read")
            .route
            .expect("a route");
        assert_eq!(route.value, swap.to, "{trap:?}");
        from = Some((swap.to.generation, Slot::Blue));
    }
    let swap = change(from, Slot::Green, fence.token);
    line.trap(&swap.to.release.to_string(), Trap::LoseLine);
    let failure = writer
        .swap_route(target, &swap, fence)
        .await
        .expect_err("the outcome is unknown");
    assert_eq!(failure.kind, FailureKind::Ambiguous, "{failure}");
    let route = world
        .reader
        .read(target)
        .await
        .expect("read")
        .route
        .expect("a route");
    assert_eq!(route.value, swap.to, "it had arrived");

    // Nothing was sent at all, so the write certainly did nothing.
    line.set(Carries::Nothing);
    let failure = writer
        .deregister(target, Slot::Blue, fence)
        .await
        .expect_err("no line");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
}

#[tokio::test]
async fn a_lock_is_ours_after_an_interrupted_take() {
    let server = Server::start().await;
    let world = World::at(vec![server.endpoint()]);
    let (line, writer, locks) = behind_a_line(&server, &world).await;
    for (trap, console) in [(Trap::LoseAnswer, "one"), (Trap::LoseRequest, "other")] {
        line.trap(console, trap);
        let answer = locks.acquire(&world.target, &lock(console)).await;
        let Ok(Acquired::Held(lease)) = answer else {
            panic!("{trap:?}: {answer:?}");
        };
        assert!(line.sprung());
        let entry = registration(Slot::Blue, lease.fence.token);
        writer
            .register(&world.target, &entry, &lease.fence)
            .await
            .expect("under the lock");
        locks
            .release(&world.target, &lease.fence)
            .await
            .expect("given back");
    }
    line.trap("third", Trap::LoseLine);
    let failure = locks
        .acquire(&world.target, &lock("third"))
        .await
        .expect_err("the outcome is unknown");
    assert_eq!(failure.kind, FailureKind::Ambiguous, "{failure}");
    line.set(Carries::Nothing);
    line.set(Carries::All);
    let answer = locks.acquire(&world.target, &lock("third")).await;
    assert!(
        matches!(answer, Ok(Acquired::Held(_))),
        "adopted: {answer:?}"
    );
}

#[tokio::test]
async fn no_call_fails_with_one_of_three_nodes_frozen() {
    let servers = Server::three().await;
    let world = World::at(servers.iter().map(Server::endpoint).collect());
    let lease = world.locked().await;
    for frozen in &servers {
        frozen.freeze();
        let entry = world.registered(Slot::Blue, &lease.fence).await;
        let record = world.reader.read(&world.target).await;
        frozen.thaw();
        assert_eq!(
            record.expect("read").slots.blue.map(|it| it.value),
            Some(entry)
        );
    }
}

#[tokio::test]
async fn a_write_decided_on_outdated_data_changes_nothing() {
    let server = Server::start().await;
    let world = World::at(vec![server.endpoint()]);
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let (line, writer, _) = behind_a_line(&server, &world).await;
    world.registered(Slot::Blue, fence).await;
    world.registered(Slot::Green, fence).await;
    let held = async || {
        eventually("it is on the line", Duration::from_secs(2), || async {
            line.sprung()
        })
        .await;
    };

    // Another driver swaps the route meanwhile, under the same lock.
    let late = change(None, Slot::Blue, fence.token);
    let other = change(None, Slot::Green, fence.token);
    line.trap(&late.to.release.to_string(), Trap::Hold);
    let meanwhile = async {
        held().await;
        world
            .writer
            .swap_route(target, &other, fence)
            .await
            .expect("switched");
        line.set(Carries::All);
    };
    let (outcome, ()) = tokio::join!(writer.swap_route(target, &late, fence), meanwhile);
    assert_eq!(outcome.expect_err("too late").kind, FailureKind::Conflict);

    // The slot of the new route is deregistered meanwhile.
    let late = change(Some((1, Slot::Green)), Slot::Blue, fence.token);
    line.trap(&late.to.release.to_string(), Trap::Hold);
    let meanwhile = async {
        held().await;
        world
            .writer
            .deregister(target, Slot::Blue, fence)
            .await
            .expect("free");
        line.set(Carries::All);
    };
    let (outcome, ()) = tokio::join!(writer.swap_route(target, &late, fence), meanwhile);
    assert_eq!(outcome.expect_err("too late").kind, FailureKind::Conflict);

    // The lock changes its holder meanwhile.
    world.registered(Slot::Blue, fence).await;
    line.trap(&late.to.release.to_string(), Trap::Hold);
    let meanwhile = async {
        held().await;
        world
            .locks
            .release(target, fence)
            .await
            .expect("given back");
        world.locked_by("console-2").await;
        line.set(Carries::All);
    };
    let (outcome, ()) = tokio::join!(writer.swap_route(target, &late, fence), meanwhile);
    assert_eq!(outcome.expect_err("too late").kind, FailureKind::Fenced);
    let route = world
        .reader
        .read(target)
        .await
        .expect("read")
        .route
        .expect("a route");
    assert_eq!(route.value, other.to);
}
