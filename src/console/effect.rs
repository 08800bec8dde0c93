//! What `update` wants done. Nothing here is done in the loop.

use std::sync::Arc;

use super::model::LogSource;
use super::run::Farewell;
use crate::inventory::{ReleaseId, Target};
use crate::release::{Approval, Command, Plan, PlanRequest};

/// See the module.
#[derive(Debug, Clone)]
pub enum Effect {
    /// List what can be chosen.
    ListVersions(Target),
    /// Make a plan; the number comes back with the answer.
    MakePlan {
        /// The number.
        asked: u64,
        /// What is wanted.
        request: PlanRequest,
    },
    /// Begin a plan.
    Begin {
        /// Which.
        plan: Arc<Plan>,
        /// The yes to it.
        approval: Approval,
    },
    /// Say something to a release.
    Say {
        /// To which.
        release: ReleaseId,
        /// What.
        command: Command,
    },
    /// Follow this log, and no other.
    FollowLog(Option<LogSource>),
    /// Somebody looks at this target now.
    LookAt(Target),
    /// Put text on the terminal's clipboard.
    Copy(String),
    /// Draw everything again, whatever the terminal shows.
    Repaint,
    /// End the console.
    Leave(Farewell),
}
