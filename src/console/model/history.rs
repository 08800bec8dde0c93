//! What was released, to browse: a list with a filter, and over it one release, two of them beside
//! each other, or the timeline of an environment. It is what was kept, never what runs.

use crate::history::{Filter, Item, Kept, Proven};
use crate::inventory::{EnvironmentName, ReleaseId};
use crate::release::report::Line;

/// How many releases are asked for at a time.
pub const LISTED: usize = 200;
/// How many a timeline looks at.
pub const IN_TIMELINE: usize = 500;

/// See the module. It keeps its filter and its place while it is closed.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Whether it has the screen.
    pub is_open: bool,
    /// The filter as it is typed.
    pub typed: String,
    /// What of it cannot be meant.
    pub wrong: Option<String>,
    /// What it lets through, newest first, as far as it was read.
    pub rows: Vec<Item>,
    /// Whether there are no more.
    pub is_whole: bool,
    /// The row under the cursor.
    pub row: usize,
    /// Those that are to be compared.
    pub marked: Vec<ReleaseId>,
    /// What is read over the list.
    pub sheet: Option<Sheet>,
    /// Why something could not be read.
    pub trouble: Option<String>,
    /// The number of the last question; answers to others come too late.
    pub asked: u64,
    /// What is waited for.
    pub waiting: Option<Waiting>,
    /// How often something was kept, and how often when the list was asked for.
    pub kept: (u64, u64),
    /// Whether the release under the cursor is to be opened as soon as the list has come.
    pub opens: bool,
}

impl History {
    /// What is under the cursor.
    pub fn under_cursor(&self) -> Option<&Item> {
        self.rows.get(self.row)
    }
}

/// What was asked and is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// The list from its beginning.
    List,
    /// More of it.
    More,
    /// One release, or two.
    Releases,
    /// A timeline.
    Timeline(EnvironmentName),
    /// Whether it is what was written.
    Proof,
}

/// Something to read over the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What it is.
    pub title: String,
    /// The lines, harmless.
    pub lines: Vec<Line>,
    /// How many are scrolled away above.
    pub top: usize,
}

/// What is asked of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryQuestion {
    /// What a filter lets through, from the one before another on.
    List {
        /// Which.
        filter: Filter,
        /// From where on; none for the newest.
        before: Option<ReleaseId>,
        /// How many releases.
        limit: usize,
    },
    /// All that is kept of these.
    Releases(Vec<ReleaseId>),
    /// Whether what a filter lets through is still what was written, here and in the stores.
    Prove(Filter),
}

/// What it answers.
#[derive(Debug, Clone)]
pub enum HistoryAnswer {
    /// A list.
    Listed {
        /// What is in it, newest first.
        items: Vec<Item>,
        /// Whether there is no more.
        is_whole: bool,
    },
    /// Releases, in the order they were asked for.
    Releases(Vec<Kept>),
    /// What came out of proving.
    Proven(Proven),
}
