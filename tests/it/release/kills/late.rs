//! A driver that is slow and not dead: what it has sent is in transit while another operator takes
//! the release over and ends it, and arrives afterwards.

use super::stage::{SOON, Stage};
use super::trial::{Course, Ended};
use crate::support::eventually;
use crate::support::middleman::{Moment, Point};

impl Stage {
    /// Holds what the first driver sends at that point until the second has ended the release.
    async fn late_at(&mut self, act: &str) {
        let point = Point {
            act: act.to_owned(),
            nth: 1,
            moment: Moment::Before,
        };
        let (mut first, before) = Box::pin(self.begin(Course::Forward, Some(&point))).await;
        self.until_stopped(&mut first, act).await;
        let forced = ["--take-over", "--reason", "hers hangs"];
        let mut second = self.resume(&forced);
        let (code, said) = (second.ended().await, second.said());
        assert_eq!(code, Some(0), "late {act}: {said}");
        self.ledger.let_go(true);
        eventually("etcd has answered it", SOON, || async {
            self.ledger.is_stopped()
        })
        .await;
        self.ledger.let_go(true);
        let code = first.ended().await;
        let said = first.said();
        assert_eq!(code, Some(3), "late {act}: {said}");
        assert!(
            said.contains("the driver has stopped"),
            "late {act}: {said}"
        );
        let what = format!("late {act}");
        Box::pin(self.assert_right(&what, Course::Forward, Ended::Done, before)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_writes_of_a_former_driver_change_nothing() {
    let mut stage = Stage::new().await;
    let acts = [
        "intent start",
        "outcome verify",
        "register",
        "route",
        "outcome switch",
        "deregister",
        "close",
    ];
    for act in acts {
        stage.late_at(act).await;
    }
    let report = stage.close().await;
    println!("{} late writes: {report}", acts.len());
    super::super::nothing_was_noticed(&report);
}
