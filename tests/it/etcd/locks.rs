//! Locks on a server that stops, and on a line that is cut.

use std::time::{Duration, Instant};

use greenroom::adapters::etcd::Options;
use greenroom::ports::{Acquired, LeaseState, Locks};

use super::server::{Carries, Line, Server};
use super::world::{World, lock};

#[tokio::test]
async fn a_lock_is_lost_at_two_thirds_of_its_lease_without_a_renewal() {
    let mut server = Server::start().await;
    let mut world = World::at(vec![server.endpoint()]);
    world.forgetful(Duration::from_secs(9));
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
    options.deadline = Duration::from_millis(800);
    let locks = world.reached(options).locks;
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
    assert!(failure.kind.may_be_temporary(), "{failure}");
}
