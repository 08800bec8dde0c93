use super::*;
use crate::history::samples_for_tests::{entry, head};
use crate::history::{Direction, JournalEvent, Outcome, Seal, Step, WasLive};

fn chained() -> Recorded {
    let head = head(1);
    let mut chain = Chain::of(&head);
    let entries = [Step::Pull, Step::Start, Step::Verify, Step::Register];
    let entries = (1..)
        .zip(entries)
        .map(|(n, step)| chain.linked(entry(n, step)));
    let entries = entries.collect();
    let closed = Some((head.opened_at, Outcome::Done));
    let head = chain.closed(ReleaseRecord { closed, ..head });
    Recorded { head, entries }
}

#[test]
fn a_stored_release_is_whole() {
    let recorded = chained();
    assert_eq!(prove(&recorded), Integrity::Whole);
    let text = serde_json::to_string(&recorded).expect("text");
    let again: Recorded = serde_json::from_str(&text).expect("a release");
    assert_eq!(prove(&again), Integrity::Whole);
    let mut open = recorded;
    open.head = open.head.opening();
    assert_eq!(prove(&open), Integrity::Whole);
}

#[test]
fn the_first_record_that_was_changed_is_named() {
    let broken = |record: &str| Integrity::Broken(record.into());
    for index in 0..4 {
        let mut forged = chained();
        forged.entries[index].at += std::time::Duration::from_secs(1);
        assert_eq!(prove(&forged), broken(&format!("entry {}", index + 1)));
        // If a forger corrects the link of the changed record, the link of the next record no longer matches.
        let before = match index {
            0 => Link::first(&forged.head),
            _ => forged.entries[index - 1].chain.clone().expect("a link"),
        };
        forged.entries[index].chain = Some(before.entry(&forged.entries[index]));
        let next = match index {
            3 => broken("the end"),
            _ => broken(&format!("entry {}", index + 2)),
        };
        assert_eq!(prove(&forged), next);
    }
    let mut forged = chained();
    forged.head.reason = Some("another".into());
    assert_eq!(prove(&forged), broken("entry 1"));
    let mut forged = chained();
    forged.head.closed = Some((forged.head.opened_at, Outcome::Superseded { by: None }));
    assert_eq!(prove(&forged), broken("the end"));
}

#[test]
fn a_removed_or_moved_entry_is_found() {
    let mut gone = chained();
    gone.entries.remove(1);
    assert_eq!(prove(&gone), Integrity::Broken("entry 2".into()));
    // Renumbering the remaining entries does not hide the removal.
    gone.entries[1].sequence = 2;
    gone.entries[2].sequence = 3;
    assert_eq!(prove(&gone), Integrity::Broken("entry 2".into()));
    let mut last = chained();
    last.entries.pop();
    assert_eq!(prove(&last), Integrity::Broken("the end".into()));
}

#[test]
fn entries_without_a_hash_are_covered_by_the_next_hash() {
    let bare = |mut recorded: Recorded, upto: usize| {
        for entry in &mut recorded.entries[..upto] {
            entry.chain = None;
        }
        recorded
    };
    let mut old = bare(chained(), 4);
    old.head.chain = None;
    assert_eq!(prove(&old), Integrity::NotChained);
    // A Greenroom that writes hashes resumes the release.
    old.entries.truncate(2);
    old.head = old.head.opening();
    let mut chain = Chain::after(&old);
    old.entries.push(chain.linked(entry(3, Step::Verify)));
    assert_eq!(prove(&old), Integrity::Whole);
    old.entries[0].at += std::time::Duration::from_secs(1);
    assert_eq!(prove(&old), Integrity::Broken("entry 3".into()));
}

#[test]
fn removed_hashes_are_reported() {
    let mut stripped = chained();
    stripped.entries[2].chain = None;
    assert_eq!(
        prove(&stripped),
        Integrity::NotChainedFrom("entry 3".into())
    );
    let mut stripped = chained();
    stripped.head.chain = None;
    assert_eq!(
        prove(&stripped),
        Integrity::NotChainedFrom("the end".into())
    );
}

#[test]
fn an_end_whose_live_period_differs_from_the_entries_is_named() {
    let switch = Entry {
        event: JournalEvent::Outcome {
            step: Step::Switch,
            direction: Direction::Forward,
            failure: None,
            took: std::time::Duration::ZERO,
        },
        ..entry(1, Step::Switch)
    };
    let head = head(1);
    let mut chain = Chain::of(&head);
    let entries = vec![chain.linked(switch)];
    let closed = Some((head.opened_at, Outcome::Done));
    let head = chain.closed(ReleaseRecord { closed, ..head });
    let mut recorded = Recorded { head, entries };
    let message = |recorded: &Recorded| prove(recorded).to_string();
    assert_eq!(
        message(&recorded),
        "the hash chain is broken at the end: the record does not say when the version was live, but its entries do"
    );
    // Such a release is not sealed, and does not count as proof that a version was live.
    let head = recorded.head.clone();
    let seal = Seal::of(&recorded, head.operator.clone(), head.opened_at);
    assert_eq!(seal, Err(message(&recorded)));
    let mut was_live = WasLive::default();
    was_live.add(&recorded, &head.target);
    assert!(was_live.versions.is_empty());
    let remarks = was_live.remarks(&head.to.1.digest).join("\n");
    assert!(remarks.contains("does not say when"), "{remarks}");
    recorded.head.live = Some(LivePeriod {
        since: head.opened_at + std::time::Duration::from_secs(1),
        until: None,
    });
    assert!(
        message(&recorded)
            .ends_with("the record and its entries disagree about when the version was live")
    );
    recorded.head.live = LivePeriod::of(&recorded.entries);
    assert_eq!(prove(&recorded), Integrity::Whole);
}

#[test]
fn a_record_of_a_newer_greenroom_is_reported_as_newer() {
    let mut newer = chained();
    newer.entries[3].chain = Some(Link("2:abc".into()));
    newer.head = newer.head.opening();
    assert_eq!(prove(&newer), Integrity::Newer("entry 4".into()));
}

#[test]
fn the_same_entry_written_again_has_the_same_link() {
    let recorded = chained();
    let mut chain = Chain::of(&recorded.head);
    for written in &recorded.entries {
        let bare = || Entry {
            chain: None,
            ..written.clone()
        };
        assert_eq!(chain.linked(bare()), *written);
        assert_eq!(chain.linked(bare()), *written);
    }
}

#[test]
fn any_program_can_compute_the_link() {
    let head = serde_json::json!({ "b": 1, "a": [2] });
    let link = Link::over("greenroom", &head);
    // printf 'greenroom\n{"a":[2],"b":1}' | sha256sum
    assert_eq!(
        link.0,
        "1:638710ef610e4ac6eafc4cbb1c9a9b202662fa68c23f7f88c88ee3e379dd6dfd"
    );
}

#[test]
fn the_first_record_that_differs_from_the_archive_is_named() {
    let kept = chained();
    assert_eq!(first_difference(&kept, &kept), None);
    let mut open = kept.clone();
    open.head = open.head.opening();
    open.entries.truncate(2);
    assert_eq!(first_difference(&open, &kept), None);
    assert_eq!(
        first_difference(&kept, &open).as_deref(),
        Some("entry 3, which is missing")
    );
    // A chain that was recomputed from entry 2 on is whole, but differs from the archived one.
    let mut forged = open.clone();
    forged.entries.truncate(1);
    let mut chain = Chain::after(&forged);
    forged.entries.push(chain.linked(entry(2, Step::Stop)));
    assert_eq!(prove(&forged), Integrity::Whole);
    assert_eq!(first_difference(&kept, &forged).as_deref(), Some("entry 2"));
}
