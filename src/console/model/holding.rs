//! Placing a hold on a target, and clearing the one that stands: what is asked, line by line.

use super::TextLine;
use crate::inventory::{Hold, Target};

/// What is asked about a hold.
#[derive(Debug, Clone)]
pub struct Holding {
    /// On which target.
    pub target: Target,
    /// Which line of it.
    pub asks: HoldLine,
    /// What is typed so far.
    pub line: TextLine,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldLine {
    /// Why it is placed.
    Why,
    /// When it ends.
    Until {
        /// Why it is placed.
        why: String,
    },
    /// The reason of the rollback that has left the hold without one.
    Reason(Box<Hold>),
    /// Why the one that stands is cleared.
    Clear(Box<Hold>),
    /// Why one that cannot be read is removed.
    Remove {
        /// What is wrong with it.
        problem: String,
        /// The revision that wrote it.
        revision: i64,
    },
}
