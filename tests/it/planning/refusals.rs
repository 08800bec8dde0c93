//! Why a plan is refused, all reasons at once, and what to do.

use greenroom::history::Step;
use greenroom::inventory::{
    Edge, EdgeAnswer, FencingToken, HIGHEST_GENERATION, Hold, Installation, LockHolder,
    LockPurpose, LockRecord, Occupancy, ProxyAnswer, Slot, Tier, VersionRef,
};
use greenroom::release::{Facts, Refusal, Resolved, StandbyOf, Wanted};
use jiff::Timestamp;

use super::{facts, plan, planned, promote, refused, release, request, warm, was_live};
use crate::support::edge;
use crate::support::web::{definition, operator, target, version};

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
