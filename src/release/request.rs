//! The request of an operator for a release.

use crate::inventory::{EnvironmentName, Operator, Target, VersionRef};

/// The wanted version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This one.
    Version(VersionRef),
    /// The version that is live in that environment now.
    From(EnvironmentName),
    /// The version in the other slot, which was live before and is still warm.
    Standby,
    /// This version, which must have been live here.
    Back(VersionRef),
}

/// A request for a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRequest {
    /// The target.
    pub target: Target,
    /// The version.
    pub wanted: Wanted,
    /// The reason.
    pub reason: Option<String>,
    /// Why it overrides the active holds; none if they stop it.
    pub override_holds: Option<String>,
    /// The operator.
    pub operator: Operator,
}
