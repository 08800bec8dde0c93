//! What came out of proving that releases are still what was written. Pure.

use std::collections::BTreeMap;

use crate::inventory::{ReleaseId, Target};

/// A release that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Wrong {
    /// Which.
    pub release: ReleaseId,
    /// Of which target.
    pub target: Target,
    /// What is not as it was, the first record of each kind; harmless.
    pub wrong: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proven {
    /// How many releases were looked at.
    pub releases: usize,
    /// Of these, whose chain is whole.
    pub whole: usize,
    /// That an older Greenroom wrote without one.
    pub not_chained: usize,
    /// That were not held against a store: it is not configured, not asked, or has it no more.
    pub not_compared: usize,
    /// That were sealed, and held against their seals.
    pub sealed: usize,
    /// Those that are not what was written, newest first.
    pub wrong: Vec<Wrong>,
    /// The targets whose store was not heard, and why.
    pub silent: BTreeMap<Target, String>,
}

impl Proven {
    /// All of it in a sentence.
    pub fn words(&self) -> String {
        format!(
            "{} releases: {} whole, {} not chained (an older Greenroom wrote them), {} wrong; \
             {} were not compared with a store, {} with a seal",
            self.releases,
            self.whole,
            self.not_chained,
            self.wrong.len(),
            self.not_compared,
            self.sealed
        )
    }
}
