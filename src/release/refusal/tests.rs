use crate::inventory::LockRecord;
use ulid::Ulid;

use super::*;
use crate::inventory::FencingToken;

fn holder(purpose: LockPurpose, ttl_seconds: Option<i64>) -> Box<LockHolder> {
    Box::new(LockHolder {
        record: LockRecord {
            purpose,
            operator: Operator {
                name: "ana".into(),
                host: "ops-1".into(),
            },
            console: "ana@ops-1 4711 01JD4".into(),
            release: ReleaseId(Ulid(1)),
            since: Timestamp::UNIX_EPOCH,
            message: "repair: route-missing".into(),
        },
        token: FencingToken(7),
        ttl_seconds,
    })
}

fn target() -> Target {
    let environment = "qa".parse().expect("a name");
    Target::new("web".parse().expect("a name"), environment)
}

#[test]
fn a_lock_without_a_release_says_when_it_ends_and_which_process_to_end() {
    let upkeep = || holder(LockPurpose::Upkeep, Some(27));
    let headless = holder(LockPurpose::Release, Some(27));
    let target = target();
    for refusal in [
        Refusal::locked(&target, upkeep()),
        Refusal::LockedForNoRelease {
            target: target.clone(),
            holder: upkeep(),
        },
        Refusal::LockedForNoRelease {
            target: target.clone(),
            holder: headless,
        },
    ] {
        let said = refusal.to_string();
        for words in ["ends by itself", "within 27 s", "ana@ops-1 4711 01JD4"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(!said.contains("--take-over"), "{said}");
    }
}

#[test]
fn a_lock_of_a_repair_says_that_it_can_be_taken_over_where_a_release_is_to_be_resumed() {
    let target = target();
    let upkeep = holder(LockPurpose::Upkeep, Some(27));
    let said = Refusal::locked_to_resume(&target, upkeep).to_string();
    let command = "greenroom resume web qa --take-over --reason";
    for words in ["repair: route-missing", "within 27 s", command] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let release = holder(LockPurpose::Release, Some(27));
    let said = Refusal::locked_to_resume(&target, release.clone());
    assert_eq!(said, Refusal::locked(&target, release));
}
