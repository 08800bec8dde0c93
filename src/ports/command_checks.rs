//! Runs commands that check a candidate, on the machine of the operator or of the agent.

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::CheckOutput;
use crate::checks::{Case, CaseReport, CommandCase, OutputMask};
use crate::inventory::{Address, ReleaseId, Slot, Target, Version};

/// The candidate that a command checks. Commands get its fields as variables.
#[derive(Debug, Clone)]
pub struct CheckedCandidate {
    pub target: Target,
    pub slot: Slot,
    pub version: Version,
    pub release: ReleaseId,
    /// Where it answers, as the command sees it; none for a background service.
    pub address: Option<Address>,
}

impl CheckedCandidate {
    /// The environment variables that tell a command about the candidate.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        let address = self.address.as_ref();
        let url = address.filter(|address| address.port().is_some());
        let url = url.map(|address| ("GREENROOM_URL", address.url()));
        let address = address.map(|address| ("GREENROOM_ADDRESS", address.to_string()));
        url.into_iter().chain(address).chain([
            ("GREENROOM_SERVICE", self.target.service.to_string()),
            ("GREENROOM_ENVIRONMENT", self.target.environment.to_string()),
            ("GREENROOM_SLOT", self.slot.to_string()),
            ("GREENROOM_VERSION", self.version.name().to_owned()),
            ("GREENROOM_DIGEST", self.version.digest.to_string()),
            ("GREENROOM_RELEASE", self.release.to_string()),
        ])
    }
}

#[async_trait]
pub trait CommandChecks: Send + Sync {
    /// Runs a command until it ends, or until its timeout has passed. `mask` is awaited after the command has ended,
    /// because starting the command may read secrets. The mask hides secrets in the report. Its output is also written
    /// to `output`, as it is. The command and its child processes are killed if the future is
    /// dropped, and also if this process dies.
    async fn run(
        &self,
        case: &Case,
        command: &CommandCase,
        candidate: &CheckedCandidate,
        mask: BoxFuture<'_, OutputMask>,
        output: &CheckOutput,
    ) -> CaseReport;
}
