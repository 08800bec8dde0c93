//! The inputs and outputs of the machine. Every failure is an input, too.

use std::time::Duration;

use super::action::{Action, ActionError};
use super::observation::{Ask, Observation, Stage};
use super::{Announcement, Approval, Approved, Choice};
use crate::checks::CaseReport;
use crate::history::{Entry, Outcome, ReleaseRecord, Successor};
use crate::inventory::Operator;

/// The number of a timer. A timer has no effect if the machine has started another timer since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId(pub u64);

/// Why a record was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotWritten {
    /// This driver no longer holds the lock.
    Fenced,
    /// The store understood the request and refused it, e.g. because it is full.
    Refused,
    /// The store did not answer. The record may have been written.
    Unanswered,
}

/// An input of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The driver is ready, so the machine starts.
    Started,
    Recorded,
    /// The record was not written, or it is not known whether it was.
    Unrecorded {
        kind: NotWritten,
        why: String,
    },
    /// The actions returned. Only an observation shows whether they had their effect.
    Acted(Result<(), ActionError>),
    Pulled {
        /// The number of bytes that have arrived.
        done: u64,
        /// The number of bytes in total.
        total: u64,
    },
    /// One check of *verify* has a verdict.
    CaseSettled(CaseReport),
    /// The result of an observation.
    Seen(Box<Observation>),
    Fired(TimerId),
    Approved(Approval),
    BackOutAsked {
        by: Operator,
        reason: String,
    },
    /// A person chose what to do about a failed step.
    Chosen {
        choice: Choice,
        by: Operator,
        note: Option<String>,
    },
    /// A person chose what this driver must not do.
    NotChosen {
        why: String,
    },
    /// An operator requested the checks again.
    CheckAgainAsked(Operator),
    /// An operator ends the standby, so *stop* starts.
    StandbyEnded,
    /// A later release ends the standby, and the old version stays warm.
    Superseded {
        /// A description of the later release, if it is known.
        by: Option<String>,
    },
    /// The driver of a later release has recorded the end of this release.
    EndedElsewhere(Outcome),
    /// The driver must stop driving after the current act.
    Interrupted {
        reason: String,
    },
    /// The operator who drives hands the release over.
    HandOverAsked {
        to: Successor,
        by: Operator,
    },
    /// The driver must stop, because its lock was lost or its lease has ended. The text is the message.
    LockLost(String),
}

/// An output of the machine. At most one of `Record`, `Head`, `Act` and `Observe` is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write an entry of the journal. The answer is `Recorded`, `Unrecorded`, `LockLost` or `EndedElsewhere`.
    Record(Entry),
    /// Write the record of the release, at its start or its end. The possible answers are the same as for `Record`.
    Head(Box<ReleaseRecord>),
    /// Perform the actions of a stage in order, up to the first failure. The answer is `Acted`.
    Act {
        actions: Vec<Action>,
        stage: Stage,
        approved: Approved,
    },
    /// Observe the target. The answer is `Seen`.
    Observe(Ask),
    /// Wait this long. The answer is `Fired`.
    Schedule { id: TimerId, after: Duration },
    /// Send the announcement to the user interfaces.
    Announce(Announcement),
}
