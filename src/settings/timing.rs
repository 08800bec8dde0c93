//! Finds the timing that applies: the nearest table with the key wins, key by key. `show` lists the results, so it
//! shows the timing that is used.

use std::time::Duration;

use super::model::{EnvironmentSection, Root, ServiceEnvironmentSection, ServiceSection};
use crate::inventory::Limit;
use crate::release::Timing;

/// The built-in lease of a lock.
const LEASE: Duration = Duration::from_secs(30);
/// The built-in time between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The timing of one target.
pub(super) fn of_target(
    root: &Root,
    environment: &EnvironmentSection,
    service: &ServiceSection,
    in_environment: &ServiceEnvironmentSection,
) -> Timing {
    let mut timing = Timing::built_in(environment.tier, service.kind);
    // A nearer table overrides the tables before it.
    for table in [
        &root.defaults.timing,
        &environment.timing,
        &service.timing,
        &in_environment.timing,
    ] {
        timing.set(&table.0);
    }
    // A scheduler has no standby. This also overrides that of the environment and of the defaults.
    if service.kind.is_exclusive() {
        timing.standby = Limit::After(Duration::ZERO);
    }
    timing
}

/// The lease and the heartbeat of an environment's locks.
pub(super) fn lock(root: &Root, environment: &EnvironmentSection) -> (Duration, Duration) {
    let (own, default) = (&environment.lock, &root.defaults.lock);
    (
        own.lease.or(default.lease).unwrap_or(LEASE),
        own.heartbeat.or(default.heartbeat).unwrap_or(HEARTBEAT),
    )
}
