//! Targets and their tiers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EnvironmentName, ServiceName};

/// One service in one environment, shown as `web/production`. Locks and releases belong to a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    pub service: ServiceName,
    pub environment: EnvironmentName,
}

impl Target {
    pub fn new(service: ServiceName, environment: EnvironmentName) -> Self {
        Self {
            service,
            environment,
        }
    }

    /// Whether the target has this service and this environment. `None` matches any.
    pub fn is_among(
        &self,
        service: Option<&ServiceName>,
        environment: Option<&EnvironmentName>,
    ) -> bool {
        service.is_none_or(|service| *service == self.service)
            && environment.is_none_or(|environment| *environment == self.environment)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.environment)
    }
}

/// How careful an operator must be in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Only the team notices a failure.
    Development,
    /// Other teams rely on the environment for their work.
    #[default]
    Staging,
    /// Customers use the environment. Moving traffic or removing anything needs a person who types the name of the
    /// environment.
    Protected,
}

impl Tier {
    /// Whether moving traffic or removing anything needs a person in this environment.
    pub fn is_protected(self) -> bool {
        self == Self::Protected
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Protected => "protected",
        })
    }
}
