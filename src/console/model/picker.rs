//! The picker: the dialog that asks for the version of a promote or a rollback. `version_rows` computes the rows from
//! the answers that have arrived.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::TextLine;
use crate::history::Fate;
use crate::inventory::{Digest, EnvironmentName, Slot, Target};
use crate::release::{ImageAt, Intent, Refusal, Resolved, Terms, Wanted};

/// The largest number of look-ups that run at the same time.
pub const LOOK_UPS: usize = 4;
/// How many of the newest tags (by name) are looked up even if they are not on the screen.
pub const LOOKED_UP_UNSEEN: usize = 40;

/// The tags in the image registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionList {
    Loading,
    /// The sanitized tags, the newest by name first, without duplicates.
    Listed(Vec<String>),
    /// Why the tags could not be listed.
    Failed(String),
    /// The picker is for a rollback, which offers only versions that were live in this target.
    NotAsked,
}

/// The look-up of a tag in the image registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The image registry has not answered yet.
    Asked,
    Answered(Resolved),
}

/// Whether the environments that come before the picker's target in promotion order were observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// An earlier environment was not observed yet. The cursor is not placed, because the cursor may have to start on
    /// the version of that environment.
    NotObserved,
    /// Every earlier environment was observed, or does not answer.
    Observed,
}

/// Asks for the version of a promote or a rollback.
#[derive(Debug, Clone)]
pub struct Picker {
    pub target: Target,
    pub intent: Intent,
    pub list: VersionList,
    /// The look-ups, by tag.
    pub looked_up: BTreeMap<String, LookUp>,
    /// Where the image of each earlier version is. `None` while the search is running.
    pub images: BTreeMap<Digest, Option<ImageAt>>,
    /// The rules and the past releases of the target, or why these could not be read. `None` until the backend has
    /// answered.
    pub terms: Option<Result<Terms, String>>,
    /// The filter. If no row has this name, the typed text itself can be chosen as a tag or digest.
    pub line: TextLine,
    /// The rows, as they were last computed.
    pub version_rows: Vec<VersionRow>,
    pub before: Before,
    /// The refusals that apply to all versions.
    pub against_all: Vec<Refusal>,
    /// The row of the cursor. Without a cursor, the row on which an arrow key puts the cursor. When the rows change,
    /// the cursor stays on its version.
    pub row: usize,
    /// Whether the cursor is on a row. There is no cursor until the list is complete or the operator presses an arrow
    /// key. There is also no cursor after the version under the cursor has left the list. So Enter never chooses a row
    /// that the operator has not seen under the cursor.
    pub has_cursor: bool,
    /// Whether the list has been complete at least once. From then on, only a key moves the cursor to another version.
    pub is_settled: bool,
    /// Whether the screen has shown the cursor after it was placed on the complete list.
    pub is_seen: bool,
}

impl Picker {
    /// A picker for which no answer has arrived yet.
    pub fn new(target: Target, intent: Intent) -> Self {
        let list = match intent {
            Intent::Promote => VersionList::Loading,
            Intent::GoBack => VersionList::NotAsked,
        };
        Self {
            target,
            intent,
            list,
            looked_up: BTreeMap::new(),
            images: BTreeMap::new(),
            terms: None,
            line: TextLine::default(),
            version_rows: Vec::new(),
            before: match intent {
                Intent::Promote => Before::NotObserved,
                Intent::GoBack => Before::Observed,
            },
            against_all: Vec::new(),
            row: 0,
            has_cursor: false,
            is_settled: false,
            is_seen: true,
        }
    }

    /// Whether no known reason forbids the version of this row. Reasons that apply to all versions, such as a hold, are
    /// not considered.
    pub fn is_choosable(&self, version_row: &VersionRow) -> bool {
        version_row.against.is_empty() && version_row.knowledge != Knowledge::Gone
    }

    /// Moves the cursor by `rows`. Without a cursor, puts it on `row`.
    pub fn go_by(&mut self, rows: isize) {
        let last = self.version_rows.len().saturating_sub(1);
        if self.has_cursor {
            self.row = self.row.saturating_add_signed(rows).min(last);
        }
        self.has_cursor = !self.version_rows.is_empty();
        self.is_seen = true;
    }

    /// The version under the cursor.
    pub fn version_row(&self) -> Option<&VersionRow> {
        self.version_rows.get(self.row).filter(|_| self.has_cursor)
    }

    /// Whether the tags, the terms and the earlier environments have all answered or failed.
    pub fn is_whole(&self) -> bool {
        self.list != VersionList::Loading && self.terms.is_some() && self.before == Before::Observed
    }

    /// The rules and the past releases of the target, if they could be read.
    pub fn known_terms(&self) -> Option<&Terms> {
        self.terms.as_ref()?.as_ref().ok()
    }
}

/// How much is known about the version of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knowledge {
    /// The digest is known.
    Known,
    /// The tag was not looked up yet.
    Unasked,
    Asked,
    /// The image registry does not have the tag.
    Gone,
    /// Why the look-up failed.
    Failed(String),
    /// The version was typed and is not in the list.
    Typed,
}

/// A row of the picker: a version to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// What to plan if this row is chosen.
    pub wanted: Wanted,
    /// The version as the screen shows it. Sanitized.
    pub name: String,
    /// The indexes of the characters of `name` that match the filter, ascending.
    pub matched: Vec<usize>,
    /// Other tags of the same image.
    pub also: Vec<String>,
    pub digest: Option<Digest>,
    pub built_at: Option<Timestamp>,
    pub knowledge: Knowledge,
    /// The other environments in which this version is live, the nearest first.
    pub live_in: Vec<EnvironmentName>,
    /// An environment in which another image with the same tag is live.
    pub differs_in: Option<EnvironmentName>,
    /// The slot of this target that keeps this version warm.
    pub warm_in: Option<Slot>,
    /// What last happened to this version in this target.
    pub fate: Option<Fate>,
    /// Where the image is. Only known for a rollback.
    pub image: Option<ImageAt>,
    /// Why this version cannot be chosen. Each reason says what to do. Reasons that apply to all versions are in
    /// `Picker::against_all`.
    pub against: Vec<Refusal>,
}

impl VersionRow {
    /// A row for a version about which nothing else is known.
    pub fn new(wanted: Wanted, name: String, knowledge: Knowledge) -> Self {
        Self {
            wanted,
            name,
            matched: Vec::new(),
            also: Vec::new(),
            digest: None,
            built_at: None,
            knowledge,
            live_in: Vec::new(),
            differs_in: None,
            warm_in: None,
            fate: None,
            image: None,
            against: Vec::new(),
        }
    }

    /// Whether this row and a row of an earlier list show the same version. Rows with two different digests never show
    /// the same version, even if they have the same name or environment.
    pub fn is_same(&self, other: &Self) -> bool {
        let has_same_name = self.name == other.name || self.also.contains(&other.name);
        let may_be_same = match (&self.digest, &other.digest) {
            (Some(digest), Some(other)) => digest == other,
            _ => true,
        };
        may_be_same && (has_same_name || self.wanted == other.wanted)
    }
}
