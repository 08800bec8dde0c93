//! What the configuration says about one target, in nouns: everything the release engine needs
//! to know, without knowing that there is a configuration file.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::checks::{HealthCheck, Suite};
use crate::inventory::{
    Clocks, Endpoint, EnvironmentName, Freeze, Hold, InstanceShape, PerSlot, PublicAddress,
    RuntimeKind, Target, Tier, freeze,
};

/// How long something is waited for, where "for ever" is an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Until this much time has passed.
    After(Duration),
    /// It does not end by itself.
    Never,
}

/// The patience of a release. See `release` for what each bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// A candidate that is not healthy by then has failed; it moves on when something progresses.
    pub health_deadline: Duration,
    /// A candidate has to be healthy without a break for this long.
    pub minimum_healthy: Duration,
    /// A step in which nothing progresses for this long has failed.
    pub progress_deadline: Duration,
    /// How long old and new are watched after the switch.
    pub watch: Duration,
    /// How long connections of the old slot may take to end.
    pub drain: Duration,
    /// How long the old slot is kept warm before it is stopped.
    pub standby: Limit,
    /// How long an instance may take to end after it was asked to.
    pub stop_grace: Duration,
    /// How long an approval is good for.
    pub approval: Duration,
    /// How old passed checks may be at the switch.
    pub checks_fresh: Duration,
}

impl Default for Timing {
    /// The starting defaults of the protocol.
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

/// What an environment allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether `--yes` may stand for the operator's approvals in a protected environment.
    pub allow_yes: bool,
    /// Whether a promote needs a reason.
    pub require_reason: bool,
    /// The environment a version has to be live in first.
    pub only_from: Option<EnvironmentName>,
    /// When nothing is promoted.
    pub freezes: Vec<Freeze>,
    /// How many people other than the operator have to approve a promote before its traffic moves.
    pub approvals: u8,
    /// How long such an approval counts.
    pub approvals_last: Duration,
    /// How many per cent of the public's requests may fail while a new version is watched.
    pub watch_errors: u8,
    /// Of how many requests at least: fewer say nothing.
    pub watch_requests: u64,
    /// How many good versions keep their image on the engine when others are removed.
    pub keep_images: u32,
    /// Where the tier and each rule is written: `rules.approvals` at `greenroom.toml:12:13`. What is not in it is
    /// built-in.
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

/// One target as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Which.
    pub target: Target,
    /// How careful one has to be.
    pub tier: Tier,
    /// What runs its instances.
    pub runtime_kind: RuntimeKind,
    /// What is allowed.
    pub rules: Rules,
    /// The image's repository, without tag, e.g. `registry.example/team/web`.
    pub repository: String,
    /// Where each slot answers.
    pub endpoints: PerSlot<Endpoint>,
    /// How an instance is made.
    pub instance: InstanceShape,
    /// Its health endpoint. Nothing is released without one.
    pub health: Option<HealthCheck>,
    /// Its post-deployment checks.
    pub suite: Suite,
    /// How patient to be.
    pub timing: Timing,
    /// Where the world reaches it.
    pub public: Option<PublicAddress>,
    /// Where the candidate can be looked at before it is live.
    pub preview: Option<PublicAddress>,
}

impl Definition {
    /// What stops promotes at `now`: the hold that was placed, and every freeze.
    pub fn holds(&self, placed: Option<&Hold>, now: Timestamp) -> Vec<Hold> {
        freeze::standing(placed, &self.rules.freezes, &self.target.service, now)
    }

    /// What stops a promote at `now` by this machine's clock, and then what does so only by another one.
    pub fn holds_by(&self, placed: Option<&Hold>, now: Timestamp, clocks: &Clocks) -> Vec<Hold> {
        let service = &self.target.service;
        freeze::holds_by_all_clocks(placed, &self.rules.freezes, service, (now, clocks))
    }

    /// A mark of how an instance is made: equal where two configurations make it alike, in every
    /// process. The command and the environment's values are left out, for they may be secret and
    /// whoever reads a journal could try values against the mark.
    pub fn shape_mark(&self) -> String {
        let shape = &self.instance;
        let variables: Vec<&String> = shape.environment.keys().collect();
        let words = format!(
            "{:?} {variables:?} {:?} {:?} {:?} {:?} {:?}",
            shape.listen, shape.mounts, shape.memory, shape.restart, shape.network, shape.labels
        );
        // FNV-1a: a mark that the next version of a library does not change.
        let mark = words.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |mark, byte| {
            (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{mark:016x}")
    }
}
