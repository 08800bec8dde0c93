//! Every change of the store on a bad line: it is made once, or its failure says truthfully that it may have been made.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use greenroom::inventory::{ReleaseId, Slot};
use greenroom::ports::kv::Write;
use greenroom::ports::{
    Acquired, FailureKind, Holds, JournalWriter, Locks, PeerApprovals, PresenceStore,
    RegistryWriter, Result,
};

use super::world::{World, change, entry, head, lock, registration};
use crate::support::holds::{cleared, hold};
use crate::support::lossy::{Loss, Lossy};
use crate::support::peer_approvals::peer_approval;
use crate::support::presence::{request, watcher};

const LOSSES: [Loss; 3] = [Loss::Answer, Loss::Request, Loss::NotSent];

fn behind_a_bad_line(world: &World) -> (Lossy, World) {
    let lossy = Lossy::new(&world.kv);
    let bad = world.through(Arc::new(lossy.clone()));
    (lossy, bad)
}

pub(super) async fn a_change_under_the_lock_is_made_once(world: &World) {
    let (lossy, bad) = behind_a_bad_line(world);
    let lease = world.locked().await;
    let (target, fence) = (&world.target, &lease.fence);
    let id = ReleaseId(ulid::Ulid::generate());
    let opened = head(target, id);
    world.writer.head(&opened, fence).await.expect("opened");
    let mut from = None;
    for (number, loss) in (1..).zip(LOSSES) {
        for slot in Slot::BOTH {
            lossy.lose(loss);
            let entry = registration(slot, fence.token);
            let done = bad.writer.register(target, &entry, fence).await;
            done.expect("registered");
        }
        lossy.lose(loss);
        let entry = entry(number, None);
        let done = bad.writer.append(target, id, &entry, fence).await;
        done.expect("written");
        lossy.lose(loss);
        let swap = change(from, Slot::Blue, fence.token);
        let done = bad.writer.swap_route(target, &swap, fence).await;
        done.expect("switched");
        from = Some((swap.to.generation, Slot::Blue));
        assert!(lossy.is_done(), "{loss:?}");
        let route = world.record().await.route.expect("a route");
        assert_eq!(route.value, swap.to, "{loss:?}");
    }
}

pub(super) async fn a_change_that_needs_no_lock_is_made_once(world: &World) {
    let (lossy, bad) = behind_a_bad_line(world);
    let target = &world.target;
    let lease = world.locked().await;
    let id = ReleaseId(ulid::Ulid::generate());
    let opened = head(target, id);
    world
        .writer
        .head(&opened, &lease.fence)
        .await
        .expect("opened");
    let presence = bad.presence();
    for (number, loss) in (0..).zip(LOSSES) {
        let placed = hold("ana", number * 10, None);
        lossy.lose(loss);
        let other = bad.holds().place(target, &placed).await;
        assert_eq!(other.expect("placed"), None, "{loss:?}");
        lossy.lose(loss);
        let end = cleared("ana", number * 10 + 5);
        let done = bad.holds().clear(target, &placed, &end).await;
        done.expect("cleared");
        let ben = peer_approval(id, "ben", Duration::from_mins(1));
        lossy.lose(loss);
        bad.approvals().give(target, &ben).await.expect("given");
        let given = world.record().await.peer_approvals;
        assert_eq!(given, std::slice::from_ref(&ben));
        lossy.lose(loss);
        let back = bad.approvals().withdraw(target, &ben).await;
        back.expect("withdrawn");
        lossy.lose(loss);
        let here = presence.show(target, &watcher("ana")).await;
        here.expect("shown");
        lossy.lose(loss);
        let asked = presence.request_handover(target, &request("ana")).await;
        assert_eq!(asked.expect("asked"), None);
        lossy.lose(loss);
        let withdrawn = presence.withdraw(target, &request("ana")).await;
        withdrawn.expect("withdrawn");
        assert!(lossy.is_done(), "{loss:?}");
        let record = world.record().await;
        assert_eq!(record.hold, Some(placed.cleared(end)));
        assert!(record.peer_approvals.is_empty());
        assert_eq!(record.watching, [watcher("ana")]);
        assert_eq!(record.handover_request, None);
        presence.leave().await.expect("left");
    }
}

pub(super) async fn a_lock_is_taken_and_released_once(world: &World) {
    let (lossy, bad) = behind_a_bad_line(world);
    let target = &world.target;
    for loss in LOSSES {
        let console = format!("{loss:?}");
        lossy.lose(loss);
        let taken = bad.locks.acquire(target, &lock(&console)).await;
        let Ok(Acquired::Held(lease)) = taken else {
            panic!("{loss:?}: {taken:?}");
        };
        let holder = world.record().await.lock.expect("it is held");
        assert_eq!(holder.token, lease.fence.token, "{loss:?}");
        world.registered(Slot::Blue, &lease.fence).await;
        lossy.lose(loss);
        let released = bad.locks.release(target, &lease.fence).await;
        released.expect("released");
        assert!(lossy.is_done() && world.record().await.lock.is_none());
    }
}

/// The answer is lost, and the store cannot be asked what became of the change.
pub(super) async fn a_change_that_may_have_been_made_is_ambiguous(world: &World) {
    let (lossy, bad) = behind_a_bad_line(world);
    let target = &world.target;
    let lease = world.locked().await;
    let id = ReleaseId(ulid::Ulid::generate());
    let opened = head(target, id);
    world
        .writer
        .head(&opened, &lease.fence)
        .await
        .expect("opened");
    let presence = bad.presence();
    presence.show(target, &watcher("ana")).await.expect("shown");
    let ben = peer_approval(id, "ben", Duration::from_mins(1));
    let placed = hold("ana", 0, None);
    let (holds, approvals) = (bad.holds(), bad.approvals());
    let asked = request("ana");
    ambiguous(&lossy, "a hold", holds.place(target, &placed)).await;
    ambiguous(&lossy, "an approval", approvals.give(target, &ben)).await;
    ambiguous(
        &lossy,
        "a request",
        presence.request_handover(target, &asked),
    )
    .await;
    let released = bad.locks.release(target, &lease.fence);
    ambiguous(&lossy, "the end of a lock", released).await;
    let two = lock("two");
    ambiguous(&lossy, "a lock", bad.locks.acquire(target, &two)).await;
    // Everything was made, and the same call finds that out.
    let record = world.record().await;
    assert_eq!(record.hold, Some(placed));
    assert_eq!(record.peer_approvals, [ben]);
    assert_eq!(record.handover_request, Some(request("ana")));
    assert_eq!(record.lock.expect("held").record, lock("two"));
    let again = bad.locks.acquire(target, &lock("two")).await;
    assert!(matches!(again, Ok(Acquired::Held(_))), "adopted: {again:?}");
    presence.leave().await.expect("left");
}

/// Another operator changes the value after the lost answer, so the repetition is refused.
pub(super) async fn a_refusal_after_a_lost_answer_is_ambiguous(world: &World) {
    let (lossy, bad) = behind_a_bad_line(world);
    let target = &world.target;
    let (placed, other) = (hold("ana", 0, None), hold("ben", 1, None));
    let holds = bad.holds();
    for loss in [Loss::Answer, Loss::Request] {
        world.raw.delete(&world.key("hold"));
        holds.place(target, &placed).await.expect("placed");
        let theirs = serde_json::to_string(&other).expect("JSON");
        lossy.lose_before(loss, vec![Write::put(world.key("hold"), theirs)]);
        let end = cleared("ana", 5);
        let failure = holds.clear(target, &placed, &end).await;
        let failure = failure.expect_err("another hold");
        assert_eq!(failure.kind, FailureKind::Ambiguous, "{failure}");
        assert!(
            failure.message.contains("the hold has changed"),
            "{failure}"
        );
    }
}

pub(super) async fn a_refusal_is_reported_if_the_lost_change_was_not_made(world: &World) {
    let (lossy, bad) = behind_a_bad_line(world);
    let target = &world.target;
    let lock = world.key("lock");
    for (loss, kind) in [
        (Loss::Request, FailureKind::Fenced),
        (Loss::Answer, FailureKind::Ambiguous),
    ] {
        let lease = world.locked().await;
        let mut entry = world.registered(Slot::Blue, &lease.fence).await;
        entry.tag = Some(format!("{loss:?}"));
        let mut then = vec![Write::delete(&lock)];
        if loss == Loss::Answer {
            then.push(Write::put(world.key("slots/blue"), "another"));
        }
        lossy.lose_before(loss, then);
        let failure = bad.writer.register(target, &entry, &lease.fence).await;
        let failure = failure.expect_err("the lock is gone");
        assert_eq!(failure.kind, kind, "{failure}");
    }
}

async fn ambiguous<T: Debug>(lossy: &Lossy, what: &str, change: impl Future<Output = Result<T>>) {
    lossy.lose(Loss::AnswerAndLine);
    let failure = change.await.expect_err(what);
    assert_eq!(failure.kind, FailureKind::Ambiguous, "{what}: {failure}");
    lossy.hang(false);
}

/// A store that never answers stops no caller for longer than its time limit, and nothing has changed.
pub(super) async fn a_store_that_answers_nothing_is_unreachable(world: &World) {
    let (lossy, bad) = behind_a_bad_line(world);
    let target = &world.target;
    lossy.hang(true);
    let since = std::time::Instant::now();
    let failure = bad.holds().place(target, &hold("ana", 0, None)).await;
    assert_eq!(
        failure.expect_err("no answer").kind,
        FailureKind::Unreachable
    );
    let failure = bad.locks.acquire(target, &lock("one")).await;
    assert_eq!(
        failure.expect_err("no answer").kind,
        FailureKind::Unreachable
    );
    assert!(since.elapsed() < Duration::from_secs(5));
    lossy.hang(false);
    let record = world.record().await;
    assert!(record.hold.is_none() && record.lock.is_none());
}
