//! The past releases of the open target. A large screen shows them below the steps of the last release while no release
//! is running.

use crate::inventory::Target;
use crate::release::report::Line;

/// The past releases of one target.
#[derive(Debug, Clone, Default)]
pub struct TargetTimeline {
    /// The target of the last question to the archive, and how often the archive had been updated at that time.
    pub requested: Option<(Target, u64)>,
    /// The target to which `lines` belong.
    pub target: Option<Target>,
    /// Lines about the past releases. Sanitized.
    pub lines: Vec<Line>,
}
