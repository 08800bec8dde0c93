//! All targets, as they were last observed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{EnvironmentName, ServiceName, Snapshot, Target, Tier};

/// All targets with their last snapshots. Cloning is cheap, because clones share the snapshots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct World {
    /// In the order of the configuration.
    pub services: Vec<ServiceName>,
    /// In the order of promotion.
    pub environments: Vec<(EnvironmentName, Tier)>,
    pub snapshots: BTreeMap<Target, Arc<Snapshot>>,
}

impl World {
    pub fn get(&self, target: &Target) -> Option<&Snapshot> {
        self.snapshots.get(target).map(Arc::as_ref)
    }
}
