//! Runs commands that check a candidate, on the machine of the operator or of the agent.

use async_trait::async_trait;

use super::CheckOutput;
use crate::checks::{Case, CaseReport, CommandCase};
use crate::inventory::{Address, Mask, ReleaseId, Slot, Target, Version};

/// The candidate that a command checks.
#[derive(Debug, Clone)]
pub struct CheckedCandidate {
    pub target: Target,
    pub slot: Slot,
    pub version: Version,
    pub release: ReleaseId,
    /// Where it answers.
    pub address: Address,
}

#[async_trait]
pub trait CommandChecks: Send + Sync {
    /// Runs a command until it ends, or until its timeout has passed. The mask hides secrets in the report. Its
    /// output is also written to `output`, as it is. The command and its child processes are killed if the future is
    /// dropped, and also if this process dies.
    async fn run(
        &self,
        case: &Case,
        command: &CommandCase,
        candidate: &CheckedCandidate,
        mask: &Mask,
        output: &CheckOutput,
    ) -> CaseReport;
}
