//! The driver of a release is killed at every act of a task. The task runs exactly once, whichever driver finishes the
//! release.

use std::time::Instant;

use greenroom::history::Outcome;

use super::both_moments;
use super::stage::{SOON, Stage};
use super::trial::Course;
use crate::support::eventually;
use crate::support::middleman::{Moment, Passed, Point};

impl Stage {
    async fn with_a_task(&mut self) {
        let service = self.name();
        let task = format!(
            "\n[[services.{service}.tasks]]\nname = \"migrate\"\nat = \"before-start\"\n\
             command = [\"/bin/busybox\", \"sh\", \"-c\", \"echo up >> /data/ran; sleep 0.3\"]\n"
        );
        self.fixture.rebuild(|text| format!("{text}{task}")).await;
    }

    /// How often the task has run.
    fn ran(&self) -> usize {
        let file = self.fixture.place.path().join("data/ran");
        std::fs::read_to_string(file)
            .unwrap_or_default()
            .lines()
            .count()
    }

    pub(super) async fn killed_then_resumed(&mut self, point: &Point) {
        let (mut first, before) = Box::pin(self.begin(Course::Forward, Some(point))).await;
        let what = format!("killed {point}");
        self.until_stopped(&mut first, &what).await;
        first.kill();
        self.ledger.let_go(false);
        self.until_free().await;
        let (code, said) = self
            .run(&["resume", &self.name(), "production", "--yes"])
            .await;
        assert_eq!(code, Some(0), "{what}: {said}");
        let newest = self.newest().await;
        assert!(newest.id > before.newest.id, "{what}");
        assert!(
            matches!(newest.closed, Some((_, Outcome::Done))),
            "{what}: {newest:?}"
        );
    }
}

impl Stage {
    /// Another operator takes the release over while the start of the task is in transit. It arrives when the release
    /// has ended.
    async fn late_start_of_a_task(&mut self) {
        let point = Point {
            act: "start container".to_owned(),
            nth: 1,
            moment: Moment::Before,
        };
        let (mut first, _) = Box::pin(self.begin(Course::Forward, Some(&point))).await;
        self.until_stopped(&mut first, "the start of the task")
            .await;
        let mut second = self.resume(&["--take-over", "--reason", "its console hangs"]);
        assert_eq!(second.ended().await, Some(0), "{}", second.said());
        self.ledger.let_go(true);
        eventually("it is answered", SOON, || async {
            self.ledger.is_stopped()
        })
        .await;
        self.ledger.let_go(true);
        assert_eq!(first.ended().await, Some(3), "{}", first.said());
    }
}

/// How often a driver is killed, if that is more than once per point. By hand: `GREENROOM_TEST_TASK_KILLS=200`.
fn wanted_kills() -> usize {
    let wanted = std::env::var("GREENROOM_TEST_TASK_KILLS");
    wanted.map_or(0, |text| text.parse().expect("a number"))
}

/// The acts of the tasks before the start.
fn of_tasks(passed: &[Passed]) -> &[Passed] {
    let at = |act: &str| {
        passed
            .iter()
            .position(|it| it.act == act)
            .expect("the task ran")
    };
    &passed[at("intent before-start")..=at("outcome before-start")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_whose_driver_is_killed_at_any_act_runs_once() {
    let started = Instant::now();
    let mut stage = Stage::new().await;
    stage.with_a_task().await;
    let passed = stage.undisturbed(Course::Forward).await;
    let points = both_moments(of_tasks(&passed));
    assert!(points.len() >= 6, "{points:?}");
    let kills = wanted_kills().max(points.len());
    for (number, point) in points.iter().cycle().take(kills).enumerate() {
        stage.with_leftover().await;
        let before = stage.ran();
        stage.killed_then_resumed(point).await;
        assert_eq!(stage.ran(), before + 1, "kill {number}: killed {point}");
    }
    stage.with_leftover().await;
    let before = stage.ran();
    stage.late_start_of_a_task().await;
    assert_eq!(stage.ran(), before + 1, "a late start");
    println!(
        "killed {kills} times at {} points of a task in {:.0?}: it ran once per release",
        points.len(),
        started.elapsed()
    );
    let load = stage.close().await;
    load.assert_nothing_failed();
}
