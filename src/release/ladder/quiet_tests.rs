//! Tests of the step that tells the old version of a worker to take no more jobs.

use std::time::Duration;

use jiff::Timestamp;

use super::edges_tests::{judged_after, judged_in};
use super::guard_tests::{after_the_switch, before_the_switch, observed, refusal, verdict};
use super::workers_tests::{of_worker, plan_of_worker};
use super::{AfterFailure, Course, Judgement, Stage, Verdict};
use crate::history::{Direction, Step};
use crate::inventory::{InstanceState, JobCount, Quiet, QuietBy, QuietSignal, Slot};
use crate::release::action::{Action, ActionErrorKind};
use crate::release::{Observation, Plan};

const QUIET: (Direction, Step) = (Direction::Forward, Step::Quiet);
const TIMEOUT: Duration = Duration::from_mins(5);

fn quieted() -> Plan {
    let mut plan = plan_of_worker();
    plan.definition.quiet = Some(Quiet {
        by: QuietBy::Signal(QuietSignal::TerminalStop),
        jobs: Some(vec!["jobs".into()]),
        timeout: TIMEOUT,
    });
    plan
}

/// The judgement with this number of jobs, after this part of the time has passed.
fn judged(jobs: JobCount, time: Duration) -> Judgement {
    let mut observation = observed(of_worker(after_the_switch()));
    observation.jobs = Some(jobs);
    judged_after(QUIET, &quieted(), &observation, (time, None)).0
}

#[test]
fn the_old_slot_is_deregistered_before_its_members_are_quieted() {
    let found = verdict(QUIET, &quieted(), of_worker(after_the_switch()));
    let Verdict::Act(actions) = found else {
        panic!("nothing is done: {found:?}");
    };
    assert!(
        matches!(
            &actions[..],
            [
                Action::Deregister(Slot::Blue),
                Action::Quiet {
                    slot: Slot::Blue,
                    ..
                }
            ]
        ),
        "{actions:?}"
    );
}

#[test]
fn only_the_old_version_is_quieted() {
    let why = refusal(verdict(QUIET, &quieted(), of_worker(before_the_switch())));
    assert_eq!(why, "blue is live: the route names it");
    let mut stopped = of_worker(after_the_switch());
    for member in &mut stopped.slots.blue.members {
        member.state = InstanceState::Exited { code: Some(0) };
    }
    let found = verdict(QUIET, &quieted(), stopped);
    assert_eq!(found, Verdict::Already("blue is not running".into()));
}

#[test]
fn quiet_ends_when_no_job_is_left() {
    let none = judged(JobCount::Left(0), Duration::ZERO);
    assert_eq!(none, Judgement::True("no job is left".into()));
    let one = judged(JobCount::Left(1), Duration::ZERO);
    assert_eq!(one, Judgement::Moving("1 job is left".into()));
    let unknown = JobCount::Uncounted("no answer".into());
    let unknown = judged(unknown, Duration::ZERO);
    assert_eq!(unknown, Judgement::Moving("no answer".into()));
}

#[test]
fn quiet_ends_when_its_time_is_over_and_says_what_is_left() {
    let left = judged(JobCount::Left(7), TIMEOUT);
    assert_eq!(
        left,
        Judgement::True("7 jobs are left and may be cut".into())
    );
    let unknown = judged(JobCount::Uncounted("no answer".into()), TIMEOUT);
    assert_eq!(unknown, Judgement::True("waited 5m; no answer".into()));
}

#[test]
fn quiet_ends_when_all_members_have_exited() {
    let mut observation: Observation = observed(of_worker(after_the_switch()));
    for member in &mut observation.instances.as_mut().expect("members").blue {
        member.state = InstanceState::Exited { code: Some(0) };
    }
    observation.jobs = Some(JobCount::Uncounted("not running".into()));
    let none = (Duration::ZERO, None);
    let (judgement, _) = judged_after(QUIET, &quieted(), &observation, none);
    assert_eq!(judgement, Judgement::True("blue has exited".into()));
}

/// A member that did not get its signal takes jobs, also while it has none.
#[test]
fn a_failed_signal_is_sent_again() {
    let mut observation = observed(of_worker(after_the_switch()));
    observation.jobs = Some(JobCount::Left(0));
    let failed = (Duration::ZERO, Some(ActionErrorKind::Temporary));
    let (judgement, _) = judged_after(QUIET, &quieted(), &observation, failed);
    assert!(matches!(judgement, Judgement::NotYet(_)), "{judgement:?}");
    let stage = Stage::forward(Step::Quiet);
    assert_eq!(stage.after_failure(0), AfterFailure::StaysLive);
}

/// The runtime restarts a member that exits after its last job.
#[test]
fn a_member_that_was_started_again_is_told_again() {
    let mut observation = observed(of_worker(after_the_switch()));
    observation.jobs = Some(JobCount::Left(3));
    let mut course = Course::new(Timestamp::UNIX_EPOCH);
    let mut judge =
        |observation: &Observation| judged_in(&mut course, QUIET, &quieted(), observation);
    assert!(matches!(judge(&observation), Judgement::Moving(_)));
    for member in &mut observation.instances.as_mut().expect("members").blue {
        member.restarts += 1;
    }
    assert!(matches!(judge(&observation), Judgement::Again(_)));
    assert!(matches!(judge(&observation), Judgement::Moving(_)));
    for member in &mut observation.instances.as_mut().expect("members").blue {
        member.state = InstanceState::Restarting;
    }
    observation.jobs = Some(JobCount::Left(0));
    assert!(matches!(judge(&observation), Judgement::Moving(_)));
}
