//! The inputs and outputs of the machine. Everything that can go wrong is an input, too.

use std::time::Duration;

use super::act::{Act, ActionError, Ask, Observation, Stage};
use super::{Announcement, Approval, Approved, Choice};
use crate::checks::CaseReport;
use crate::history::{Entry, Outcome, ReleaseRecord, Successor};
use crate::inventory::Operator;

/// Names one timer. A timer that was replaced has no effect when it fires.
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
    Begun,
    Recorded,
    /// The record was not written, or it is not known whether it was.
    Unrecorded {
        kind: NotWritten,
        why: String,
    },
    /// The act returned. Only an observation says whether its effect is true.
    Acted(Result<(), ActionError>),
    Pulled {
        /// The number of bytes that have arrived.
        done: u64,
        /// The number of bytes in total.
        total: u64,
    },
    /// One check has a verdict.
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
    /// An operator requested the checks again.
    CheckAgainAsked(Operator),
    /// An operator ends the standby: the old version is stopped now.
    StandbyEnded,
    /// A later release ends the standby, and the old version stays warm.
    Superseded {
        /// A description of the later release, if it is known.
        by: Option<String>,
    },
    /// The driver of a later release wrote the end of this one.
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
    /// This driver no longer holds the lock, or cannot read whether it does. The text is the message.
    LockLost(String),
}

/// An output of the machine. At most one of `Record`, `Head`, `Act` and `Observe` is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write an entry; answered by `Recorded` or `Unrecorded`.
    Record(Entry),
    /// Write the head, open or closed; answered by `Recorded` or `Unrecorded`.
    Head(Box<ReleaseRecord>),
    /// Perform an act; answered by `Acted`.
    Act {
        act: Act,
        stage: Stage,
        approved: Approved,
    },
    /// Observe; answered by `Seen`.
    Observe(Ask),
    /// Send `Fired` after this time.
    Schedule { id: TimerId, after: Duration },
    /// Send the text to every subscriber.
    Announce(Announcement),
}
