//! The queue of pushes: entries are added once, and changed only from the state that was read.

use greenroom::inventory::{
    EntryId, EntryState, MOST_PENDING, Push, PushSource, QueueEntry, ReleaseId,
};
use greenroom::ports::kv::Write;
use greenroom::ports::{FailureKind, QueueStore, Queued};
use jiff::{SignedDuration, Timestamp};

use super::world::{World, operator};
use crate::support::lossy::{Loss, Lossy};

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// A new entry of the world's target. Each number has its own delivery.
pub(super) fn waiting(world: &World, number: i64) -> QueueEntry {
    let delivery = format!("d{number}");
    let source = PushSource::Inbox("hub".into());
    let push = Push::new("team/web", "develop", source, &delivery, at(number));
    QueueEntry::new(&world.target, push.expect("a push"))
}

fn rolling_out(entry: &QueueEntry, agent: &str) -> QueueEntry {
    let state = EntryState::RollingOut {
        release: ReleaseId(ulid::Ulid::nil()),
        agent: agent.into(),
    };
    entry.becomes(state, at(1_000))
}

pub(super) fn dismissed(entry: &QueueEntry) -> QueueEntry {
    let state = EntryState::Dismissed {
        by: operator(),
        reason: None,
    };
    entry.becomes(state, at(1_001))
}

fn key(world: &World, id: &EntryId) -> String {
    world.key(&format!("queue/{id}"))
}

async fn queue(world: &World) -> Vec<QueueEntry> {
    let record = world.record().await;
    assert!(record.problems.is_empty(), "{:?}", record.problems);
    record.queue
}

pub(super) async fn an_entry_is_added_once(world: &World) {
    let store = world.queue();
    let entry = waiting(world, 1);
    assert_eq!(store.add(&entry).await.expect("added"), Queued::New);
    assert_eq!(queue(world).await, std::slice::from_ref(&entry));
    // The sender repeats the delivery later, and an agent has read the entry meanwhile.
    let read = rolling_out(&entry, "one");
    assert!(store.change(&entry, &read).await.expect("changed"));
    let mut repeated = entry;
    repeated.push.received_at = at(60);
    let again = world.again().queue().add(&repeated).await;
    assert_eq!(again.expect("an answer"), Queued::Known);
    assert_eq!(queue(world).await, [read]);
}

pub(super) async fn a_full_queue_takes_no_entry(world: &World) {
    let store = world.queue();
    let last = i64::try_from(MOST_PENDING).expect("a small number");
    for number in 1..=last {
        let added = store.add(&waiting(world, number)).await;
        assert_eq!(added.expect("added"), Queued::New, "{number}");
    }
    let (first, next) = (waiting(world, 1), waiting(world, last + 1));
    assert_eq!(store.add(&next).await.expect("an answer"), Queued::Full);
    assert_eq!(store.add(&first).await.expect("an answer"), Queued::Known);
    assert_eq!(queue(world).await.len(), MOST_PENDING);
    // An entry that has ended leaves room for another one.
    let changed = store.change(&first, &dismissed(&first)).await;
    assert!(changed.expect("changed"));
    assert_eq!(store.add(&next).await.expect("added"), Queued::New);
}

pub(super) async fn an_entry_is_changed_only_from_the_state_that_was_read(world: &World) {
    let store = world.queue();
    let entry = waiting(world, 1);
    let (taken, ended) = (rolling_out(&entry, "one"), dismissed(&entry));
    assert!(!store.change(&entry, &taken).await.expect("no such entry"));
    store.add(&entry).await.expect("added");
    assert!(store.change(&entry, &taken).await.expect("changed"));
    // The same change again succeeds, and another change from the old state does not.
    assert!(store.change(&entry, &taken).await.expect("it is made"));
    assert!(!store.change(&entry, &ended).await.expect("it changed"));
    assert_eq!(queue(world).await, std::slice::from_ref(&taken));
    let other = waiting(world, 2);
    let failure = store.change(&taken, &other).await.expect_err("two entries");
    assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
}

pub(super) async fn one_of_many_writers_changes_an_entry(world: &World) {
    let entry = waiting(world, 1);
    world.queue().add(&entry).await.expect("added");
    let agents = (0..8).map(|number| {
        let (store, entry) = (world.again().queue(), entry.clone());
        async move {
            let taken = rolling_out(&entry, &format!("agent {number}"));
            let changed = store.change(&entry, &taken).await.expect("an answer");
            changed.then_some(taken)
        }
    });
    let winners = futures_util::future::join_all(agents).await;
    let winners: Vec<QueueEntry> = winners.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(queue(world).await, winners);
}

pub(super) async fn only_entries_that_have_ended_are_forgotten(world: &World) {
    let store = world.queue();
    // More entries than one transaction deletes.
    let mut ids = Vec::new();
    for number in 1..=60 {
        let entry = waiting(world, number);
        store.add(&entry).await.expect("added");
        let changed = store.change(&entry, &dismissed(&entry)).await;
        assert!(changed.expect("changed"));
        ids.push(entry.id);
    }
    // An operator retries one of them, and one is missing.
    let (retried, missing) = (waiting(world, 30), waiting(world, 61));
    let changed = store.change(&dismissed(&retried), &retried).await;
    assert!(changed.expect("changed"));
    ids.push(missing.id);
    store.forget(&world.target, &ids).await.expect("deleted");
    assert_eq!(queue(world).await, std::slice::from_ref(&retried));
    store.forget(&world.target, &ids).await.expect("deleted");
    assert_eq!(queue(world).await, [retried]);
}

pub(super) async fn an_entry_of_a_newer_greenroom_stays_as_it_is(world: &World) {
    let store = world.queue();
    let entry = waiting(world, 1);
    store.add(&entry).await.expect("added");
    let key = key(world, &entry.id);
    let stored = world.raw.get(&key);
    let newer = stored.replacen("\"format\":", "\"format\":9", 1);
    assert_ne!(newer, stored);
    world.put(&key, newer.trim_end());
    let record = world.record().await;
    assert_eq!(record.queue, []);
    let problem = record.problems.get(&key).expect("it is reported");
    assert!(problem.contains("a newer Greenroom wrote it"), "{problem}");
    assert_eq!(store.add(&entry).await.expect("an answer"), Queued::Known);
    let failure = store.change(&entry, &dismissed(&entry)).await;
    let failure = failure.expect_err("a newer Greenroom has it");
    assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
    assert!(failure.message.contains(&key), "{failure}");
    let ids = [entry.id];
    store.forget(&world.target, &ids).await.expect("an answer");
    assert_eq!(world.raw.get(&key).trim_end(), newer.trim_end());
}

pub(super) async fn a_foreign_value_in_a_queue_stops_nothing(world: &World) {
    let store = world.queue();
    let (entry, other) = (waiting(world, 1), waiting(world, 2));
    store.add(&entry).await.expect("added");
    // An entry under the key of another one, an entry whose tag would be a path at the image registry, and a value that
    // is no entry.
    let stored = world.raw.get(&key(world, &entry.id));
    world.put(&key(world, &other.id), stored.trim_end());
    let third = waiting(world, 3).id;
    let path = stored.trim_end().replace("develop", "../x\\u001b");
    let path = path.replace(entry.id.as_str(), third.as_str());
    world.put(&key(world, &third), &path);
    world.put(&world.key("queue/x"), "\u{1b}[31mred");
    let record = world.record().await;
    assert_eq!(record.queue, std::slice::from_ref(&entry));
    let problems: Vec<&String> = record.problems.keys().collect();
    let mut expected = [
        key(world, &other.id),
        key(world, &third),
        world.key("queue/x"),
    ];
    expected.sort();
    assert_eq!(problems, expected.each_ref());
    for problem in record.problems.values() {
        assert!(!problem.contains('\u{1b}'), "{problem:?}");
    }
    // A push whose key has a wrong value is not lost, and the other entry can be changed.
    let changed = store.change(&other, &dismissed(&other)).await;
    assert!(!changed.expect("it is not the entry"));
    assert_eq!(store.add(&other).await.expect("added"), Queued::New);
    let changed = store.change(&entry, &dismissed(&entry)).await;
    assert!(changed.expect("changed"));
    let mut queue = world.record().await.queue;
    queue.sort_by_key(|entry| entry.push.received_at);
    assert_eq!(queue, [dismissed(&entry), other]);
}

pub(super) async fn a_lost_answer_changes_a_queue_once(world: &World) {
    let lossy = Lossy::new(&world.kv);
    let bad = world.through(std::sync::Arc::new(lossy.clone()));
    let store = bad.queue();
    for (number, loss) in (1..).zip([Loss::Answer, Loss::Request, Loss::NotSent]) {
        let entry = waiting(world, number);
        let taken = rolling_out(&entry, "one");
        lossy.lose(loss);
        let added = store.add(&entry).await.expect("added");
        let expected = match loss {
            Loss::Answer => Queued::Known,
            _ => Queued::New,
        };
        assert_eq!(added, expected, "{loss:?}");
        lossy.lose(loss);
        assert!(store.change(&entry, &taken).await.expect("changed"));
        assert_eq!(queue(world).await, std::slice::from_ref(&taken), "{loss:?}");
        let ended = dismissed(&taken);
        assert!(store.change(&taken, &ended).await.expect("changed"));
        lossy.lose(loss);
        let forgotten = store.forget(&world.target, &[ended.id]).await;
        forgotten.expect("deleted");
        assert!(lossy.is_done(), "{loss:?}");
        assert_eq!(queue(world).await, [], "{loss:?}");
    }
}

/// The change was made, its answer is lost, and another process has changed the entry again.
pub(super) async fn a_change_that_was_overwritten_is_ambiguous(world: &World) {
    let lossy = Lossy::new(&world.kv);
    let bad = world.through(std::sync::Arc::new(lossy.clone()));
    let entry = waiting(world, 1);
    world.queue().add(&entry).await.expect("added");
    let key = key(world, &entry.id);
    let taken = rolling_out(&entry, "two");
    assert!(world.queue().change(&entry, &taken).await.expect("changed"));
    let theirs = world.raw.get(&key).trim_end().to_owned();
    assert!(world.queue().change(&taken, &entry).await.expect("changed"));
    lossy.lose_before(Loss::Answer, vec![Write::put(&key, theirs)]);
    let changed = bad.queue().change(&entry, &dismissed(&entry)).await;
    let failure = changed.expect_err("an answer was lost");
    assert_eq!(failure.kind, FailureKind::Ambiguous, "{failure}");
    assert_eq!(queue(world).await, [taken]);
}
