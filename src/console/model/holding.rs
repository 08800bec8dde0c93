//! The dialog that places a hold on a target, clears the current hold, adds the missing reason of the current hold, or
//! removes a stored hold that cannot be read. The dialog asks one question at a time.

use super::TextLine;
use crate::inventory::{Hold, Target};

/// The dialog about the hold of a target.
#[derive(Debug, Clone)]
pub struct Holding {
    pub target: Target,
    /// The current question.
    pub asks: HoldLine,
    pub line: TextLine,
}

/// A question of the dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldLine {
    /// The reason for a new hold.
    Why,
    /// The end of a new hold.
    Until {
        /// The reason that was typed as the answer to the first question.
        why: String,
    },
    /// The reason of the current hold. A rollback placed this hold without a reason.
    Reason(Box<Hold>),
    /// The reason to clear the current hold.
    Clear(Box<Hold>),
    /// The reason to remove a stored hold that cannot be read.
    Remove {
        /// The key of the hold, and why it cannot be read.
        problem: String,
        /// The store revision of the hold.
        revision: i64,
    },
}
