use super::*;
use crate::inventory::{Digest, ImageLabels, Operator, ReleaseId, Target, Tier};

const NEW: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const OLD: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn version(tag: &str, revision: &str) -> Version {
    Version {
        repository: "team/web".into(),
        tag: Some(tag.into()),
        digest: Digest::of(tag.as_bytes()),
        labels: ImageLabels {
            revision: Some(revision.into()),
            ..ImageLabels::default()
        },
    }
}

fn notice(event: NoticeEvent, kind: ReleaseKind) -> Notice {
    let operator = Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    };
    let target = Target::new(
        "web".parse().expect("a name"),
        "qa".parse().expect("a name"),
    );
    Notice {
        id: "1".into(),
        event,
        at: jiff::Timestamp::UNIX_EPOCH,
        text: format!("{target}: it happened"),
        target,
        tier: Tier::Staging,
        release: Some(ReleaseId(ulid::Ulid::nil())),
        kind: Some(kind),
        from: Some(version("1.8", OLD)),
        to: Some(version("1.9", NEW)),
        operator: operator.clone(),
        driver: operator,
        push: None,
        reason: None,
        overridden: Vec::new(),
        step: None,
        checks: None,
        failed_checks: Vec::new(),
        log: Vec::new(),
        why: None,
    }
}

fn set(event: NoticeEvent, kind: ReleaseKind) -> Vec<(String, State)> {
    let statuses = statuses(&notice(event, kind)).into_iter();
    statuses.map(|it| (it.commit, it.state)).collect()
}

#[test]
fn a_promote_sets_the_status_of_its_commit() {
    let commit = NEW.to_lowercase();
    for (event, state) in [
        (NoticeEvent::Offered, State::Pending),
        (NoticeEvent::Started, State::Running),
        (NoticeEvent::Waiting, State::Running),
        (NoticeEvent::Switched, State::Running),
        (NoticeEvent::Finished, State::Success),
        (NoticeEvent::Failed, State::Failure),
        (NoticeEvent::RolledBack, State::Failure),
        (NoticeEvent::BackedOut, State::Failure),
        (NoticeEvent::Refused, State::Failure),
    ] {
        let expected = [(commit.clone(), state)];
        assert_eq!(set(event, ReleaseKind::Promote), expected, "{event}");
    }
}

#[test]
fn a_rollback_that_has_ended_also_sets_the_status_of_the_commit_that_it_left() {
    let commit = NEW.to_lowercase();
    let kind = ReleaseKind::ColdRollback;
    let switched = set(NoticeEvent::RolledBack, kind);
    assert_eq!(switched, [(commit.clone(), State::Running)]);
    let ended = set(NoticeEvent::Finished, kind);
    let left = (OLD.to_owned(), State::Failure);
    assert_eq!(ended, [(commit, State::Success), left]);
}

#[test]
fn only_a_full_hash_names_a_commit() {
    let long = "c".repeat(64);
    for (revision, is_commit) in [
        (OLD, true),
        (long.as_str(), true),
        ("bbbbbbb", false),
        ("main", false),
        ("../../../../../../../../../../../../../..", false),
    ] {
        let found = commit(&version("1.9", revision));
        assert_eq!(found.is_some(), is_commit, "{revision}");
    }
}

#[test]
fn a_description_names_the_failed_check_within_the_limit() {
    let mut notice = notice(NoticeEvent::Failed, ReleaseKind::Promote);
    notice.why = Some("checks failed".into());
    notice.failed_checks = vec![format!("orders: {}", "é".repeat(200))];
    let status = statuses(&notice).remove(0);
    assert!(status.description.starts_with("it happened: orders: é"));
    assert_eq!(status.description.chars().count(), LONGEST_DESCRIPTION);
    assert_eq!(status.context, "greenroom/web/qa");
}
