//! The input and output of the machine. Everything that can go wrong is an event.

use std::time::Duration;

use super::act::{Act, ActionError, Ask, Observation, Stage};
use super::{Announcement, Approval, Approved, Choice};
use crate::checks::CaseReport;
use crate::history::{Entry, Outcome, ReleaseRecord, Successor};
use crate::inventory::Operator;

/// Names one timer. An outdated one has no effect when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId(pub u64);

/// Why a record was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotWritten {
    /// Another console holds the lock.
    Fenced,
    /// The store understood the request and refused it, e.g. because it is full.
    Refused,
    /// The store did not answer. The record may have been written.
    Unanswered,
}

/// An input of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The driver is ready: start.
    Begun,
    /// The record was written.
    Recorded,
    /// The record was not written, or that is not known.
    Unrecorded {
        /// Whether trying again can help.
        kind: NotWritten,
        /// The reason.
        why: String,
    },
    /// The act answered.
    Acted(Result<(), ActionError>),
    /// The progress of a pull.
    Pulled {
        /// Bytes that have arrived.
        done: u64,
        /// The total number of bytes.
        total: u64,
    },
    /// One check has a verdict.
    CaseSettled(CaseReport),
    /// The result of an observation.
    Seen(Box<Observation>),
    /// A timer fired.
    Fired(TimerId),
    /// A person approved.
    Approved(Approval),
    /// Backing out was requested.
    BackOutAsked {
        /// The operator.
        by: Operator,
        /// The reason.
        reason: String,
    },
    /// A person chose what to do about a failed step.
    Chosen {
        /// The choice.
        choice: Choice,
        /// The operator.
        by: Operator,
        /// The reason.
        note: Option<String>,
    },
    /// An operator requested the checks again.
    CheckAgainAsked(Operator),
    /// The standby must end now.
    StandbyEnded,
    /// The standby ends while the old version is still warm.
    Superseded {
        /// The release that takes over, in words, if any.
        by: Option<String>,
    },
    /// The driver of a later release wrote the end of this one.
    EndedElsewhere(Outcome),
    /// The driver is asked to stop driving.
    Interrupted {
        /// The reason.
        reason: String,
    },
    /// The driver hands the release over.
    HandOverAsked {
        /// The successor.
        to: Successor,
        /// The operator who hands it over.
        by: Operator,
    },
    /// This driver no longer holds the lock, or that is not known.
    LockLost(String),
}

/// An output of the machine. At most one of `Record`, `Head`, `Act` and `Observe` is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write an entry; answered by `Recorded` or `Unrecorded`.
    Record(Entry),
    /// Write the head, open or closed; answered in the same way.
    Head(Box<ReleaseRecord>),
    /// Perform an act; answered by `Acted`.
    Act {
        /// The act.
        act: Act,
        /// The step and its direction.
        stage: Stage,
        /// The permission.
        approved: Approved,
    },
    /// Observe; answered by `Seen`.
    Observe(Ask),
    /// Fire after this time.
    Schedule {
        /// The timer.
        id: TimerId,
        /// The delay.
        after: Duration,
    },
    /// Tell every listener.
    Announce(Announcement),
}
