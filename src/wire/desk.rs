//! What the console asks of the house, answered by the engine and the watchers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::console::Desk;
use crate::console::model::LogSource;
use crate::inventory::Target;
use crate::logs::{self, Batch};
use crate::release::{Approval, Engine, Handle, OnFailure, Plan, PlanRequest, Refused};

/// How many lines from before a log begins with.
const LINES_BEFORE: usize = 1_000;
/// How long the image registry may take to list its tags.
const LISTING: Duration = Duration::from_secs(10);

/// See the module.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct EngineDesk {
    engine: Arc<Engine>,
    focus: watch::Sender<Option<Target>>,
}

impl EngineDesk {
    /// A desk over an engine, and where to say what is looked at.
    pub fn new(engine: Arc<Engine>, focus: watch::Sender<Option<Target>>) -> Self {
        Self { engine, focus }
    }
}

#[async_trait]
impl Desk for EngineDesk {
    async fn versions(&self, target: &Target) -> Result<Vec<String>, String> {
        let Some(site) = self.engine.site(target) else {
            return Err(format!("{target} is not configured"));
        };
        let listing = site.read.images.tags(&site.definition.repository);
        let tags = timeout(LISTING, listing)
            .await
            .map_err(|_| format!("no answer within {LISTING:?}"))?
            .map_err(|failure| failure.to_string())?;
        // Registries list in the order of names; of versions the last is the likeliest wanted.
        Ok(tags.into_iter().rev().map(|tag| tag.name).collect())
    }

    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused> {
        self.engine.plan(&request).await.map(Arc::new)
    }

    async fn begin(&self, plan: Arc<Plan>, approval: Approval) -> Result<Handle, Refused> {
        let plan = Arc::unwrap_or_clone(plan);
        self.engine.open(plan, &approval, OnFailure::Ask).await
    }

    fn look_at(&self, target: &Target) {
        self.focus.send_replace(Some(target.clone()));
    }

    fn log(&self, source: &LogSource) -> mpsc::Receiver<Batch> {
        match self.engine.site(&source.target) {
            Some(site) => logs::follow(
                Arc::clone(&site.read.runtime),
                source.instance.clone(),
                LINES_BEFORE,
            ),
            // A receiver without a sender: a log that ends at once.
            None => mpsc::channel(1).1,
        }
    }
}
