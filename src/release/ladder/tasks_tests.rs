//! Tests of the guards and judges of tasks: everything that may be known about a command, forward and back.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::guard_tests::plan;
use super::{Judgement, Situation, Verdict};
use crate::history::{Direction, Step};
use crate::inventory::{
    Exit, FencingToken, InstanceId, InstanceState, Task, TaskCall, TaskPoint, TaskRun, Unstarted,
};
use crate::release::Plan;
use crate::release::action::Action;
use crate::release::observation::{Course, Observation, Stage};

const FORWARD: Direction = Direction::Forward;
const BACK: Direction = Direction::Back;

fn task(name: &str) -> Task {
    Task {
        name: name.parse().expect("a name"),
        at: TaskPoint::BeforeStart,
        command: vec!["up".into()],
        undo: Some(vec!["down".into()]),
        timeout: Duration::from_mins(10),
        required: true,
        environment: std::collections::BTreeMap::new(),
        only_in: None,
    }
}

fn forward(name: &str) -> TaskCall {
    TaskCall::forward(&name.parse().expect("a name"))
}

fn undo(name: &str) -> TaskCall {
    TaskCall::undo(&name.parse().expect("a name"))
}

/// A release with these tasks, and what is known about their commands.
struct Case {
    plan: Plan,
    runs: Vec<TaskRun>,
    begun: BTreeSet<TaskCall>,
    passed: Vec<Step>,
}

impl Case {
    fn of(tasks: impl IntoIterator<Item = Task>) -> Self {
        let mut plan = plan();
        plan.definition.tasks = tasks.into_iter().collect();
        Self {
            plan,
            runs: Vec::new(),
            begun: BTreeSet::new(),
            passed: Vec::new(),
        }
    }

    fn migrate() -> Self {
        Self::of([task("migrate")])
    }

    fn begun(mut self, call: TaskCall) -> Self {
        self.begun.insert(call);
        self
    }

    fn run(mut self, call: TaskCall, state: InstanceState) -> Self {
        let exit = match state {
            InstanceState::Exited { code } => Some(Exit {
                code,
                out_of_memory: false,
            }),
            _ => None,
        };
        self.runs.push(TaskRun {
            id: InstanceId(call.to_string()),
            release: self.plan.release,
            token: FencingToken(1),
            is_withdrawn: false,
            call,
            state,
            exit,
            output: None,
        });
        self
    }

    fn created(self, call: TaskCall) -> Self {
        self.run(call, InstanceState::Created)
    }

    fn running(self, call: TaskCall) -> Self {
        self.begun(call.clone()).run(call, InstanceState::Running)
    }

    fn ended(self, call: TaskCall, code: i64) -> Self {
        let state = InstanceState::Exited { code: Some(code) };
        self.begun(call.clone()).run(call, state)
    }

    fn with<T>(&self, direction: Direction, how: impl FnOnce(Stage, &Situation<'_>) -> T) -> T {
        let observation = Observation {
            tasks: Some(self.runs.clone()),
            ..Observation::default()
        };
        let stage = Stage::new(Step::BeforeStart, direction);
        how(
            stage,
            &Situation {
                plan: &self.plan,
                report: None,
                overrides: &std::collections::BTreeMap::new(),
                observation: &observation,
                now: Timestamp::UNIX_EPOCH,
                begun: &self.begun,
                passed: &self.passed,
            },
        )
    }

    fn guard(&self, direction: Direction) -> Verdict {
        self.with(direction, Stage::guard)
    }

    /// The command whose intent the guard has recorded.
    fn intent(&self, direction: Direction) -> Option<TaskCall> {
        self.with(direction, |stage, situation| {
            stage.definition().evidence(situation).task
        })
    }

    /// What the guard does, as words: `create migrate`, `start migrate`, `stop migrate`.
    fn acts(&self, direction: Direction) -> Vec<String> {
        let Verdict::Act(actions) = self.guard(direction) else {
            panic!("no act: {:?}", self.guard(direction));
        };
        let words = |action: &Action| match action {
            Action::CreateTask(order) => match order.unstarted {
                Unstarted::Kept => format!("create {}", order.call),
                Unstarted::Replaced => format!("replace {}", order.call),
                Unstarted::Withdrawn => format!("withdraw {}", order.call),
            },
            Action::StartTask(order) => format!("start {}", order.call),
            Action::StopTask(id) => format!("stop {}", id.0),
            other => panic!("no act of a task: {other:?}"),
        };
        actions.iter().map(words).collect()
    }

    fn judge(&self, direction: Direction) -> Judgement {
        self.judge_after(direction, Duration::ZERO)
    }

    fn judge_after(&self, direction: Direction, time: Duration) -> Judgement {
        let since = Timestamp::UNIX_EPOCH.checked_sub(time).expect("a moment");
        self.with(direction, |stage, situation| {
            let definition = stage.definition();
            definition.judge(situation, &mut Course::new(since))
        })
    }
}

fn is_optional(task: Task) -> Task {
    Task {
        required: false,
        ..task
    }
}

fn never(judgement: Judgement) -> String {
    match judgement {
        Judgement::Never(why) => why,
        other => panic!("not ended: {other:?}"),
    }
}

#[test]
fn a_command_is_created_then_begun_and_started() {
    let migrate = || forward("migrate");
    let waits = Case::migrate();
    assert_eq!(waits.acts(FORWARD), ["create migrate"]);
    assert_eq!(waits.intent(FORWARD), None);
    assert!(matches!(waits.judge(FORWARD), Judgement::Next(_)));

    let created = Case::migrate().created(migrate());
    assert_eq!(created.acts(FORWARD), ["create migrate", "start migrate"]);
    assert_eq!(created.intent(FORWARD), Some(migrate()));
    assert!(matches!(created.judge(FORWARD), Judgement::Next(_)));

    let begun = Case::migrate().created(migrate()).begun(migrate());
    assert_eq!(begun.acts(FORWARD), ["replace migrate", "start migrate"]);
    assert!(matches!(begun.judge(FORWARD), Judgement::NotYet(_)));

    let running = Case::migrate().running(migrate());
    assert_eq!(running.guard(FORWARD), Verdict::Nothing);
    assert_eq!(running.intent(FORWARD), None);
    assert!(matches!(running.judge(FORWARD), Judgement::NotYet(_)));

    let ended = Case::migrate().ended(migrate(), 0);
    assert_eq!(ended.guard(FORWARD), Verdict::Nothing);
    assert_eq!(ended.judge(FORWARD), Judgement::reached());
}

#[test]
fn a_failed_command_fails_the_release_only_if_it_is_required() {
    let failed = |task| Case::of([task]).ended(forward("migrate"), 3);
    let required = failed(task("migrate"));
    assert_eq!(required.guard(FORWARD), Verdict::Nothing);
    let why = never(required.judge(FORWARD));
    assert!(why.starts_with("migrate failed: "), "{why}");

    let optional = failed(is_optional(task("migrate")));
    assert_eq!(optional.guard(FORWARD), Verdict::Nothing);
    let Judgement::True(remark) = optional.judge(FORWARD) else {
        panic!("not done: {:?}", optional.judge(FORWARD));
    };
    assert!(
        remark.starts_with("migrate failed: ") && remark.ends_with("It is not required"),
        "{remark}"
    );
}

#[test]
fn a_begun_command_without_its_container_is_never_run() {
    let gone = |task| Case::of([task]).begun(forward("migrate"));
    let required = gone(task("migrate"));
    assert!(matches!(required.guard(FORWARD), Verdict::Refuse(_)));
    assert_eq!(required.intent(FORWARD), None);
    let why = never(required.judge(FORWARD));
    let expected = "it is not known whether migrate has run";
    assert!(why.starts_with(expected), "{why}");

    let optional = gone(is_optional(task("migrate")));
    assert_eq!(optional.guard(FORWARD), Verdict::Nothing);
    let Judgement::True(remark) = optional.judge(FORWARD) else {
        panic!("not done: {:?}", optional.judge(FORWARD));
    };
    assert!(remark.starts_with(expected), "{remark}");
}

#[test]
fn tasks_that_have_run_are_no_question_when_the_checks_run_again() {
    let mut gone = Case::migrate().begun(forward("migrate"));
    gone.passed.push(Step::BeforeStart);
    assert!(matches!(gone.guard(FORWARD), Verdict::Already(_)));
}

#[test]
fn a_running_command_is_waited_for_up_to_its_timeout() {
    let running = Case::migrate().running(forward("migrate"));
    let within = running.judge_after(FORWARD, Duration::from_secs(599));
    assert!(matches!(within, Judgement::NotYet(_)), "{within:?}");
    let why = never(running.judge_after(FORWARD, Duration::from_mins(10)));
    assert!(why.contains("is still running"), "{why}");
    assert_eq!(running.guard(FORWARD), Verdict::Nothing);
}

#[test]
fn tasks_run_in_order_and_are_undone_in_reverse() {
    let two = || Case::of([task("first"), task("second")]);
    assert_eq!(two().acts(FORWARD), ["create first"]);
    let one_runs = two().running(forward("first"));
    assert_eq!(one_runs.guard(FORWARD), Verdict::Nothing);
    assert!(matches!(one_runs.judge(FORWARD), Judgement::NotYet(_)));
    let one_ended = two().ended(forward("first"), 0);
    assert_eq!(one_ended.acts(FORWARD), ["create second"]);
    assert!(matches!(one_ended.judge(FORWARD), Judgement::Next(_)));
    let one_failed = two().ended(forward("first"), 1);
    never(one_failed.judge(FORWARD));
    // A retry does not run the next task.
    assert_eq!(one_failed.guard(FORWARD), Verdict::Nothing);
    let both = || one_ended_and(forward("second"));
    assert_eq!(both().judge(FORWARD), Judgement::reached());

    assert_eq!(both().acts(BACK), ["create the undo of second"]);
    let last_undone = || both().ended(undo("second"), 0);
    assert_eq!(last_undone().acts(BACK), ["create the undo of first"]);
    assert!(matches!(last_undone().judge(BACK), Judgement::Next(_)));
    let undone = last_undone().ended(undo("first"), 0);
    assert_eq!(undone.guard(BACK), Verdict::Nothing);
    assert_eq!(undone.judge(BACK), Judgement::reached());
}

/// The first task and this command have ended with 0.
fn one_ended_and(call: TaskCall) -> Case {
    Case::of([task("first"), task("second")])
        .ended(forward("first"), 0)
        .ended(call, 0)
}

#[test]
fn a_task_that_has_not_run_is_not_undone() {
    let waits = Case::migrate();
    let created = Case::migrate().created(forward("migrate"));
    for case in [waits, created] {
        assert!(matches!(case.guard(BACK), Verdict::Already(_)));
        assert_eq!(case.intent(BACK), None);
    }
    let without = Task {
        undo: None,
        ..task("migrate")
    };
    let without = Case::of([without]).ended(forward("migrate"), 0);
    assert!(matches!(without.guard(BACK), Verdict::Already(_)));
}

/// Its start was requested, and may arrive after the release has backed out.
#[test]
fn a_task_that_may_still_be_started_is_withdrawn() {
    let begun = || {
        Case::migrate()
            .created(forward("migrate"))
            .begun(forward("migrate"))
    };
    assert_eq!(begun().acts(BACK), ["withdraw migrate"]);
    assert_eq!(begun().intent(BACK), None);
    assert!(matches!(begun().judge(BACK), Judgement::NotYet(_)));
    let mut withdrawn = begun();
    withdrawn.runs[0].is_withdrawn = true;
    assert!(matches!(withdrawn.guard(BACK), Verdict::Already(_)));
    assert_eq!(withdrawn.judge(BACK), Judgement::reached());
}

#[test]
fn a_task_without_its_container_is_undone_only_if_its_step_was_done() {
    let mut gone = Case::migrate().begun(forward("migrate"));
    assert!(matches!(gone.guard(BACK), Verdict::Refuse(_)));
    assert_eq!(gone.intent(BACK), None);
    never(gone.judge(BACK));
    gone.passed.push(Step::BeforeStart);
    assert_eq!(gone.acts(BACK), ["create the undo of migrate"]);
    assert!(matches!(gone.judge(BACK), Judgement::Next(_)));
}

#[test]
fn a_running_task_is_stopped_before_it_is_undone() {
    let running = Case::migrate().running(forward("migrate"));
    assert_eq!(running.acts(BACK), ["stop migrate"]);
    assert_eq!(running.intent(BACK), None);
    assert!(matches!(running.judge(BACK), Judgement::NotYet(_)));
    let both = Case::of([task("first"), task("second")])
        .running(forward("first"))
        .ended(forward("second"), 0);
    assert_eq!(both.acts(BACK), ["stop first"]);
}

#[test]
fn an_undo_is_created_then_begun_and_started() {
    for code in [0, 1, 137] {
        let ran = || Case::migrate().ended(forward("migrate"), code);
        assert_eq!(ran().acts(BACK), ["create the undo of migrate"]);
        assert_eq!(ran().intent(BACK), None);
        assert!(matches!(ran().judge(BACK), Judgement::Next(_)));

        let created = ran().created(undo("migrate"));
        let both = ["create the undo of migrate", "start the undo of migrate"];
        assert_eq!(created.acts(BACK), both);
        assert_eq!(created.intent(BACK), Some(undo("migrate")));

        let running = ran().running(undo("migrate"));
        assert_eq!(running.guard(BACK), Verdict::Nothing);
        assert!(matches!(running.judge(BACK), Judgement::NotYet(_)));
        let timeout = Duration::from_mins(10);
        never(running.judge_after(BACK, timeout));

        let failed = ran().ended(undo("migrate"), 1);
        never(failed.judge(BACK));
        let gone = ran().begun(undo("migrate"));
        assert!(matches!(gone.guard(BACK), Verdict::Refuse(_)));
        never(gone.judge(BACK));
    }
}

#[test]
fn tasks_that_cannot_be_observed_are_waited_for() {
    let case = Case::migrate();
    let blind = Observation::default();
    for direction in [FORWARD, BACK] {
        let stage = Stage::new(Step::BeforeStart, direction);
        let situation = Situation {
            plan: &case.plan,
            report: None,
            overrides: &std::collections::BTreeMap::new(),
            observation: &blind,
            now: Timestamp::UNIX_EPOCH,
            begun: &case.begun,
            passed: &case.passed,
        };
        assert!(matches!(stage.guard(&situation), Verdict::Wait(_)));
        let mut course = Course::new(Timestamp::UNIX_EPOCH);
        let judgement = stage.definition().judge(&situation, &mut course);
        assert!(matches!(judgement, Judgement::NotYet(_)));
    }
}
