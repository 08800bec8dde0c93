//! A plan before its calls are described.

use super::Plan;
use crate::inventory::{FencingToken, Installation, SwitchOrder, Target};

/// Every decision of a plan, without the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub(super) plan: Plan,
    pub(super) installation: Installation,
    pub(super) has_image: bool,
}

/// What the proxy says about the calls of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyWords {
    /// The calls that install the proxy's configuration.
    pub install: Vec<String>,
    pub switch: Vec<String>,
    /// What an operator should know before starting the plan.
    pub warnings: Vec<String>,
    /// Protected targets whose connections an installation or a switch may cut.
    pub touched: Vec<Target>,
}

impl Draft {
    /// The switch of the plan, for the proxy to describe.
    pub fn order(&self) -> SwitchOrder {
        SwitchOrder {
            from: self.plan.from.as_ref().map(|from| from.slot),
            to: self.plan.slot,
            generation: self.plan.generation,
            token: FencingToken::default(),
        }
    }

    pub fn target(&self) -> &Target {
        self.plan.target()
    }
}
