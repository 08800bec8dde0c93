//! What every key-value store promises: see `greenroom::ports::kv`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use greenroom::ports::kv::{
    Call, Change, Committed, Granted, Kv, LeaseId, Pair, Range, Txn, Write,
};
use greenroom::ports::{FailureKind, Result};
use tokio::time::{Instant, timeout};

use crate::support::eventually;
use crate::support::lossy::{Loss, Lossy};

/// A store without keys, and more ways to it.
pub(super) struct Place {
    pub(super) kv: Arc<dyn Kv>,
    /// Opens the same store again, like another process.
    pub(super) open: Box<dyn Fn() -> Arc<dyn Kv> + Send + Sync>,
    /// Makes the store forget all changes before the current revision.
    pub(super) compact: Box<dyn Fn(&str) + Send + Sync>,
    /// Kept until the end of the test.
    pub(super) _kept: Box<dyn std::any::Any + Send + Sync>,
}

impl Place {
    fn key(&self, name: &str) -> String {
        format!("{}targets/web/qa/{name}", self.kv.prefix())
    }

    async fn commit(&self, txn: &Txn) -> Committed {
        self.kv.commit(call(), txn).await.expect("answered")
    }

    async fn put(&self, name: &str, value: &str) -> i64 {
        self.put_on(name, value, None).await
    }

    async fn put_on(&self, name: &str, value: &str, lease: Option<LeaseId>) -> i64 {
        let key = self.key(name);
        let put = Write::Put {
            key,
            value: value.to_owned(),
            lease,
        };
        let then = vec![put];
        let when = Vec::new();
        done(self.commit(&Txn { when, then }).await)
    }

    async fn get(&self, name: &str) -> Option<Pair> {
        get(&self.kv, &self.key(name)).await
    }

    async fn grant(&self, seconds: u64) -> Granted {
        let ttl = Duration::from_secs(seconds);
        self.kv.grant(call(), ttl).await.expect("granted")
    }

    async fn watch(&self, from: i64) -> Changes {
        self.kv.watch(call(), from).await.expect("a watch")
    }
}

type Changes = BoxStream<'static, Result<Change>>;

fn call() -> Call<'static> {
    within(Duration::from_secs(10))
}

fn within(time: Duration) -> Call<'static> {
    Call {
        doing: "testing",
        until: Instant::now() + time,
    }
}

fn done(committed: Committed) -> i64 {
    match committed {
        Committed::Done(revision) => revision,
        Committed::Lost => panic!("a compared key has changed"),
    }
}

async fn get(kv: &Arc<dyn Kv>, key: &str) -> Option<Pair> {
    let read = kv.read(call(), &[Range::one(key)]).await.expect("read");
    let mut pairs = read.ranges.into_iter().flatten();
    pairs.next()
}

/// The names below the target, in the order in which they were read.
fn names(pairs: &[Pair]) -> Vec<String> {
    let name = |pair: &Pair| {
        let key = String::from_utf8_lossy(&pair.key).into_owned();
        key.rsplit_once("/qa/").expect("a key").1.to_owned()
    };
    pairs.iter().map(name).collect()
}

async fn next(changes: &mut Changes) -> Change {
    let next = timeout(Duration::from_secs(10), changes.next()).await;
    let next = next.expect("in time").expect("the watch goes on");
    next.expect("no outage")
}

pub(super) async fn all_ranges_are_read_at_one_revision(place: &Place) {
    for name in ["a/1", "a/2", "a/3", "a", "b"] {
        place.put(name, name).await;
    }
    let last = place.get("b").await.expect("b").revision;
    let at = place.get("a/2").await.expect("a/2").revision;
    let below = Range::below(&place.key("a/"));
    let ranges = [
        below.clone(),
        below.clone().limit(2),
        below.clone().descending().limit(2),
        below.clone().keys_only(),
        below.clone().limit(0),
        below.changed_at(at),
        Range::between(place.key("a/3"), place.key("c")),
        Range::one(place.key("a")),
        Range::one(place.key("none")),
    ];
    let read = place.kv.read(call(), &ranges).await.expect("read");
    assert!(read.revision >= last);
    let found: Vec<_> = read.ranges.iter().map(|pairs| names(pairs)).collect();
    let wanted: [&[&str]; 9] = [
        &["a/1", "a/2", "a/3"],
        &["a/1", "a/2"],
        &["a/3", "a/2"],
        &["a/1", "a/2", "a/3"],
        &[],
        &["a/2"],
        &["a/3", "b"],
        &["a"],
        &[],
    ];
    assert_eq!(found, wanted);
    assert_eq!(read.ranges[0][1].value, b"a/2");
    assert_eq!(read.ranges[0][1].lease, None);
    assert!(read.ranges[3][1].value.is_empty(), "only the keys");
    let now = place.kv.revision(call()).await.expect("a revision");
    assert!(now >= last);
}

pub(super) async fn a_transaction_changes_everything_or_nothing(place: &Place) {
    let (one, two) = (place.key("one"), place.key("two"));
    let both = |when: Vec<(String, i64)>, value: &str| Txn {
        when,
        then: vec![
            Write::put(&one, value),
            Write::put(&two, value),
            Write::delete(place.key("none")),
        ],
    };
    let absent = vec![(one.clone(), 0), (two.clone(), 0)];
    let first = done(place.commit(&both(absent.clone(), "first")).await);
    for name in ["one", "two"] {
        let pair = place.get(name).await.expect("it is stored");
        assert_eq!((pair.revision, pair.value), (first, b"first".to_vec()));
    }
    for when in [
        absent,
        vec![(one.clone(), first), (two.clone(), 0)],
        vec![(one.clone(), first - 1)],
        vec![(place.key("none"), first)],
    ] {
        let lost = place.commit(&both(when, "lost")).await;
        assert_eq!(lost, Committed::Lost);
    }
    assert_eq!(place.get("two").await.expect("two").value, b"first");
    let seen = vec![(one.clone(), first), (two.clone(), first)];
    let second = done(place.commit(&both(seen, "second")).await);
    assert!(second > first);
    let gone = Txn {
        when: vec![(one.clone(), second)],
        then: vec![Write::delete(&one)],
    };
    let third = done(place.commit(&gone).await);
    assert!(third > second);
    assert_eq!(place.get("one").await, None);
    // What changes nothing does not raise the revision.
    let nothing = Txn {
        when: vec![(one.clone(), 0)],
        then: vec![Write::delete(&one)],
    };
    done(place.commit(&nothing).await);
}

pub(super) async fn of_many_writers_one_wins(place: &Place) {
    let key = place.key("one");
    let writers: Vec<Arc<dyn Kv>> = (0..8).map(|_| (place.open)()).collect();
    for round in 0..5 {
        let seen = place.get("one").await.map_or(0, |pair| pair.revision);
        let writing = writers.iter().enumerate().map(|(number, kv)| {
            let txn = Txn {
                when: vec![(key.clone(), seen)],
                then: vec![Write::put(&key, format!("{round}-{number}"))],
            };
            async move { kv.commit(call(), &txn).await.expect("answered") }
        });
        let answers = join_all(writing).await;
        let won = |answer: &Committed| matches!(answer, Committed::Done(_));
        assert_eq!(answers.iter().filter(|answer| won(answer)).count(), 1);
        let number = answers.iter().position(won).expect("one");
        let stored = place.get("one").await.expect("it is stored");
        assert_eq!(stored.value, format!("{round}-{number}").into_bytes());
    }
}

pub(super) async fn a_pair_disappears_with_its_lease(place: &Place) {
    let Granted { lease, ttl } = place.grant(1).await;
    assert!(ttl >= Duration::from_secs(1));
    place.put_on("mine", "1", Some(lease)).await;
    let stored = place.get("mine").await.expect("it is stored");
    assert_eq!(stored.lease, Some(lease));
    let left = place.kv.time_left(call(), lease).await.expect("asked");
    assert!(left.expect("it runs") <= ttl);
    eventually("it disappears", ttl * 10, || async {
        place.get("mine").await.is_none()
    })
    .await;
    let left = place.kv.time_left(call(), lease).await.expect("asked");
    assert_eq!(left, None);
    let late = place.kv.renew(call(), lease).await.expect_err("it ended");
    assert_eq!(late.kind, FailureKind::Missing, "{late}");
    // It is absent for comparisons, too, and nothing can be written on its lease.
    let key = place.key("mine");
    let on = |lease| Txn {
        when: vec![(key.clone(), 0)],
        then: vec![Write::Put {
            key: key.clone(),
            value: "2".into(),
            lease,
        }],
    };
    let late = place.kv.commit(call(), &on(Some(lease))).await;
    assert_eq!(late.expect_err("it ended").kind, FailureKind::Missing);
    assert_eq!(place.get("mine").await, None);
    done(place.commit(&on(None)).await);
    place.kv.revoke(call(), lease).await.expect("no error");
}

pub(super) async fn a_renewed_lease_keeps_its_pairs(place: &Place) {
    let Granted { lease, ttl } = place.grant(2).await;
    place.put_on("one", "1", Some(lease)).await;
    place.put_on("two", "2", Some(lease)).await;
    let until = Instant::now() + ttl * 2;
    while Instant::now() < until {
        place.kv.renew(call(), lease).await.expect("it runs");
        tokio::time::sleep(ttl / 8).await;
    }
    let before = place.get("one").await.expect("it is kept");
    let key = place.key("one");
    let changed = Txn {
        when: vec![(key.clone(), before.revision)],
        then: vec![Write::PutKeepingLease {
            key,
            value: "changed".into(),
        }],
    };
    let revision = done(place.commit(&changed).await);
    let after = place.get("one").await.expect("it is kept");
    assert_eq!((after.lease, after.revision), (Some(lease), revision));
    assert_eq!(after.value, b"changed");
    // A pair that is written without its lease remains.
    place.put("two", "kept").await;
    place.kv.revoke(call(), lease).await.expect("revoked");
    assert_eq!(place.get("one").await, None);
    assert_eq!(place.get("two").await.expect("two").value, b"kept");
    place.kv.revoke(call(), lease).await.expect("no error");
}

pub(super) async fn a_lease_outlives_its_process_and_still_expires(place: &Place) {
    let other = (place.open)();
    let ttl = Duration::from_secs(3);
    let Granted { lease, .. } = other.grant(call(), ttl).await.expect("granted");
    let key = place.key("theirs");
    let put = Txn {
        when: Vec::new(),
        then: vec![Write::Put {
            key,
            value: "1".into(),
            lease: Some(lease),
        }],
    };
    done(other.commit(call(), &put).await.expect("answered"));
    drop(other);
    let again = (place.open)();
    assert!(get(&again, &place.key("theirs")).await.is_some());
    let left = again.time_left(call(), lease).await.expect("asked");
    assert!(left.expect("it runs") <= ttl);
    eventually("it expires", ttl * 5, || async {
        get(&again, &place.key("theirs")).await.is_none()
    })
    .await;
}

pub(super) async fn a_watch_reports_every_change_from_its_revision_on(place: &Place) {
    let first = place.put("one", "1").await;
    place.put("two", "2").await;
    let mut changes = place.watch(first).await;
    let mut wanted = vec![place.key("one").into_bytes(), place.key("two").into_bytes()];
    let mut last = 0;
    while !wanted.is_empty() {
        let Change::Changed { revision, keys } = next(&mut changes).await else {
            panic!("nothing was forgotten");
        };
        assert!(revision >= first && revision >= last);
        last = revision;
        wanted.retain(|key| !keys.contains(key));
    }
    // Another process deletes.
    let gone = Txn {
        when: Vec::new(),
        then: vec![Write::delete(place.key("one"))],
    };
    let other = (place.open)();
    let at = done(other.commit(call(), &gone).await.expect("answered"));
    let deleted = Change::Changed {
        revision: at,
        keys: vec![place.key("one").into_bytes()],
    };
    assert_eq!(next(&mut changes).await, deleted);
    // A lease ends. Its grant and its renewals change no key.
    let granted = place.grant(1).await;
    let renewed = place.kv.renew(call(), granted.lease).await;
    renewed.expect("renewed");
    place.put_on("mine", "1", Some(granted.lease)).await;
    for what in ["written", "expired"] {
        let Change::Changed { keys, .. } = next(&mut changes).await else {
            panic!("nothing was forgotten");
        };
        assert_eq!(keys, [place.key("mine").into_bytes()], "{what}");
    }
    assert_eq!(place.get("mine").await, None);
}

/// A watch that starts again after this revision misses nothing and reports nothing twice.
pub(super) async fn a_watch_reports_the_highest_revision(place: &Place) {
    let first = place.put("one", "1").await;
    place.put("two", "2").await;
    let last = place.put("one", "3").await;
    let mut changes = place.watch(first).await;
    let mut reported = 0;
    while reported < last {
        let Change::Changed { revision, .. } = next(&mut changes).await else {
            panic!("nothing was forgotten");
        };
        assert!(revision > reported);
        reported = revision;
    }
    assert_eq!(reported, last);
    let mut changes = place.watch(reported + 1).await;
    let revision = place.put("four", "4").await;
    let keys = vec![place.key("four").into_bytes()];
    assert_eq!(next(&mut changes).await, Change::Changed { revision, keys });
}

pub(super) async fn a_watch_of_forgotten_changes_says_so(place: &Place) {
    let first = place.put("one", "0").await;
    for value in 1..5 {
        place.put("one", &value.to_string()).await;
    }
    (place.compact)(&place.key("many"));
    let mut changes = place.watch(first).await;
    assert_eq!(next(&mut changes).await, Change::Compacted);
    assert!(changes.next().await.is_none(), "the watch has ended");
    let now = place.kv.revision(call()).await.expect("a revision");
    let mut changes = place.watch(now + 1).await;
    let revision = place.put("two", "2").await;
    let keys = vec![place.key("two").into_bytes()];
    let change = Change::Changed { revision, keys };
    assert_eq!(next(&mut changes).await, change);
}

/// A transaction that compares what it was decided on is carried out once, however often it is sent.
pub(super) async fn a_transaction_can_be_repeated_after_a_lost_answer(place: &Place) {
    let lossy = Lossy::new(&place.kv);
    let key = place.key("one");
    for loss in [Loss::Answer, Loss::Request] {
        let seen = place.get("one").await.map_or(0, |pair| pair.revision);
        let txn = Txn {
            when: vec![(key.clone(), seen)],
            then: vec![Write::put(&key, format!("{loss:?}"))],
        };
        lossy.lose(loss);
        let lost = lossy.commit(call(), &txn).await.expect_err("lost");
        assert_eq!(lost.kind, FailureKind::Ambiguous);
        let again = lossy.commit(call(), &txn).await.expect("answered");
        assert_eq!(again == Committed::Lost, loss == Loss::Answer);
        let stored = place.get("one").await.expect("it is stored");
        assert_eq!(stored.value, format!("{loss:?}").into_bytes());
    }
}

/// Without an answer the store says truthfully whether something may have changed, and says so in time.
pub(super) async fn a_store_that_hangs_is_reported_in_time(
    place: &Place,
    hanging: &Arc<dyn Kv>,
    kind: FailureKind,
    end: impl AsyncFnOnce(),
) {
    let key = place.key("late");
    let txn = Txn {
        when: vec![(key.clone(), 0)],
        then: vec![Write::put(&key, "late")],
    };
    let since = Instant::now();
    let limit = Duration::from_millis(800);
    let failure = hanging.commit(within(limit), &txn).await;
    let failure = failure.expect_err("no answer");
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(since.elapsed() < limit * 3, "{:?}", since.elapsed());
    // A renewal may be repeated, so its failure need not say that it may have been made.
    let renewed = hanging.renew(within(limit), LeaseId(1)).await;
    let failure = renewed.expect_err("no answer");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    let past = within(Duration::ZERO);
    let failure = hanging.commit(past, &txn).await.expect_err("too late");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    end().await;
    if kind == FailureKind::Unreachable {
        // Nothing is written late.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(place.get("late").await, None);
    }
    place.put("after", "1").await;
}
