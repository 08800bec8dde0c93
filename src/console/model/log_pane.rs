//! Which log is shown, the lines it has, and where one looks at them.

use crate::inventory::{InstanceId, Slot, Target};
use crate::logs::{Ring, Viewport};

/// Where the lines of the pane come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// Whose.
    pub target: Target,
    /// The slot it runs in.
    pub slot: Slot,
    /// The instance.
    pub instance: InstanceId,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct LogPane {
    /// What is followed now.
    pub source: Option<LogSource>,
    /// The slot the operator asked for; none is the candidate's, else the live one's.
    pub chosen: Option<Slot>,
    /// The lines.
    pub ring: Ring,
    /// Where one looks at them.
    pub view: Viewport,
}
