//! The console's answer to a key that opened no dialog. It disappears by itself.

use std::time::Duration;

use jiff::Timestamp;

/// How long a notice stays.
const STAYS: Duration = Duration::from_secs(8);

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The answer to something that was done.
    Told,
    /// A refusal, with its reason.
    Refused,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sanitized text.
    pub text: String,
    pub weight: Weight,
    /// When it disappears.
    pub until: Timestamp,
}

impl Notice {
    /// A notice that starts now. Sanitizes the text.
    pub fn new(weight: Weight, text: &str, now: Timestamp) -> Self {
        Self {
            text: crate::sanitize::sanitize(text),
            weight,
            until: now.checked_add(STAYS).unwrap_or(Timestamp::MAX),
        }
    }
}
