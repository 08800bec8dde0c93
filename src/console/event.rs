//! Everything that can happen to the console. Failures are events too.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use super::model::{HistoryAnswer, LogSource, NewConfiguration};
use crate::history::ReleaseRecord;
use crate::inventory::{Digest, HandoverRequest, Hold, PeerApproval, ReleaseId, Target, World};
use crate::logs::Batch;
use crate::release::{
    Announcement, ImageAt, Interrupted, Plan, Refused, Releases, RepairNews, RepairPlan, Resolved,
    Status, Terms,
};

/// What comes from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted in one piece.
    Paste(String),
    /// The mouse was pressed or its wheel turned.
    Mouse(MouseEvent),
    /// The terminal has another size.
    Resized(u16, u16),
    /// The process was stopped and has continued.
    Continued,
    /// The program was told to end: the name of `SIGINT`, `SIGTERM` or `SIGHUP`.
    Signal(&'static str),
    /// The terminal is gone.
    Lost,
}

/// See the module.
#[derive(Debug, Clone)]
pub enum Event {
    /// From the terminal.
    Input(Input),
    /// The sources were observed.
    WorldObserved(Arc<World>),
    /// The journals were read.
    ReleasesObserved(Arc<Releases>),
    /// A release that this console drives has changed.
    ReleaseMoved(Arc<Status>),
    /// This console no longer drives the release; its state is in the journal.
    DriverGone(ReleaseId),
    /// Log lines arrived.
    LogArrived { source: LogSource, batch: Batch },
    /// A release announced something that its status does not contain.
    Announced { target: Target, said: Announcement },
    /// A log was written to a file, or could not be.
    LogSaved {
        lines: usize,
        /// The file, or why it was not written.
        place: Result<PathBuf, String>,
    },
    /// Greenroom logged a diagnostic message.
    DiagnosticsMoved,
    /// The versions of a target were listed, or could not be.
    VersionsListed {
        target: Target,
        versions: Result<Vec<String>, String>,
    },
    /// A tag was looked up, or could not be.
    LookedUp {
        target: Target,
        name: String,
        /// What it names.
        resolved: Resolved,
    },
    /// The search for the image of an earlier version has ended.
    ImageFound {
        target: Target,
        digest: Digest,
        image: ImageAt,
    },
    /// The rules and the past of a target were read, or could not be.
    TermsTold {
        target: Target,
        terms: Result<Terms, String>,
    },
    /// A plan was made or refused.
    Planned {
        /// The number of the request that this answers.
        asked: u64,
        plan: Result<Arc<Plan>, Refused>,
    },
    /// A release that lost its driver was read, or could not be.
    InterruptedFound {
        /// The number of the request that this answers.
        asked: u64,
        found: Result<Arc<Interrupted>, Refused>,
    },
    /// Several releases of a target are open. The operator has to choose one.
    OpenReleasesFound {
        /// The number of the request that this answers.
        asked: u64,
        /// All of them, newest first.
        open: Vec<ReleaseRecord>,
    },
    /// This operator's approval of another operator's release was recorded or refused.
    PeerApproved {
        target: Target,
        peer_approved: Result<PeerApproval, Refused>,
    },
    /// A hold was placed, cleared or refused.
    Held {
        target: Target,
        hold: Result<Hold, Refused>,
    },
    /// A repair was planned or refused.
    RepairPlanned {
        /// The number of the request that this answers.
        asked: u64,
        plan: Result<Arc<RepairPlan>, Refused>,
    },
    /// A repair of this console made progress, or has ended.
    RepairMoved { target: Target, news: RepairNews },
    /// A repair could not be started, or its task has ended unexpectedly.
    RepairRefused { target: Target, refused: Refused },
    /// A release could not be started.
    BeginRefused { target: Target, refused: Refused },
    /// The request for the handover was written, or could not be.
    HandoverRequested {
        target: Target,
        asked: Result<HandoverRequest, Refused>,
    },
    /// The refusal of a handover could not be written.
    NotKept { target: Target, why: String },
    /// A command did not reach its release.
    CommandLost { release: ReleaseId, why: String },
    /// The archive answered a question, or could not.
    HistoryAnswered {
        /// The number of the question.
        asked: u64,
        answer: Result<HistoryAnswer, String>,
    },
    /// The past releases of a target were read from the archive, or could not be.
    TimelineRead {
        target: Target,
        answer: Result<HistoryAnswer, String>,
    },
    /// A release was archived.
    HistoryKept,
    /// The archive could not be written: new releases are missing from the history of this machine.
    HistoryNotKept { why: String },
    /// The configuration on disk was compared with the one in use. `None` if they are the same.
    ConfigurationObserved(Option<Arc<NewConfiguration>>),
    /// One second has passed while something on the screen counts.
    Ticked,
}
