//! The timeline of the open target, for the spare rows of a large screen while no release is in flight.

use crate::inventory::Target;
use crate::release::report::Line;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct TargetTimeline {
    /// The target of the last question to the archive, and how often something had been archived then.
    pub asked: Option<(Target, u64)>,
    /// The target of the lines.
    pub target: Option<Target>,
    /// The past releases, newest first; sanitized.
    pub lines: Vec<Line>,
}
