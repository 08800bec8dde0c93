//! A freeze or a block on a target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Operator;

/// Nobody promotes here until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub author: Operator,
    /// Since when.
    pub since: Timestamp,
    /// Until when; none is until somebody clears it.
    pub until: Option<Timestamp>,
}

impl Hold {
    /// Whether it still stands at `now`.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
