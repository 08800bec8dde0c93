//! Finds the timing that applies: the nearest table with the key wins, key by key. `show` lists the results, so it
//! shows the timing that is used.

use std::time::Duration;

use super::model::{
    EnvironmentSection, Root, ServiceEnvironmentSection, ServiceSection, TierSetting, TimingSection,
};
use super::units::{LongTime, Time};
use crate::release::Timing;

/// The built-in minimum healthy time of development environments.
const DEVELOPMENT_MINIMUM_HEALTHY: Duration = Duration::from_secs(2);
/// The built-in lease of a lock.
const LEASE: Duration = Duration::from_secs(30);
/// The built-in time between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The timing that applies if no table has a key.
pub(super) fn built_in(tier: TierSetting) -> Timing {
    let mut timing = Timing::default();
    if tier == TierSetting::Development {
        timing.minimum_healthy = DEVELOPMENT_MINIMUM_HEALTHY;
    }
    timing
}

/// The timing of one target.
pub(super) fn of_target(
    root: &Root,
    environment: &EnvironmentSection,
    service: &ServiceSection,
    in_environment: &ServiceEnvironmentSection,
) -> Timing {
    let tables = [
        &in_environment.timing,
        &service.timing,
        &environment.timing,
        &root.defaults.timing,
    ];
    let built_in = built_in(environment.tier);
    let time = |key: fn(&TimingSection) -> Option<Time>, otherwise: Duration| {
        tables
            .iter()
            .find_map(|table| key(table))
            .map_or(otherwise, |time| time.0)
    };
    let standby: Option<LongTime> = tables.iter().find_map(|table| table.standby);
    Timing {
        health_deadline: time(|t| t.health_deadline, built_in.health_deadline),
        minimum_healthy: time(|t| t.minimum_healthy, built_in.minimum_healthy),
        progress_deadline: time(|t| t.progress_deadline, built_in.progress_deadline),
        watch: time(|t| t.watch, built_in.watch),
        drain: time(|t| t.drain, built_in.drain),
        standby: standby.map_or(built_in.standby, |time_limit| time_limit.0),
        stop_grace: time(|t| t.stop_grace, built_in.stop_grace),
        approval: time(|t| t.approval, built_in.approval),
        checks_fresh: time(|t| t.checks_fresh, built_in.checks_fresh),
    }
}

/// The lease and the heartbeat of an environment's locks.
pub(super) fn lock(root: &Root, environment: &EnvironmentSection) -> (Duration, Duration) {
    let (own, default) = (&environment.lock, &root.defaults.lock);
    (
        own.lease.or(default.lease).map_or(LEASE, |time| time.0),
        own.heartbeat
            .or(default.heartbeat)
            .map_or(HEARTBEAT, |time| time.0),
    )
}
