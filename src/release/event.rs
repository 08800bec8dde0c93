//! What goes into the machine and what comes out of it. Everything that can go wrong is an event.

use std::time::Duration;

use super::act::{Act, ActionError, Ask, Observation, Stage};
use super::{Announcement, Approval, Approved, Choice};
use crate::checks::CaseReport;
use crate::history::{Entry, Outcome, ReleaseRecord, Successor};
use crate::inventory::Operator;

/// Names one timer. An old one fires into nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId(pub u64);

/// Why something was not written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotWritten {
    /// The lock is another console's.
    Fenced,
    /// The store understood and refused, e.g. because it is full.
    Refused,
    /// The store did not answer; it may have been written.
    Unanswered,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The driver is there: begin.
    Begun,
    /// What was to be written down is written down.
    Recorded,
    /// It is not, or not known to be.
    Unrecorded {
        /// Whether trying again helps.
        kind: NotWritten,
        /// Why.
        why: String,
    },
    /// The act answered.
    Acted(Result<(), ActionError>),
    /// The pull has this many bytes of that many.
    Pulled {
        /// Bytes that arrived.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// One check has its verdict.
    CaseSettled(CaseReport),
    /// This was seen.
    Seen(Box<Observation>),
    /// A timer fired.
    Fired(TimerId),
    /// A person says yes.
    Approved(Approval),
    /// The way back is asked for.
    BackOutAsked {
        /// Who.
        by: Operator,
        /// Why.
        reason: String,
    },
    /// A person chose what to do about a failed step.
    Chosen {
        /// What.
        choice: Choice,
        /// Who.
        by: Operator,
        /// Why.
        note: Option<String>,
    },
    /// The checks are to be run again, by whom.
    CheckAgainAsked(Operator),
    /// The standby is to end now.
    StandbyEnded,
    /// The standby ends with the old version still warm.
    Superseded {
        /// The release that takes over, in words, if one does.
        by: Option<String>,
    },
    /// The driver of a later release has written the end of this one.
    EndedElsewhere(Outcome),
    /// The driver is asked to stop driving.
    Interrupted {
        /// Why.
        reason: String,
    },
    /// Whoever requested the handover is to have it.
    HandOverAsked {
        /// To whom.
        to: Successor,
        /// Who hands it over.
        by: Operator,
    },
    /// The lock is not ours any more, or not known to be.
    LockLost(String),
}

/// Something to be done. At most one of `Record`, `Head`, `Act` and `Observe` is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write an entry down; answered by `Recorded` or `Unrecorded`.
    Record(Entry),
    /// Write the head down, open or closed; answered alike.
    Head(Box<ReleaseRecord>),
    /// Change the world; answered by `Acted`.
    Act {
        /// How.
        act: Act,
        /// For which step.
        stage: Stage,
        /// The permission.
        approved: Approved,
    },
    /// Look; answered by `Seen`.
    Observe(Ask),
    /// Fire after this time.
    Schedule {
        /// Which.
        id: TimerId,
        /// When.
        after: Duration,
    },
    /// Tell everybody.
    Announce(Announcement),
}
