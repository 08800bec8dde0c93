//! A release that was killed between the route and the rename of its switch, and then left: a repair finishes the switch.

use super::stage::Stage;
use super::trial::Course;
use crate::support::middleman::{Moment, Point};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_that_was_left_half_done_is_finished_by_a_repair() {
    let mut stage = Stage::new().await;
    let point = Point {
        act: "route".to_owned(),
        nth: 1,
        moment: Moment::After,
    };
    let (mut first, before) = Box::pin(stage.begin(Course::Forward, Some(&point))).await;
    stage.until_stopped(&mut first, "the route").await;
    first.kill();
    stage.ledger.let_go(false);

    let leave = ["--leave", "--take-over", "--reason", "she went home"];
    let mut leaving = stage.resume(&leave);
    assert_eq!(leaving.ended().await, Some(3), "{}", leaving.said());
    // The store routes to the new version, and nginx still sends all requests to the old one.
    let (live, _) = before.live;
    let snapshot = stage.snapshot().await;
    let routed = snapshot.route.as_ref().map(|route| route.value.live);
    let pointed = snapshot.edges.slot();
    assert_eq!((routed, pointed), (Some(live.other()), Some(live)));

    let name = stage.name();
    let (code, message) = stage.run(&["repair", &name, "production", "--yes"]).await;
    assert_eq!(code, Some(0), "{message}");
    let pointing = format!("point the proxy at {}", live.other());
    assert!(message.contains(&pointing), "{message}");
    let snapshot = stage.snapshot().await;
    assert_eq!(snapshot.live(), Some(live.other()));
    let version = snapshot
        .live_instance()
        .map(|it| it.version_name().to_owned());
    assert_eq!(version, Some(before.tag));
    let report = stage.close().await;
    super::super::nothing_was_noticed(&report);
}
