//! *before-start*, *before-switch*, *after-switch* and *after-stop*: the tasks of this point run, one after the other.
//! A task is a command in a container of the new version, for example a database migration.
//!
//! - Act: for each task, first its container is created. Then the intent to start it is recorded, and it is started.
//! - Done when every required task has exited with 0. The exit code is read from the container, also by another driver.
//! - Undone by: the undo command of each task that ran, the last task first. Each also runs in a container of its own.
//!
//! A command runs at most once per release (interlock 11). The name of its container contains the release, so the
//! runtime creates it once. A container that was created, but not started, is replaced if an earlier driver created it,
//! or if its start was requested before: a late request then finds nothing to start. A release that backs out replaces
//! it by a container that is never started. If the intent to start a command is recorded, but its container is gone, it
//! is not known whether the command has run. Then the step fails, and the message says what is not known.

use std::time::Duration;

use jiff::Timestamp;

use super::candidate::exit_words;
use super::{
    AfterFailure, Course, Evidence, Judgement, Property, Situation, StageDefinition,
    StepDefinition, StepSummary, Verdict,
};
use crate::history::{ReleaseKind, Step};
use crate::inventory::{Exit, RuntimeKind, Task, TaskCall, TaskPoint, TaskRun, Unstarted};
use crate::release::describe::duration;
use crate::release::retry::READ_BACK;
use crate::release::time::elapsed;
use crate::release::{Action, Ask, Draft, Limit, Plan, ProxyWords, TaskOrder};
use crate::sanitize::command_line;

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
#[derive(Clone, Copy)]
enum CommandState<'a> {
    /// It has not run.
    NotRun {
        /// Whether its container was created.
        has_container: bool,
    },
    Running,
    Ended(Exit, &'a TaskRun),
    /// Its intent is recorded, but its container is gone.
    ContainerGone,
}

fn command_state<'a>(
    situation: &Situation<'a>,
    runs: &'a [TaskRun],
    call: &TaskCall,
) -> CommandState<'a> {
    let Some(run) = runs.iter().find(|run| run.call == *call) else {
        return if situation.begun.contains(call) {
            CommandState::ContainerGone
        } else {
            CommandState::NotRun {
                has_container: false,
            }
        };
    };
    match run.exit {
        Some(exit) if run.has_ended() => CommandState::Ended(exit, run),
        _ if run.is_unstarted() => CommandState::NotRun {
            has_container: true,
        },
        _ => CommandState::Running,
    }
}

fn unseen(situation: &Situation<'_>) -> String {
    format!(
        "the tasks cannot be observed: {}",
        situation.observation.why_blind()
    )
}

fn gone(plan: &Plan, call: &TaskCall) -> String {
    let container = call.container_name(plan.target(), plan.release);
    let kind = plan.definition.runtime_kind.one();
    format!(
        "it is not known whether {call} has run, because its {kind} {container} is gone. Find out what it has changed. This release never runs it again"
    )
}

/// The actions that bring a command that has not run one step further. If its start was intended before, a start may be
/// under way, so the container is replaced.
fn advance(situation: &Situation<'_>, call: &TaskCall, has_container: bool) -> Vec<Action> {
    let unstarted = if situation.begun.contains(call) {
        Unstarted::Replaced
    } else {
        Unstarted::Kept
    };
    let order = || order(situation.plan, call, unstarted);
    let mut actions = vec![Action::CreateTask(order())];
    if has_container {
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

/// What the guard does about a command; none if it has ended, so that the next one may run.
fn guard(
    situation: &Situation<'_>,
    runs: &[TaskRun],
    (task, call): (&Task, &TaskCall),
) -> Option<Verdict> {
    match command_state(situation, runs, call) {
        CommandState::NotRun { has_container } => {
            Some(Verdict::Act(advance(situation, call, has_container)))
        }
        CommandState::ContainerGone if !task.required => None,
        CommandState::ContainerGone => Some(Verdict::Refuse(gone(situation.plan, call))),
        CommandState::Ended(exit, _) if is_accepted(exit, task) => None,
        // If it has failed, the judge fails the step.
        CommandState::Running | CommandState::Ended(..) => Some(Verdict::Nothing),
    }
}

/// Whether the release continues after a command ended like this. A command that is not required may fail.
fn is_accepted(exit: Exit, task: &Task) -> bool {
    exit.code == Some(0) || !task.required
}

/// Judges the commands of a stage, in their order.
fn judge<'a>(
    situation: &Situation<'_>,
    runs: &[TaskRun],
    commands: impl IntoIterator<Item = (&'a Task, TaskCall)>,
    course: &Course,
) -> Judgement {
    let mut remarks = Vec::new();
    let mut commands = commands.into_iter().peekable();
    while let Some((task, call)) = commands.next() {
        let state = command_state(situation, runs, &call);
        let is_late = elapsed(course.since, situation.now) >= task.timeout;
        let words = match state {
            CommandState::Ended(exit, _) if exit.code == Some(0) => continue,
            CommandState::Ended(exit, run) if is_accepted(exit, task) => {
                failure_words(situation.plan, exit, run)
            }
            CommandState::ContainerGone if !task.required => gone(situation.plan, &call),
            // If another command comes next, the step fails instead: two commands never run at the same time.
            CommandState::Running if !task.required && is_late && commands.peek().is_none() => {
                format!("{call} is still running after {}", duration(task.timeout))
            }
            _ => return unfinished(situation, state, (task, &call), course),
        };
        remarks.push(format!("{words}. It is not required"));
    }
    Judgement::True(remarks.join("; "))
}

/// Judges a command that has not ended, or has failed although it is required.
fn unfinished(
    situation: &Situation<'_>,
    state: CommandState<'_>,
    (task, call): (&Task, &TaskCall),
    course: &Course,
) -> Judgement {
    match state {
        CommandState::NotRun {
            has_container: true,
        } if situation.begun.contains(call) => {
            Judgement::NotYet(format!("{call} is not started yet"))
        }
        CommandState::NotRun { .. } => Judgement::Next(format!("{call} is next")),
        CommandState::Running => {
            let (time, timeout) = (elapsed(course.since, situation.now), task.timeout);
            if time < timeout {
                let (time, timeout) = (duration(time), duration(timeout));
                Judgement::NotYet(format!(
                    "{call} has been running for {time} of at most {timeout}"
                ))
            } else {
                Judgement::Never(format!(
                    "{call} is still running after {}. Retry waits for it; backing out stops it",
                    duration(timeout)
                ))
            }
        }
        CommandState::ContainerGone => Judgement::Never(gone(situation.plan, call)),
        CommandState::Ended(exit, run) => {
            let words = failure_words(situation.plan, exit, run);
            let command = output_command(situation.plan, call);
            Judgement::Never(format!("{words}. Read its output: {command}"))
        }
    }
}

/// The command that shows the output of a task.
fn output_command(plan: &Plan, call: &TaskCall) -> String {
    match plan.definition.runtime_kind {
        RuntimeKind::Containers => {
            let container = call.container_name(plan.target(), plan.release);
            format!("docker logs {container}")
        }
        RuntimeKind::Processes => {
            format!(
                "greenroom show {} --logs, when the release has ended",
                plan.release
            )
        }
    }
}

/// Says how a command failed, with the last line of its output.
fn failure_words(plan: &Plan, exit: Exit, run: &TaskRun) -> String {
    let words = exit_words(exit, plan.definition.instance.memory);
    match &run.output {
        Some(output) => format!("{} failed: {words}: {output}", run.call),
        None => format!("{} failed: {words}", run.call),
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

/// The longest timeout of these tasks. The judge fails the step earlier if a command exceeds the timeout of its own
/// task.
fn time_limit(plan: &Plan, at: TaskPoint) -> Duration {
    let longest = tasks(plan, at).map(|task| task.timeout).max();
    longest.unwrap_or_default() + READ_BACK
}

/// A tenth of the time since the act, within the two limits.
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
        if situation.passed.contains(&step(self.0)) {
            // The checks were run again since. A container that is gone now is no question.
            return Verdict::Already("its tasks have run".to_owned());
        }
        tasks(situation.plan, self.0)
            .find_map(|task| guard(situation, runs, (task, &TaskCall::forward(&task.name))))
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
        let commands = tasks(situation.plan, self.0);
        let commands = commands.map(|task| (task, TaskCall::forward(&task.name)));
        judge(situation, runs, commands, course)
    }

    fn time_limit(&self, plan: &Plan) -> Duration {
        time_limit(plan, self.0)
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
        draft.plan.kind == ReleaseKind::Promote && !calls(&draft.plan, self.0).is_empty()
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        calls(&draft.plan, self.0)
    }

    /// Names the tasks without an undo command as well, so that no operator expects them to be undone.
    fn undo_words(&self, plan: &Plan) -> String {
        let words = |task: &Task| match &task.undo {
            Some(undo) => format!("{} is undone by {}", task.name, command_line(undo)),
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
        match self.0 {
            TaskPoint::AfterStop => &[Property::FollowsStop],
            _ => &[],
        }
    }

    fn after_failure(&self, _bad_in_a_row: u32) -> AfterFailure {
        match self.0 {
            TaskPoint::AfterStop => AfterFailure::StaysLive,
            _ => AfterFailure::AsConfigured,
        }
    }
}

/// The planned calls of the tasks of a point.
fn calls(plan: &Plan, at: TaskPoint) -> Vec<String> {
    // An old version that is never stopped still needs what these tasks remove.
    let is_never_stopped = plan.from.is_some() && plan.definition.timing.standby == Limit::Never;
    if at == TaskPoint::AfterStop && is_never_stopped {
        return Vec::new();
    }
    tasks(plan, at).map(|task| call_words(plan, task)).collect()
}

/// The planned calls of a step that runs tasks, according to the configuration; empty for any other step.
pub(in crate::release) fn task_calls(plan: &Plan, step: Step) -> Vec<String> {
    match step {
        Step::BeforeStart => calls(plan, TaskPoint::BeforeStart),
        Step::BeforeSwitch => calls(plan, TaskPoint::BeforeSwitch),
        Step::AfterSwitch => calls(plan, TaskPoint::AfterSwitch),
        Step::AfterStop => calls(plan, TaskPoint::AfterStop),
        _ => Vec::new(),
    }
}

/// The planned call of a task. It begins with the name of the task, see [`task_of_call`].
fn call_words(plan: &Plan, task: &Task) -> String {
    let weight = if task.required { "" } else { ", not required" };
    format!(
        "{}: run {} once in a {} of {}; the step fails after {}{weight}",
        task.name,
        command_line(&task.command),
        plan.definition.runtime_kind.one(),
        plan.version.name(),
        duration(task.timeout)
    )
}

/// The name of the task in its planned call.
pub(in crate::release) fn task_of_call(call: &str) -> &str {
    call.split_once(':').map_or(call, |(name, _)| name)
}

impl Undo {
    /// The commands to run, the last task first. A task that has not run is not undone. After its step was done, a task
    /// has run, also without its container.
    fn calls<'a>(&self, situation: &Situation<'a>, runs: &[TaskRun]) -> Vec<(&'a Task, TaskCall)> {
        let is_passed = situation.passed.contains(&step(self.0));
        let has_run = |task: &&Task| {
            let forward = command_state(situation, runs, &TaskCall::forward(&task.name));
            match forward {
                CommandState::Running | CommandState::Ended(..) => true,
                CommandState::ContainerGone => is_passed,
                CommandState::NotRun { .. } => false,
            }
        };
        tasks(situation.plan, self.0)
            .rev()
            .filter(|task| task.undo.is_some())
            .filter(has_run)
            .map(|task| (task, TaskCall::undo(&task.name)))
            .collect()
    }

    /// What must end before anything is undone: tasks that run, also if the configuration no longer has them, and
    /// starts that may be under way. Their containers are withdrawn.
    fn unsettled(&self, situation: &Situation<'_>, runs: &[TaskRun]) -> Vec<Action> {
        let concerns = |run: &&TaskRun| {
            let mut known = situation.plan.definition.tasks.iter();
            let task = known.find(|task| task.name == run.call.task);
            !run.call.is_undo && task.is_none_or(|task| task.at == self.0)
        };
        let is_known = |call: &TaskCall| {
            let mut known = situation.plan.definition.tasks.iter();
            known.any(|task| task.name == call.task)
        };
        let action = |run: &TaskRun| match run {
            run if run.has_ended() => None,
            run if run.is_unstarted() => {
                let may_start = situation.begun.contains(&run.call) && !run.is_withdrawn;
                let withdraw = || order(situation.plan, &run.call, Unstarted::Withdrawn);
                (may_start && is_known(&run.call)).then(|| Action::CreateTask(withdraw()))
            }
            run => Some(Action::StopTask(run.id.clone())),
        };
        runs.iter().filter(concerns).filter_map(action).collect()
    }

    /// Why it is not known whether a task with an undo has run; none if it is known of all.
    fn unknown(&self, situation: &Situation<'_>, runs: &[TaskRun]) -> Option<String> {
        if situation.passed.contains(&step(self.0)) {
            return None;
        }
        tasks(situation.plan, self.0)
            .filter(|task| task.undo.is_some())
            .map(|task| TaskCall::forward(&task.name))
            .find(|call| {
                let state = command_state(situation, runs, call);
                matches!(state, CommandState::ContainerGone)
            })
            .map(|call| gone(situation.plan, &call))
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
        let unsettled = self.unsettled(situation, runs);
        if !unsettled.is_empty() {
            return Verdict::Act(unsettled);
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
            .find_map(|(task, call)| guard(situation, runs, (task, call)))
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
        if !self.unsettled(situation, runs).is_empty() {
            return Judgement::NotYet("a task has not ended, or may still be started".to_owned());
        }
        if let Some(why) = self.unknown(situation, runs) {
            course.undo_has_failed = true;
            return Judgement::Never(why);
        }
        let judgement = judge(situation, runs, self.calls(situation, runs), course);
        course.undo_has_failed = matches!(judgement, Judgement::Never(_));
        judgement
    }

    fn time_limit(&self, plan: &Plan) -> Duration {
        time_limit(plan, self.0) + plan.definition.timing.stop_grace
    }

    fn pause(&self, _plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        pause(course, now)
    }
}
