//! The configuration of one target, as the release engine needs it. The module `settings` makes this configuration from
//! the configuration file.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::rules::Rules;
use super::timing::Timing;
use crate::checks::{HealthCheck, Suite};
use crate::history::canonical;
use crate::inventory::{
    Addresses, ClockReading, Clocks, Digest, Hold, InstanceShape, Listen, Mount, PerSlot,
    PublicAddress, Quiet, RestartPolicy, Route, RuntimeKind, ServiceKind, TagPattern, Target, Task,
    TaskName, Tier, freeze, live_phrase,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    pub target: Target,
    pub tier: Tier,
    pub kind: ServiceKind,
    pub runtime_kind: RuntimeKind,
    pub rules: Rules,
    /// The image's repository, without tag, e.g. `registry.example/team/web`.
    pub repository: String,
    /// The members of each slot, with their addresses. Both slots have the same number. The members of a background service
    /// have no addresses.
    pub endpoints: PerSlot<Addresses>,
    pub instance: InstanceShape,
    /// The health endpoint. Without one, the planner refuses every release, except of a background service.
    pub health: Option<HealthCheck>,
    /// The checks that *verify* runs against the candidate.
    pub suite: Suite,
    /// The tasks of a release, in the order in which those of one point run.
    pub tasks: Vec<Task>,
    /// How the old version of a worker is told to take no more jobs before it is stopped.
    pub quiet: Option<Quiet>,
    pub timing: Timing,
    /// The tags that the target follows: the agent releases a version if one of them is pushed for it.
    pub follows: Vec<TagPattern>,
    /// How often the agent asks the image registry about these tags; none if it waits for reports.
    pub poll: Option<Duration>,
    /// The address at which the public reaches the target.
    pub public: Option<PublicAddress>,
    /// The address at which an operator can see the candidate before the switch.
    pub preview: Option<PublicAddress>,
}

impl Definition {
    /// Whether the service gets no requests: it is a worker or a scheduler.
    pub fn is_background(&self) -> bool {
        self.kind.is_background()
    }

    /// Whether two instances must never run at once (interlock 12): the service is a scheduler.
    pub fn is_exclusive(&self) -> bool {
        self.kind.is_exclusive()
    }

    /// Whether the route was written for another kind of service: this one gets requests and that one did not, or the
    /// other way round.
    pub fn is_other_kind(&self, route: &Route) -> bool {
        route.addresses.is_empty() != self.is_background()
    }

    /// Whether the live version is more members than one, although only one may run: it was released as a worker.
    pub fn is_too_many(&self, route: &Route) -> bool {
        self.is_exclusive() && route.addresses.members() > 1
    }

    /// Whether nothing can be released, because no health endpoint is configured. A background service needs none.
    pub fn lacks_health_check(&self) -> bool {
        !self.is_background() && self.health.is_none()
    }

    /// The rest of a sentence about the live version: `has the traffic`, or `is live` for a background service.
    pub fn live_phrase(&self) -> &'static str {
        live_phrase(self.is_background())
    }

    /// Whether the target follows this tag.
    pub fn follows_tag(&self, tag: &str) -> bool {
        self.follows.iter().any(|pattern| pattern.matches(tag))
    }

    /// A copy without these tasks.
    #[must_use]
    pub fn without_tasks(&self, skipped: &[TaskName]) -> Self {
        let mut definition = self.clone();
        definition
            .tasks
            .retain(|task| !skipped.contains(&task.name));
        definition
    }

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

    /// The clock because of which one of [`Self::holds_by`] stops a promote at `now`. None if the hold is active by this
    /// machine's clock.
    pub fn only_by_clock<'a>(
        &self,
        hold: &Hold,
        placed: Option<&Hold>,
        now: Timestamp,
        clocks: &'a Clocks,
    ) -> Option<&'a ClockReading> {
        let service = &self.target.service;
        freeze::only_by_clock(hold, placed, &self.rules.freezes, service, (now, clocks))
    }

    /// The hash of the settings that create an instance. The hash leaves out the command, the entry point and the values
    /// of environment variables and of log options: they may be secret, and a reader of the journal could test guesses
    /// against the hash.
    pub fn shape_mark(&self) -> String {
        #[derive(Serialize)]
        struct Shape<'a> {
            listen: &'a Listen,
            variables: Vec<&'a String>,
            mounts: &'a [Mount],
            memory: Option<u64>,
            restart: RestartPolicy,
            network: Option<&'a str>,
            labels: &'a BTreeMap<String, String>,
            /// Left out if it is empty, as before there were such options.
            #[serde(skip_serializing_if = "Map::is_empty")]
            container: Map<String, Value>,
        }
        let shape = &self.instance;
        let shape = Shape {
            listen: &shape.listen,
            variables: shape.environment.keys().collect(),
            mounts: &shape.mounts,
            memory: shape.memory,
            restart: shape.restart,
            network: shape.network.as_deref(),
            labels: &shape.labels,
            container: shape.container.without_secrets(),
        };
        Digest::of(canonical(&shape).as_bytes()).as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::repair::sample_definition;

    #[test]
    fn the_shape_mark_covers_the_settings_of_an_instance_without_its_values() {
        let definition = sample_definition(Tier::Staging);
        let mark = definition.shape_mark();
        assert!(mark.starts_with("sha256:"), "{mark}");
        let mut other = definition.clone();
        other.instance.memory = Some(1);
        assert_ne!(other.shape_mark(), mark);
        let mut other = definition.clone();
        other.instance.container.user = Some("web".into());
        assert_ne!(other.shape_mark(), mark);
        let with = |value: &str| {
            let mut other = definition.clone();
            let variables = &mut other.instance.environment;
            variables.insert("LEVEL".into(), value.into());
            other.shape_mark()
        };
        assert_eq!(with("debug"), with("info"));
        assert_ne!(with("debug"), mark);
    }
}
