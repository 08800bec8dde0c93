//! Plans: which slot, generation and steps, described for an operator; and every reason against a
//! plan, all at once. Pure functions: facts in, a plan or refusals out.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom::history::{
    FORMAT, Link, LivePeriod, Outcome, Recorded, ReleaseKind, ReleaseRecord, Step, WasLive,
};
use greenroom::inventory::freeze::{Freeze, Window};
use greenroom::inventory::{
    ClockReading, Clocks, Edge, EdgeAnswer, Edges, FencingToken, HIGHEST_GENERATION, Hold,
    ImageLabels, Installation, Instance, InstanceId, InstanceState, LockHolder, LockPurpose,
    LockRecord, Occupancy, PerSlot, Probe, ProxyAnswer, RegisteredMember, Registration,
    RegistryRecord, ReleaseId, Revisioned, Route, RuntimeHealth, Slot, SlotMembers, Target, Tier,
    Version, VersionRef,
};
use greenroom::release::{
    Approval, Definition, Facts, Limit, Need, Plan, PlanRequest, ProxyWords, Refusal, Refused,
    Resolved, Scope, StandbyOf, Wanted, decide, need_of, need_to_begin, step_summaries,
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
                endpoint: endpoint(slot),
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
                    endpoint: endpoint(Slot::Blue),
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
    let without_install: Vec<Step> = step_summaries()
        .map(|(step, _)| step)
        .filter(|s| *s != Step::Install)
        .collect();
    assert_eq!(steps, without_install);
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
fn a_refused_plan_has_all_reasons_at_once() {
    let mut definition = definition(Tier::Protected);
    definition.health = None;
    definition.rules.require_reason = true;
    let mut facts = facts();
    facts.may_write = false;
    facts.version = Resolved::Missing {
        wanted: "9.9.9".into(),
    };
    facts.slots.green = Ok(Occupancy::Foreign("process nc (pid 7)".into()));
    if let Ok(record) = &mut facts.record {
        record.hold = Some(Hold {
            cleared: None,
            release: None,
            reason: "payday".into(),
            author: operator(),
            since: Timestamp::UNIX_EPOCH,
            until: None,
        });
        record.lock = Some(LockHolder {
            record: LockRecord {
                purpose: LockPurpose::Release,
                operator: operator(),
                console: "another".into(),
                release: release(1),
                since: Timestamp::UNIX_EPOCH,
                message: "promote to 1.8.3".into(),
            },
            token: FencingToken(8),
            ttl_seconds: Some(20),
        });
        record
            .problems
            .insert("targets/web/production/route".into(), "not JSON".into());
    }
    let against = refused(&promote(), &definition, &facts);
    let kinds: Vec<bool> = vec![
        against.contains(&Refusal::ReadOnly),
        against.contains(&Refusal::NoHealthCheck),
        against.contains(&Refusal::NoReason),
        against
            .iter()
            .any(|r| matches!(r, Refusal::NoSuchVersion { .. })),
        against.iter().any(|r| {
            matches!(
                r,
                Refusal::SlotTaken {
                    slot: Slot::Green,
                    ..
                }
            )
        }),
        against.iter().any(|r| matches!(r, Refusal::Held(_))),
        against.iter().any(|r| matches!(r, Refusal::Locked { .. })),
        against.iter().any(|r| matches!(r, Refusal::Unknown { .. })),
    ];
    assert!(kinds.iter().all(|found| *found), "{kinds:?} of {against:?}");
    for reason in &against {
        assert!(!reason.to_string().is_empty());
    }
}

fn with_lock(facts: &mut Facts, purpose: LockPurpose) {
    if let Ok(record) = &mut facts.record {
        record.lock = Some(LockHolder {
            record: LockRecord {
                purpose,
                operator: operator(),
                console: "another".into(),
                release: release(1),
                since: Timestamp::UNIX_EPOCH,
                message: "promote to 1.8.3".into(),
            },
            token: FencingToken(8),
            ttl_seconds: Some(20),
        });
    }
}

#[test]
fn a_refusal_because_of_a_lock_names_the_next_command() {
    let definition = definition(Tier::Staging);
    let mut facts = facts();
    with_lock(&mut facts, LockPurpose::Release);
    let against = refused(&promote(), &definition, &facts);
    let words = against[0].to_string();
    let target = &definition.target;
    let resume = format!("greenroom resume {} {}", target.service, target.environment);
    for part in [
        format!("{target} is locked by {}", operator()),
        format!("{resume} --take-over --reason \"...\""),
        format!("within 20 s: then run {resume}"),
    ] {
        assert!(words.contains(&part), "{part} is missing: {words}");
    }
    with_lock(&mut facts, LockPurpose::Upkeep);
    let words = refused(&promote(), &definition, &facts)[0].to_string();
    assert!(!words.contains("--take-over"), "nothing to resume: {words}");
    assert!(words.contains("run the same command again"), "{words}");
}

#[test]
fn a_standby_of_another_console_is_named_and_refuses_no_plan() {
    let mut facts = facts();
    with_lock(&mut facts, LockPurpose::Release);
    facts.standby = Some(StandbyOf::AnotherConsole);
    let plan = planned(&facts);
    let names = |warning: &String| warning.contains(&operator().to_string());
    assert!(plan.warnings.iter().any(names), "{:?}", plan.warnings);
}

fn frozen(tier: Tier) -> Definition {
    let mut definition = definition(tier);
    definition.rules.freezes = vec![Freeze {
        name: "new year".into(),
        zone: jiff::tz::TimeZone::UTC,
        window: Window::Once {
            from: "1969-12-31T22:00".parse().expect("a time"),
            until: "1970-01-01T06:00".parse().expect("a time"),
        },
        services: Vec::new(),
    }];
    definition
}

fn placed() -> Hold {
    Hold {
        reason: "payday".into(),
        author: operator(),
        since: Timestamp::UNIX_EPOCH,
        until: None,
        release: None,
        cleared: None,
    }
}

#[test]
fn a_configured_freeze_stops_a_promote_and_warns_a_rollback() {
    let against = refused(&promote(), &frozen(Tier::Staging), &facts());
    let [Refusal::Held(hold)] = against.as_slice() else {
        panic!("{against:?}");
    };
    assert_eq!(hold.reason, "new year");
    let said = against[0].to_string();
    assert!(
        said.contains("held by the configuration: new year (until 1970-01-01 06:00:00 UTC)"),
        "{said}"
    );
    let mut after = facts();
    after.now = "1970-01-01T06:00:00Z".parse().expect("a time");
    assert!(plan(&promote(), &frozen(Tier::Staging), &after).is_ok());
}

#[test]
fn an_override_covers_the_holds_and_freezes_in_force() {
    let mut facts = facts();
    if let Ok(record) = &mut facts.record {
        record.hold = Some(placed());
    }
    let mut request = promote();
    assert_eq!(refused(&request, &frozen(Tier::Staging), &facts).len(), 2);
    request.override_holds = Some("the shop is down".into());
    let plan = plan(&request, &frozen(Tier::Staging), &facts).expect("a plan");
    let names: Vec<&str> = plan
        .overridden
        .iter()
        .map(|it| it.hold.reason.as_str())
        .collect();
    assert_eq!(names, ["payday", "new year"]);
    assert!(
        plan.overridden
            .iter()
            .all(|it| it.why == "the shop is down")
    );
    assert_eq!(plan.record().overridden, plan.overridden);
    assert!(
        plan.warnings
            .iter()
            .any(|it| it.contains("overrides: held by") && it.contains("payday")),
        "{:?}",
        plan.warnings
    );
    // Without a hold or freeze nothing is overridden.
    let free = definition(Tier::Staging);
    let facts = self::facts();
    let plan = self::plan(&request, &free, &facts).expect("a plan");
    assert!(plan.overridden.is_empty() && plan.record().overridden.is_empty());
}

#[test]
fn an_ended_hold_stops_no_promote() {
    let mut facts = facts();
    facts.now = Timestamp::from_second(100).expect("a moment");
    if let Ok(record) = &mut facts.record {
        record.hold = Some(Hold {
            cleared: None,
            release: None,
            reason: "payday".into(),
            author: operator(),
            since: Timestamp::UNIX_EPOCH,
            until: Some(Timestamp::from_second(100).expect("a moment")),
        });
    }
    assert!(plan(&promote(), &definition(Tier::Protected), &facts).is_ok());
}

#[test]
fn disagreement_on_the_live_slot_refuses_a_plan() {
    let mut facts = facts();
    edge(&mut facts.edges).answer = EdgeAnswer::Routes(ProxyAnswer {
        slot: Some(Slot::Green),
        generation: 42,
        token: FencingToken(7),
        configuration: "mark".into(),
    });
    let against = refused(&promote(), &definition(Tier::Protected), &facts);
    assert!(
        matches!(against[..], [Refusal::RouteDisagrees { .. }]),
        "{against:?}"
    );
}

#[test]
fn two_edges_that_differ_refuse_a_plan() {
    let edge = |slot, generation| Edge {
        answer: EdgeAnswer::Routes(ProxyAnswer {
            slot: Some(slot),
            generation,
            token: FencingToken(7),
            configuration: "mark".into(),
        }),
        installation: Some(Installation::Current),
        ..Edge::default()
    };
    let with = |west: Edge| {
        let mut facts = facts();
        let names = ["east", "west"].map(|name| name.parse().expect("a name"));
        let edges = [edge(Slot::Blue, 41), west];
        facts.edges = names.into_iter().zip(edges).collect();
        facts
    };
    let against = |west| refused(&promote(), &definition(Tier::Protected), &with(west));
    assert_eq!(planned(&with(edge(Slot::Blue, 41))).generation, 42);
    let differs = against(edge(Slot::Green, 41));
    let said = differs[0].to_string();
    assert!(
        matches!(differs[..], [Refusal::RouteDisagrees { .. }]) && said.contains("proxy west"),
        "{differs:?}"
    );
    let behind = against(edge(Slot::Blue, 40));
    assert!(
        matches!(behind[..], [Refusal::RouteDisagrees { .. }]),
        "{behind:?}"
    );
    let silent = against(Edge::default());
    let silent: Vec<String> = silent.iter().map(ToString::to_string).collect();
    assert_eq!(
        silent,
        [
            "it is not known which configuration the proxy has: west: it was not checked",
            "it is not known where the traffic goes: west: no answer yet",
        ]
    );
    let newer = against(Edge {
        installation: Some(Installation::Newer("a newer configuration".into())),
        ..edge(Slot::Blue, 41)
    });
    assert!(
        newer[0].to_string().contains("west: a newer configuration"),
        "{newer:?}"
    );
}

#[test]
fn an_unreachable_source_refuses_a_plan() {
    for silence in 0..4 {
        let mut facts = facts();
        let why = "connection refused".to_owned();
        match silence {
            0 => facts.record = Err(why),
            1 => {
                edge(&mut facts.edges).answer = EdgeAnswer::Unknown;
                edge(&mut facts.edges).take_answer(Err(why));
            }
            2 => {
                edge(&mut facts.edges).installation = None;
                edge(&mut facts.edges).take_installation(Err(why));
            }
            _ => facts.slots.green = Err(why),
        }
        let against = refused(&promote(), &definition(Tier::Protected), &facts);
        assert!(
            matches!(against[0], Refusal::Unknown { .. }),
            "{silence}: {against:?}"
        );
    }
}

#[test]
fn a_version_must_be_live_first_where_the_rules_require_it() {
    let mut definition = definition(Tier::Protected);
    definition.rules.only_from = Some("qa".parse().expect("a name"));
    let mut facts = facts();
    facts.live_in_first = Some(Ok(Some(version("1.9.0", 'e'))));
    let against = refused(&promote(), &definition, &facts);
    assert!(
        matches!(against[..], [Refusal::NotLiveIn { .. }]),
        "{against:?}"
    );
    facts.live_in_first = Some(Ok(Some(version("1.9.0", 'b'))));
    assert!(plan(&promote(), &definition, &facts).is_ok());
    // That rule never blocks a rollback.
    facts.live_in_first = Some(Ok(None));
    facts.was_live = was_live(version("1.9.0", 'b'));
    let back = request(Wanted::Back(VersionRef::Tag("1.9.0".into())));
    assert!(plan(&back, &definition, &facts).is_ok());
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
fn a_warm_rollback_starts_nothing_and_names_its_version() {
    let plan = plan(
        &request(Wanted::Standby),
        &definition(Tier::Protected),
        &warm(),
    )
    .expect("a plan");
    assert_eq!(plan.kind, ReleaseKind::WarmRollback);
    assert_eq!(plan.version.tag.as_deref(), Some("1.8.1"));
    assert!(plan.step(Step::Pull).is_none() && plan.step(Step::Start).is_none());
    assert!(
        plan.step(Step::Verify).is_some(),
        "no switch without checks, back or forth"
    );
}

#[test]
fn a_plan_names_only_switch_backs_that_its_watch_makes() {
    let words = |plan: &Plan| {
        let step = plan.step(Step::Watch).expect("a watch");
        step.calls.join("\n")
    };
    let promote = words(&planned(&facts()));
    assert!(promote.contains("count the public requests"), "{promote}");
    let definition = definition(Tier::Protected);
    let rollback = plan(&request(Wanted::Standby), &definition, &warm()).expect("a plan");
    let rollback = words(&rollback);
    assert!(
        rollback.contains("3 bad probes in a row switch back"),
        "{rollback}"
    );
    assert!(
        !rollback.contains("count the public requests"),
        "{rollback}"
    );
    let mut first = facts();
    first.record = Ok(RegistryRecord::default());
    edge(&mut first.edges).answer = EdgeAnswer::NotInstalled;
    first.slots.blue = Ok(Occupancy::Free);
    let first = words(&planned(&first));
    assert!(!first.contains("switch back"), "{first}");
    assert!(first.contains("a person must decide"), "{first}");
}

#[test]
fn a_rollback_needs_no_reason_under_any_rules() {
    let mut strict = definition(Tier::Protected);
    strict.rules.require_reason = true;
    let back = PlanRequest {
        reason: None,
        ..request(Wanted::Standby)
    };
    let plan = plan(&back, &strict, &warm()).expect("a plan");
    assert!(plan.lacks_reason());
    let promote = PlanRequest {
        reason: None,
        ..request(Wanted::Version("1.9.0".parse().expect("a tag")))
    };
    assert!(refused(&promote, &strict, &facts()).contains(&Refusal::NoReason));
}

#[test]
fn the_confirmation_of_a_warm_rollback_covers_its_switch_and_not_its_stop() {
    let plan = plan(
        &request(Wanted::Standby),
        &definition(Tier::Protected),
        &warm(),
    )
    .expect("a plan");
    let begin = |typed| {
        Approval::give(&plan, Scope::Plan, operator(), typed, Timestamp::UNIX_EPOCH).is_ok()
    };
    assert!(!begin(None) && !begin(Some("yes")) && begin(Some("production")));
    assert_eq!(need_of(&plan, Step::Register), Need::Nothing);
    assert_eq!(need_of(&plan, Step::Switch), Need::Nothing);
    assert_eq!(need_of(&plan, Step::Stop), Need::TypedName);
    let promote = planned(&facts());
    assert_eq!(need_of(&promote, Step::Register), Need::Confirmation);
    assert_eq!(need_of(&promote, Step::Switch), Need::TypedName);
}

#[test]
fn a_warm_rollback_needs_a_running_registered_formerly_live_version() {
    let back = request(Wanted::Standby);
    let mut stopped = warm();
    stopped.slots.green = Ok(Occupancy::Ours(one(instance(
        Slot::Green,
        'd',
        InstanceState::Exited { code: Some(0) },
    ))));
    assert_eq!(
        refused(&back, &definition(Tier::Protected), &stopped),
        [Refusal::NoStandby]
    );
    let mut unregistered = warm();
    if let Ok(record) = &mut unregistered.record {
        record.slots.green = None;
    }
    assert_eq!(
        refused(&back, &definition(Tier::Protected), &unregistered),
        [Refusal::NoStandby]
    );
    // The candidate of a release that was interrupted after register never had traffic.
    let mut never_live = warm();
    never_live.past = Ok(vec![past("1.8.1", 'd', None)]);
    never_live.was_live = WasLive::default();
    assert!(matches!(
        refused(&back, &definition(Tier::Protected), &never_live)[..],
        [Refusal::NeverLiveHere { .. }]
    ));
}

#[test]
fn an_unproven_head_allows_no_rollback() {
    let mut facts = warm();
    // Another program wrote one line into the store: a closed head without entries.
    let mut forged = past("1.8.1", 'd', Some(Outcome::Done));
    forged.live = Some(LivePeriod {
        since: Timestamp::UNIX_EPOCH,
        until: None,
    });
    facts.past = Ok(vec![forged.clone()]);
    facts.was_live = WasLive::default();
    let recorded = Recorded {
        head: forged,
        entries: Vec::new(),
    };
    facts.was_live.add(&recorded, &target());
    let back = request(Wanted::Standby);
    let against = refused(&back, &definition(Tier::Protected), &facts);
    let [Refusal::NeverLiveHere { remarks, .. }] = &against[..] else {
        panic!("{against:?}");
    };
    assert!(remarks[0].contains("does not prove it"), "{remarks:?}");
}

#[test]
fn a_cold_rollback_is_a_full_release_to_a_formerly_live_version() {
    let mut facts = facts();
    facts.version = Resolved::Version(Box::new(version("1.7.0", 'e')));
    let back = request(Wanted::Back(VersionRef::Tag("1.7.0".into())));
    assert!(matches!(
        refused(&back, &definition(Tier::Protected), &facts)[..],
        [Refusal::NeverLiveHere { .. }]
    ));
    facts.was_live = was_live(version("1.7.0", 'e'));
    let plan = plan(&back, &definition(Tier::Protected), &facts).expect("a plan");
    assert_eq!(plan.kind, ReleaseKind::ColdRollback);
    assert!(plan.step(Step::Start).is_some());
}

#[test]
fn no_switch_is_planned_with_a_generation_near_the_highest() {
    let mut facts = facts();
    if let Ok(record) = &mut facts.record
        && let Some(route) = &mut record.route
    {
        route.value.generation = HIGHEST_GENERATION;
    }
    // Only the route has that generation, so a repair lowers it.
    let against = refused(&promote(), &definition(Tier::Development), &facts);
    assert!(
        matches!(against[..], [Refusal::RouteDisagrees { .. }]),
        "{against:?}"
    );
    let said = against[0].to_string();
    assert!(
        said.contains("no switch can have made the route's generation"),
        "{said}"
    );
    let proxy = edge(&mut facts.edges).answer.proxy_mut();
    proxy.expect("an answer").generation = HIGHEST_GENERATION;
    let against = refused(&promote(), &definition(Tier::Development), &facts);
    let said = against[0].to_string();
    assert!(
        matches!(against[..], [Refusal::GenerationsUsedUp { .. }]),
        "{against:?}"
    );
    assert!(said.contains("greenroom repair web production"), "{said}");
}

#[test]
fn an_unlimited_standby_has_no_stop_step() {
    let mut definition = definition(Tier::Protected);
    definition.timing.standby = Limit::Never;
    let plan = plan(&promote(), &definition, &facts()).expect("a plan");
    assert!(plan.step(Step::Stop).is_none());
}

#[test]
fn a_file_of_another_target_refuses_a_promote() {
    let why = "/etc/nginx/conf.d/greenroom-web.production.conf is the file of api/qa".to_owned();
    let mut taken = facts();
    edge(&mut taken.edges).installation = Some(Installation::Foreign(why.clone()));
    taken.may_write = false;
    let refused = plan(&promote(), &definition(Tier::Staging), &taken).expect_err("refused");
    assert!(refused.to_string().contains(&why), "{refused}");
    assert!(refused.0.contains(&Refusal::ReadOnly), "{refused}");
    let mut taken = warm();
    edge(&mut taken.edges).installation = Some(Installation::Foreign(why.clone()));
    let back = request(Wanted::Standby);
    let plan =
        plan(&back, &definition(Tier::Staging), &taken).expect("the way out is never locked");
    assert!(plan.step(Step::Install).is_none());
    assert!(plan.warnings.contains(&why), "{:?}", plan.warnings);
}

#[test]
fn an_extra_key_of_another_target_refuses_a_promote_and_warns_of_a_rollback() {
    let why = "the key /upstream in etcd belongs to api/qa".to_owned();
    let mut taken = facts();
    taken.taken = Ok(vec![why.clone()]);
    assert_eq!(
        refused(&promote(), &definition(Tier::Staging), &taken),
        [Refusal::PlaceTaken { why: why.clone() }]
    );
    let mut taken = warm();
    taken.taken = Ok(vec![why.clone()]);
    let back = request(Wanted::Standby);
    let plan =
        plan(&back, &definition(Tier::Staging), &taken).expect("the way out is never locked");
    assert!(plan.warnings.contains(&why), "{:?}", plan.warnings);
}

#[test]
fn unknown_keys_of_other_targets_refuse_a_promote_and_warn_of_a_rollback() {
    let why = "etcd: reading the extra keys of web/qa: permission denied".to_owned();
    let mut unread = facts();
    unread.taken = Err(why.clone());
    let against = refused(&promote(), &definition(Tier::Staging), &unread);
    assert!(
        matches!(&against[..], [Refusal::Unknown { why: given, .. }] if *given == why),
        "{against:?}"
    );
    let mut unread = warm();
    unread.taken = Err(why.clone());
    let back = request(Wanted::Standby);
    let plan =
        plan(&back, &definition(Tier::Staging), &unread).expect("the way out is never locked");
    assert!(
        plan.warnings.iter().any(|warning| warning.contains(&why)),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn an_open_release_of_a_restored_store_must_be_left_before_a_repair() {
    let definition = definition(Tier::Staging);
    let refusal = Refusal::OnlyToLeave {
        target: definition.target.clone(),
        release: release(2),
    };
    let words = refusal.to_string();
    let target = &definition.target;
    for command in ["greenroom resume", "greenroom repair"] {
        let command = format!("{command} {} {}", target.service, target.environment);
        assert!(words.contains(&command), "{words}");
    }
    assert!(words.contains("--leave"), "{words}");
    assert!(!words.contains("back it out"), "{words}");
}

#[test]
fn an_outdated_configuration_refuses_a_promote_but_no_rollback() {
    let why = "web.conf was installed from a configuration of 14:02".to_owned();
    let mut newer = facts();
    edge(&mut newer.edges).installation = Some(Installation::Newer(why.clone()));
    let refused = plan(&promote(), &definition(Tier::Staging), &newer).expect_err("refused");
    assert!(refused.to_string().contains(&why), "{refused}");
    assert!(refused.to_string().contains("restart"), "{refused}");
    let mut newer = warm();
    edge(&mut newer.edges).installation = Some(Installation::Newer(why));
    let plan = plan(
        &request(Wanted::Standby),
        &definition(Tier::Staging),
        &newer,
    )
    .expect("the way out is never locked");
    assert!(plan.step(Step::Install).is_none());
}

/// Each unreadable key, whether it stops a promote, and whether it stops a rollback.
const UNREADABLE: &[(&str, bool, bool)] = &[
    ("route", true, true),
    ("slots/blue", true, true),
    ("slots/green", true, true),
    ("lock", true, true),
    ("hold", true, false),
    ("note", false, false),
    ("note/hold", false, false),
    ("slots/purple", false, false),
    ("slots/blue/x", false, false),
    ("approvals/garbage", false, false),
    ("watching/garbage", false, false),
    ("handover", false, false),
];

#[test]
fn an_unreadable_key_stops_only_what_it_decides() {
    let definition = definition(Tier::Protected);
    let with = |mut facts: Facts, name: &str| {
        if let Ok(record) = &mut facts.record {
            let key = format!("/greenroom/v1/targets/{}/{name}", target());
            record.problems.insert(key, "it cannot be read".into());
        }
        facts
    };
    let back = request(Wanted::Standby);
    for (name, stops_promote, stops_rollback) in UNREADABLE {
        for (what, stops, planned) in [
            (
                "promote",
                *stops_promote,
                plan(&promote(), &definition, &with(facts(), name)),
            ),
            (
                "rollback",
                *stops_rollback,
                plan(&back, &definition, &with(warm(), name)),
            ),
        ] {
            assert_eq!(planned.is_err(), stops, "{what} with {name}: {planned:?}");
            if let Err(refused) = planned {
                let words = refused.to_string();
                let key = format!("{}/{name}", target());
                assert!(words.contains(&key), "{what} with {name}: {words}");
            }
        }
    }
    // A rollback names the unknown facts.
    let planned = plan(&back, &definition, &with(warm(), "hold")).expect("a plan");
    let warnings = planned.warnings.join(" ");
    assert!(warnings.contains("/hold contains"), "{warnings}");
}

#[test]
fn an_unreadable_newest_release_stops_a_promote_and_no_rollback() {
    let definition = definition(Tier::Protected);
    let newest = vec![(release(9), "a newer Greenroom has written it".to_owned())];
    let facts = Facts {
        unreadable: newest.clone(),
        ..facts()
    };
    let against = refused(&promote(), &definition, &facts);
    let words = format!("{}", against.first().expect("a reason"));
    assert!(
        words.contains("whether the newest release") && words.contains("newer Greenroom"),
        "{words}"
    );
    let facts = Facts {
        unreadable: newest,
        ..warm()
    };
    let planned = plan(&request(Wanted::Standby), &definition, &facts).expect("a plan");
    assert!(
        planned
            .warnings
            .iter()
            .any(|it| it.contains("newer Greenroom"))
    );
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

#[test]
fn every_switch_is_refused_after_a_store_restore_with_the_fix() {
    let mut facts = facts();
    facts.record.as_mut().expect("a record").revision = 6;
    for wanted in [promote(), request(Wanted::Standby)] {
        let refused = refused(&wanted, &definition(Tier::Protected), &facts);
        let words: Vec<String> = refused.iter().map(ToString::to_string).collect();
        let words = words.join("\n");
        assert!(
            words.contains("carries token 7, but the store is only at revision 6"),
            "{words}"
        );
        assert!(words.contains("greenroom repair web production"), "{words}");
    }
}

#[test]
fn a_hold_ended_by_only_one_clock_is_in_force_and_the_clocks_are_named() {
    let mut facts = facts();
    facts.now = Timestamp::from_second(10_000).expect("a time");
    let record = facts.record.as_mut().expect("a record");
    record.hold = Some(Hold {
        reason: "payday".into(),
        author: operator(),
        since: Timestamp::UNIX_EPOCH,
        until: Some(Timestamp::from_second(9_000).expect("a time")),
        release: None,
        cleared: None,
    });
    planned(&facts);
    let reported = Timestamp::from_second(2_800).expect("a time");
    let of = "the Docker host of production".to_owned();
    let reading = ClockReading::new(of, (facts.now, facts.now), reported);
    facts.clocks = Clocks(vec![reading]);
    let refused = refused(&promote(), &definition(Tier::Protected), &facts);
    let [refusal @ Refusal::HeldByAnotherClock { .. }] = &refused[..] else {
        panic!("{refused:?}");
    };
    let words = refusal.to_string();
    assert!(
        words.contains("clock is 2h ahead of the Docker host of production"),
        "{words}"
    );
    let overriding = PlanRequest {
        override_holds: Some("the clock is known to be wrong".into()),
        ..promote()
    };
    let overriding = plan(&overriding, &definition(Tier::Protected), &facts).expect("a plan");
    assert_eq!(overriding.overridden.len(), 1);
}

#[test]
fn a_freeze_has_started_when_one_of_the_clocks_says_so() {
    let mut facts = facts();
    facts.now = "2026-07-24T11:00:00Z".parse().expect("a time");
    let mut definition = definition(Tier::Protected);
    definition.rules.freezes = vec![Freeze {
        name: "payday".into(),
        zone: jiff::tz::TimeZone::UTC,
        window: Window::Once {
            from: "2026-07-24T12:00:00".parse().expect("a time"),
            until: "2026-07-25T12:00:00".parse().expect("a time"),
        },
        services: Vec::new(),
    }];
    plan(&promote(), &definition, &facts).expect("it has not started");
    let reported = "2026-07-24T13:00:00Z".parse().expect("a time");
    let of = "the Docker host of production".to_owned();
    let reading = ClockReading::new(of, (facts.now, facts.now), reported);
    facts.clocks = Clocks(vec![reading]);
    let refused = refused(&promote(), &definition, &facts);
    let [refusal @ Refusal::HeldByAnotherClock { .. }] = &refused[..] else {
        panic!("{refused:?}");
    };
    let words = refusal.to_string();
    assert!(words.contains("Correct the wrong clock"), "{words}");
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
