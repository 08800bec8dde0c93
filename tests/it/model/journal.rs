//! The journal of one release: the recorded entries, and the part of them that decides anything.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use greenroom::history::{
    Chain, Direction, Entry, JournalEvent, Link, Outcome, Recorded, ReleaseRecord, Step,
};
use greenroom::inventory::TaskCall;
use greenroom::release::{Effect, Stage};
use jiff::Timestamp;

/// The part of an entry that decides anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    Head(bool),
    Intent(Stage, Option<TaskCall>),
    Outcome(Step, Direction, bool),
    Checked(Timestamp, bool),
    Approved(Step),
    BackOutAsked,
    Chosen(Step, String),
    Resumed,
    DriverStopped,
}

impl Line {
    pub(crate) fn of(written: &Effect) -> Self {
        match written {
            Effect::Record(entry) => Self::of_entry(entry),
            Effect::Head(head) => Self::Head(head.closed.is_some()),
            other => panic!("not written: {other:?}"),
        }
    }

    fn of_entry(entry: &Entry) -> Self {
        match &entry.event {
            JournalEvent::Intent {
                step,
                direction,
                task,
                ..
            } => {
                let stage = Stage {
                    step: *step,
                    direction: *direction,
                };
                Self::Intent(stage, task.clone())
            }
            JournalEvent::Outcome {
                step,
                direction,
                failure,
                ..
            } => Self::Outcome(*step, *direction, failure.is_some()),
            JournalEvent::Checked { report } => Self::Checked(report.at, report.allows()),
            JournalEvent::Approved { step, .. } => Self::Approved(*step),
            JournalEvent::BackOutAsked { .. } => Self::BackOutAsked,
            JournalEvent::Chosen { step, choice, .. } => Self::Chosen(*step, choice.clone()),
            JournalEvent::Resumed { .. } => Self::Resumed,
            JournalEvent::DriverStopped { .. } => Self::DriverStopped,
            JournalEvent::Unknown(_) => panic!("no driver writes this"),
        }
    }
}

/// A recorded head. Later states share it.
#[derive(Debug)]
struct Head {
    record: ReleaseRecord,
    /// Computed once, because hashing the record takes longer than a turn of the model.
    plan_mark: OnceLock<String>,
}

/// The journal of one release.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    head: Option<Arc<Head>>,
    /// Kept only where another operator will read them.
    entries: Vec<Arc<Entry>>,
    written: u32,
    /// The commands of tasks whose intent is recorded.
    begun: Vec<TaskCall>,
    /// What the checks in it were really of, and whether they passed.
    pub(crate) checked: Option<(char, bool)>,
}

impl Hash for Journal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is_open().hash(state);
        (self.head.is_some(), self.checked).hash(state);
        self.begun.hash(state);
        matches!(self.outcome(), Some(Outcome::BackedOut { .. })).hash(state);
        for entry in &self.entries {
            Line::of_entry(entry).hash(state);
        }
    }
}

impl Journal {
    /// Records a line. Returns false when another line has that number. `kept` says whether another
    /// operator will read it.
    pub(crate) fn write(&mut self, written: &Effect, kept: bool) -> bool {
        match written {
            Effect::Head(head) => {
                self.head = Some(Arc::new(Head {
                    record: (**head).clone(),
                    plan_mark: OnceLock::new(),
                }));
            }
            Effect::Record(entry) => {
                if entry.sequence <= self.written {
                    // Writing the same line again changes nothing.
                    let last = self.entries.last();
                    let is_new = kept && last.is_none_or(|last| **last != *entry);
                    return !is_new && entry.sequence == self.written;
                }
                if entry.sequence != self.written + 1 {
                    return false;
                }
                self.written = entry.sequence;
                if let JournalEvent::Intent {
                    task: Some(call), ..
                } = &entry.event
                {
                    self.begun.push(call.clone());
                }
                if kept {
                    self.entries.push(Arc::new(entry.clone()));
                }
            }
            other => panic!("not written: {other:?}"),
        }
        true
    }

    /// What an approval of the release names: its plan, as in the head.
    pub(crate) fn plan_mark(&self) -> Option<&str> {
        let head = self.head.as_ref()?;
        let compute = || Link::first(&head.record).as_str().to_owned();
        Some(head.plan_mark.get_or_init(compute))
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.head.is_some()
    }

    pub(crate) fn is_open(&self) -> bool {
        let head = self.head.as_ref();
        head.is_some_and(|head| head.record.closed.is_none())
    }

    /// Whether the intent to start this command is recorded.
    pub(crate) fn has_begun(&self, call: &TaskCall) -> bool {
        self.begun.contains(call)
    }

    /// How the release ended; none if it has not ended.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        let (_, outcome) = self.head.as_ref()?.record.closed.as_ref()?;
        Some(outcome)
    }

    /// The journal as read by an operator who wants to resume the release.
    pub(crate) fn read(&self) -> Option<Recorded> {
        let head = self.head.as_ref()?;
        let entries = self.entries.iter().map(|entry| (**entry).clone());
        Some(Recorded {
            head: head.record.clone(),
            entries: entries.collect(),
        })
    }

    /// The journal with its hashes, as production's shell writes it.
    pub(crate) fn chained(&self) -> Option<Recorded> {
        self.read().map(chained)
    }
}

/// Removes the command of a task from an intent.
pub(crate) fn forget_task(entry: &mut Entry) {
    if let JournalEvent::Intent { task, .. } = &mut entry.event {
        *task = None;
    }
}

pub(crate) fn chained(recorded: Recorded) -> Recorded {
    let Recorded { head, entries } = recorded;
    let mut chain = Chain::of(&head);
    let entries = entries.into_iter().map(|entry| chain.linked(entry));
    let entries = entries.collect();
    let head = chain.closed(head);
    Recorded { head, entries }
}
