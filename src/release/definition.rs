//! The configuration of one target, as the release engine needs it. The module `settings` makes this configuration from
//! the configuration file.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::time::after;
use crate::checks::{HealthCheck, Suite};
use crate::inventory::{
    Clocks, Endpoint, EnvironmentName, Freeze, Hold, InstanceShape, PerSlot, PublicAddress,
    RuntimeKind, Target, Tier, freeze,
};

/// A waiting time that may be unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Until this much time has passed.
    After(Duration),
    /// No limit: an operator must end the wait.
    Never,
}

impl Limit {
    /// When a wait that started at `since` ends; none if an operator must end it.
    pub(super) fn end(self, since: Timestamp) -> Option<Timestamp> {
        match self {
            Self::After(time) => Some(after(since, time)),
            Self::Never => None,
        }
    }
}

/// The time limits of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// How long a candidate may take to become healthy. Progress extends this time.
    pub health_deadline: Duration,
    /// How long a candidate must be healthy without a break.
    pub minimum_healthy: Duration,
    /// How long *pull* and *verify* may take without progress before they fail. This time also limits the guard of
    /// *stop*, new tries of a failed act while backing out, and tries to write to a store that does not answer.
    pub progress_deadline: Duration,
    /// How long the new version and the public address are watched after the switch.
    pub watch: Duration,
    /// How long the connections of the old slot may take to end.
    pub drain: Duration,
    /// How long the old slot is kept warm before it is stopped. With [`Limit::Never`], a new plan has no *stop*.
    pub standby: Limit,
    /// How long an instance may take to end after it was asked to stop.
    pub stop_grace: Duration,
    /// How long an approval is valid.
    pub approval: Duration,
    /// How old passed checks may be at the switch.
    pub checks_fresh: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            health_deadline: Duration::from_secs(30),
            minimum_healthy: Duration::from_secs(10),
            progress_deadline: Duration::from_mins(10),
            watch: Duration::from_mins(1),
            drain: Duration::from_secs(30),
            standby: Limit::After(Duration::from_mins(10)),
            stop_grace: Duration::from_secs(10),
            approval: Duration::from_mins(5),
            checks_fresh: Duration::from_mins(15),
        }
    }
}

/// The rules of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether `--yes` may replace the operator's approvals in a protected environment, and for a plan that may cut
    /// connections of a protected target.
    pub allow_yes: bool,
    /// Whether a promote needs a reason.
    pub require_reason: bool,
    /// The environment in which a version must be live first.
    pub only_from: Option<EnvironmentName>,
    /// The times at which nothing is promoted, unless an operator overrides the freeze.
    pub freezes: Vec<Freeze>,
    /// How many other people must approve a promote before its traffic moves.
    pub approvals: u8,
    /// How long an approval by another person is valid.
    pub approvals_last: Duration,
    /// How many per cent of the public requests may fail while a new version is watched.
    pub watch_errors: u8,
    /// How many public requests must be observed before `watch_errors` applies. With fewer requests the share says
    /// little.
    pub watch_requests: u64,
    /// How many of the last good versions keep their image when images are pruned.
    pub keep_images: u32,
    /// Where the tier and each rule is written: `rules.approvals` at `greenroom.toml:12:13`. A rule without an entry
    /// has its built-in value.
    #[serde(default)]
    pub origins: BTreeMap<String, String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            allow_yes: false,
            require_reason: false,
            only_from: None,
            freezes: Vec::new(),
            approvals: 0,
            approvals_last: Duration::from_hours(1),
            watch_errors: 5,
            watch_requests: 20,
            keep_images: 5,
            origins: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub target: Target,
    pub tier: Tier,
    pub runtime_kind: RuntimeKind,
    pub rules: Rules,
    /// The image's repository, without tag, e.g. `registry.example/team/web`.
    pub repository: String,
    /// The address of each slot.
    pub endpoints: PerSlot<Endpoint>,
    pub instance: InstanceShape,
    /// The health endpoint. Without a health endpoint, the planner refuses every release.
    pub health: Option<HealthCheck>,
    /// The checks that *verify* runs against the candidate.
    pub suite: Suite,
    pub timing: Timing,
    /// The address at which the public reaches the target.
    pub public: Option<PublicAddress>,
    /// The address at which an operator can see the candidate before the switch.
    pub preview: Option<PublicAddress>,
}

impl Definition {
    /// The holds and freezes that are active at `now`. `placed` is the hold in the store.
    pub fn holds(&self, placed: Option<&Hold>, now: Timestamp) -> Vec<Hold> {
        freeze::active_holds(placed, &self.rules.freezes, &self.target.service, now)
    }

    /// The holds and freezes that stop a promote at `now`: first those that are active by this machine's clock, then
    /// those that are active only by the clock of another machine.
    pub fn holds_by(&self, placed: Option<&Hold>, now: Timestamp, clocks: &Clocks) -> Vec<Hold> {
        let service = &self.target.service;
        freeze::holds_by_all_clocks(placed, &self.rules.freezes, service, (now, clocks))
    }

    /// A hash of the settings that create an instance. The hash is the same in every process, so that two
    /// configurations can be compared. The hash leaves out the command and the values of environment variables: they
    /// may be secret, and a reader of the journal could test guesses against the hash.
    pub fn shape_mark(&self) -> String {
        let shape = &self.instance;
        let variables: Vec<&String> = shape.environment.keys().collect();
        let settings = format!(
            "{:?} {variables:?} {:?} {:?} {:?} {:?} {:?}",
            shape.listen, shape.mounts, shape.memory, shape.restart, shape.network, shape.labels
        );
        // FNV-1a is computed without a library, so that no new version of a library can change the hash.
        let mark = settings
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |mark, byte| {
                (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("{mark:016x}")
    }
}
