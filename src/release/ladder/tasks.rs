//! *before-start*, *before-switch*, *after-switch* and *after-stop*: the tasks of this point run, one after the other. A
//! task is a command in a container of the new version, for example a database migration.
//!
//! - Act: for each task, first its container is created. Then the intent to start it is recorded, and it is started.
//! - Done when every required task has exited with 0. The exit code is read from the container, also by another driver.
//! - Undone by: the undo command of each task that ran, the last task first. Each also runs in a container of its own.
//!
//! A command runs at most once per release (interlock 11). The name of its container contains the release, so the
//! runtime creates it once. A container that was created, but not started, is replaced if an earlier driver created it, or
//! if its start was requested before: a late request then finds nothing to start. A release that backs out replaces it
//! by a container that is never started, so that the command does not run afterwards. If the intent to start a command is recorded, but its container is gone,
//! it is not known whether the command has run. Then an operator decides.

use std::time::Duration;

use jiff::Timestamp;

use super::candidate::exit_words;
use super::{
    AfterFailure, Course, Evidence, Judgement, Property, Situation, StageDefinition,
    StepDefinition, StepSummary, Verdict,
};
use crate::history::ReleaseKind;
use crate::history::Step;
use crate::inventory::{Exit, Task, TaskCall, TaskPoint, TaskRun, Unstarted};
use crate::release::describe::duration;
use crate::release::retry::READ_BACK;
use crate::release::time::elapsed;
use crate::release::{Action, Ask, Draft, Plan, ProxyWords, TaskOrder, Timing};

/// The pauses between two observations of a running command.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The tasks of one point of the ladder.
pub(super) struct Tasks(pub(super) TaskPoint);

/// The undo commands of these tasks.
struct Undo(TaskPoint);

/// The tasks of a plan that run at a point.
fn tasks(plan: &Plan, at: TaskPoint) -> impl DoubleEndedIterator<Item = &Task> {
    plan.definition
        .tasks
        .iter()
        .filter(move |task| task.at == at)
}

/// The step that runs the tasks of a point.
fn step(at: TaskPoint) -> Step {
    match at {
        TaskPoint::BeforeStart => Step::BeforeStart,
        TaskPoint::BeforeSwitch => Step::BeforeSwitch,
        TaskPoint::AfterSwitch => Step::AfterSwitch,
        TaskPoint::AfterStop => Step::AfterStop,
    }
}

/// What is known about one command.
enum Known<'a> {
    /// It has not run.
    Waits {
        is_created: bool,
    },
    Runs(&'a TaskRun),
    Ended(Exit),
    /// Its intent is recorded, but its container is gone.
    Gone,
}

fn known<'a>(situation: &Situation<'a>, runs: &'a [TaskRun], call: &TaskCall) -> Known<'a> {
    let Some(run) = runs.iter().find(|run| run.call == *call) else {
        return if situation.begun.contains(call) {
            Known::Gone
        } else {
            Known::Waits { is_created: false }
        };
    };
    match run.exit {
        Some(exit) if run.has_ended() => Known::Ended(exit),
        _ if run.is_unstarted() => Known::Waits { is_created: true },
        _ => Known::Runs(run),
    }
}

fn unseen(situation: &Situation<'_>) -> String {
    format!(
        "the tasks cannot be observed: {}",
        situation.observation.why_blind()
    )
}

fn gone(plan: &Plan, call: &TaskCall) -> String {
    format!(
        "it is not known whether {call} has run, because its container {} is gone: find out what it has changed. It is not run again",
        call.container_name(plan.target(), plan.release)
    )
}

/// The actions that bring a command that has not run one step further.
fn advance(situation: &Situation<'_>, call: &TaskCall, is_created: bool) -> Vec<Action> {
    let unstarted = if situation.begun.contains(call) {
        Unstarted::Replaced
    } else {
        Unstarted::Kept
    };
    let order = || order(situation.plan, call, unstarted);
    let mut actions = vec![Action::CreateTask(order())];
    if is_created {
        actions.push(Action::StartTask(order()));
    }
    actions
}

fn order(plan: &Plan, call: &TaskCall, unstarted: Unstarted) -> Box<TaskOrder> {
    Box::new(TaskOrder {
        call: call.clone(),
        version: plan.version.clone(),
        release: plan.release,
        unstarted,
    })
}

/// What the guard does about a command; none if it has ended.
fn guard(situation: &Situation<'_>, runs: &[TaskRun], call: &TaskCall) -> Option<Verdict> {
    match known(situation, runs, call) {
        Known::Waits { is_created } => Some(Verdict::Act(advance(situation, call, is_created))),
        Known::Runs(_) => Some(Verdict::Nothing),
        Known::Gone => Some(Verdict::Refuse(gone(situation.plan, call))),
        Known::Ended(_) => None,
    }
}

/// Judges a command; none if it has ended as wanted. A command that is not required may fail.
fn judge(
    situation: &Situation<'_>,
    (runs, call): (&[TaskRun], &TaskCall),
    task: &Task,
    course: &Course,
) -> Option<Judgement> {
    match known(situation, runs, call) {
        Known::Waits { is_created: true } if situation.begun.contains(call) => {
            Some(Judgement::NotYet(format!("{call} is not started yet")))
        }
        Known::Waits { .. } => Some(Judgement::Next(format!("{call} is next"))),
        Known::Runs(_) => {
            let time = elapsed(course.since, situation.now);
            Some(if time < task.timeout {
                Judgement::Moving(format!(
                    "{call} runs for {} of at most {}",
                    duration(time),
                    duration(task.timeout)
                ))
            } else {
                Judgement::Never(format!(
                    "{call} has not ended within {} and still runs: retry waits for it, backing out stops it",
                    duration(task.timeout)
                ))
            })
        }
        Known::Gone => Some(Judgement::Never(gone(situation.plan, call))),
        Known::Ended(exit) if exit.code == Some(0) || !task.required => None,
        Known::Ended(exit) => {
            let words = exit_words(exit, situation.plan.definition.instance.memory);
            Some(Judgement::Never(format!(
                "{call} failed: {words}. Its container {} has its output",
                call.container_name(situation.plan.target(), situation.plan.release)
            )))
        }
    }
}

/// The command whose start the actions begin.
fn started(verdict: &Verdict) -> Option<TaskCall> {
    let Verdict::Act(actions) = verdict else {
        return None;
    };
    actions.iter().find_map(|action| match action {
        Action::StartTask(order) => Some(order.call.clone()),
        _ => None,
    })
}

fn ask() -> Ask {
    Ask {
        tasks: true,
        ..Ask::default()
    }
}

/// The pause is short at first, and then grows with the time.
fn pause(course: &Course, now: Timestamp) -> Duration {
    (elapsed(course.since, now) / 10).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

impl StageDefinition for Tasks {
    fn ask_before(&self, _plan: &Plan) -> Ask {
        ask()
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let Some(runs) = &situation.observation.tasks else {
            return Verdict::Wait(unseen(situation));
        };
        tasks(situation.plan, self.0)
            .find_map(|task| guard(situation, runs, &TaskCall::forward(&task.name)))
            .unwrap_or(Verdict::Nothing)
    }

    fn evidence(&self, situation: &Situation<'_>) -> Evidence {
        Evidence {
            task: started(&self.guard(situation)),
            ..Evidence::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        let Some(runs) = &situation.observation.tasks else {
            return Judgement::blind(situation.observation);
        };
        let mut failed = Vec::new();
        for task in tasks(situation.plan, self.0) {
            let call = TaskCall::forward(&task.name);
            if let Some(judgement) = judge(situation, (runs, &call), task, course) {
                return judgement;
            }
            if let Known::Ended(exit) = known(situation, runs, &call)
                && exit.code != Some(0)
            {
                let words = exit_words(exit, situation.plan.definition.instance.memory);
                failed.push(format!("{call}, which is not required, failed: {words}"));
            }
        }
        Judgement::True(failed.join("; "))
    }

    fn pause(&self, _plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        pause(course, now)
    }
}

impl StepDefinition for Tasks {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: match self.0 {
                TaskPoint::BeforeStart => "run the tasks before the candidate is started",
                TaskPoint::BeforeSwitch => "run the tasks before the traffic moves",
                TaskPoint::AfterSwitch => "run the tasks after the traffic has moved",
                TaskPoint::AfterStop => "run the tasks after the old version was stopped",
            },
            done_when: "every required task has exited with 0",
        }
    }

    /// A rollback runs no task: the tasks of the older version have run before.
    fn is_needed(&self, draft: &Draft) -> bool {
        let plan = &draft.plan;
        plan.kind == ReleaseKind::Promote && tasks(plan, self.0).next().is_some()
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        let call = |task: &Task| {
            let weight = if task.required { "" } else { ", not required" };
            format!(
                "{}: run {} once in a container of {}, for at most {}{weight}",
                task.name,
                command_words(&task.command),
                plan.version.pinned(),
                duration(task.timeout)
            )
        };
        tasks(plan, self.0).map(call).collect()
    }

    /// A task without an undo command is named, too: the way back must not promise a schema back.
    fn undo_words(&self, plan: &Plan) -> String {
        let words = |task: &Task| match &task.undo {
            Some(undo) => format!("{} is undone by {}", task.name, command_words(undo)),
            None => format!("{} is not undone", task.name),
        };
        let words: Vec<String> = tasks(plan, self.0).rev().map(words).collect();
        words.join("; ")
    }

    fn undo(&self) -> &'static dyn StageDefinition {
        match self.0 {
            TaskPoint::BeforeStart => &Undo(TaskPoint::BeforeStart),
            TaskPoint::BeforeSwitch => &Undo(TaskPoint::BeforeSwitch),
            TaskPoint::AfterSwitch => &Undo(TaskPoint::AfterSwitch),
            TaskPoint::AfterStop => &Undo(TaskPoint::AfterStop),
        }
    }

    fn is_undone_by_back(&self, plan: &Plan) -> bool {
        tasks(plan, self.0).all(|task| task.undo.is_some())
    }

    fn properties(&self) -> &'static [Property] {
        &[Property::RunsTasks]
    }

    fn after_failure(&self, _bad_in_a_row: u32) -> AfterFailure {
        match self.0 {
            TaskPoint::AfterStop => AfterFailure::StaysLive,
            _ => AfterFailure::AsConfigured,
        }
    }
}

/// A command as a person would type it.
fn command_words(command: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let word = |text: &String| {
        if !text.is_empty() && text.chars().all(is_plain) {
            text.clone()
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    let words: Vec<String> = command.iter().map(word).collect();
    format!("`{}`", words.join(" "))
}

impl Undo {
    /// The commands to run, the last task first. A task that has not run is not undone.
    fn calls<'a>(&self, situation: &Situation<'a>, runs: &[TaskRun]) -> Vec<(&'a Task, TaskCall)> {
        let has_run = |task: &&Task| {
            let forward = TaskCall::forward(&task.name);
            !matches!(known(situation, runs, &forward), Known::Waits { .. })
        };
        tasks(situation.plan, self.0)
            .rev()
            .filter(|task| task.undo.is_some())
            .filter(has_run)
            .map(|task| (task, TaskCall::undo(&task.name)))
            .collect()
    }

    /// Why it is not known whether a task with an undo has run; none if it is known of all. After the step was done,
    /// its tasks have run, also without their containers.
    fn unknown(&self, situation: &Situation<'_>, runs: &[TaskRun]) -> Option<String> {
        if situation.passed.contains(&step(self.0)) {
            return None;
        }
        tasks(situation.plan, self.0)
            .filter(|task| task.undo.is_some())
            .map(|task| TaskCall::forward(&task.name))
            .find(|call| matches!(known(situation, runs, call), Known::Gone))
            .map(|call| gone(situation.plan, &call))
    }

    /// The commands whose start was requested and may still arrive. Their containers are withdrawn.
    fn unsettled(&self, situation: &Situation<'_>, runs: &[TaskRun]) -> Vec<TaskCall> {
        let is_withdrawn = |call: &TaskCall| {
            let mut runs = runs.iter().filter(|run| run.call == *call);
            runs.any(|run| run.is_withdrawn)
        };
        tasks(situation.plan, self.0)
            .map(|task| TaskCall::forward(&task.name))
            .filter(|call| matches!(known(situation, runs, call), Known::Waits { .. }))
            .filter(|call| situation.begun.contains(call) && !is_withdrawn(call))
            .collect()
    }

    /// The tasks that still run. They are stopped before anything is undone.
    fn running<'a>(&self, situation: &Situation<'a>, runs: &'a [TaskRun]) -> Vec<&'a TaskRun> {
        tasks(situation.plan, self.0)
            .filter_map(
                |task| match known(situation, runs, &TaskCall::forward(&task.name)) {
                    Known::Runs(run) => Some(run),
                    _ => None,
                },
            )
            .collect()
    }
}

impl StageDefinition for Undo {
    fn ask_before(&self, _plan: &Plan) -> Ask {
        ask()
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let Some(runs) = &situation.observation.tasks else {
            return Verdict::Wait(unseen(situation));
        };
        let stop = |run: &TaskRun| Action::StopTask(run.id.clone());
        let withdraw =
            |call: TaskCall| Action::CreateTask(order(situation.plan, &call, Unstarted::Withdrawn));
        let running = self.running(situation, runs).into_iter().map(stop);
        let unsettled = self.unsettled(situation, runs).into_iter().map(withdraw);
        let actions: Vec<Action> = running.chain(unsettled).collect();
        if !actions.is_empty() {
            return Verdict::Act(actions);
        }
        if let Some(why) = self.unknown(situation, runs) {
            return Verdict::Refuse(why);
        }
        let calls = self.calls(situation, runs);
        if calls.is_empty() {
            return Verdict::Already("no task has to be undone".to_owned());
        }
        calls
            .iter()
            .find_map(|(_, call)| guard(situation, runs, call))
            .unwrap_or(Verdict::Nothing)
    }

    fn evidence(&self, situation: &Situation<'_>) -> Evidence {
        Evidence {
            task: started(&self.guard(situation)),
            ..Evidence::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        let Some(runs) = &situation.observation.tasks else {
            return Judgement::blind(situation.observation);
        };
        if let Some(run) = self.running(situation, runs).first() {
            return Judgement::NotYet(format!("{} still runs", run.call));
        }
        if let Some(call) = self.unsettled(situation, runs).first() {
            return Judgement::NotYet(format!("{call} may still be started"));
        }
        if let Some(why) = self.unknown(situation, runs) {
            return Judgement::Never(why);
        }
        self.calls(situation, runs)
            .iter()
            .find_map(|(task, call)| judge(situation, (runs, call), task, course))
            .unwrap_or_else(Judgement::reached)
    }

    fn time_limit(&self, timing: &Timing) -> Duration {
        timing.stop_grace + READ_BACK
    }

    fn pause(&self, _plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        pause(course, now)
    }
}
