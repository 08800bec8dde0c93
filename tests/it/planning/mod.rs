//! Plans: which slot, generation and steps, described for an operator; and every reason against a
//! plan, all at once. Pure functions: facts in, a plan or refusals out.

mod holds;
mod plans_of_schedulers;
mod plans_of_workers;
mod refusals;
mod rollbacks;

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom::history::{FORMAT, Link, Outcome, ReleaseKind, ReleaseRecord, Step, WasLive};
use greenroom::inventory::{
    Clocks, Edge, EdgeAnswer, Edges, FencingToken, ImageLabels, Installation, Instance, InstanceId,
    InstanceState, Occupancy, PerSlot, Probe, ProxyAnswer, RegisteredMember, Registration,
    RegistryRecord, ReleaseId, Revisioned, Route, RuntimeHealth, Slot, SlotMembers, Target, Tier,
    Version, VersionRef,
};
use greenroom::release::{
    Approval, Definition, Facts, Limit, Need, Plan, PlanRequest, ProxyWords, Refusal, Refused,
    Resolved, Scope, Wanted, decide, need_to_begin, step_summaries,
};
use jiff::Timestamp;

use crate::support::edge;
use crate::support::web::{definition, digest, endpoint, operator, target, version};

fn release(n: u64) -> ReleaseId {
    ReleaseId(ulid::Ulid::from_parts(n, 1))
}

fn instance(slot: Slot, fill: char, state: InstanceState) -> Instance {
    Instance {
        id: InstanceId(format!("id-of-{slot}")),
        name: format!("greenroom-web.production.{slot}"),
        target: target(),
        slot,
        number: 1,
        of: 1,
        endpoint: None,
        digest: digest(fill),
        tag: None,
        release: Some(release(1)),
        state,
        health: RuntimeHealth::Unchecked,
        started_at: None,
        restarts: 0,
        last_exit: None,
        pid: None,
        labels: ImageLabels::default(),
        configuration: BTreeMap::new(),
    }
}

fn registration(slot: Slot, fill: char, tag: &str) -> Revisioned<Registration> {
    Revisioned {
        value: Registration {
            slot,
            members: vec![RegisteredMember {
                endpoint: Some(endpoint(slot)),
                instance: InstanceId(format!("id-of-{slot}")),
            }],
            tag: Some(tag.into()),
            digest: digest(fill),
            release: release(1),
            registered_at: Timestamp::UNIX_EPOCH,
            token: FencingToken(7),
        },
        revision: 9,
    }
}

/// A slot with this member.
fn one(member: Instance) -> SlotMembers {
    SlotMembers::new([member])
}

fn past(tag: &str, fill: char, outcome: Option<Outcome>) -> ReleaseRecord {
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: release(1),
        target: target(),
        kind: ReleaseKind::Promote,
        from: None,
        to: (Slot::Blue, version(tag, fill)),
        operator: operator(),
        reason: None,
        opened_at: Timestamp::UNIX_EPOCH,
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: outcome.map(|outcome| (Timestamp::UNIX_EPOCH, outcome)),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

fn was_live(version: Version) -> WasLive {
    WasLive {
        versions: vec![version],
        ..WasLive::default()
    }
}

/// 1.8.2 (digest a) is live in blue at generation 41; green is free; 1.9.0 (digest b) is requested.
fn facts() -> Facts {
    let slots = PerSlot {
        blue: Some(registration(Slot::Blue, 'a', "1.8.2")),
        green: None,
    };
    Facts {
        now: Timestamp::UNIX_EPOCH,
        clocks: Clocks::default(),
        release: release(2),
        may_write: true,
        version: Resolved::Version(Box::new(version("1.9.0", 'b'))),
        record: Ok(RegistryRecord {
            route: Some(Revisioned {
                value: Route {
                    generation: 41,
                    live: Slot::Blue,
                    addresses: endpoint(Slot::Blue).into(),
                    digest: digest('a'),
                    release: release(1),
                    token: FencingToken(7),
                },
                revision: 8,
            }),
            slots,
            revision: 9,
            ..RegistryRecord::default()
        }),
        standby: None,
        edges: Edges::from(Edge {
            answer: EdgeAnswer::Routes(ProxyAnswer {
                slot: Some(Slot::Blue),
                generation: 41,
                token: FencingToken(7),
                configuration: "mark".into(),
            }),
            installation: Some(Installation::Current),
            ..Edge::default()
        }),
        slots: PerSlot {
            blue: Ok(Occupancy::Ours(one(instance(
                Slot::Blue,
                'a',
                InstanceState::Running,
            )))),
            green: Ok(Occupancy::Free),
        },
        live_probe: Some(Probe {
            healthy: true,
            detail: "200".into(),
            took: Duration::from_millis(1),
        }),
        unreadable: Vec::new(),
        past: Ok(vec![past("1.8.2", 'a', Some(Outcome::Done))]),
        was_live: was_live(version("1.8.2", 'a')),
        live_in_first: None,
        taken: Ok(Vec::new()),
        has_image: false,
    }
}

fn request(wanted: Wanted) -> PlanRequest {
    PlanRequest {
        override_holds: None,
        target: target(),
        wanted,
        reason: None,
        operator: operator(),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

fn promote() -> PlanRequest {
    request(Wanted::Version(VersionRef::Tag("1.9.0".into())))
}

fn plan(request: &PlanRequest, definition: &Definition, facts: &Facts) -> Result<Plan, Refused> {
    let words = ProxyWords {
        install: vec!["nginx: install".into()],
        switch: vec!["nginx: rename".into()],
        warnings: Vec::new(),
        touched: Vec::new(),
    };
    decide(request, definition, facts).map(|draft| draft.into_plan(&words))
}

fn planned(facts: &Facts) -> Plan {
    plan(&promote(), &definition(Tier::Protected), facts).expect("a plan")
}

fn refused(request: &PlanRequest, definition: &Definition, facts: &Facts) -> Vec<Refusal> {
    plan(request, definition, facts).expect_err("refused").0
}

fn warm() -> Facts {
    let mut facts = facts();
    facts.version = Resolved::WarmVersion;
    facts.slots.green = Ok(Occupancy::Ours(one(instance(
        Slot::Green,
        'd',
        InstanceState::Running,
    ))));
    if let Ok(record) = &mut facts.record {
        record.slots.green = Some(registration(Slot::Green, 'd', "1.8.1"));
    }
    facts.was_live = was_live(version("1.8.1", 'd'));
    facts
}

#[test]
fn a_promote_goes_to_the_slot_that_is_not_live_with_the_next_generation() {
    let plan = planned(&facts());
    assert_eq!(
        (plan.kind, plan.slot, plan.generation),
        (ReleaseKind::Promote, Slot::Green, 42)
    );
    let from = plan.from.clone().expect("something is live");
    assert_eq!((from.slot, from.generation), (Slot::Blue, 41));
    assert_eq!(from.version.tag.as_deref(), Some("1.8.2"));
    let steps: Vec<Step> = plan.steps().collect();
    // The proxy's configuration is installed, and there is no task.
    let expected: Vec<Step> = step_summaries()
        .map(|(step, _)| step)
        .filter(|step| {
            !matches!(
                step,
                Step::Install
                    | Step::BeforeStart
                    | Step::StopOld
                    | Step::Quiet
                    | Step::BeforeSwitch
                    | Step::AfterSwitch
                    | Step::AfterStop
            )
        })
        .collect();
    assert_eq!(steps, expected);
    assert!(steps.is_sorted(), "{steps:?}");
}

#[test]
fn warnings_of_the_proxy_are_in_the_plan() {
    let words = ProxyWords {
        warnings: vec!["nginx: a header is lost".into()],
        ..ProxyWords::default()
    };
    let draft = decide(&promote(), &definition(Tier::Staging), &facts()).expect("a draft");
    let plan = draft.into_plan(&words);
    assert!(
        plan.warnings.contains(&words.warnings[0]),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_reload_of_a_proxy_shared_with_a_protected_target_asks_for_its_name() {
    let production = Target::new(
        "api".parse().expect("a name"),
        "production".parse().expect("a name"),
    );
    let words = ProxyWords {
        touched: vec![production],
        ..ProxyWords::default()
    };
    let plan = |tier, words: &ProxyWords| {
        let draft = decide(&promote(), &definition(tier), &facts()).expect("a draft");
        draft.into_plan(words)
    };
    let staging = plan(Tier::Staging, &words);
    assert_eq!(need_to_begin(&staging), Need::TypedName);
    let said = staging.warnings.join("\n");
    assert!(said.contains("api/production (protected)"), "{said}");
    let by = staging.operator.clone();
    let now = staging.made_at;
    assert!(Approval::in_advance(&staging, Scope::Plan, by.clone(), now).is_err());
    assert!(Approval::in_advance(&staging, Scope::Step(Step::Switch), by.clone(), now).is_ok());
    let alone = plan(Tier::Staging, &ProxyWords::default());
    assert_eq!(need_to_begin(&alone), Need::Confirmation);
    assert!(Approval::in_advance(&alone, Scope::Plan, by, now).is_ok());
    // A protected environment asks for its own name when the traffic moves.
    let protected = plan(Tier::Protected, &words);
    assert_eq!(need_to_begin(&protected), Need::Confirmation);
}

#[test]
fn every_call_is_described_with_digest_and_generations() {
    let plan = planned(&facts());
    let calls = |step| plan.step(step).expect("planned").calls.join("\n");
    assert!(calls(Step::Pull).contains(&format!("registry.example/web@{}", digest('b'))));
    assert!(calls(Step::Start).contains("greenroom-web.production.green"));
    assert!(calls(Step::Start).contains("127.0.0.1:32772"));
    assert!(calls(Step::Start).contains("/health"));
    assert!(calls(Step::Switch).contains("blue generation 41 to green generation 42"));
    assert!(calls(Step::Switch).contains("nginx: rename"));
    assert!(calls(Step::Stop).contains("10m"));
    for step in plan.steps() {
        assert!(!calls(step).is_empty(), "{step} says nothing");
        assert!(
            !plan.step(step).expect("planned").undo.is_empty(),
            "{step} has no undo"
        );
    }
}

#[test]
fn the_first_release_goes_to_blue_and_has_no_way_back() {
    let mut facts = facts();
    facts.record = Ok(RegistryRecord::default());
    edge(&mut facts.edges).answer = EdgeAnswer::NotInstalled;
    edge(&mut facts.edges).installation = Some(Installation::Missing);
    facts.slots = PerSlot {
        blue: Ok(Occupancy::Free),
        green: Ok(Occupancy::Free),
    };
    let plan = planned(&facts);
    assert_eq!(
        (plan.slot, plan.generation, plan.from.is_none()),
        (Slot::Blue, 1, true)
    );
    assert!(plan.step(Step::Install).is_some());
    assert!(plan.step(Step::Drain).is_none() && plan.step(Step::Stop).is_none());
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.contains("nothing to go back to")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_generation_is_higher_than_any_that_the_proxy_has_seen() {
    let mut facts = facts();
    facts.record = Ok(RegistryRecord {
        revision: 9,
        ..RegistryRecord::default()
    });
    edge(&mut facts.edges).answer = EdgeAnswer::Routes(ProxyAnswer {
        slot: None,
        generation: 57,
        token: FencingToken(7),
        configuration: "mark".into(),
    });
    facts.slots.blue = Ok(Occupancy::Free);
    assert_eq!(planned(&facts).generation, 58);
}

#[test]
fn versions_are_compared_by_digest_and_not_by_tag() {
    let mut facts = facts();
    facts.version = Resolved::Version(Box::new(version("latest", 'a')));
    let against = refused(&promote(), &definition(Tier::Protected), &facts);
    assert!(
        matches!(
            against[..],
            [Refusal::AlreadyLive {
                slot: Slot::Blue,
                ..
            }]
        ),
        "{against:?}"
    );
    facts.version = Resolved::Version(Box::new(version("1.8.2", 'c')));
    assert_eq!(planned(&facts).version.digest, digest('c'));
}

#[test]
fn a_live_version_that_is_not_running_is_named_as_unhealthy() {
    let mut facts = facts();
    facts.version = Resolved::Version(Box::new(version("1.8.2", 'a')));
    let unhealthy = |facts: &Facts| {
        let against = refused(&promote(), &definition(Tier::Protected), facts);
        let Some(Refusal::AlreadyLive { unhealthy, .. }) = against.first() else {
            panic!("{against:?}");
        };
        unhealthy.clone()
    };
    assert_eq!(unhealthy(&facts), None);
    facts.slots.blue = Ok(Occupancy::Ours(one(instance(
        Slot::Blue,
        'a',
        InstanceState::Exited { code: Some(137) },
    ))));
    assert_eq!(unhealthy(&facts).as_deref(), Some("not running"));
}

/// A repair makes it again only where its release proves it. A promote checks it anew, so it is the way out of that.
#[test]
fn the_version_of_a_live_slot_in_which_nothing_is_left_is_released_into_the_other_one() {
    let mut facts = facts();
    facts.version = Resolved::Version(Box::new(version("1.8.2", 'a')));
    facts.slots.blue = Ok(Occupancy::Free);
    let plan = planned(&facts);
    let from = plan.from.as_ref().expect("the route names it");
    assert_eq!((from.slot, from.members.len()), (Slot::Blue, 0));
    assert_eq!(from.version.digest, plan.version.digest);
    assert_eq!((plan.kind, plan.slot), (ReleaseKind::Promote, Slot::Green));
    for step in [Step::Start, Step::Verify, Step::Register, Step::Switch] {
        assert!(plan.step(step).is_some(), "{step}");
    }
    // What is not known may be running.
    facts.slots.blue = Err("no answer".into());
    let against = refused(&promote(), &definition(Tier::Protected), &facts);
    assert!(
        matches!(against[..], [Refusal::Unknown { .. }]),
        "{against:?}"
    );
}

/// The store lost the route, and what was live is gone: no repair can write a route to a slot in which nothing runs.
#[test]
fn a_version_is_released_beside_an_empty_slot_that_only_the_proxy_names() {
    for named in [Slot::Blue, Slot::Green] {
        let mut facts = facts();
        facts.record = Ok(RegistryRecord {
            revision: 9,
            ..RegistryRecord::default()
        });
        edge(&mut facts.edges).answer = EdgeAnswer::Routes(ProxyAnswer {
            slot: Some(named),
            generation: 41,
            token: FencingToken(7),
            configuration: "mark".into(),
        });
        *facts.slots.get_mut(named) = Ok(Occupancy::Free);
        *facts.slots.get_mut(named.other()) = Ok(Occupancy::Free);
        let plan = planned(&facts);
        assert_eq!((plan.slot, plan.generation), (named.other(), 42));
        assert!(plan.from.is_none(), "{plan:?}");
        // What runs there has the traffic, and no release may take it unseen.
        let runs = instance(named, 'a', InstanceState::Running);
        *facts.slots.get_mut(named) = Ok(Occupancy::Ours(one(runs)));
        let against = refused(&promote(), &definition(Tier::Protected), &facts);
        assert!(
            matches!(against[..], [Refusal::RouteDisagrees { .. }]),
            "{against:?}"
        );
    }
}

#[test]
fn a_plan_names_the_live_commit() {
    let mut facts = facts();
    let mut live = instance(Slot::Blue, 'a', InstanceState::Running);
    live.labels.revision = Some("c0ffee1".into());
    facts.slots.blue = Ok(Occupancy::Ours(one(live)));
    let from = planned(&facts).from.expect("something is live");
    assert_eq!(from.version.labels.revision.as_deref(), Some("c0ffee1"));
}

#[test]
fn the_live_version_is_the_running_one_and_not_the_registered_one() {
    let mut facts = facts();
    facts.slots.blue = Ok(Occupancy::Ours(one(instance(
        Slot::Blue,
        'c',
        InstanceState::Running,
    ))));
    let from = planned(&facts).from.expect("something is live");
    assert_eq!((from.version.digest, from.version.tag), (digest('c'), None));
}

#[test]
fn the_plan_says_that_a_leftover_is_replaced() {
    let mut facts = facts();
    facts.slots.green = Ok(Occupancy::Ours(one(instance(
        Slot::Green,
        'd',
        InstanceState::Running,
    ))));
    let plan = planned(&facts);
    assert_eq!(plan.leftover.len(), 1);
    assert!(plan.step(Step::Start).expect("planned").calls[1].contains("stop and remove"));
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.contains("The release removes it")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn an_unhealthy_live_version_is_a_warning_and_no_refusal() {
    let mut facts = facts();
    facts.live_probe = Some(Probe {
        healthy: false,
        detail: "503".into(),
        took: Duration::from_millis(1),
    });
    let plan = planned(&facts);
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.contains("not healthy (503)")),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn an_unlimited_standby_has_no_stop_step() {
    let mut definition = definition(Tier::Protected);
    definition.timing.standby = Limit::Never;
    let plan = plan(&promote(), &definition, &facts()).expect("a plan");
    assert!(plan.step(Step::Stop).is_none());
}

#[test]
fn the_head_of_a_release_has_its_rules_under_its_hash() {
    let mut definition = definition(Tier::Protected);
    definition.rules.approvals = 2;
    let place = "greenroom.toml:12:13";
    let origins = &mut definition.rules.origins;
    origins.insert("rules.approvals".into(), place.into());
    let head = plan(&promote(), &definition, &facts())
        .expect("a plan")
        .record();
    let rules = &head.baseline.as_ref().expect("a baseline").rules;
    let rule = |key: &str| {
        let rule = rules.iter().find(|rule| rule.key == key);
        let rule = rule.expect("it is kept");
        (rule.value.as_str(), rule.from.as_str())
    };
    assert_eq!(rule("rules.approvals"), ("2", place));
    assert_eq!(rule("tier"), ("protected", "built-in"));
    let mut forged = head.clone();
    let baseline = forged.baseline.as_mut().expect("a baseline");
    for rule in &mut baseline.rules {
        rule.from = "built-in".into();
    }
    assert_ne!(Link::first(&head), Link::first(&forged));
}

/// A member of a slot, and a container that has its labels.
fn two(slot: Slot, fill: char) -> SlotMembers {
    let own = instance(slot, fill, InstanceState::Running);
    let copy = Instance {
        id: InstanceId("copy".into()),
        name: "debugging".into(),
        ..own.clone()
    };
    SlotMembers::new([own, copy])
}

#[test]
fn a_slot_with_two_members_is_not_warm() {
    let mut facts = facts();
    facts.slots.green = Ok(Occupancy::Ours(two(Slot::Green, 'd')));
    if let Ok(record) = &mut facts.record {
        record.slots.green = Some(registration(Slot::Green, 'd', "1.8.1"));
    }
    facts.version = Resolved::WarmVersion;
    let request = PlanRequest {
        wanted: Wanted::Standby,
        ..promote()
    };
    let against = refused(&request, &definition(Tier::Protected), &facts);
    assert!(against.contains(&Refusal::NoStandby), "{against:?}");
}

#[test]
fn a_promote_removes_both_members_of_the_other_slot() {
    let mut facts = facts();
    facts.slots.green = Ok(Occupancy::Ours(two(Slot::Green, 'd')));
    let plan = planned(&facts);
    assert_eq!(plan.leftover.len(), 2);
    let calls = &plan.step(Step::Start).expect("planned").calls;
    let removed = calls.iter().filter(|call| call.contains("stop and remove"));
    assert_eq!(removed.count(), 2, "{calls:#?}");
}

#[test]
fn the_live_version_can_be_promoted_again_if_its_slot_has_two_members() {
    let mut facts = facts();
    facts.slots.blue = Ok(Occupancy::Ours(two(Slot::Blue, 'a')));
    facts.version = Resolved::Version(Box::new(version("1.8.2", 'a')));
    let plan = planned(&facts);
    assert_eq!(plan.slot, Slot::Green);
    let said = plan.warnings.join("\n");
    assert!(
        said.contains("blue is live, but has 2 containers"),
        "{said}"
    );
}

#[test]
fn a_second_member_of_the_slot_since_the_plan_is_a_change() {
    let mut facts = facts();
    let own = instance(Slot::Green, 'd', InstanceState::Running);
    facts.slots.green = Ok(Occupancy::Ours(one(own.clone())));
    let plan = planned(&facts);
    let record = facts.record.as_ref().expect("it was read");
    let unchanged = |members| plan.unchanged(record, &Occupancy::Ours(members));
    assert!(unchanged(one(own)).is_ok());
    assert!(unchanged(two(Slot::Green, 'd')).is_err());
}
