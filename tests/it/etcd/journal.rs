//! The journal: written once, listed by heads, and small.

use greenroom::history::{
    Direction, Entry, FORMAT, JournalEvent, Outcome, ReleaseKind, ReleaseRecord, Step,
};
use greenroom::inventory::{ImageLabels, ReleaseId, Slot, Target, Version};
use greenroom::ports::{
    FailureKind, JournalReader, JournalWriter, Locks, RegistryReader, RegistryWriter,
};
use ulid::Ulid;

use super::world::{World, digest, operator};

pub(super) fn head(target: &Target, id: ReleaseId) -> ReleaseRecord {
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id,
        target: target.clone(),
        kind: ReleaseKind::Promote,
        from: None,
        to: (
            Slot::Green,
            Version {
                repository: "r/web".into(),
                tag: Some("1.9".into()),
                digest: digest('a'),
                labels: ImageLabels::default(),
            },
        ),
        operator: operator(),
        reason: None,
        opened_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: None,
    }
}

pub(super) fn entry(sequence: u32, failure: Option<String>) -> Entry {
    Entry {
        sequence,
        at: "2026-01-01T00:00:01Z".parse().expect("a time"),
        event: JournalEvent::Outcome {
            step: Step::Pull,
            direction: Direction::Forward,
            failure,
            took: std::time::Duration::from_millis(1),
        },
        chain: None,
    }
}

fn id(time: u64) -> ReleaseId {
    ReleaseId(Ulid::from_parts(time, 1))
}

#[tokio::test]
async fn a_release_is_read_as_written_and_repeated_writes_change_nothing() {
    let world = World::shared();
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
    let shown = world.reader.keys(target).await.expect("listed");
    assert_eq!(shown.len(), 1, "only the lock: {shown:?}");
}

#[tokio::test]
async fn a_different_entry_with_the_same_number_is_a_conflict() {
    let world = World::shared();
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

#[tokio::test]
async fn releases_are_listed_newest_first_also_among_unreadable_keys() {
    let world = World::shared();
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
    world.etcdctl(&["put", &world.key(&format!("releases/{}", id(0))), "{}"]);
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

#[tokio::test]
async fn a_journal_stays_below_64_kilobytes_with_room_for_its_end() {
    let world = World::shared();
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
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

#[tokio::test]
async fn an_unreadable_head_hides_no_newest_head_of_another_target() {
    let world = World::shared();
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
    let key = format!("{}/targets/{api}/releases/{}", world.prefix, id(9));
    world.etcdctl(&["put", &key, "nonsense"]);
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

#[tokio::test]
async fn etcd_shows_a_foreign_key_like_every_store() {
    let world = World::shared();
    let lease = world.locked().await;
    world.registered(Slot::Blue, &lease.fence).await;
    let first = super::world::change(None, Slot::Blue, lease.fence.token);
    let routed = world.writer.swap_route(&world.target, &first, &lease.fence);
    routed.await.expect("routed");
    let write = |name: &str, value: &[u8]| world.put_bytes(&world.key(name), value);
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
    world.put_raw(&[&strange[..], b"\xff"].concat(), b"x");
    world.put_raw(&[world.key("").as_bytes(), b"\xfe"].concat(), b"x");
    let record = world.reader.read(&world.target).await.expect("a record");
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
    world.put_bytes(&world.key(&format!("steps/{open}/note")), b"x");
    let read = world.reader.release(&world.target, open).await;
    let read = read.expect("readable").expect("there");
    assert_eq!(read.entries.len(), 1);
}
