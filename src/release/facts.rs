//! The facts that a plan needs, gathered from every source at the same time. If a source fails, the fact is the reason
//! of that failure.

use jiff::Timestamp;

use super::StandbyOf;
use crate::history::{ReleaseRecord, WasLive};
use crate::inventory::{
    Clocks, Edges, Occupancy, PerSlot, Probe, RegistryRecord, ReleaseId, Version,
};

/// A fact: its value, or why it is not known.
pub type Known<T> = Result<T, String>;

/// The result of resolving the requested version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    Version(Box<Version>),
    /// The image registry does not have the requested version.
    Missing {
        wanted: String,
    },
    /// The request asks for the version that is live in another environment, but no version is live in it.
    NothingLive,
    /// The warm version in the other slot was requested. The instance in that slot determines the version.
    WarmVersion,
    /// The version could not be resolved. The text is the reason.
    Unknown(String),
}

/// All facts of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// When the facts were gathered.
    pub now: Timestamp,
    pub clocks: Clocks,
    /// The id that the release will have.
    pub release: ReleaseId,
    /// Whether this console may write.
    pub may_write: bool,
    pub version: Resolved,
    pub record: Known<RegistryRecord>,
    /// Which console drives the standby that holds the lock; none if no standby holds the lock. The planned release
    /// ends that standby.
    pub standby: Option<StandbyOf>,
    /// The edges, each with the reasons why it did not answer or its configuration is not known.
    pub edges: Edges,
    pub slots: PerSlot<Known<Occupancy>>,
    /// The answer of the live slot's health endpoint, if there is one.
    pub live_probe: Option<Probe>,
    /// The earlier releases, newest first.
    pub past: Known<Vec<ReleaseRecord>>,
    /// The versions that earlier releases prove to have been live. The search ends as soon as it has found what the
    /// request needs, so the list may be incomplete.
    pub was_live: WasLive,
    /// Releases that cannot be read and are newer than every release in `past`, newest first, each with the reason.
    pub unreadable: Vec<(ReleaseId, String)>,
    /// The version that is live in the environment of `rules.only_from`. The outer none means that the rules name no
    /// environment, the inner none that no version is live in it.
    pub live_in_first: Option<Known<Option<Version>>>,
    /// Messages about keys in the store that belong to another target and that this release would write.
    pub taken: Known<Vec<String>>,
    /// Whether the runtime has the image already.
    pub has_image: bool,
}

impl Facts {
    /// The newest release of the target, readable or not.
    pub(super) fn newest(&self) -> Option<ReleaseId> {
        let newest = self.past.as_ref().ok().and_then(|past| past.first());
        let unreadable = self.unreadable.first().map(|(id, _)| *id);
        newest.map(|head| head.id).max(unreadable)
    }
}
