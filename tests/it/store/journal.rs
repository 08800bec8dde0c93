//! The journal: written once, listed by heads, and small.

use greenroom::history::{Outcome, ReleaseRecord};
use greenroom::inventory::{ReleaseId, Slot, Target};
use greenroom::ports::{FailureKind, JournalReader, JournalWriter, Locks, RegistryWriter};
use ulid::Ulid;

use super::world::{World, change, entry, head};
use crate::support::lossy::Lossy;

fn id(time: u64) -> ReleaseId {
    ReleaseId(Ulid::from_parts(time, 1))
}

pub(super) async fn a_release_is_read_as_written_and_repeated_writes_change_nothing(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let open = head(target, id(1));
    let mut closed = open.clone();
    closed.closed = Some((open.opened_at, Outcome::Done));
    for _ in 0..2 {
        world.writer.head(&open, fence).await.expect("opened");
        for sequence in 1..=11 {
            let entry = entry(sequence, None);
            world
                .writer
                .append(target, open.id, &entry, fence)
                .await
                .expect("written");
        }
    }
    for _ in 0..2 {
        world.writer.head(&closed, fence).await.expect("closed");
    }
    let recorded = world
        .reader
        .release(target, open.id)
        .await
        .expect("read")
        .expect("there");
    assert_eq!(recorded.head, closed);
    let sequences: Vec<u32> = recorded.entries.iter().map(|it| it.sequence).collect();
    assert_eq!(sequences, (1..=11).collect::<Vec<_>>());
    assert_eq!(
        world.reader.release(target, id(2)).await.expect("read"),
        None
    );
    let shown = world.lines().await;
    assert_eq!(shown.len(), 1, "only the lock: {shown:?}");
}

pub(super) async fn a_different_entry_with_the_same_number_is_a_conflict(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let open = head(target, id(1));
    let kind = |outcome: greenroom::ports::Result<()>| outcome.expect_err("refused").kind;
    world.writer.head(&open, fence).await.expect("opened");
    let mut other = open.clone();
    other.to.1.tag = Some("2.0".into());
    assert_eq!(
        kind(world.writer.head(&other, fence).await),
        FailureKind::Conflict
    );
    let mut closed = open.clone();
    closed.closed = Some((open.opened_at, Outcome::Done));
    world.writer.head(&closed, fence).await.expect("closed");
    assert_eq!(
        kind(world.writer.head(&open, fence).await),
        FailureKind::Conflict
    );
    world
        .writer
        .append(target, open.id, &entry(1, None), fence)
        .await
        .expect("written");
    let other = entry(1, Some("no".into()));
    let outcome = world.writer.append(target, open.id, &other, fence).await;
    assert_eq!(kind(outcome), FailureKind::Conflict);
    world
        .locks
        .release(target, fence)
        .await
        .expect("given back");
    let late = world
        .writer
        .append(target, open.id, &entry(2, None), fence)
        .await;
    assert_eq!(kind(late), FailureKind::Fenced);
}

pub(super) async fn releases_are_listed_newest_first_also_among_unreadable_keys(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    for time in [3, 1, 2] {
        let head = head(target, id(time));
        world.writer.head(&head, fence).await.expect("opened");
        let entry = entry(1, None);
        world
            .writer
            .append(target, head.id, &entry, fence)
            .await
            .expect("written");
    }
    world.put(&world.key(&format!("releases/{}", id(0))), "{}");
    let ids = |list: Vec<ReleaseRecord>| list.iter().map(|it| it.id).collect::<Vec<_>>();
    let two = world.reader.releases(target, 2).await.expect("listed");
    assert_eq!(ids(two), [id(3), id(2)]);
    let all = world.reader.releases(target, 100).await.expect("listed");
    assert_eq!(ids(all), [id(3), id(2), id(1)]);
    // A page starts where the previous one ended.
    for (before, limit, wanted) in [
        (4, 9, vec![id(3), id(2), id(1)]),
        (3, 1, vec![id(2)]),
        (2, 9, vec![id(1)]),
        (1, 9, vec![]),
    ] {
        let part = world.reader.releases_before(target, id(before), limit);
        assert_eq!(ids(part.await.expect("listed")), wanted, "before {before}");
    }
    assert!(
        world
            .reader
            .releases(target, 0)
            .await
            .expect("listed")
            .is_empty()
    );
    let failure = world
        .reader
        .release(target, id(0))
        .await
        .expect_err("not ours");
    assert_eq!(failure.kind, FailureKind::Garbled);
}

pub(super) async fn a_journal_stays_below_64_kilobytes_with_room_for_its_end(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let opened = world.writer.head(&head(target, id(1)), fence).await;
    opened.expect("opened");
    let mut written = 0;
    let full = loop {
        let long = entry(written + 1, Some("x".repeat(6000)));
        match world.writer.append(target, id(1), &long, fence).await {
            Ok(()) => written += 1,
            Err(failure) => break failure,
        }
        assert!(written < 11, "more than 64 KB");
    };
    assert_eq!(full.kind, FailureKind::Rejected);
    for sequence in written + 1..=written + 20 {
        let small = entry(sequence, None);
        world
            .writer
            .append(target, id(1), &small, fence)
            .await
            .expect("there is room for the end");
    }
}

pub(super) async fn an_unreadable_head_hides_no_newest_head_of_another_target(world: &World) {
    let lease = world.locked().await;
    for time in [1, 2] {
        let head = head(&world.target, id(time));
        let written = world.writer.head(&head, &lease.fence);
        written.await.expect("opened");
    }
    let named = |service: &str| {
        let service = service.parse().expect("a name");
        Target::new(service, world.target.environment.clone())
    };
    let api = named("api");
    let key = world.under(&format!("targets/{api}/releases/{}", id(9)));
    world.put(&key, "nonsense");
    let mut targets = vec![world.target.clone(), api.clone()];
    // More than a server accepts in one transaction, and none of them with a release.
    targets.extend((0..250).map(|n| named(&format!("nobody-{n}"))));
    let newest = world.reader.current(&targets).await.expect("read");
    assert_eq!(newest.len(), 2, "{newest:?}");
    let read = newest[&world.target].as_ref().expect("a head");
    assert_eq!(read.id, id(2));
    let failure = newest[&api].as_ref().expect_err("it is nonsense");
    assert_eq!(failure.kind, FailureKind::Garbled);
}

pub(super) async fn a_foreign_key_is_shown_and_hides_nothing(world: &World) {
    let lease = world.locked().await;
    world.registered(Slot::Blue, &lease.fence).await;
    let first = change(None, Slot::Blue, lease.fence.token);
    let routed = world.writer.swap_route(&world.target, &first, &lease.fence);
    routed.await.expect("routed");
    let write = |name: &str, value: &[u8]| world.raw.put(world.key(name).as_bytes(), value);
    let contract = crate::support::foreign_keys::Contract {
        reader: &world.reader,
        journal: &world.reader,
        writer: &world.writer,
        target: &world.target,
        fence: &lease.fence,
        head: &|id| head(&world.target, id),
        put: &write,
        put_head: &|name, value| write(&format!("releases/{name}"), value),
    };
    contract.unknown_keys_stop_nothing().await;
    contract.heads_that_cannot_be_read_hide_no_other().await;

    // Keys whose names are not UTF-8.
    let strange = world.key("releases/").into_bytes();
    world.raw.put(&[&strange[..], b"\xff"].concat(), b"x");
    world
        .raw
        .put(&[world.key("").as_bytes(), b"\xfe"].concat(), b"x");
    let record = world.record().await;
    assert!(record.route.is_some());
    let heads = world.reader.releases(&world.target, 9).await;
    assert_eq!(heads.expect("listed").len(), 3);

    // A key of another program between the entries of a release.
    let open = id(99);
    let opened = head(&world.target, open);
    let opened = world.writer.head(&opened, &lease.fence);
    opened.await.expect("opened");
    let written = entry(1, None);
    let appended = world
        .writer
        .append(&world.target, open, &written, &lease.fence);
    appended.await.expect("written");
    world.put(&world.key(&format!("steps/{open}/note")), "x");
    let read = world.reader.release(&world.target, open).await;
    let read = read.expect("readable").expect("there");
    assert_eq!(read.entries.len(), 1);
}

pub(super) async fn an_entry_follows_the_one_before_it_in_an_opened_release(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let lossy = Lossy::new(&world.kv);
    let counted = world.through(std::sync::Arc::new(lossy.clone()));
    let append = async |number| {
        let entry = entry(number, None);
        let appended = counted.writer.append(target, id(1), &entry, fence).await;
        appended.map_err(|failure| failure.kind)
    };
    assert_eq!(append(1).await, Err(FailureKind::Missing));
    let opened = world.writer.head(&head(target, id(1)), fence).await;
    opened.expect("opened");
    assert_eq!(append(2).await, Err(FailureKind::Conflict));
    assert_eq!(append(1).await, Ok(()));
    lossy.reads();
    assert_eq!(append(2).await, Ok(()));
    assert_eq!(lossy.reads(), 1, "head, entries and lock are read together");
    assert_eq!(append(2).await, Ok(()), "again");
    assert_eq!(append(4).await, Err(FailureKind::Conflict));
}
