//! The timing of a release as written. Every key may be absent, because the nearest table with the key
//! decides (target, service, environment, defaults, built-in).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::units::{LongTime, Time};

/// The timing of a release. If a key is absent, the next table decides: target, service, environment,
/// defaults.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct TimingSection {
    /// The time in which a candidate must become healthy. Built-in: 30s.
    pub(in crate::settings) health_deadline: Option<Time>,
    /// How long a candidate must stay healthy. Built-in: 10s, in a development environment 2s.
    pub(in crate::settings) minimum_healthy: Option<Time>,
    /// How long a step may go without progress before it fails. Built-in: 10m.
    pub(in crate::settings) progress_deadline: Option<Time>,
    /// How long both versions are watched after the switch. Built-in: 1m.
    pub(in crate::settings) watch: Option<Time>,
    /// How long connections of the old slot may take to end. Built-in: 30s.
    pub(in crate::settings) drain: Option<Time>,
    /// How long the old slot is kept warm, or `never` to stop it only by hand. Built-in: 10m.
    pub(in crate::settings) standby: Option<LongTime>,
    /// How long a container or process may take to stop. Built-in: 10s.
    pub(in crate::settings) stop_grace: Option<Time>,
    /// How long an approval is valid. Built-in: 5m.
    pub(in crate::settings) approval: Option<Time>,
    /// How old passed checks may be at the switch. Built-in: 15m.
    pub(in crate::settings) checks_fresh: Option<Time>,
}
