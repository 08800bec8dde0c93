//! The bounds that only two slots have.

use super::edits::Edit;
use super::tasks::{TaskBounds, TaskBudget};
use greenroom::inventory::ServiceKind;

/// When a person moves traffic without Greenroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ByHand {
    #[default]
    Never,
    /// The route, between the two halves of a switch.
    InTheSwitch,
    /// The route or the proxy's pointer, back to the old version, at any time between the switch
    /// and the stop; or the route's key is deleted then.
    BeforeTheStop,
}

/// How two slots start, and what people do to them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    /// Background services have no proxy: the route in the store is all that says what is live.
    pub(crate) kind: ServiceKind,
    /// Whether the old version of a worker is told to take no more jobs before it is stopped.
    pub(crate) quiet: bool,
    /// Whether the other slot has an older version without traffic.
    pub(crate) leftover: bool,
    /// When a person moves traffic by hand, once.
    pub(crate) by_hand: ByHand,
    /// The edits that are possible, between two observations.
    pub(crate) edits: &'static [Edit],
    /// How many of them happen.
    pub(crate) edit_count: u8,
    /// The tasks of the first release.
    pub(crate) tasks: TaskBounds,
    pub(crate) task_budget: TaskBudget,
}
