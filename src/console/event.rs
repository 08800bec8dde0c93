//! Everything that the console reacts to. A failed operation is also an event.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use super::effect::Answer;
use super::model::{LogSource, NewConfiguration};
use crate::inventory::{ReleaseId, Target, World};
use crate::logs::Batch;
use crate::release::{Announcement, Refused, Releases, RepairNews, Status};

/// An event from the terminal or a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Key(KeyEvent),
    Paste(String),
    /// A mouse button was pressed, or the wheel was turned.
    Mouse(MouseEvent),
    /// The new size of the terminal, in columns and rows.
    Resized(u16, u16),
    /// The process was stopped and has continued.
    Continued,
    /// A signal asks the process to end. Contains the name of the signal: `SIGINT`, `SIGTERM` or `SIGHUP`.
    Signal(&'static str),
    /// The terminal was closed.
    Lost,
}

/// Something that the console reacts to.
#[derive(Debug, Clone)]
pub enum Event {
    Input(Input),
    /// The backend has answered a question.
    Answered(Arc<dyn Answer>),
    /// The watchers have published new observations.
    WorldObserved(Arc<World>),
    /// The watchers have read the journals of the releases.
    ReleasesObserved(Arc<Releases>),
    /// The status of a release that this console drives: the first status, and each change.
    ReleaseMoved(Arc<Status>),
    /// This console no longer drives the release. The journal has the state of the release.
    DriverGone(ReleaseId),
    LogArrived {
        source: LogSource,
        batch: Batch,
    },
    /// A driver in this console announced a note or a decision. The status of the release does not contain notes or
    /// decisions.
    Announced {
        target: Target,
        announcement: Announcement,
    },
    DiagnosticsMoved,
    /// A repair that this console carries out made progress, or has ended.
    RepairMoved {
        target: Target,
        news: RepairNews,
    },
    /// A repair could not be started, or its task ended without a result.
    RepairRefused {
        target: Target,
        refused: Refused,
    },
    /// A command did not reach the driver of its release.
    CommandLost {
        release: ReleaseId,
        why: String,
    },
    /// The archive of past releases was brought up to date with the journals that could be read.
    HistoryKept,
    /// The archive could not be read or written, so records may be missing from the history of this machine.
    HistoryNotKept {
        why: String,
    },
    /// The configuration on disk was compared with the configuration in use. `None` if the two are equal.
    ConfigurationObserved(Option<Arc<NewConfiguration>>),
    /// Time has passed: one second if the screen shows a time in seconds, otherwise one minute.
    Ticked,
}
