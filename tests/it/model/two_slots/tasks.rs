//! The containers of tasks, with the calls of `adapters::docker::tasks`. The engine compares no token. It starts every
//! container that is not running, also one that has ended.

use greenroom::history::Outcome;
use greenroom::inventory::{
    Exit, FencingToken, InstanceId, InstanceState, Task, TaskCall, TaskName, TaskPoint, TaskRun,
    Unstarted,
};
use greenroom::ports::FailureKind;
use greenroom::release::{Plan, TaskOrder};

use super::super::calls::{Call, Called, Doing, Hand};
use super::super::names::release;
use super::super::never::Violation;
use super::super::state::{End, State};
use super::Slots;
use super::events::SlotsEvent;
use super::flaws::SlotsFlaw;

/// The tasks of the first release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TaskBounds {
    #[default]
    None,
    /// `migrate` before the start, with an undo.
    Migrate,
    /// `migrate`, and `note` at another point, without an undo.
    MigrateAndNote(TaskPoint),
}

/// How often something may still happen to tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct TaskBudget {
    /// Commands that end with 1.
    pub(crate) failures: u8,
    /// Containers that a person removes.
    pub(crate) prunes: u8,
}

const MIGRATE: &str = "migrate";
const NOTE: &str = "note";
const COMMANDS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Runs {
    Created,
    Running,
    Ended(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Container {
    /// The position among the containers that were created for this command. It identifies the container.
    nth: u8,
    /// The token of the driver that created the container.
    token: i64,
    runs: Runs,
    is_withdrawn: bool,
}

/// What became of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Command {
    container: Option<Container>,
    created: u8,
    /// How often the command was really started.
    starts: u8,
    /// How the last run ended.
    exit: Option<u8>,
    /// Whether a person removed the container after the intent to start the command was recorded.
    is_lost: bool,
}

/// The commands of the first release: `migrate`, its undo, and `note`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Tasks {
    commands: [Command; COMMANDS],
    pub(crate) left: TaskBudget,
}

impl TaskBounds {
    /// The tasks, as in the configuration.
    pub(crate) fn defined(self) -> Vec<Task> {
        let task = |name, at, undo| Task {
            name: name_of(name),
            at,
            command: vec![name.to_owned()],
            undo,
            timeout: std::time::Duration::from_mins(10),
            required: true,
            environment: std::collections::BTreeMap::new(),
            only_in: None,
        };
        let migrate = || task(MIGRATE, TaskPoint::BeforeStart, Some(vec!["undo".into()]));
        match self {
            Self::None => Vec::new(),
            Self::Migrate => vec![migrate()],
            Self::MigrateAndNote(at) => vec![migrate(), task(NOTE, at, None)],
        }
    }
}

fn name_of(name: &str) -> TaskName {
    name.parse().expect("a name")
}

fn call_of(index: usize) -> TaskCall {
    match index {
        0 => TaskCall::forward(&name_of(MIGRATE)),
        1 => TaskCall::undo(&name_of(MIGRATE)),
        _ => TaskCall::forward(&name_of(NOTE)),
    }
}

fn index_of(call: &TaskCall) -> usize {
    match (call.task.as_str(), call.is_undo) {
        (MIGRATE, false) => 0,
        (MIGRATE, true) => 1,
        (NOTE, false) => 2,
        _ => panic!("no such command: {call:?}"),
    }
}

fn id(index: usize, nth: u8) -> InstanceId {
    InstanceId(format!("{index}.{nth}"))
}

fn ended(code: u8) -> InstanceState {
    InstanceState::Exited {
        code: Some(code.into()),
    }
}

impl Tasks {
    pub(crate) fn new(left: TaskBudget) -> Self {
        Self {
            left,
            ..Self::default()
        }
    }

    /// The containers, as a driver observes them.
    pub(crate) fn observed(&self, has: impl Fn(SlotsFlaw) -> bool) -> Vec<TaskRun> {
        let run = |(index, command): (usize, &Command)| {
            let container = command.container?;
            let state = match container.runs {
                Runs::Created if index == 0 && has(SlotsFlaw::UnstartedTaskSeenEnded) => ended(1),
                Runs::Running if index == 0 && has(SlotsFlaw::RunningTaskSeenEnded) => ended(1),
                Runs::Created => InstanceState::Created,
                Runs::Running => InstanceState::Running,
                Runs::Ended(code) => ended(code),
            };
            let exit = match state {
                InstanceState::Exited { code } => Some(Exit {
                    code,
                    out_of_memory: false,
                }),
                _ => None,
            };
            Some(TaskRun {
                id: id(index, container.nth),
                call: call_of(index),
                release: release(1),
                token: FencingToken(container.token),
                is_withdrawn: container.is_withdrawn || has(SlotsFlaw::TaskIsNotWithdrawn),
                state,
                exit,
                output: None,
            })
        };
        self.commands.iter().enumerate().filter_map(run).collect()
    }

    /// Whether a release cannot end in this direction although nothing more fails, because a command failed or is
    /// lost. Then an operator leaves it.
    pub(crate) fn needs_a_person(&self, is_back: bool) -> bool {
        let [forward, undo, note] = &self.commands;
        // A person removed it, or the driver that replaced it broke off before it created another.
        let is_gone = |command: &Command| command.created > 0 && command.container.is_none();
        let has_failed =
            |command: &Command| is_gone(command) || command.exit.is_some_and(|code| code != 0);
        if is_back {
            has_failed(undo) || is_gone(forward)
        } else {
            [forward, undo, note].into_iter().any(has_failed)
        }
    }

    /// Every running command ends with 0.
    pub(crate) fn finish(&mut self) {
        for command in &mut self.commands {
            command.end(0);
        }
    }

    /// The interlock that is broken if the release ends now.
    pub(crate) fn broken_by(&self, plan: &Plan, end: End) -> Option<Violation> {
        let [forward, undo, _] = &self.commands;
        let mut tasks = plan.definition.tasks.iter();
        match end {
            End::Done => {
                let is_open = |task: &Task| {
                    let command = &self.commands[index_of(&TaskCall::forward(&task.name))];
                    (command.starts, command.exit) != (1, Some(0))
                };
                tasks.any(is_open).then_some(Violation::TaskNotRun)
            }
            End::BackedOut => {
                let is_undone = forward.starts == 0 || (undo.starts, undo.exit) == (1, Some(0));
                (!is_undone).then_some(Violation::TaskNotUndone)
            }
            _ => None,
        }
    }

    pub(crate) fn events(&self, is_quiet: bool) -> Vec<SlotsEvent> {
        let mut events = Vec::new();
        for (index, command) in self.commands.iter().enumerate() {
            match command.container.map(|it| it.runs) {
                Some(Runs::Running) => {
                    events.push(SlotsEvent::TaskEnds(index, 0));
                    if self.left.failures > 0 {
                        events.push(SlotsEvent::TaskEnds(index, 1));
                    }
                }
                // An engine removes no running container. No guard can notice a change between an observation and its
                // act.
                Some(_) if self.left.prunes > 0 && is_quiet && index == 0 => {
                    events.push(SlotsEvent::TaskIsPruned(index));
                }
                _ => {}
            }
        }
        events
    }
}

impl Command {
    fn end(&mut self, code: u8) {
        if let Some(container) = &mut self.container
            && container.runs == Runs::Running
        {
            container.runs = Runs::Ended(code);
            self.exit = Some(code);
        }
    }

    /// The container of this number; none if it no longer exists.
    fn nth(&mut self, nth: u8) -> Option<&mut Container> {
        self.container.as_mut().filter(|it| it.nth == nth)
    }
}

pub(super) fn ends(state: &mut State<Slots>, index: usize, code: u8) {
    let tasks = &mut state.world.side.tasks;
    tasks.left.failures -= u8::from(code != 0);
    tasks.commands[index].end(code);
}

pub(super) fn is_pruned(state: &mut State<Slots>, index: usize) {
    let is_begun = state.world.store.journals[0].has_begun(&call_of(index));
    let tasks = &mut state.world.side.tasks;
    tasks.left.prunes -= 1;
    tasks.commands[index].container = None;
    tasks.commands[index].is_lost = is_begun;
}

fn is_kept(container: Container, token: i64, unstarted: Unstarted) -> bool {
    match unstarted {
        Unstarted::Kept => container.token == token,
        Unstarted::Replaced => false,
        Unstarted::Withdrawn => container.is_withdrawn,
    }
}

/// The first call of an action looks at the container. The later ones name what it found.
const LOOKED: u8 = 1;
const CREATES: u8 = u8::MAX;

impl Hand<'_, '_, Slots> {
    fn command(&mut self, call: &TaskCall) -> &mut Command {
        &mut self.world.side.tasks.commands[index_of(call)]
    }

    pub(super) fn create_task(&mut self, doing: &mut Doing, order: &TaskOrder) -> Call {
        let (token, keeps) = (
            self.who.token,
            self.scope.has_own(SlotsFlaw::TaskKeptFromAnother),
        );
        let is_own_kept = self.scope.has_own(SlotsFlaw::TaskIsNotReplaced);
        let takes_newer = self.scope.has_own(SlotsFlaw::TaskTakenFromNewer);
        let command = self.command(&order.call);
        match doing.call {
            0 => {
                doing.call = match command.container {
                    None => CREATES,
                    Some(it) if it.runs != Runs::Created => return Ok(doing.done()),
                    Some(it) if it.token > token && !takes_newer => {
                        return Err(FailureKind::Conflict);
                    }
                    Some(it)
                        if keeps
                            || is_kept(it, token, order.unstarted)
                            || (is_own_kept && it.token == token) =>
                    {
                        return Ok(doing.done());
                    }
                    Some(it) => LOOKED + it.nth,
                };
                Ok(Called::Going)
            }
            CREATES => {
                // The engine gives a name only once.
                if command.container.is_none() {
                    command.container = Some(Container {
                        nth: command.created,
                        token,
                        runs: Runs::Created,
                        is_withdrawn: order.unstarted == Unstarted::Withdrawn,
                    });
                    command.created += 1;
                }
                Ok(doing.done())
            }
            found => {
                if let Some(container) = command.nth(found - LOOKED) {
                    // The engine removes no running container.
                    if container.runs != Runs::Created {
                        return Ok(doing.done());
                    }
                    let is_newer = container.token > token;
                    command.container = None;
                    if is_newer {
                        self.world.violations.add(Violation::Overtaken);
                    }
                }
                doing.call = CREATES;
                Ok(Called::Going)
            }
        }
    }

    pub(super) fn start_task(&mut self, doing: &mut Doing, order: &TaskOrder) -> Call {
        let token = self.who.token;
        let takes_any = self.scope.has_own(SlotsFlaw::TaskStartsForAnyToken);
        let takes_ended = self.scope.has_own(SlotsFlaw::EndedTaskIsStarted);
        let command = self.command(&order.call);
        if doing.call == 0 {
            let found = command.container.ok_or(FailureKind::Missing)?;
            match found.runs {
                Runs::Created => {}
                Runs::Ended(_) if takes_ended => {}
                _ => return Ok(doing.done()),
            }
            if found.is_withdrawn || (found.token != token && !takes_any) {
                return Err(FailureKind::Conflict);
            }
            doing.call = LOOKED + found.nth;
            return Ok(Called::Going);
        }
        let nth = doing.call - LOOKED;
        let container = command.nth(nth).ok_or(FailureKind::Missing)?;
        if container.runs != Runs::Running {
            container.runs = Runs::Running;
            command.starts += 1;
            self.started_task(&order.call);
        }
        Ok(doing.done())
    }

    /// Notes what the start of a command breaks.
    fn started_task(&mut self, call: &TaskCall) {
        let journal = &self.world.store.journals[0];
        let is_recorded = journal.has_begun(call);
        let is_over = matches!(journal.outcome(), Some(Outcome::BackedOut { .. }));
        let [forward, _, _] = self.world.side.tasks.commands;
        let command = *self.command(call);
        let forward_runs = forward.container.map(|it| it.runs) == Some(Runs::Running);
        let broken = [
            (!is_recorded, Violation::Blindly),
            (command.starts > 1, Violation::RanTwice),
            (command.is_lost, Violation::RanThoughLost),
            (call.is_undo && forward.starts == 0, Violation::UndoneUnrun),
            (call.is_undo && forward_runs, Violation::Overlapped),
            (!call.is_undo && is_over, Violation::TaskNotUndone),
        ];
        for (is_broken, violation) in broken {
            if is_broken {
                self.world.violations.add(violation);
            }
        }
    }

    pub(super) fn stop_task(&mut self, stopped: &InstanceId) {
        let commands = &mut self.world.side.tasks.commands;
        for (index, command) in commands.iter_mut().enumerate() {
            if command
                .container
                .is_some_and(|it| id(index, it.nth) == *stopped)
            {
                command.end(137);
            }
        }
    }
}
