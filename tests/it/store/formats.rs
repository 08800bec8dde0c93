//! Records of a newer Greenroom: none is read or replaced, and each is named with its format.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use greenroom::history::{FORMAT, Link, RepairOutcome, RepairRecord, Seal, hold_id};
use greenroom::inventory::{ReleaseId, Slot};
use greenroom::ports::{
    FailureKind, Holds, JournalReader, JournalWriter, Locks, PeerApprovals, PresenceStore,
    RegistryWriter, Result, Seals,
};
use greenroom::store::StoredSeals;
use serde_json::Value;

use super::world::{World, change, entry, head, lock, operator, registration};
use crate::support::holds::{cleared, hold};
use crate::support::peer_approvals::peer_approval;
use crate::support::presence::{request, watcher};

/// Puts a newer format into the record of this key, runs these calls, which all need the record, and restores it.
async fn refused(world: &World, key: &str, calls: Vec<BoxFuture<'_, Result<()>>>) {
    let said = format!("has format {}, but this Greenroom reads", FORMAT + 1);
    let stored = world.raw.get(key);
    let mut newer: Value = serde_json::from_str(&stored).expect(key);
    assert_eq!(newer["format"], FORMAT, "{key}: {stored}");
    newer["format"] = (FORMAT + 1).into();
    world.put(key, &newer.to_string());
    let problems = world.record().await.problems;
    let is_in_the_record = !["releases/", "steps/", "holds/", "repairs/", "seals/"]
        .iter()
        .any(|history| key.contains(history));
    let problem = problems.get(key);
    assert_eq!(problem.is_some(), is_in_the_record, "{key}: {problems:?}");
    assert!(problem.is_none_or(|it| it.contains(&said)), "{problem:?}");
    for (number, call) in calls.into_iter().enumerate() {
        let failure = call.await.expect_err(key);
        assert_eq!(
            failure.kind,
            FailureKind::Unsupported,
            "{number}: {failure}"
        );
        for words in [key, &said] {
            assert!(failure.message.contains(words), "{number}: {failure}");
        }
    }
    assert_eq!(world.raw.get(key).trim_end(), newer.to_string());
    world.put(key, stored.trim_end());
}

#[expect(clippy::too_many_lines, reason = "one table over all records")]
pub(super) async fn no_record_of_a_newer_greenroom_is_read_or_replaced(world: &World) {
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let (reader, writer) = (&world.reader, &world.writer);
    let id = ReleaseId(ulid::Ulid::generate());
    let opened = head(target, id);
    writer.head(&opened, fence).await.expect("opened");
    let first = entry(1, None);
    let written = writer.append(target, id, &first, fence).await;
    written.expect("written");
    world.registered(Slot::Blue, fence).await;
    let mut other = registration(Slot::Blue, fence.token);
    other.tag = None;
    let swap = change(None, Slot::Blue, fence.token);
    writer.swap_route(target, &swap, fence).await.expect("made");
    let next = change(Some((1, Slot::Blue)), Slot::Blue, fence.token);
    let holds = world.holds();
    let placed = hold("ana", 0, None);
    holds.place(target, &placed).await.expect("placed");
    let end = cleared("ana", 1);
    let approvals = world.approvals();
    let ben = peer_approval(id, "ben", Duration::from_hours(1));
    approvals.give(target, &ben).await.expect("given");
    let presence = world.presence();
    let ana = watcher("ana");
    presence.show(target, &ana).await.expect("shown");
    let asked = request("ana");
    let done = presence.request_handover(target, &asked).await;
    done.expect("asked");
    let repair = RepairRecord {
        format: FORMAT,
        id,
        target: target.clone(),
        operator: operator(),
        started_at: opened.opened_at,
        differences: Vec::new(),
        repair_actions: Vec::new(),
        closed: None,
        chain: None,
    };
    writer.repair(&repair, fence).await.expect("recorded");
    let mut repaired = repair.clone();
    repaired.closed = Some((opened.opened_at, RepairOutcome::Done));
    let seal = Seal {
        link: Link::first(&opened),
        at: opened.opened_at,
        by: operator(),
    };
    let seals = world.under(&format!("seals/web/production/{id}"));
    if world.kv.has_roles() {
        let keeper = StoredSeals::new(&world.store);
        keeper.seal(target, id, &seal).await.expect("sealed");
    } else {
        let mut seal = serde_json::to_value(&seal).expect("JSON");
        seal["format"] = FORMAT.into();
        world.put(&seals, &seal.to_string());
    }

    let approval = format!("approvals/web/production/{}", ben.store_key());
    let hold_record = hold_id(&placed);
    let table: Vec<(String, Vec<BoxFuture<'_, Result<()>>>)> = vec![
        (
            world.key("route"),
            vec![
                writer.swap_route(target, &next, fence),
                writer.replace_route(target, &next.to, fence),
                writer.deregister(target, Slot::Blue, fence),
            ],
        ),
        (
            world.key("slots/blue"),
            vec![
                writer.register(target, &other, fence),
                writer.deregister(target, Slot::Blue, fence),
                writer.swap_route(target, &next, fence),
            ],
        ),
        (
            world.key("hold"),
            vec![
                holds.place(target, &placed).map_ok(drop).boxed(),
                holds.clear(target, &placed, &end),
            ],
        ),
        (world.under(&approval), Vec::new()),
        (
            world.key("watching/ana@ops-1%204711%2001JD%2F4"),
            Vec::new(),
        ),
        (
            world.key("handover"),
            vec![
                presence
                    .request_handover(target, &asked)
                    .map_ok(drop)
                    .boxed(),
                presence.withdraw(target, &asked),
            ],
        ),
        (
            world.key(&format!("steps/{id}/0001")),
            vec![
                writer.append(target, id, &first, fence),
                reader.release(target, id).map_ok(drop).boxed(),
            ],
        ),
        (
            world.key(&format!("releases/{id}")),
            vec![
                writer.head(&opened, fence),
                reader.release(target, id).map_ok(drop).boxed(),
                approvals.give(target, &ben),
            ],
        ),
        (
            world.key(&format!("holds/{hold_record}")),
            vec![
                reader
                    .audit_record(target, hold_record)
                    .map_ok(drop)
                    .boxed(),
            ],
        ),
        (
            world.key(&format!("repairs/{id}")),
            vec![
                reader.audit_record(target, id).map_ok(drop).boxed(),
                writer.repair(&repaired, fence),
            ],
        ),
        (seals, vec![reader.seals(target).map_ok(drop).boxed()]),
    ];
    for (key, calls) in table {
        refused(world, &key, calls).await;
    }
    // The last row: rewriting the lock makes it another lock.
    let record = lock("two");
    let taken = world.locks.acquire(target, &record).map_ok(drop).boxed();
    refused(world, &world.key("lock"), vec![taken]).await;
}
