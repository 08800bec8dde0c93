//! When an entry of the queue waits for a hold without a plan. Only a plan shows that a version must not be released at all,
//! for example because an operator rolled back from it.

use std::collections::BTreeMap;

use greenroom::agent::decide::{Due, Next, Seen, next};
use greenroom::inventory::{
    EntryState, Hold, Operator, Push, PushSource, QueueEntry, RegistryRecord, ReleaseId, Tier,
};
use greenroom::release::{Definition, Refusal};
use jiff::{SignedDuration, Timestamp};

use crate::support::web::{definition, target, version};

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn hold() -> Hold {
    Hold {
        reason: "payday".into(),
        author: Operator {
            name: "ana".into(),
            host: "ops-1".into(),
        },
        since: at(0),
        until: None,
        release: None,
        cleared: None,
    }
}

fn next_for(definition: &Definition, state: EntryState) -> Next {
    let push = Push::new("team/web", "develop", PushSource::Notify, "d1", at(0)).expect("a push");
    let entry = QueueEntry {
        version: Some(version("1.9.0", 'b')),
        ..QueueEntry::new(&target(), push).becomes(state, at(1))
    };
    next(&Seen {
        definition,
        agent: "agent-1",
        record: RegistryRecord {
            hold: Some(hold()),
            queue: vec![entry],
            ..RegistryRecord::default()
        },
        now: at(60),
        driven: None,
        named: BTreeMap::<ReleaseId, _>::new(),
        left: None,
        due: Due::Everything,
        has_just_resumed: false,
    })
}

#[test]
fn an_entry_waits_for_a_hold_only_after_a_plan_has_said_so() {
    let definition = definition(Tier::Staging);
    let waiting = |why: Option<&str>| EntryState::Waiting {
        why: why.map(str::to_owned),
    };
    let refusal = Refusal::Held(hold()).to_string();
    for (why, is_judged) in [
        // Another agent has resolved the version.
        (None, false),
        (Some("release 01JX is running"), false),
        (Some(refusal.as_str()), true),
        (Some(hold().to_string().as_str()), true),
    ] {
        let next = next_for(&definition, waiting(why));
        let waits = matches!(next, Next::Wait { .. });
        assert_eq!(waits, is_judged, "{why:?}: {next:?}");
        assert!(waits || matches!(next, Next::Plan(_)), "{why:?}: {next:?}");
    }
}
