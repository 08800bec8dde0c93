//! The request of an operator or an agent for a release.

use crate::inventory::{EnvironmentName, Operator, Target, TaskName, Trigger, VersionRef};

/// The version that an operator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The version with this tag or digest.
    Version(VersionRef),
    /// The version that is live in this other environment now.
    From(EnvironmentName),
    /// The version in the other slot, which was live before and is still warm.
    Standby,
    /// The version with this tag or digest, which must have been live in the target.
    Back(VersionRef),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRequest {
    pub target: Target,
    pub wanted: Wanted,
    pub reason: Option<String>,
    /// The reason for overriding the active holds; none if the release does not override them.
    pub override_holds: Option<String>,
    pub operator: Operator,
    /// The push for which an agent makes the request; none for a request of an operator.
    pub trigger: Option<Trigger>,
    /// The tasks of the target that the release does not run. They need a reason.
    pub skipped_tasks: Vec<TaskName>,
    /// The required checks that the release overrides if they do not pass. They need a reason.
    pub overridden_checks: Vec<String>,
}
