//! The timeline of the open target, for the rows that a large screen has left while nothing is released.

use crate::inventory::Target;
use crate::release::report::Line;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct TargetTimeline {
    /// The target that the archive was asked about last, and how often something had been kept then.
    pub asked: Option<(Target, u64)>,
    /// The target of the lines.
    pub target: Option<Target>,
    /// What was released there, newest first; harmless.
    pub lines: Vec<Line>,
}
