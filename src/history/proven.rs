//! What came out of proving that what was recorded is still what was written. Pure.

use std::collections::BTreeMap;

use crate::inventory::{ReleaseId, Target};

/// A release, a hold or a repair that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Wrong {
    /// What it is, in a word; `record` where only its seal is left.
    pub kind: &'static str,
    /// Which.
    pub id: ReleaseId,
    /// Of which target.
    pub target: Target,
    /// What is not as it was, the first record of each kind; harmless.
    pub wrong: Vec<String>,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}  {}", self.kind, self.id, self.target)
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proven {
    /// How many releases were looked at.
    pub releases: usize,
    /// How many holds and repairs.
    pub beside: usize,
    /// Of both, whose hashes are whole.
    pub whole: usize,
    /// That an older Greenroom wrote without any.
    pub not_chained: usize,
    /// That were not held against a store: it is not configured, not asked, or has it no more.
    pub not_compared: usize,
    /// That were sealed, and held against their seals.
    pub sealed: usize,
    /// Those that are not what was written, newest first, releases before holds and repairs.
    pub wrong: Vec<Wrong>,
    /// The targets whose store was not heard, and why.
    pub silent: BTreeMap<Target, String>,
}

impl Proven {
    /// All of it in a sentence.
    pub fn words(&self) -> String {
        format!(
            "{} releases, {} holds and repairs: {} whole, {} not chained (an older Greenroom wrote \
             them), {} wrong; {} were not compared with a store, {} with a seal",
            self.releases,
            self.beside,
            self.whole,
            self.not_chained,
            self.wrong.len(),
            self.not_compared,
            self.sealed
        )
    }
}
