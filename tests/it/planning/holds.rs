//! Holds and freezes: what they stop, what overrides them, and by which clock they are in force.

use greenroom::inventory::freeze::{Freeze, Window};
use greenroom::inventory::{ClockReading, Clocks, Hold, Tier};
use greenroom::release::{Definition, PlanRequest, Refusal};
use jiff::Timestamp;

use super::{facts, plan, planned, promote, refused};
use crate::support::web::{definition, operator};

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
