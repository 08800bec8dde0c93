//! A target: one service in one environment, the thing locks and releases belong to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EnvironmentName, ServiceName};

/// One service in one environment. Shown as `web/production`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
}

impl Target {
    /// Pairs a service with an environment.
    pub fn new(service: ServiceName, environment: EnvironmentName) -> Self {
        Self {
            service,
            environment,
        }
    }

    /// Whether it is of that service and in that environment; any will do where none is named.
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

/// How careful one has to be in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Nobody outside the team notices.
    Development,
    /// Others rely on it for their work.
    #[default]
    Staging,
    /// Customers are on it: traffic and destruction need a person and a typed name.
    Protected,
}

impl Tier {
    /// Whether traffic and destruction need a person here.
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
