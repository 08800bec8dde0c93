//! What the console answers to a key that opened no dialog. It goes away by itself.

use std::time::Duration;

use jiff::Timestamp;

/// How long a notice stays.
const STAYS: Duration = Duration::from_secs(8);

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It was done.
    Told,
    /// It was not done, and why.
    Refused,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it says; harmless.
    pub text: String,
    /// How much it matters.
    pub weight: Weight,
    /// When it goes away.
    pub until: Timestamp,
}

impl Notice {
    /// A notice made now. The text may be foreign.
    pub fn new(weight: Weight, text: &str, now: Timestamp) -> Self {
        Self {
            text: crate::sanitize::sanitize(text),
            weight,
            until: now.checked_add(STAYS).unwrap_or(Timestamp::MAX),
        }
    }
}
