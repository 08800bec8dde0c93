//! What the console asks of the house. Implemented where everything is known to everyone; the
//! console itself knows no registry, no engine and no configuration.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::model::LogSource;
use crate::inventory::Target;
use crate::logs::Batch;
use crate::release::{Approval, Handle, Plan, PlanRequest, Refused};

/// See the module. Every call may take its time; none is made from the loop.
#[async_trait]
pub trait Desk: Send + Sync {
    /// The versions that can be chosen for a target, in the order they should be offered; or why
    /// they cannot be listed.
    async fn versions(&self, target: &Target) -> Result<Vec<String>, String>;

    /// Thinks a release through without doing anything.
    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused>;

    /// Begins a plan that was approved. Where another release of this target is in its standby,
    /// that one is superseded first.
    async fn begin(&self, plan: Arc<Plan>, approval: Approval) -> Result<Handle, Refused>;

    /// Somebody looks at this target now: it is worth looking at it more often. Returns at once.
    fn look_at(&self, target: &Target);

    /// The log of an instance from now on, and a little from before. Dropping the receiver ends it.
    fn log(&self, source: &LogSource) -> mpsc::Receiver<Batch>;
}
