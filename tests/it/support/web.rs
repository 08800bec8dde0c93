//! `web` in production, for the tests of the pure modules: names, versions by a letter, and a
//! default definition.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom::checks::{Case, CaseKind, HealthCheck, RequestCase, Suite};
use greenroom::inventory::{
    Address, Digest, ImageLabels, InstanceShape, Listen, Operator, PerSlot, RestartPolicy, Slot,
    Target, Tier, Version,
};
use greenroom::release::{Definition, Rules, Timing};

pub(crate) fn operator() -> Operator {
    Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    }
}

pub(crate) fn target() -> Target {
    Target::new(
        "web".parse().expect("a name"),
        "production".parse().expect("a name"),
    )
}

/// A digest of one letter.
pub(crate) fn digest(fill: char) -> Digest {
    format!("sha256:{}", fill.to_string().repeat(64))
        .parse()
        .expect("a digest")
}

pub(crate) fn version(tag: &str, fill: char) -> Version {
    Version {
        repository: "registry.example/web".into(),
        tag: Some(tag.into()),
        digest: digest(fill),
        labels: ImageLabels::default(),
    }
}

pub(crate) fn endpoint(slot: Slot) -> Address {
    match slot {
        Slot::Blue => "127.0.0.1:32771",
        Slot::Green => "127.0.0.1:32772",
    }
    .parse()
    .expect("an endpoint")
}

pub(crate) fn definition(tier: Tier) -> Definition {
    Definition {
        target: target(),
        tier,
        kind: greenroom::inventory::ServiceKind::Http,
        quiet: None,
        runtime_kind: greenroom::inventory::RuntimeKind::default(),
        rules: Rules::default(),
        follows: Vec::new(),
        repository: "registry.example/web".into(),
        endpoints: PerSlot::from_fn(|slot| endpoint(slot).into()),
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

/// The request of a check.
pub(crate) fn request_of(case: &mut Case) -> &mut RequestCase {
    match &mut case.kind {
        CaseKind::Request(request) => request,
        CaseKind::Command(_) | CaseKind::Container(_) => unreachable!("the check is a request"),
    }
}
