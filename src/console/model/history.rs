//! Past releases to browse: a list with a filter. Over the list: one release, two releases side by side,
//! or the timeline of an environment. It shows what was archived, never what is running.

use crate::history::{Filter, Item, Kept, Proven};
use crate::inventory::{EnvironmentName, ReleaseId};
use crate::release::report::Line;

/// How many releases are read at a time.
pub const LISTED: usize = 200;
/// How many releases a timeline is made from.
pub const IN_TIMELINE: usize = 500;

/// See the module. It keeps its filter and its position while it is closed.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub is_open: bool,
    /// The filter as typed.
    pub typed: String,
    /// What is wrong with the filter.
    pub wrong: Option<String>,
    /// The releases that match the filter, newest first, as far as they were read.
    pub rows: Vec<Item>,
    /// Whether all of them were read.
    pub is_whole: bool,
    pub row: usize,
    /// The releases marked for comparison.
    pub marked: Vec<ReleaseId>,
    /// The page over the list.
    pub sheet: Option<Sheet>,
    /// Why something could not be read.
    pub trouble: Option<String>,
    /// The number of the last question. Answers to earlier questions are dropped.
    pub asked: u64,
    /// The question that is not answered yet.
    pub waiting: Option<Waiting>,
    /// How often something was archived, and how often when the list was read.
    pub kept: (u64, u64),
    /// Whether to open the release under the cursor as soon as the list arrives.
    pub opens: bool,
}

impl History {
    /// The item under the cursor.
    pub fn under_cursor(&self) -> Option<&Item> {
        self.rows.get(self.row)
    }
}

/// A question to the archive without an answer yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// The list from its start.
    List,
    /// More of the list.
    More,
    /// One or two releases.
    Releases,
    Timeline(EnvironmentName),
    /// The verification of the listed records.
    Proof,
}

/// A page over the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    pub title: String,
    /// The sanitized lines.
    pub lines: Vec<Line>,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
}

/// A question to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryQuestion {
    /// The releases that match a filter, older than `before`.
    List {
        filter: Filter,
        /// Where to start; none starts at the newest.
        before: Option<ReleaseId>,
        /// The most releases to read.
        limit: usize,
    },
    /// Everything that is archived about these.
    Releases(Vec<ReleaseId>),
    /// Whether the matching records are unaltered, on this machine and in the stores.
    Prove(Filter),
}

/// The answer to a [`HistoryQuestion`].
#[derive(Debug, Clone)]
pub enum HistoryAnswer {
    Listed {
        /// The items, newest first.
        items: Vec<Item>,
        /// Whether there are no more.
        is_whole: bool,
    },
    /// The releases in the requested order.
    Releases(Vec<Kept>),
    /// The result of the verification.
    Proven(Proven),
}
