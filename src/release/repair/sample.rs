//! A definition of a target for tests, which agrees with [`agreed`].

use std::collections::BTreeMap;
use std::time::Duration;

use crate::checks::{HealthCheck, Suite};
use crate::inventory::drift::world_tests::agreed;
use crate::inventory::{
    InstanceShape, Listen, PerSlot, RestartPolicy, RuntimeKind, ServiceKind, Tier,
};
use crate::release::{Definition, Rules, Timing};

pub(in crate::release) fn sample_definition(tier: Tier) -> Definition {
    let snapshot = agreed();
    Definition {
        kind: ServiceKind::Http,
        quiet: None,
        target: snapshot.target,
        tier,
        runtime_kind: RuntimeKind::default(),
        rules: Rules::default(),
        follows: Vec::new(),
        repository: "registry.example/web".into(),
        endpoints: PerSlot::from_fn(|slot| snapshot.slots.get(slot).addresses.clone()),
        instance: InstanceShape {
            listen: Listen::Port(8080),
            command: None,
            environment: BTreeMap::new(),
            mounts: Vec::new(),
            memory: None,
            restart: RestartPolicy::default(),
            network: None,
            labels: BTreeMap::new(),
            container: Box::default(),
        },
        health: Some(HealthCheck {
            path: "/health".into(),
            host: None,
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
        }),
        tasks: Vec::new(),
        suite: Suite::default(),
        timing: Timing::default(),
        public: None,
        preview: None,
        poll: None,
    }
}
