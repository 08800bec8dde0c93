//! What has to be known to make a plan: gathered from every side at once, failures included.

use jiff::Timestamp;

use super::StandbyOf;
use crate::history::{ReleaseRecord, WasLive};
use crate::inventory::{
    Clocks, Installation, Occupancy, PerSlot, PointerState, Probe, ProxyAnswer, RegistryRecord,
    ReleaseId, Version,
};

/// Something that was looked at: what it is, or why it is not known.
pub type Known<T> = Result<T, String>;

/// What was found when the version was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// This is it.
    Version(Box<Version>),
    /// The image registry has no such thing.
    Missing {
        /// What was asked for.
        wanted: String,
    },
    /// The environment it was to be taken from runs nothing.
    NothingLive,
    /// The other slot is asked for: what runs there says which version it is.
    WhateverIsWarm,
    /// It could not be looked up.
    Unknown(String),
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// When it was gathered.
    pub now: Timestamp,
    /// Other machines' clocks.
    pub clocks: Clocks,
    /// The id the release will have.
    pub release: ReleaseId,
    /// Whether anything may be changed.
    pub may_write: bool,
    /// The version.
    pub version: Resolved,
    /// The registry's side.
    pub record: Known<RegistryRecord>,
    /// Whose standby the lock is held for, if it is held for one: the release that is planned ends it.
    pub standby: Option<StandbyOf>,
    /// What the proxy does; none while its configuration is not installed.
    pub proxy: Known<Option<ProxyAnswer>>,
    /// What the proxy compares a switch with; none where that was not read.
    pub pointer: Option<PointerState>,
    /// Whether the proxy's configuration is installed.
    pub installation: Known<Installation>,
    /// What stands in the slots.
    pub slots: PerSlot<Known<Occupancy>>,
    /// What the live slot's health endpoint answers, where there is one.
    pub live_probe: Option<Probe>,
    /// What was released here before, newest first.
    pub past: Known<Vec<ReleaseRecord>>,
    /// Which versions the releases before prove to have been live. Searched only as far as a rollback asks for.
    pub was_live: WasLive,
    /// The releases that are newer than all of those and cannot be read, newest first, each with why.
    pub unreadable: Vec<(ReleaseId, String)>,
    /// What is live in the environment that the rules ask for first.
    pub live_there: Option<Known<Option<Version>>>,
    /// What a release would write in the store and another target has, each in words with what to do.
    pub taken: Vec<String>,
    /// Whether the engine has the image.
    pub has_image: bool,
}
