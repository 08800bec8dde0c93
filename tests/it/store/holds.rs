//! Holds (placed, cleared, left by a rollback together with its route), and peer approvals.

use std::time::Duration;

use greenroom::inventory::{HoldChange, PeerApproval, RegistryRecord, ReleaseId, Slot, StoredKey};
use greenroom::ports::kv::{Command, Txn, Write};
use greenroom::ports::{
    FailureKind, Holds, JournalReader, JournalWriter, PeerApprovals, RegistryWriter,
};
use greenroom::release::unread_approvals;
use ulid::Ulid;

use super::world::{World, call, change};
use crate::support::holds::{Contract, cleared, hold, left_by};
use crate::support::peer_approvals::{head, peer_approval};

/// An approver must not be able to stop a release.
pub(crate) fn stop_nothing(world: &World, record: &RegistryRecord) {
    for key in record.problems.keys() {
        let kind = StoredKey::of(&world.target, key);
        assert_eq!(kind, StoredKey::Approval, "{key}");
    }
}

/// Approves an open release as `name`, after other approvals were written.
pub(crate) async fn approved_by(world: &World, name: &str) -> PeerApproval {
    let lease = world.locked().await;
    let id = ReleaseId(Ulid::generate());
    let head = head(&world.target, id);
    let opened = world.writer.head(&head, &lease.fence);
    opened.await.expect("a release");
    let given = peer_approval(id, name, Duration::from_hours(1));
    let approvals = world.approvals();
    approvals.give(&world.target, &given).await.expect("given");
    given
}

/// Writes below the approvals of the target, as another program can, `at_a_time` of them in one transaction.
pub(crate) async fn written(
    world: &World,
    keys: impl IntoIterator<Item = String>,
    value: &str,
    at_a_time: usize,
) {
    let below = world.under(&format!("approvals/{}/", world.target));
    let keys: Vec<String> = keys.into_iter().collect();
    for keys in keys.chunks(at_a_time) {
        let puts = keys
            .iter()
            .map(|key| Write::put(format!("{below}{key}"), value));
        let txn = Txn {
            when: Vec::new(),
            then: puts.collect(),
        };
        world.kv.commit(call(), &txn).await.expect("written");
    }
}

pub(super) async fn holds_are_kept(world: &World) {
    let (ana, ben) = (world.holds(), world.again().holds());
    let contract = Contract {
        ana: &ana,
        ben: &ben,
        reader: &world.reader,
        journal: &world.reader,
        target: &world.target,
    };
    contract.is_kept().await;
    contract.is_placed_once().await;
    let key = world.key("hold");
    let write = async |value: &str| {
        world.put(&key, value);
    };
    contract.is_removed_when_unreadable(write).await;
}

pub(super) async fn an_unreadable_hold_is_not_overwritten(world: &World) {
    let key = world.key("hold");
    world.put(&key, "until further notice");
    let holds = world.holds();
    let placed = holds.place(&world.target, &hold("ana", 0, None)).await;
    let failure = placed.expect_err("it blocks the new one");
    assert_eq!(failure.kind, FailureKind::Conflict);
    let said = failure.to_string();
    assert!(
        said.contains(&key) && said.contains(&world.kv.command(Command::Show(&key))),
        "{said}"
    );
    assert!(world.raw.get(&key).contains("until further notice"));
}

pub(super) async fn a_rollback_writes_and_removes_its_hold_with_its_route(world: &World) {
    let lease = world.locked().await;
    let token = lease.fence.token;
    for slot in Slot::BOTH {
        world.registered(slot, &lease.fence).await;
    }
    let first = change(None, Slot::Blue, token);
    world
        .writer
        .swap_route(&world.target, &first, &lease.fence)
        .await
        .expect("switched");
    let mut back = change(Some((1, Slot::Blue)), Slot::Green, token);
    let left = left_by(back.to.release);
    back.hold = HoldChange::Leave(left.clone());
    world
        .writer
        .swap_route(&world.target, &back, &lease.fence)
        .await
        .expect("switched");
    world
        .writer
        .swap_route(&world.target, &back, &lease.fence)
        .await
        .expect("it is in force");
    let stored = |record: RegistryRecord| record.hold;
    let read = world.record().await;
    assert_eq!(stored(read), Some(left));

    // The same release is switched back: its hold is removed with the route.
    let mut undone = change(Some((2, Slot::Green)), Slot::Blue, token);
    undone.to.release = back.to.release;
    let end = cleared("ben", 90);
    undone.hold = HoldChange::Clear(end.clone());
    world
        .writer
        .swap_route(&world.target, &undone, &lease.fence)
        .await
        .expect("switched");
    let read = world.record().await;
    let gone = stored(read).expect("it is kept");
    assert_eq!(gone.cleared, Some(end));
    assert!(!gone.is_active(gone.since));
    let newest = world.reader.holds(&world.target, 1).await;
    let newest = newest.expect("listed").remove(0);
    assert_eq!(newest.hold, gone, "and its record says so too");

    // A hold that an operator placed is neither replaced nor removed.
    let placed = hold("ben", 0, None);
    let holds = world.holds();
    assert_eq!(
        holds.place(&world.target, &placed).await.expect("placed"),
        None
    );
    let mut again = change(Some((3, Slot::Blue)), Slot::Green, token);
    again.hold = HoldChange::Leave(left_by(again.to.release));
    world
        .writer
        .swap_route(&world.target, &again, &lease.fence)
        .await
        .expect("switched");
    let read = world.record().await;
    assert_eq!(stored(read), Some(placed));
}

pub(super) async fn approvals_are_kept_until_the_release_ends(world: &World) {
    let lease = world.locked().await;
    let store = world.approvals();
    let contract = crate::support::peer_approvals::Contract {
        store: &store,
        journal: &world.writer,
        reader: &world.reader,
        target: &world.target,
        fence: &lease.fence,
    };
    contract.holds().await;
    contract.race_with_the_end().await;
}

pub(super) async fn an_unreadable_approval_is_reported_and_does_not_count(world: &World) {
    let key = format!("approvals/{}/ben/01JD4ZZZZZZZZZZZZZZZZZZZZZ", world.target);
    let key = world.under(&key);
    world.put(&key, "{\"by\":\"ben\"}");
    let record = world.record().await;
    assert!(record.peer_approvals.is_empty());
    assert!(record.problems.contains_key(&key), "{:?}", record.problems);
    stop_nothing(world, &record);
}

pub(super) async fn an_approver_with_many_approvals_hides_no_other_one(world: &World) {
    let fillers = (0..1_200).map(|number| format!("ben/{number:04}"));
    written(world, fillers, "{}", 100).await;
    let given = approved_by(world, "cleo").await;
    let record = world.record().await;
    assert_eq!(record.peer_approvals, [given]);
    let below = world.under(&format!("approvals/{}/ben/", world.target));
    let why = record.problems.get(&below).expect("it is reported");
    assert!(
        why.contains("more than 50")
            && why.contains(&world.kv.command(Command::DeleteBelow(&below))),
        "{why}"
    );
    stop_nothing(world, &record);
    let remarks = unread_approvals(&world.target, &record.problems);
    assert!(remarks.len() < 10, "{remarks:?}");
    let listed = world.lines().await;
    assert!(listed.iter().any(|line| line.key.contains("/cleo/")));
}

pub(super) async fn only_the_newest_approvals_of_an_approver_count(world: &World) {
    let older = (0..100).map(|number| format!("cleo/{}", Ulid(number)));
    written(world, older, "{}", 100).await;
    let given = approved_by(world, "cleo").await;
    let record = world.record().await;
    assert_eq!(record.peer_approvals, [given]);
}

pub(super) async fn approvers_beyond_the_limit_are_reported(world: &World) {
    let keys = (0..101).map(|number| format!("person-{number:03}/1"));
    written(world, keys, "{}", 100).await;
    let record = world.record().await;
    let all = world.under(&format!("approvals/{}/", world.target));
    let why = record.problems.get(&all).expect("it is reported");
    assert!(
        why.contains("more than 100 people")
            && why.contains(
                &world
                    .kv
                    .command(Command::DeleteBelow(&format!("{all}NAME/")))
            ),
        "{why}"
    );
    stop_nothing(world, &record);
}

pub(super) async fn a_switch_compares_the_hold_and_the_approvals_it_was_decided_on(world: &World) {
    let lease = world.locked().await;
    let token = lease.fence.token;
    for slot in Slot::BOTH {
        world.registered(slot, &lease.fence).await;
    }
    world
        .writer
        .swap_route(
            &world.target,
            &change(None, Slot::Blue, token),
            &lease.fence,
        )
        .await
        .expect("switched");
    let contract = crate::support::needs::Contract {
        writer: &world.writer,
        reader: &world.reader,
        journal: &world.writer,
        holds: &world.holds(),
        peer_approvals: &world.approvals(),
        target: &world.target,
        fence: &lease.fence,
        change: &|from, to| change(Some(from), to, token),
    };
    contract.holds_count().await;
    contract.approvals_count().await;

    // An unreadable hold stops a switch that compares holds.
    let key = world.key("hold");
    world.put(&key, "until further notice");
    let record = world.record().await;
    let route = record.route.expect("a route").value;
    let mut unread = change(Some((route.generation, route.live)), Slot::Blue, token);
    unread.hold = HoldChange::Same(record.hold);
    let swapped = world
        .writer
        .swap_route(&world.target, &unread, &lease.fence)
        .await;
    assert_eq!(
        swapped.expect_err("it is unchanged").kind,
        FailureKind::Changed
    );
}

/// The driver, whose clock may be behind, decides when an approval expires.
pub(super) async fn the_key_of_an_approval_outlives_the_approval(world: &World) {
    let id = approved_by(world, "ben").await.release;
    let minute = peer_approval(id, "cleo", Duration::from_mins(1));
    let given = world.approvals().give(&world.target, &minute).await;
    given.expect("given");
    let key = world.under(&format!(
        "approvals/{}/{}",
        world.target,
        minute.store_key()
    ));
    let lines = world.lines().await;
    let line = lines.iter().find(|line| line.key == key);
    let left = line.and_then(|line| line.ttl_seconds).expect("on a lease");
    assert!((100..=120).contains(&left), "{left}");
}
