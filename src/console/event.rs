//! Everything that can happen to the console. What went wrong is an event too.

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
    /// The process was stopped, and goes on.
    Continued,
    /// Somebody asked the program to end: `SIGINT`, `SIGTERM`, `SIGHUP`, by name.
    Signal(&'static str),
    /// The terminal is gone.
    Lost,
}

/// See the module.
#[derive(Debug, Clone)]
pub enum Event {
    /// From the terminal.
    Input(Input),
    /// The world was observed.
    WorldObserved(Arc<World>),
    /// The journals were read.
    ReleasesObserved(Arc<Releases>),
    /// A release of this console moved.
    ReleaseMoved(Arc<Status>),
    /// Nobody drives this release from here any more; what stands is in the journal.
    DriverGone(ReleaseId),
    /// Lines arrived.
    LogArrived {
        /// Whose.
        source: LogSource,
        /// Which.
        batch: Batch,
    },
    /// A release said something that its status does not tell.
    Announced {
        /// Whose.
        target: Target,
        /// What.
        said: Announcement,
    },
    /// A log was written to a file, or could not be.
    LogSaved {
        /// How many lines.
        lines: usize,
        /// The file, or why there is none.
        place: Result<PathBuf, String>,
    },
    /// Greenroom said something about itself.
    DiagnosticsMoved,
    /// The versions of a target were listed, or could not be.
    VersionsListed {
        /// Whose.
        target: Target,
        /// Which.
        versions: Result<Vec<String>, String>,
    },
    /// What a tag names was looked up, or could not be.
    LookedUp {
        /// For which target.
        target: Target,
        /// The tag's name.
        name: String,
        /// What was found.
        resolved: Resolved,
    },
    /// It was looked where an image is that can be gone back to.
    ImageFound {
        /// For which target.
        target: Target,
        /// Of which version.
        digest: Digest,
        /// Where it is.
        image: ImageAt,
    },
    /// The rules and the past of a target were told, or could not be.
    TermsTold {
        /// Whose.
        target: Target,
        /// Which.
        terms: Result<Terms, String>,
    },
    /// A plan was made or refused.
    Planned {
        /// Which asking this answers.
        asked: u64,
        /// The plan.
        plan: Result<Arc<Plan>, Refused>,
    },
    /// A release that lost its driver was looked at, or could not be.
    InterruptedFound {
        /// Which asking.
        asked: u64,
        /// What was found.
        found: Result<Arc<Interrupted>, Refused>,
    },
    /// Several releases of a target are open, and the operator has to choose one.
    OpenReleasesFound {
        /// The number of the question that this answers.
        asked: u64,
        /// All of them, newest first.
        open: Vec<ReleaseRecord>,
    },
    /// A release of somebody else's was approved from here, or was not.
    PeerApproved {
        /// Whose.
        target: Target,
        /// The approval, or why there is none.
        peer_approved: Result<PeerApproval, Refused>,
    },
    /// A hold was placed or cleared, or was not.
    Held {
        /// On which target.
        target: Target,
        /// The hold, or why nothing was done.
        hold: Result<Hold, Refused>,
    },
    /// What mends the differences of a target was planned or refused.
    RepairPlanned {
        /// Which asking this answers.
        asked: u64,
        /// The plan.
        plan: Result<Arc<RepairPlan>, Refused>,
    },
    /// A repair of this console said something, or is over.
    RepairMoved {
        /// Whose.
        target: Target,
        /// What.
        news: RepairNews,
    },
    /// A repair could not be begun, or its task is gone.
    RepairRefused {
        /// Whose.
        target: Target,
        /// Why.
        refused: Refused,
    },
    /// A plan could not be begun.
    BeginRefused {
        /// Whose.
        target: Target,
        /// Why.
        refused: Refused,
    },
    /// The handover was requested, or could not be.
    HandoverRequested {
        /// Of which target.
        target: Target,
        /// What was written.
        asked: Result<HandoverRequest, Refused>,
    },
    /// A no could not be said.
    NotKept {
        /// Of which target.
        target: Target,
        /// Why.
        why: String,
    },
    /// A command did not reach its release.
    CommandLost {
        /// Which release.
        release: ReleaseId,
        /// Why.
        why: String,
    },
    /// The archive answered, or could not.
    HistoryAnswered {
        /// Which asking.
        asked: u64,
        /// What.
        answer: Result<HistoryAnswer, String>,
    },
    /// What was released in a target was read from the archive, or could not be.
    TimelineRead {
        /// Where.
        target: Target,
        /// What.
        answer: Result<HistoryAnswer, String>,
    },
    /// Something was kept of what was released.
    HistoryKept,
    /// The archive could not be written: what is released now is missing in the history of this machine.
    HistoryNotKept {
        /// Why.
        why: String,
    },
    /// The configuration on disk was compared with the one in use; none where both say the same.
    ConfigurationObserved(Option<Arc<NewConfiguration>>),
    /// A second of something that counts on the screen is over.
    Ticked,
}
