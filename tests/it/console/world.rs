//! Hand-made fixtures: four services in three environments at 14:02:11, with a release of `web` to
//! production in progress.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use greenroom::checks::{
    Case, CaseKind, CaseReport, Expectation, HealthCheck, RequestCase, Suite, Verdict,
};
use greenroom::console::dialogs::{MakePlan, OpenRelease, ReadRelease};
use greenroom::console::effect::{self, Effect};
use greenroom::console::event::{Event, Input};
use greenroom::console::update::update;
use greenroom::console::{Charset, Depth, Mode, Model, Theme, view};
use greenroom::history::{Direction, PlannedCalls, ReleaseKind, Step};
use greenroom::inventory::{
    Address, ClockReading, Clocks, Digest, Edge, EdgeAnswer, EdgeName, Edges, FencingToken, Hold,
    ImageLabels, Installation, Instance, InstanceId, InstanceShape, InstanceState, KeyLine, Listen,
    LockHolder, LockRecord, Operator, PerSlot, Probe, ProxyAnswer, PublicAnswer, RegisteredMember,
    Registration, ReleaseId, RestartPolicy, Revisioned, Route, RuntimeHealth, Slot, SlotMembers,
    SlotSnapshot, Snapshot, SourceState, Sources, Target, Tier, Version, World, instance_name,
};
use greenroom::release::{
    Definition, LiveBefore, Plan, PlanRequest, Progress, Refused, Rules, Status, StepState,
    StepStatus, Timing, Wanted, need,
};
use jiff::Timestamp;
use ratatui::buffer::Buffer;

/// The fixed current time.
pub(crate) fn now() -> Timestamp {
    "2026-11-20T14:02:11Z".parse().expect("a time")
}

pub(crate) fn ago(seconds: u64) -> Timestamp {
    now() - Duration::from_secs(seconds)
}

pub(crate) fn later(seconds: u64) -> Timestamp {
    now() + Duration::from_secs(seconds)
}

/// A clock of production that is this far ahead of this machine's clock.
pub(crate) fn clock_ahead_by(seconds: u64) -> Clocks {
    let of = greenroom::inventory::engine_of(&PRODUCTION.parse().expect("a name"));
    Clocks(vec![ClockReading::new(of, (now(), now()), later(seconds))])
}

pub(crate) fn operator() -> Operator {
    Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    }
}

pub(crate) fn target(service: &str, environment: &str) -> Target {
    Target::new(
        service.parse().expect("a name"),
        environment.parse().expect("a name"),
    )
}

pub(crate) fn digest(fill: &str) -> Digest {
    let hex: String = fill.chars().cycle().take(64).collect();
    format!("sha256:{hex}").parse().expect("a digest")
}

pub(crate) fn version(tag: &str, fill: &str) -> Version {
    Version {
        repository: "registry.example/web".into(),
        tag: Some(tag.into()),
        digest: digest(fill),
        labels: ImageLabels::default(),
    }
}

pub(crate) fn release_id(number: u8) -> ReleaseId {
    format!("01JD4ZZZZZ00000000000000{number:02}")
        .parse()
        .expect("an id")
}

fn endpoint(slot: Slot) -> Address {
    let port = match slot {
        Slot::Blue => 32_771,
        Slot::Green => 32_780,
    };
    format!("127.0.0.1:{port}").parse().expect("an address")
}

fn instance(target: &Target, slot: Slot, version: &Version, release: u8, age: u64) -> Instance {
    Instance {
        id: InstanceId(format!("{}{}", slot.as_str(), "0123456789abcdef".repeat(4))),
        name: instance_name(target, slot, 1),
        target: target.clone(),
        slot,
        number: 1,
        of: 1,
        endpoint: None,
        digest: version.digest.clone(),
        tag: version.tag.clone(),
        release: Some(release_id(release)),
        state: InstanceState::Running,
        health: RuntimeHealth::Unchecked,
        started_at: Some(ago(age)),
        restarts: 0,
        last_exit: None,
        pid: Some(4711),
        labels: ImageLabels::default(),
        configuration: BTreeMap::new(),
    }
}

fn side(instance: Option<Instance>, slot: Slot, registered: bool) -> SlotSnapshot {
    let registration = instance.as_ref().filter(|_| registered).map(|instance| {
        let value = Registration {
            slot,
            members: vec![RegisteredMember {
                endpoint: Some(endpoint(slot)),
                instance: instance.id.clone(),
            }],
            tag: instance.tag.clone(),
            digest: instance.digest.clone(),
            release: instance.release.expect("a release"),
            registered_at: ago(1000),
            token: FencingToken(7),
        };
        Revisioned {
            value,
            revision: 8812,
        }
    });
    SlotSnapshot {
        addresses: endpoint(slot).into(),
        probe: instance.as_ref().map(|_| Probe {
            healthy: true,
            detail: "200".into(),
            took: Duration::from_millis(3),
        }),
        members: SlotMembers::new(instance),
        registration,
        rates: None,
    }
}

/// A target with a healthy version live in blue, and nothing else.
pub(crate) fn settled(target: &Target, tier: Tier, tag: &str) -> Snapshot {
    let fill = match tag {
        "1.9.0" => "b81d77aa30",
        _ => "4f2a9c01e7",
    };
    let live = version(tag, fill);
    let blue = instance(target, Slot::Blue, &live, 1, 12 * 86_400 + 4 * 3600);
    let endpoints = PerSlot::from_fn(|slot| endpoint(slot).into());
    Snapshot {
        slots: PerSlot {
            blue: side(Some(blue), Slot::Blue, true),
            green: side(None, Slot::Green, false),
        },
        route: Some(Revisioned {
            value: Route {
                generation: 41,
                live: Slot::Blue,
                addresses: endpoint(Slot::Blue).into(),
                digest: live.digest,
                release: release_id(1),
                token: FencingToken(7),
            },
            revision: 8813,
        }),
        edges: Edges::from(Edge {
            state: SourceState::Live,
            answer: EdgeAnswer::Routes(ProxyAnswer {
                slot: Some(Slot::Blue),
                generation: 41,
                token: FencingToken(7),
                configuration: "c0ffee".into(),
            }),
            installation: Some(Installation::Current),
            public: Some(PublicAnswer {
                slot: Some(Slot::Blue),
                status: Some(200),
                body: None,
                detail: String::new(),
            }),
            ..Edge::default()
        }),
        preview: None,
        rates_unknown: None,
        store_revision: Some(100),
        keys: vec![
            key(
                target,
                "slots/blue",
                "127.0.0.1:32771 web:1.8.2",
                8812,
                None,
            ),
            key(target, "route", "blue, generation 41", 8813, None),
        ],
        keys_at: Some(now()),
        sources: Sources {
            runtime: SourceState::Live,
            registry: SourceState::Live,
            router: SourceState::Live,
        },
        ..Snapshot::unobserved(target.clone(), tier, &endpoints, now())
    }
}

fn key(target: &Target, name: &str, value: &str, revision: i64, ttl: Option<i64>) -> KeyLine {
    KeyLine {
        key: format!("/greenroom/v1/targets/{target}/{name}"),
        value: value.into(),
        revision,
        ttl_seconds: ttl,
    }
}

/// A candidate in green, and the lock of the release that started it.
pub(crate) fn with_candidate(mut snapshot: Snapshot) -> Snapshot {
    let target = snapshot.target.clone();
    let candidate = version("1.9.0", "b81d77aa30");
    let green = instance(&target, Slot::Green, &candidate, 2, 48);
    snapshot.slots.green = side(Some(green), Slot::Green, false);
    snapshot.lock = Some(LockHolder {
        record: LockRecord {
            purpose: greenroom::inventory::LockPurpose::Release,
            operator: operator(),
            console: "c1".into(),
            release: release_id(2),
            since: ago(52),
            message: "promote 1.9.0".into(),
        },
        token: FencingToken(8),
        ttl_seconds: Some(27),
    });
    let lock = key(&target, "lock", "ana@ops-1, promote 1.9.0", 8840, Some(27));
    snapshot.keys.push(lock);
    snapshot
}

/// Blue is standby, green is live.
pub(crate) fn with_standby(mut snapshot: Snapshot) -> Snapshot {
    snapshot = with_candidate(snapshot);
    let green = snapshot.slots.green.members.representative().cloned();
    snapshot.slots.green = side(green, Slot::Green, true);
    let target = snapshot.target.clone();
    let entry = key(
        &target,
        "slots/green",
        "127.0.0.1:32780 web:1.9.0",
        8812,
        None,
    );
    snapshot.keys.push(entry);
    if let Some(route) = &mut snapshot.route {
        route.value.live = Slot::Green;
        route.value.addresses = endpoint(Slot::Green).into();
        route.value.digest = version("1.9.0", "b81d77aa30").digest;
        route.value.generation = 42;
        route.value.release = release_id(2);
    }
    let edge = snapshot.edges.edge_mut(&EdgeName::default());
    if let Some(proxy) = edge.answer.proxy_mut() {
        proxy.slot = Some(Slot::Green);
        proxy.generation = 42;
    }
    if let Some(public) = &mut edge.public {
        public.slot = Some(Slot::Green);
    }
    snapshot
}

pub(crate) const PRODUCTION: &str = "production";

/// All targets, with `web/production` as given.
pub(crate) fn world(web_production: Snapshot) -> World {
    let mut world = World {
        services: ["web", "api", "wallets", "search"]
            .map(|name| name.parse().expect("a name"))
            .to_vec(),
        environments: [
            ("dev", Tier::Development),
            ("qa", Tier::Staging),
            (PRODUCTION, Tier::Protected),
        ]
        .map(|(name, tier)| (name.parse().expect("a name"), tier))
        .to_vec(),
        snapshots: BTreeMap::new(),
    };
    let tags = [
        ("web", ["1.9.0", "1.9.0", "1.8.2"]),
        ("api", ["4.1.0", "4.1.0", "4.1.0"]),
        ("wallets", ["0.7.3", "0.8.0", "0.7.3"]),
        ("search", ["2.2.1", "2.2.1", "2.2.1"]),
    ];
    for (service, tags) in tags {
        for ((environment, tier), tag) in world.environments.iter().zip(tags) {
            let target = target(service, environment.as_str());
            let mut snapshot = settled(&target, *tier, tag);
            if service == "wallets" && *tier == Tier::Staging {
                let probe = snapshot.slots.blue.probe.as_mut().expect("a probe");
                probe.healthy = false;
            }
            if service == "search" && tier.is_protected() {
                snapshot.hold = Some(Hold {
                    cleared: None,
                    release: None,
                    reason: "payday".into(),
                    author: operator(),
                    since: ago(5000),
                    until: Some(later(4 * 3600)),
                });
            }
            world.snapshots.insert(target, Arc::new(snapshot));
        }
    }
    let target = web_production.target.clone();
    world.snapshots.insert(target, Arc::new(web_production));
    world
}

pub(crate) fn web_production() -> Snapshot {
    settled(&target("web", PRODUCTION), Tier::Protected, "1.8.2")
}

fn case(name: &str, required: bool) -> Case {
    Case {
        name: name.into(),
        timeout: Duration::from_secs(5),
        required,
        retries: 0,
        kind: CaseKind::Request(RequestCase {
            method: "GET".into(),
            path: "/".into(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            body: None,
            through_preview: false,
            expect: Expectation::default(),
        }),
    }
}

fn stopping() -> PlannedCalls {
    PlannedCalls {
        step: Step::Stop,
        calls: vec![
            "keep blue warm for 10m".into(),
            "engine: stop greenroom-web.production.blue with 10s to finish".into(),
        ],
        undo: "start it again, cold".into(),
    }
}

fn definition(target: &Target, tier: Tier) -> Definition {
    Definition {
        target: target.clone(),
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
        suite: Suite {
            cases: vec![
                case("home page", true),
                case("login", true),
                case("orders", true),
                case("recommendations", false),
            ],
        },
        timing: Timing::default(),
        public: None,
        preview: None,
        poll: None,
    }
}

/// The plan of 1.9.0 for a target.
pub(crate) fn plan(target: &Target, tier: Tier) -> Plan {
    let planned = |step: Step, call: &str, undo: &str| PlannedCalls {
        step,
        calls: vec![call.into()],
        undo: undo.into(),
    };
    Plan {
        mark: None,
        overridden: Vec::new(),
        release: release_id(2),
        kind: ReleaseKind::Promote,
        definition: definition(target, tier),
        from: Some(LiveBefore {
            slot: Slot::Blue,
            version: version("1.8.2", "4f2a9c01e7"),
            addresses: endpoint(Slot::Blue).into(),
            members: SlotMembers::default(),
            generation: 41,
        }),
        slot: Slot::Green,
        version: version("1.9.0", "b81d77aa30"),
        generation: 42,
        leftover: SlotMembers::default(),
        warm: SlotMembers::default(),
        calls: vec![
            planned(
                Step::Pull,
                "pull registry.example/web@sha256:b81d77aa30",
                "nothing to undo",
            ),
            planned(
                Step::Start,
                "create and start greenroom-web.production.green on 127.0.0.1:32780",
                "stop and remove green",
            ),
            planned(
                Step::Verify,
                "run 4 checks against 127.0.0.1:32780",
                "nothing to undo",
            ),
            planned(
                Step::Register,
                "write targets/web/production/slots/green",
                "delete that key",
            ),
            planned(
                Step::Switch,
                "swap targets/web/production/route from generation 41 to 42; rename live to green",
                "switch back to blue while it is warm (10 min)",
            ),
            planned(Step::Watch, "compare both slots for 1 min", "switch back"),
            planned(
                Step::Drain,
                "wait up to 30 s for connections of blue",
                "nothing to undo",
            ),
            stopping(),
        ],
        warnings: vec!["the tag 1.9.0 was moved since qa got it".into()],
        touched: Vec::new(),
        operator: operator(),
        reason: Some("fix basket rounding".into()),
        made_at: ago(60),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
        newest: None,
    }
}

fn report(name: &str, verdict: Verdict, millis: u64, detail: &str) -> CaseReport {
    CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: name.into(),
        required: true,
        verdict,
        detail: detail.into(),
        took: Duration::from_millis(millis),
        request: String::new(),
        response: String::new(),
    }
}

/// The release of that plan at a step.
pub(crate) fn status(target: &Target, tier: Tier, at: Step, progress: Progress) -> Status {
    let plan = Arc::new(plan(target, tier));
    let steps = plan
        .steps()
        .map(|step| StepStatus {
            step,
            state: match step.cmp(&at) {
                std::cmp::Ordering::Less => StepState::Done {
                    took: Duration::from_millis(4100),
                },
                std::cmp::Ordering::Greater => StepState::Pending,
                std::cmp::Ordering::Equal => match &progress {
                    Progress::Asking { since, .. } => StepState::Waiting { since: *since },
                    Progress::Choosing { why, .. } => StepState::Failed { why: why.clone() },
                    _ => StepState::Running {
                        since: ago(12),
                        deadline: Some(later(108)),
                        direction: Direction::Forward,
                        note: "orders".into(),
                    },
                },
            },
        })
        .collect();
    let mut cases = vec![
        report("home page", Verdict::Passed, 31, ""),
        report("login", Verdict::Passed, 240, ""),
    ];
    if at > Step::Verify {
        cases.push(report("orders", Verdict::Passed, 8100, ""));
        cases.push(report(
            "recommendations",
            Verdict::Failed,
            90,
            "status 503 instead of 2xx",
        ));
    }
    Status {
        plan,
        steps,
        overrides: BTreeMap::new(),
        progress,
        since: ago(52),
        cases,
        checked_at: (at > Step::Verify).then(|| ago(9)),
        pulled: None,
        draining: None,
        switched: at > Step::Switch,
        may_have_switched: at > Step::Switch,
        next: "register writes 1 key to etcd.".into(),
        undo: "stop green; blue is not touched.".into(),
    }
}

pub(crate) fn verifying() -> Status {
    status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Verify,
        Progress::Forward(Step::Verify),
    )
}

pub(crate) fn asking(step: Step) -> Status {
    let progress = Progress::Asking {
        step,
        need: need(step, Tier::Protected),
        since: ago(5),
    };
    status(&target("web", PRODUCTION), Tier::Protected, step, progress)
}

/// A model of this screen size that has observed these targets, with `web/production` open.
pub(crate) fn model(size: (u16, u16), web_production: Snapshot) -> Model {
    let mode = Mode::Armable(Duration::from_mins(5));
    let mut model = Model::new(operator(), mode, now(), size);
    tell(
        &mut model,
        Event::WorldObserved(Arc::new(world(web_production))),
    );
    press(&mut model, "ll");
    press_key(&mut model, KeyCode::Enter);
    model
}

/// The question that the console asks the backend. Panics if it asks none or another one.
pub(crate) fn question_of<Q: effect::Question>(effects: &[Effect]) -> &Q {
    let is_question = |effect: &&Effect| matches!(effect, Effect::Ask(_));
    let mut questions = effects.iter().filter(is_question);
    let question = questions.next().and_then(Effect::question);
    assert!(questions.next().is_none(), "several questions: {effects:?}");
    question.expect("this question")
}

/// The backend answers a question.
pub(crate) fn answered<Q: effect::Question>(question: Q, answer: Q::Answer) -> Event {
    Event::Answered(Arc::new((Arc::new(question), answer)))
}

/// The answer to the last request for a plan.
pub(crate) fn planned(model: &Model, plan: Result<Arc<Plan>, Refused>) -> Event {
    planned_for(model.request_id, plan)
}

pub(crate) fn planned_for(request_id: u64, plan: Result<Arc<Plan>, Refused>) -> Event {
    let request = PlanRequest {
        target: target("web", "production"),
        wanted: Wanted::Standby,
        reason: None,
        override_holds: None,
        operator: operator(),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    };
    answered(
        MakePlan {
            request_id,
            request,
        },
        plan,
    )
}

/// The answer to the last request to read an open release.
pub(crate) fn read(model: &Model, found: Result<OpenRelease, Refused>) -> Event {
    let question = ReadRelease {
        request_id: model.request_id,
        target: target("web", "production"),
        release: None,
    };
    answered(question, found)
}

pub(crate) fn tell(model: &mut Model, event: Event) -> Vec<Effect> {
    let effects = update(model, event, now());
    // Like the loop.
    model.was_drawn();
    effects
}

pub(crate) fn press_key(model: &mut Model, code: KeyCode) -> Vec<Effect> {
    let key = KeyEvent::new(code, KeyModifiers::NONE);
    tell(model, Event::Input(Input::Key(key)))
}

/// Presses these characters one after the other and returns all effects.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    keys.chars()
        .flat_map(|c| press_key(model, KeyCode::Char(c)))
        .collect()
}

pub(crate) fn theme(name: &str, charset: Charset) -> Theme {
    Theme::named(name, Depth::True, charset).expect("a theme")
}

/// Draws a model and returns the buffer of the terminal.
pub(crate) fn drawn(model: &Model, theme: &Theme) -> Buffer {
    let backend = ratatui::backend::TestBackend::new(model.size.0, model.size.1);
    let mut terminal = ratatui::Terminal::new(backend).expect("a terminal");
    terminal
        .draw(|frame| view::draw(model, theme, frame))
        .expect("drawn");
    terminal.backend().buffer().clone()
}

/// The text of a screen, one row per line, without trailing spaces.
pub(crate) fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let rows = buffer.content().chunks(width.max(1));
    let lines: Vec<String> = rows
        .map(|row| {
            let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
            line.trim_end().to_owned()
        })
        .collect();
    lines.join("\n") + "\n"
}

pub(crate) fn screen(model: &Model) -> String {
    text(&drawn(model, &theme("dark", Charset::Unicode)))
}
