//! A row of the picker: a version to choose, and what is known about it.

use jiff::Timestamp;

use crate::history::Fate;
use crate::inventory::{Digest, EnvironmentName, Push, Slot};
use crate::release::{ImageAt, Refusal, Wanted};

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
    /// The push that wants this version to be released: the newest one that waits.
    pub push: Option<Push>,
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
            push: None,
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
