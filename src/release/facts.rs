//! The facts that a plan needs, gathered from every source at once, including failures.

use jiff::Timestamp;

use super::StandbyOf;
use crate::history::{ReleaseRecord, WasLive};
use crate::inventory::{
    Clocks, Installation, Occupancy, PerSlot, PointerState, Probe, ProxyAnswer, RegistryRecord,
    ReleaseId, Version,
};

/// A fact: its value, or why it is not known.
pub type Known<T> = Result<T, String>;

/// The result of resolving the requested version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The version.
    Version(Box<Version>),
    /// The image registry does not have it.
    Missing {
        /// What was requested.
        wanted: String,
    },
    /// Nothing is live in the environment that it should be taken from.
    NothingLive,
    /// The other slot was requested: the instance there determines the version.
    WhateverIsWarm,
    /// It could not be resolved; why.
    Unknown(String),
}

/// All facts of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// When they were gathered.
    pub now: Timestamp,
    /// The clocks of other machines.
    pub clocks: Clocks,
    /// The id that the release will have.
    pub release: ReleaseId,
    /// Whether changes are allowed.
    pub may_write: bool,
    /// The version.
    pub version: Resolved,
    /// The store's record.
    pub record: Known<RegistryRecord>,
    /// The standby that holds the lock, if any. The planned release ends it.
    pub standby: Option<StandbyOf>,
    /// What the proxy reports; none while its configuration is not installed.
    pub proxy: Known<Option<ProxyAnswer>>,
    /// What the proxy compares a switch with; none if it was not read.
    pub pointer: Option<PointerState>,
    /// Whether the proxy's configuration is installed.
    pub installation: Known<Installation>,
    /// What occupies the slots.
    pub slots: PerSlot<Known<Occupancy>>,
    /// The answer of the live slot's health endpoint, if there is one.
    pub live_probe: Option<Probe>,
    /// The earlier releases, newest first.
    pub past: Known<Vec<ReleaseRecord>>,
    /// The versions that earlier releases prove to have been live. Searched only as far as a rollback needs.
    pub was_live: WasLive,
    /// Newer releases than all of those that cannot be read, newest first, each with the reason.
    pub unreadable: Vec<(ReleaseId, String)>,
    /// What is live in the environment that the rules require first.
    pub live_there: Option<Known<Option<Version>>>,
    /// Store entries of another target that this release would write; each text says what to do.
    pub taken: Vec<String>,
    /// Whether the engine has the image.
    pub has_image: bool,
}
