//! The history of past releases: a list with a filter, and a page over the list. The page shows one release, the
//! comparison of two releases, a hold or a repair, the timeline of an environment, or the result of a verification. The
//! history shows archived data and never the current state.

use std::cell::Cell;

use crate::history::{Filter, Item, Kept, Verification};
use crate::inventory::{EnvironmentName, ReleaseId};
use crate::release::report::Line;

/// How many releases are read at a time. If the list already has more releases, reading the list again reads that many.
pub const LISTED: usize = 200;
/// The largest number of releases in a timeline.
pub const IN_TIMELINE: usize = 500;

/// The history screen. The filter and the position are kept while the screen is closed.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub is_open: bool,
    /// The text of the filter.
    pub typed: String,
    /// Why the text is not a valid filter.
    pub filter_error: Option<String>,
    /// The entries that match the filter and were read so far, newest first. After the filter has changed, the previous
    /// entries stay until the archive has answered.
    pub rows: Vec<Item>,
    /// Whether all matching entries were read.
    pub is_whole: bool,
    pub row: usize,
    pub marked: Vec<ReleaseId>,
    /// The page that covers the list.
    pub page: Option<HistoryPage>,
    /// Why the list could not be read.
    pub read_error: Option<String>,
    /// The number of the last question. Answers to earlier questions are dropped.
    pub request_id: u64,
    /// The question that the archive has not answered yet.
    pub waiting: Option<Waiting>,
    /// How often the archive was updated since the console opened: until now, and until the list was last read. `None`
    /// if the list was never read.
    pub kept: (u64, Option<u64>),
    /// Whether to open the entry under the cursor as soon as the list arrives.
    pub opens: bool,
}

impl History {
    pub fn under_cursor(&self) -> Option<&Item> {
        self.rows.get(self.row)
    }
}

/// What the unanswered question to the archive is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// The first part of the list.
    List,
    /// The next part of the list.
    More,
    /// The details of one or two releases.
    Releases,
    Timeline(EnvironmentName),
    Proof,
}

/// A page that covers the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    pub title: String,
    /// Sanitized.
    pub lines: Vec<Line>,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
    /// The `top` with which the last lines fill the screen, as measured when the page was drawn.
    pub end: Cell<usize>,
}

impl HistoryPage {
    pub fn new(title: String, lines: Vec<Line>) -> Self {
        Self {
            end: Cell::new(lines.len().saturating_sub(1)),
            title,
            lines,
            top: 0,
        }
    }
}

/// A question to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryQuestion {
    /// The releases that match a filter, newest first.
    List {
        filter: Filter,
        /// Only releases older than this release. `None` starts at the newest release.
        before: Option<ReleaseId>,
        /// The largest number of releases in the answer.
        limit: usize,
    },
    /// The complete records of these releases.
    Releases(Vec<ReleaseId>),
    /// Whether the records that match the filter are unaltered, on this machine and in the stores.
    Prove(Filter),
}

/// The answer to a [`HistoryQuestion`].
#[derive(Debug, Clone)]
pub enum HistoryAnswer {
    Listed {
        /// The entries, newest first.
        items: Vec<Item>,
        /// Whether there are no older entries.
        is_whole: bool,
    },
    /// The releases in the requested order.
    Releases(Vec<Kept>),
    Verification(Verification),
}
