//! The real program is killed at every act, and another one takes over, on real servers and under
//! load. The acts are not listed here: an undisturbed release shows which acts exist, and then one
//! release is killed at each of them. So a new act is tested without a change here.

mod audit;
mod background;
mod late;
mod older;
mod repaired;
mod right;
mod secrets;
mod stage;
mod tasks;
mod trial;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::load::LoadReport;
use crate::support::middleman::{Moment, Passed, Point};
use stage::{LockEnd, Stage};
use trial::{Course, Ended, Second, Trial};

/// Number of releases that are killed at the same time, each in its own fixture.
const AT_ONCE: usize = 4;

/// A point of a course, and how the second operator continues.
type Tried = (Course, Point, Second);

/// The remaining trials.
#[derive(Default)]
struct Queue(Mutex<VecDeque<Tried>>);

impl Queue {
    fn next(&self) -> Option<Tried> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    }
}

/// The results of all trials.
#[derive(Default)]
struct Figures {
    trials: Vec<(Course, Trial)>,
    loads: Vec<LoadReport>,
}

/// Before and after each act. A record comes directly after another act: there, before the one
/// equals after the other. Only a switch does something in between, its rename.
fn both_moments(passed: &[Passed]) -> Vec<Point> {
    let mut points = all_moments(passed);
    let is_written = |act: &str| act.starts_with("intent") || act.starts_with("outcome");
    let follows = |act: &str| act == "close" || (is_written(act) && act != "outcome switch");
    points.retain(|point| point.moment == Moment::After || !follows(&point.act));
    points
}

fn all_moments(passed: &[Passed]) -> Vec<Point> {
    let mut points = Vec::new();
    for (index, act) in passed.iter().enumerate() {
        let same = |other: &&Passed| other.act == act.act;
        let nth = 1 + passed[..index].iter().filter(same).count();
        points.extend([Moment::Before, Moment::After].map(|moment| Point {
            act: act.act.clone(),
            nth,
            moment,
        }));
    }
    points
}

/// After each act. That equals before the next one when nothing happens in between.
fn after_each(passed: &[Passed]) -> Vec<Point> {
    let mut points = all_moments(passed);
    points.retain(|point| point.moment == Moment::After);
    points
}

/// After this act and after each later one.
fn after_each_from(passed: &[Passed], act: &str) -> Vec<Point> {
    let mut points = after_each(passed);
    let first = points.iter().position(|point| point.act == act);
    points.split_off(first.unwrap_or_else(|| panic!("{act} was never done: {passed:?}")))
}

/// The points of all courses, each with a second operator.
async fn points(stage: &mut Stage) -> Vec<Tried> {
    let mut tried: Vec<Tried> = Vec::new();
    let mut add = |course, points: Vec<Point>, seconds: &[Second]| {
        let seconds = seconds.iter().copied().cycle();
        tried.extend(
            points
                .into_iter()
                .zip(seconds)
                .map(|(point, second)| (course, point, second)),
        );
    };
    let passed = stage.undisturbed(Course::Forward).await;
    let all = [
        Second::Resumes,
        Second::Forces,
        Second::Resumes,
        Second::BacksOut,
        Second::Forces,
    ];
    add(Course::Forward, both_moments(&passed), &all);

    let passed = stage.undisturbed(Course::Failing).await;
    let points = after_each_from(&passed, "failure verify");
    add(Course::Failing, points, &[Second::Resumes, Second::Forces]);

    let passed = stage.undisturbed(Course::Back).await;
    let mut points = after_each(&passed);
    // The rename is between these two.
    points.push(Point {
        act: "outcome undo switch".to_owned(),
        nth: 1,
        moment: Moment::Before,
    });
    add(Course::Back, points, &[Second::Forces, Second::Resumes]);
    tried
}

async fn try_all(mut stage: Stage, queue: Arc<Queue>) -> (Vec<(Course, Trial)>, LoadReport) {
    let mut trials = Vec::new();
    while let Some((course, point, second)) = queue.next() {
        let killed = Box::pin(stage.killed_at(course, &point, second));
        trials.push((course, killed.await));
    }
    (trials, stage.close().await)
}

fn tell(figures: &mut Figures, took: Duration) {
    let requests: u64 = figures.loads.iter().map(|load| load.requests).sum();
    let failed: u64 = figures.loads.iter().map(|load| load.failed_count).sum();
    let reopened: u64 = figures.loads.iter().map(|load| load.reopened).sum();
    let tried = figures.trials.len();
    println!(
        "killed at {tried} points in {took:.0?}: {failed} of {requests} requests failed, {reopened} reopened"
    );
    for course in [
        Course::Forward,
        Course::Failing,
        Course::Back,
        Course::Installing,
    ] {
        let of = figures.trials.iter().filter(|(of, _)| *of == course);
        let ended: Vec<Ended> = of.map(|(_, trial)| trial.ended).collect();
        let count = |wanted: Ended| ended.iter().filter(|ended| **ended == wanted).count();
        if !ended.is_empty() {
            println!(
                "  {course:?}: {} points; {} done, {} backed out",
                ended.len(),
                count(Ended::Done),
                count(Ended::BackedOut)
            );
        }
    }
    for (words, end) in [
        ("after the lease", LockEnd::Expired),
        ("by force", LockEnd::Forced),
    ] {
        let mut times: Vec<Duration> = figures
            .trials
            .iter()
            .filter_map(|(_, trial)| trial.in_control)
            .filter(|(of, _)| *of == end)
            .map(|(_, time)| time)
            .collect();
        times.sort();
        if let (Some(worst), Some(median)) = (times.last(), times.get(times.len() / 2)) {
            println!(
                "  from the kill to the lock of the second, {words}: median {median:.1?}, worst {worst:.1?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_killed_at_any_act_is_finished_without_a_failed_request() {
    let started = Instant::now();
    let mut first = Stage::new().await;
    first.waits_for_expiry = true;
    let queue = Arc::new(Queue(Mutex::new(points(&mut first).await.into())));
    let mut stages = vec![first];
    stages.extend(join_all((1..AT_ONCE).map(|_| Stage::new())).await);
    let tasks: Vec<_> = stages
        .into_iter()
        .map(|stage| tokio::spawn(try_all(stage, Arc::clone(&queue))))
        .collect();
    let mut figures = Figures::default();
    for task in tasks {
        let (trials, load) = task.await.expect("a stage");
        figures.trials.extend(trials);
        figures.loads.push(load);
    }
    tell(&mut figures, started.elapsed());
    for load in &figures.loads {
        super::nothing_was_noticed(load);
    }
}

/// An installation reloads nginx, which may close idle connections; no request may fail because of
/// that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_killed_while_installing_is_finished_without_a_failed_request() {
    let started = Instant::now();
    let mut stage = Stage::new().await;
    let passed = stage.undisturbed(Course::Installing).await;
    let points = all_moments(&passed);
    let points: Vec<Point> = points
        .into_iter()
        .filter(|point| point.act.ends_with("install"))
        .collect();
    assert_eq!(points.len(), 4, "an intent and an outcome: {passed:?}");
    let queue = Arc::new(Queue::default());
    for (point, second) in points
        .into_iter()
        .zip([Second::Resumes, Second::Forces].into_iter().cycle())
    {
        let mut queue = queue.0.lock().expect("no panic");
        queue.push_back((Course::Installing, point, second));
    }
    let (trials, load) = Box::pin(try_all(stage, queue)).await;
    load.assert_nothing_failed();
    let mut figures = Figures {
        trials,
        loads: vec![load],
    };
    tell(&mut figures, started.elapsed());
}
