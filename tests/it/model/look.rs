//! What drivers and planners observe of every world, changed by the flaws. Sides add what runs.

use std::time::Duration;

use greenroom::checks::{CaseReport, Report, Verdict};
use greenroom::inventory::{
    Clocks, Edges, FencingToken, LockHolder, LockPurpose, LockRecord, RegistryRecord,
};
use greenroom::release::{Ask, Observation, Plan};

use super::flaws::Flaw;
use super::names::{digest, release, time};
use super::others::person;
use super::scope::Scope;
use super::side::Side;
use super::state::World;

/// Why an observation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Blind {
    Nothing,
    Engine,
    Registry,
    Proxy,
}

/// One observation of a driver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) ask: Ask,
    pub(crate) blind: Blind,
    pub(crate) checks_pass: bool,
}

/// The observation of nothing.
pub(crate) fn nothing(blind: Blind) -> Observation {
    Observation {
        image: None,
        edges: Edges::default(),
        instances: None,
        probe: None,
        registry: None,
        connections: None,
        report: None,
        jobs: None,
        tasks: None,
        direct: None,
        traffic: None,
        live_in_first: None,
        past_of_first: None,
        clocks: Clocks::default(),
        blind: if blind == Blind::Nothing {
            Vec::new()
        } else {
            vec!["it does not answer".into()]
        },
    }
}

pub(crate) fn report<S: Side>(world: &World<S>, runs: char, passes: bool) -> Report {
    Report {
        digest: digest(runs),
        runs: Vec::new(),
        at: time(world.hour),
        cases: vec![CaseReport {
            overridden: None,
            tests: Vec::new(),
            name: "home".into(),
            required: true,
            verdict: verdict(passes),
            detail: String::new(),
            took: Duration::ZERO,
            request: String::new(),
            response: String::new(),
        }],
    }
}

fn verdict(passes: bool) -> Verdict {
    if passes {
        Verdict::Passed
    } else {
        Verdict::Failed
    }
}

/// What the store says about every target. Sides add what is stored about the versions that run.
pub(crate) fn record<S: Side>(world: &World<S>) -> RegistryRecord {
    RegistryRecord {
        lock: world.store.lock.map(|lock| LockHolder {
            record: LockRecord {
                purpose: LockPurpose::Release,
                operator: person(lock.by),
                console: lock.by.to_string(),
                release: release(0),
                since: time(0),
                message: String::new(),
            },
            token: FencingToken(lock.token),
            ttl_seconds: Some(30),
        }),
        hold: world.hold_seen(),
        peer_approvals: world.given_seen(),
        revision: i64::MAX,
        ..RegistryRecord::default()
    }
}

/// Changes what is observed of the lock and the checks.
pub(crate) fn deceive<S: Side>(observation: &mut Observation, scope: &Scope<S>, plan: &Plan) {
    if let Some(record) = &mut observation.registry
        && scope.has(Flaw::HolderSeenAsNobody)
    {
        record.lock = None;
    }
    if let Some(report) = &mut observation.report {
        if scope.has(Flaw::ChecksSeenOfPlan) {
            report.digest = plan.version.digest.clone();
        }
        if scope.has(Flaw::ChecksSeenPassed) {
            for case in &mut report.cases {
                case.verdict = Verdict::Passed;
            }
        }
    }
}
