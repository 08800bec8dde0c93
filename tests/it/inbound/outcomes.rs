//! What the sender is told when its push was stored, or was not.

use std::time::{Duration, Instant};

use greenroom::adapters::inbound::Limits;
use greenroom::ports::{Failure, FailureKind, Received, Result};
use reqwest::header::RETRY_AFTER;

use super::{World, answer, qa, status};
use crate::support::eventually;

fn away() -> Result<Received> {
    let message = "connection refused: s3cret-detail";
    Err(Failure::new(
        FailureKind::Unreachable,
        "etcd",
        "storing",
        message,
    ))
}

#[tokio::test]
async fn the_status_tells_whether_to_repeat_the_delivery() {
    let world = World::start().await;
    for (result, wanted, retries, word) in [
        (
            Ok(Received::Queued(vec![qa()])),
            200,
            false,
            "queued for web/qa",
        ),
        (
            Ok(Received::NotFollowed),
            202,
            false,
            "no environment follows this tag",
        ),
        (
            Ok(Received::UnknownRepository),
            202,
            false,
            "no service has this repository",
        ),
        (
            Ok(Received::Full(qa())),
            429,
            true,
            "the queue of web/qa is full",
        ),
        (away(), 503, true, "could not be stored"),
    ] {
        world.next(result);
        let request = world.signed("m1", "develop").send().await;
        let answered = request.expect("an answer");
        let retry_after = answered.headers().contains_key(RETRY_AFTER);
        let status = answered.status().as_u16();
        let text = answered.text().await.expect("a text");
        assert_eq!((status, retry_after), (wanted, retries), "{text}");
        assert!(text.contains(word), "{text}");
        assert!(!text.contains("s3cret-detail"), "{text}");
    }
    let counts = world.inbox.counts();
    let counted = [
        counts.queued,
        counts.not_followed,
        counts.unknown_repository,
        counts.full,
        counts.not_stored,
    ];
    assert_eq!(counted, [1; 5]);
}

#[tokio::test]
async fn a_repeated_delivery_is_the_same_push() {
    let world = World::start().await;
    world.next(away());
    assert_eq!(status(world.signed("m1", "develop")).await, 503);
    for _ in 0..3 {
        assert_eq!(status(world.signed("m1", "develop")).await, 200);
    }
    let mut ids = world.ids();
    assert_eq!(ids.len(), 3);
    ids.dedup();
    assert_eq!(ids.len(), 1);
    answer(world.signed("m2", "develop")).await;
    answer(world.signed("m1", "other")).await;
    let mut ids = world.ids();
    ids.sort();
    ids.dedup();
    assert_eq!(
        ids.len(),
        3,
        "another delivery and another tag are other pushes"
    );
}

#[tokio::test]
async fn a_push_is_answered_only_after_it_was_stored() {
    let world = World::start().await;
    let delay = Duration::from_millis(300);
    *world.receiver.delay.lock().expect("delay") = delay;
    let began = Instant::now();
    assert_eq!(status(world.signed("m1", "develop")).await, 200);
    assert!(began.elapsed() >= delay);
    assert_eq!(world.got().len(), 1);
}

#[tokio::test]
async fn a_push_is_stored_although_its_sender_hangs_up() {
    let world = World::start().await;
    *world.receiver.delay.lock().expect("delay") = Duration::from_millis(300);
    let impatient = world
        .signed("m1", "develop")
        .timeout(Duration::from_millis(100));
    assert!(impatient.send().await.expect_err("no answer").is_timeout());
    eventually("the push is stored", Duration::from_secs(10), || async {
        world.got().len() == 1
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_hangs_is_no_reason_to_wait_for_ever() {
    let world = World::within(Limits {
        receive: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    *world.receiver.delay.lock().expect("delay") = Duration::from_secs(2);
    assert_eq!(status(world.signed("m1", "develop")).await, 503);
    assert_eq!(world.inbox.counts().not_stored, 1);
}

#[tokio::test]
async fn a_sender_that_reports_too_often_is_told_when_to_try_again() {
    let world = World::within(Limits {
        per_second: 1,
        burst: 3,
        ..Limits::default()
    })
    .await;
    for id in ["m1", "m2", "m3"] {
        assert_eq!(status(world.signed(id, "develop")).await, 200);
    }
    let refused = world
        .signed("m4", "develop")
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()[RETRY_AFTER], "1");
    // Refused requests and other senders have their own limits.
    let forged = world.signed("m5", "develop").body(super::plain("other"));
    assert_eq!(status(forged).await, 401);
    let other = world.sign_as("gitlab-signed", "m6", &super::plain("develop"));
    assert_eq!(status(other).await, 200);
    assert_eq!(world.inbox.counts().too_many, 1);
    eventually("a permit", Duration::from_secs(10), || async {
        status(world.signed("m4", "develop")).await == 200
    })
    .await;
}

#[tokio::test]
async fn stop_closes_connections_after_the_grace_period() {
    let world = World::start().await;
    *world.receiver.delay.lock().expect("delay") = Duration::from_mins(1);
    let delivery = tokio::spawn(world.signed("m1", "develop").send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    world.inbox.stop(Duration::from_millis(200)).await;
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(
        delivery.await.expect("it ends").is_err(),
        "nothing is answered"
    );
}

#[tokio::test]
async fn stopping_answers_the_open_delivery() {
    let world = World::start().await;
    *world.receiver.delay.lock().expect("delay") = Duration::from_millis(500);
    let request = world.signed("m1", "develop");
    let delivery = tokio::spawn(status(request));
    let address = world.address();
    // The receiver has the push when its delay has begun; a connection that is open is enough here.
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.inbox.stop(Duration::from_secs(10)).await;
    assert_eq!(delivery.await.expect("it ends"), 200);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
