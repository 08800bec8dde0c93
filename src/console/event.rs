//! Everything that can happen to the console. What went wrong is an event too.

use std::sync::Arc;

use crossterm::event::KeyEvent;

use super::model::LogSource;
use crate::inventory::{ReleaseId, Target, World};
use crate::logs::Batch;
use crate::release::{Plan, Refused, Status};

/// What comes from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted in one piece.
    Paste(String),
    /// The terminal has another size.
    Resized(u16, u16),
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
    /// A release moved.
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
    /// The versions of a target were listed, or could not be.
    VersionsListed {
        /// Whose.
        target: Target,
        /// Which.
        versions: Result<Vec<String>, String>,
    },
    /// A plan was made or refused.
    Planned {
        /// Which asking this answers.
        asked: u64,
        /// The plan.
        plan: Result<Arc<Plan>, Refused>,
    },
    /// A plan could not be begun.
    BeginRefused {
        /// Whose.
        target: Target,
        /// Why.
        refused: Refused,
    },
    /// A command did not reach its release.
    CommandLost {
        /// Which release.
        release: ReleaseId,
        /// Why.
        why: String,
    },
    /// A second of something that counts on the screen is over.
    Ticked,
}
