use std::time::Duration;

use super::*;

fn snapshot() -> Snapshot {
    let target = Target::new("web".parse().unwrap(), "qa".parse().unwrap());
    let endpoints = PerSlot {
        blue: "127.0.0.1:3001".parse().unwrap(),
        green: "127.0.0.1:3002".parse().unwrap(),
    };
    Snapshot::unobserved(target, Tier::Staging, &endpoints, Timestamp::UNIX_EPOCH)
}

fn routing(rates: Option<Result<PerSlot<Option<Rates>>, String>>) -> Routing {
    Routing {
        pointer: None,
        answer: EdgeAnswer::NotInstalled,
        installation: None,
        rates,
    }
}

/// Takes an answer of the only edge.
fn take(known: &mut Snapshot, routing: Routing) {
    known.change_edge(&EdgeName::default(), |edge| take_routing(edge, routing));
}

fn probed(took: u64) -> Probed {
    let probe = Probe {
        healthy: true,
        detail: "HTTP 200".into(),
        took: Duration::from_millis(took),
    };
    Probed {
        public: None,
        probes: PerSlot {
            blue: Some(probe),
            green: None,
        },
    }
}

fn quiet() -> Rates {
    Rates {
        requests: 0,
        errors: 0,
        p50: Duration::ZERO,
        p99: Duration::ZERO,
        window: Duration::from_secs(10),
        began: None,
    }
}

#[test]
fn polling_does_not_change_a_target_without_traffic() {
    let rates = || {
        Some(Ok(PerSlot {
            blue: Some(quiet()),
            green: Some(quiet()),
        }))
    };
    let mut known = snapshot();
    take(&mut known, routing(rates()));
    take_probed(&mut known, &EdgeName::default(), probed(3));
    let before = known.clone();
    take(&mut known, routing(rates()));
    take_probed(&mut known, &EdgeName::default(), probed(4));
    assert_eq!(known, before);
    assert_eq!(known.slots.blue.rates, Some(quiet()));
}

#[test]
fn unavailable_rates_say_why_and_old_rates_are_dropped() {
    let mut known = snapshot();
    let rates = PerSlot {
        blue: Some(quiet()),
        green: None,
    };
    take(&mut known, routing(Some(Ok(rates))));
    take(&mut known, routing(Some(Err("no log".into()))));
    assert_eq!(known.slots.blue.rates, None);
    assert_eq!(known.rates_unknown.as_deref(), Some("no log"));
    take(&mut known, routing(None));
    assert_eq!(known.rates_unknown, None, "not asked");
}

#[test]
fn a_source_is_stale_since_its_first_missing_answer() {
    let mut known = snapshot();
    known.sources.registry = SourceState::Live;
    let at = |second| Timestamp::from_second(second).unwrap();
    mark_silent(
        &mut known,
        Source::Registry,
        "refused".into(),
        at(500),
        at(502),
    );
    mark_silent(
        &mut known,
        Source::Registry,
        "refused".into(),
        at(502),
        at(504),
    );
    let SourceState::Stale {
        since, retry_at, ..
    } = known.sources.registry
    else {
        panic!("it is stale");
    };
    assert_eq!((since, retry_at), (at(500), Some(at(504))));
}

#[test]
fn a_source_that_never_answered_is_unreachable_and_not_stale() {
    let mut known = snapshot();
    let at = |second| Timestamp::from_second(second).unwrap();
    for second in [500, 502] {
        let retry_at = at(second + 2);
        mark_silent(
            &mut known,
            Source::Registry,
            "refused".into(),
            at(second),
            retry_at,
        );
    }
    let unreachable = SourceState::Unreachable {
        why: "refused".into(),
        retry_at: Some(at(504)),
    };
    assert_eq!(known.sources.registry, unreachable);
    take_record(&mut known, RegistryRecord::default(), Vec::new(), at(505));
    assert_eq!(known.sources.registry, SourceState::Live);
}

#[test]
fn a_clock_is_named_after_the_environment_of_each_target() {
    let known = snapshot();
    let target = known.target.clone();
    let mut assembly = Assembly {
        frame: Frame {
            services: Vec::new(),
            environments: Vec::new(),
        },
        snapshots: [(target.clone(), Arc::new(known))].into(),
        releases: Releases::new(),
        clock: Arc::new(crate::ports::SystemClock::default()),
    };
    let at = Timestamp::UNIX_EPOCH;
    let reported = at + Duration::from_hours(2);
    let reading = ClockReading::new(String::new(), (at, at), reported);
    let part = Part::Clock(Source::Registry, vec![target.clone()], Some(reading));
    assembly.add(part);
    let clocks = &assembly.snapshots[&target].clocks;
    assert_eq!(
        clocks.differs().expect("it differs").to_string(),
        "this machine's clock is 2h behind the store of qa"
    );
}
