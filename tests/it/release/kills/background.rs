//! Releases of workers and schedulers are killed at every act. A scheduler writes down each of its beats, and two never run at
//! once.

use std::collections::BTreeMap;
use std::time::Instant;

use super::after_each;
use super::stage::Stage;
use super::trial::{Course, Ended, Second};
use crate::support::middleman::Point;

/// Writes the name of its run, again and again, until it is told to stop.
const BEATS: &str = "trap 'exit 0' TERM; run=$(cat /proc/sys/kernel/random/uuid); \
     while true; do echo $run >> /data/beats; sleep 0.02; done";

/// The configuration of a service that gets no requests.
fn in_background(kind: &str) -> impl Fn(&str, &str) -> String {
    move |text, name| {
        let (environments, service) = text.split_once("[services.").expect("a service");
        let line = |key: &str| {
            let mut lines = service.lines();
            let line = lines.find(|line| line.starts_with(key));
            line.expect("a line of the service").to_owned()
        };
        format!(
            "{environments}[services.{name}]\nkind = \"{kind}\"\n{}\n{}\nrestart = \"no\"\n\
             command = [\"/bin/busybox\", \"sh\", \"-c\", \"{BEATS}\"]\n\n\
             [services.{name}.environments.production]\n",
            line("image"),
            line("mounts"),
        )
    }
}

impl Stage {
    /// The number of runs. The beats of each must be next to each other.
    fn never_two_at_once(&self) -> usize {
        let file = self.fixture.place.path().join("data/beats");
        let beats = std::fs::read_to_string(file).expect("beats");
        let mut spans: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (at, run) in beats.lines().enumerate() {
            spans.entry(run).or_insert((at, at)).1 = at;
        }
        let mut in_order: Vec<_> = spans.into_values().collect();
        in_order.sort_unstable();
        for pair in in_order.windows(2) {
            assert!(pair[0].1 < pair[1].0, "two ran at once: {pair:?}");
        }
        in_order.len()
    }
}

/// Kills a release after each of its acts. Another one continues it or backs it out.
async fn killed_at_every_act(kind: &str) -> (Stage, usize) {
    let mut stage = Stage::of(in_background(kind)).await;
    let passed = stage.undisturbed(Course::Forward).await;
    let points: Vec<Point> = after_each(&passed);
    let seconds = [Second::Resumes, Second::BacksOut, Second::Forces];
    let mut backed_out = 0;
    for (point, second) in points.iter().zip(seconds.into_iter().cycle()) {
        let trial = Box::pin(stage.killed_at(Course::Forward, point, second)).await;
        backed_out += usize::from(trial.ended == Ended::BackedOut);
    }
    assert!(backed_out > 2, "{backed_out} of {}", points.len());
    (stage, points.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schedulers_never_run_at_once_wherever_a_release_is_killed() {
    let started = Instant::now();
    let (stage, points) = killed_at_every_act("scheduler").await;
    let runs = stage.never_two_at_once();
    println!(
        "killed at {points} points in {:.0?}: {runs} runs, never two",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_of_a_worker_that_is_killed_at_any_act_is_finished() {
    let started = Instant::now();
    let (_, points) = killed_at_every_act("worker").await;
    println!("killed at {points} points in {:.0?}", started.elapsed());
}
