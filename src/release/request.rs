//! What an operator asks for, before anything is looked at.

use crate::inventory::{EnvironmentName, Operator, Target, VersionRef};

/// Which version is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This one.
    Version(VersionRef),
    /// Whatever is live in that environment now.
    From(EnvironmentName),
    /// What was live before and is still warm in the other slot.
    Standby,
    /// This one, which has to have been live here once.
    Back(VersionRef),
}

/// A release that somebody would like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRequest {
    /// Where.
    pub target: Target,
    /// What.
    pub wanted: Wanted,
    /// Why.
    pub reason: Option<String>,
    /// Why it is to be done in spite of the holds that stand; none where they are to stop it.
    pub override_holds: Option<String>,
    /// Who.
    pub operator: Operator,
}
