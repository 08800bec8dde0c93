//! Placing a hold on a target, or clearing its current hold: the questions, one line each.

use super::TextLine;
use crate::inventory::{Hold, Target};

/// A question about a hold.
#[derive(Debug, Clone)]
pub struct Holding {
    pub target: Target,
    /// The current line.
    pub asks: HoldLine,
    pub line: TextLine,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldLine {
    /// The reason to place it.
    Why,
    /// When it ends.
    Until {
        /// The reason, typed before.
        why: String,
    },
    /// The reason of the rollback that placed the hold without one.
    Reason(Box<Hold>),
    /// The reason to clear the current hold.
    Clear(Box<Hold>),
    /// The reason to remove a hold that cannot be read.
    Remove {
        /// Why it cannot be read.
        problem: String,
        /// The revision that wrote it.
        revision: i64,
    },
}
