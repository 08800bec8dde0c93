//! The question which version: what is known of the versions there are, and where one is in their
//! list. The list itself is put together by `ways`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::TextLine;
use crate::history::Fate;
use crate::inventory::{Digest, EnvironmentName, Slot, Target};
use crate::release::{ImageAt, Intent, Refusal, Resolved, Terms, Wanted};

/// How many versions are looked up at the same time at most.
pub const LOOK_UPS: usize = 4;
/// How many versions are looked up although nobody has them on the screen: the newest by name.
pub const LOOKED_UP_UNSEEN: usize = 40;

/// The tags to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionList {
    /// They are being listed.
    Loading,
    /// These, the newest by name first, each once.
    Listed(Vec<String>),
    /// They cannot be listed.
    Failed(String),
    /// The registry is not asked: one goes back to what was live here.
    NotAsked,
}

/// What the image registry says of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// It has been asked.
    Asked,
    /// It has answered.
    Answered(Resolved),
}

/// What is known of the environments before that of a picker, in the order of promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It is not known yet what runs in one of them: the cursor would be put on another version for good.
    Unheard,
    /// Each was observed, or is known to be unreachable.
    Heard,
}

/// Which version?
#[derive(Debug, Clone)]
pub struct Picker {
    /// For which target.
    pub target: Target,
    /// What for.
    pub intent: Intent,
    /// The tags there are.
    pub list: VersionList,
    /// What is known of tags.
    pub looked_up: BTreeMap<String, LookUp>,
    /// Where the images are of what was live here; none while it is looked.
    pub images: BTreeMap<Digest, Option<ImageAt>>,
    /// The rules and the past of the target, once they are known.
    pub terms: Option<Result<Terms, String>>,
    /// What the names have to contain; and, when nothing is called so, the tag or digest itself.
    pub line: TextLine,
    /// The rows, as they were put together last.
    pub ways: Vec<Way>,
    /// Whether every environment before this one was heard of.
    pub before: Before,
    /// What stands against all of them.
    pub against_all: Vec<Refusal>,
    /// The row that the cursor is on, or that an arrow key puts it on. It stays on its version when rows come and go.
    pub row: usize,
    /// Whether the cursor is on a row. It is on none until the list is whole, unless the operator moves it there, and
    /// on none after the version under it has left the list: Enter takes only what the operator has seen under it.
    pub has_cursor: bool,
    /// Whether the list was whole once. From then on nothing but a key moves the cursor to another version.
    pub is_settled: bool,
    /// Whether the screen has shown the row that the cursor was put on when the list became whole.
    pub is_seen: bool,
}

impl Picker {
    /// A picker that knows nothing yet.
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

    /// Moves the cursor, as the operator asked: by so many rows, or onto the list where it is on no row.
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

    /// Whether everything is there that decides about the rows and their order, or is known to be missing.
    pub fn is_whole(&self) -> bool {
        self.list != VersionList::Loading && self.terms.is_some() && self.before == Before::Heard
    }

    /// The rules and the past, if they are known.
    pub fn known_terms(&self) -> Option<&Terms> {
        self.terms.as_ref()?.as_ref().ok()
    }
}

/// How well a row is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knowledge {
    /// What it names is known.
    Known,
    /// Nobody asked yet what it names.
    Unasked,
    /// It is being asked.
    Asked,
    /// The image registry has no such thing any more.
    Gone,
    /// The image registry did not tell.
    Failed(String),
    /// It is not in the list; it was typed.
    Typed,
}

/// A way to choose: a row of the picker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What is asked for.
    pub wanted: Wanted,
    /// The version as it is shown; harmless.
    pub name: String,
    /// Which characters of the name are what was filtered by, ascending.
    pub matched: Vec<usize>,
    /// Its other tags.
    pub also: Vec<String>,
    /// What it is.
    pub digest: Option<Digest>,
    /// When it was built.
    pub built_at: Option<Timestamp>,
    /// How well it is known.
    pub knowledge: Knowledge,
    /// The environments it is live in, the nearest first; without this one.
    pub live_in: Vec<EnvironmentName>,
    /// The environment that runs another image under the same tag.
    pub differs_in: Option<EnvironmentName>,
    /// The slot of this target that keeps it warm.
    pub warm_in: Option<Slot>,
    /// What became of it here before.
    pub fate: Option<Fate>,
    /// Where its image is, of one to go back to, as far as is known.
    pub image: Option<ImageAt>,
    /// Why it cannot be chosen, each reason with its way out; for reasons that stand against all
    /// versions see the picker.
    pub against: Vec<Refusal>,
}

impl Way {
    /// A row that nothing is known of.
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

    /// Whether it is the version of another row, as that was before. What an environment runs may be another version
    /// now.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_named_so = self.name == other.name || self.also.contains(&other.name);
        let may_be = match (&self.digest, &other.digest) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        may_be && (is_named_so || self.wanted == other.wanted)
    }
}
