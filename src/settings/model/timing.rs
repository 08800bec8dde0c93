//! The patience of a release as written: every key may be absent, because a nearer table wins
//! over a farther one key by key (target, service, environment, defaults, built-in).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::words::{LongTime, Time};

/// The patience of a release. Keys that are absent come from the next farther table.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct TimingSection {
    /// A candidate that is not healthy by then has failed. Built-in: 30s.
    pub(in crate::settings) health_deadline: Option<Time>,
    /// A candidate has to be healthy without a break for this long. Built-in: 10s, in a development environment 2s.
    pub(in crate::settings) minimum_healthy: Option<Time>,
    /// A step in which nothing progresses for this long has failed. Built-in: 10m.
    pub(in crate::settings) progress_deadline: Option<Time>,
    /// How long old and new are watched after the switch. Built-in: 1m.
    pub(in crate::settings) watch: Option<Time>,
    /// How long connections of the old slot may take to end. Built-in: 30s.
    pub(in crate::settings) drain: Option<Time>,
    /// How long the old slot is kept warm, or `never` to stop it only by hand. Built-in: 10m.
    pub(in crate::settings) standby: Option<LongTime>,
    /// How long a container or process may take to end after it was asked to. Built-in: 10s.
    pub(in crate::settings) stop_grace: Option<Time>,
    /// How long an approval is good for. Built-in: 5m.
    pub(in crate::settings) approval: Option<Time>,
    /// How old passed checks may be at the switch. Built-in: 15m.
    pub(in crate::settings) checks_fresh: Option<Time>,
}
