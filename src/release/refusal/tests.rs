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
fn a_lock_without_a_release_is_described_with_its_end_and_process() {
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
        let message = refusal.to_string();
        for part in ["ends by itself", "within 27 s", "ana@ops-1 4711 01JD4"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!message.contains("--take-over"), "{message}");
    }
}

#[test]
fn the_lock_of_a_repair_can_be_taken_over_to_resume_a_release() {
    let target = target();
    let upkeep = holder(LockPurpose::Upkeep, Some(27));
    let message = Refusal::locked_to_resume(&target, upkeep).to_string();
    let command = "greenroom resume web qa --take-over --reason";
    for part in ["repair: route-missing", "within 27 s", command] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let release = holder(LockPurpose::Release, Some(27));
    let refusal = Refusal::locked_to_resume(&target, release.clone());
    assert_eq!(refusal, Refusal::locked(&target, release));
}
