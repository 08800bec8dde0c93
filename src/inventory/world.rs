//! All observed targets, in the order in which they are shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{EnvironmentName, ServiceName, Snapshot, Target, Tier};

/// All targets. Cheap to clone: unchanged snapshots are shared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct World {
    /// The services, in the order of the configuration.
    pub services: Vec<ServiceName>,
    /// The environments, in promotion order.
    pub environments: Vec<(EnvironmentName, Tier)>,
    /// The snapshot of each target.
    pub snapshots: BTreeMap<Target, Arc<Snapshot>>,
}

impl World {
    /// The snapshot of a target.
    pub fn get(&self, target: &Target) -> Option<&Snapshot> {
        self.snapshots.get(target).map(Arc::as_ref)
    }
}
