//! The dialog that asks for a version: what is known of the versions, and where the cursor is in their
//! list. `ways` puts the list together.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::TextLine;
use crate::history::Fate;
use crate::inventory::{Digest, EnvironmentName, Slot, Target};
use crate::release::{ImageAt, Intent, Refusal, Resolved, Terms, Wanted};

/// The most look-ups at the same time.
pub const LOOK_UPS: usize = 4;
/// How many versions are looked up although they are not on the screen: the newest by name.
pub const LOOKED_UP_UNSEEN: usize = 40;

/// The tags to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionList {
    Loading,
    /// The tags, the newest by name first, without duplicates.
    Listed(Vec<String>),
    /// They could not be listed, and why.
    Failed(String),
    /// The registry is not asked: a rollback goes to a version that was live here.
    NotAsked,
}

/// The image registry's answer about a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// Not answered yet.
    Asked,
    Answered(Resolved),
}

/// Whether the environments before the picker's, in promotion order, were observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// One of them was not observed yet. Placing the cursor now would fix it on the wrong version.
    Unheard,
    /// Each was observed, or is known to be unreachable.
    Heard,
}

/// Asks for a version.
#[derive(Debug, Clone)]
pub struct Picker {
    pub target: Target,
    /// Promote, or go back.
    pub intent: Intent,
    /// The tags.
    pub list: VersionList,
    /// The answers of the registry, by tag.
    pub looked_up: BTreeMap<String, LookUp>,
    /// Where the image of each earlier version is; none while it is being looked for.
    pub images: BTreeMap<Digest, Option<ImageAt>>,
    /// The rules and the past of the target, once they are known.
    pub terms: Option<Result<Terms, String>>,
    /// The filter. If no name matches, it is the tag or digest to choose.
    pub line: TextLine,
    /// The rows, as last put together.
    pub ways: Vec<Way>,
    pub before: Before,
    /// The refusals that apply to all versions.
    pub against_all: Vec<Refusal>,
    /// The row of the cursor, or the row that an arrow key moves it to. It follows its version when rows change.
    pub row: usize,
    /// Whether the cursor is on a row. It is on none until the list is complete, unless the operator moves it, and
    /// on none after its version has left the list: Enter only takes a row that the operator has seen under it.
    pub has_cursor: bool,
    /// Whether the list was complete once. After that, only a key moves the cursor to another version.
    pub is_settled: bool,
    /// Whether the screen has shown the row on which the cursor was placed when the list became complete.
    pub is_seen: bool,
}

impl Picker {
    /// A picker without any answer.
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
            ways: Vec::new(),
            before: match intent {
                Intent::Promote => Before::Unheard,
                Intent::GoBack => Before::Heard,
            },
            against_all: Vec::new(),
            row: 0,
            has_cursor: false,
            is_settled: false,
            is_seen: true,
        }
    }

    /// Whether a row can be chosen, as far as is known. A hold does not count: it can be overridden.
    pub fn is_choosable(&self, way: &Way) -> bool {
        way.against.is_empty() && way.knowledge != Knowledge::Gone
    }

    /// Moves the cursor by `rows`, or onto the list if it is on no row.
    pub fn go_by(&mut self, rows: isize) {
        let last = self.ways.len().saturating_sub(1);
        if self.has_cursor {
            self.row = self.row.saturating_add_signed(rows).min(last);
        }
        self.has_cursor = !self.ways.is_empty();
        self.is_seen = true;
    }

    /// The row under the cursor.
    pub fn way(&self) -> Option<&Way> {
        self.ways.get(self.row).filter(|_| self.has_cursor)
    }

    /// Whether everything that decides about the rows and their order is known, or known to be unavailable.
    pub fn is_whole(&self) -> bool {
        self.list != VersionList::Loading && self.terms.is_some() && self.before == Before::Heard
    }

    /// The rules and the past, if they are known.
    pub fn known_terms(&self) -> Option<&Terms> {
        self.terms.as_ref()?.as_ref().ok()
    }
}

/// How much is known of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knowledge {
    /// Its digest is known.
    Known,
    /// Not looked up yet.
    Unasked,
    /// Being looked up.
    Asked,
    /// The image registry does not have it any more.
    Gone,
    /// The look-up failed, and why.
    Failed(String),
    /// It was typed and is not in the list.
    Typed,
}

/// A row of the picker: a version to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What to request if it is chosen.
    pub wanted: Wanted,
    /// The version as it is shown, sanitized.
    pub name: String,
    /// The indexes of the characters that match the filter, ascending.
    pub matched: Vec<usize>,
    pub also: Vec<String>,
    pub digest: Option<Digest>,
    pub built_at: Option<Timestamp>,
    pub knowledge: Knowledge,
    /// The other environments in which it is live, the nearest first.
    pub live_in: Vec<EnvironmentName>,
    /// An environment that runs another image under the same tag.
    pub differs_in: Option<EnvironmentName>,
    /// The slot of this target that keeps it warm.
    pub warm_in: Option<Slot>,
    /// What happened to it here before.
    pub fate: Option<Fate>,
    /// Where the image is, for a rollback, as far as is known.
    pub image: Option<ImageAt>,
    /// Why it cannot be chosen, each reason with its way out. Reasons that apply to all versions are in the
    /// picker.
    pub against: Vec<Refusal>,
}

impl Way {
    /// A row of which nothing else is known.
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

    /// Whether it is the same version as an earlier row. An environment may run another version since then.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_named_so = self.name == other.name || self.also.contains(&other.name);
        let may_be = match (&self.digest, &other.digest) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        may_be && (is_named_so || self.wanted == other.wanted)
    }
}
