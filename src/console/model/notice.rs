//! Short messages in place of the footer: answers to keys, and news about releases.

use std::time::Duration;

use jiff::Timestamp;

use super::Model;
use crate::console::effect::Effect;

/// How long a notice is shown.
const SHOWN_FOR: Duration = Duration::from_secs(8);

/// How a notice is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Something was done or has happened.
    Normal,
    /// A refusal, a failure, or a request to the operator.
    Prominent,
}

/// A short message that disappears by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Sanitized.
    pub text: String,
    pub weight: Weight,
    pub until: Timestamp,
}

impl Notice {
    /// A notice that is shown from `now` on. Sanitizes the text.
    pub fn new(weight: Weight, text: &str, now: Timestamp) -> Self {
        Self {
            text: crate::sanitize::sanitize(text),
            weight,
            until: now.checked_add(SHOWN_FOR).unwrap_or(Timestamp::MAX),
        }
    }
}

impl Model {
    pub fn say(&mut self, weight: Weight, text: &str) {
        self.notice = Some(Notice::new(weight, text, self.now));
    }

    /// Shows why a key does nothing.
    pub fn refused(&mut self, text: &str) -> Vec<Effect> {
        self.say(Weight::Prominent, text);
        Vec::new()
    }
}
