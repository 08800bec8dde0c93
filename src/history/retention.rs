//! What an archive deletes: records beyond its age, count or size limits. It never deletes the last good release of a
//! target, its last release, or a release without an end. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Among, Standing};
use crate::inventory::{ReleaseId, Target};

/// How much is kept. A limit that is not set keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Retention {
    /// Releases that were opened longer ago are deleted.
    pub keep_for: Option<Duration>,
    /// How many releases of a target are kept at most.
    pub keep_last: Option<u32>,
    /// The maximum size in bytes: the oldest logs are deleted first, then the oldest releases.
    pub max_size: Option<u64>,
}

/// A release with its age and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// Its id.
    pub id: ReleaseId,
    /// Its target.
    pub target: Target,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Its state.
    pub standing: Standing,
    /// Its size in bytes, without its log.
    pub size: u64,
    /// The size of its log in bytes.
    pub log_size: u64,
}

/// Why something is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// It is too old.
    Age,
    /// The target has too many.
    Count,
    /// The archive is too large, and it is the oldest.
    Size,
}

/// What is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruning {
    /// Whole releases with their logs, oldest first.
    pub releases: Vec<(ReleaseId, Cause)>,
    /// Releases of which only the log is deleted, oldest first.
    pub logs: Vec<ReleaseId>,
    /// Logs of releases that never reached the archive, oldest first.
    pub orphans: Vec<ReleaseId>,
    /// The freed bytes, approximately.
    pub bytes: u64,
    /// The bytes above the limit that remain, because everything left must be kept.
    pub too_many: u64,
}

impl Pruning {
    /// Whether nothing is deleted.
    pub fn is_nothing(&self) -> bool {
        self.releases.is_empty() && self.logs.is_empty() && self.orphans.is_empty()
    }
}

/// How long a log waits for its release. The driver of a release archives it within seconds, or when an unreachable
/// store answers again.
const ORPHANED: Duration = Duration::from_hours(7 * 24);

/// When a release, hold or repair was started, from its id.
pub fn begun_at(id: ReleaseId) -> Timestamp {
    let millisecond = i64::try_from(id.0.timestamp_ms()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX)
}

impl Pruning {
    /// Adds the logs without a release, given oldest first, that have waited long enough.
    #[must_use]
    pub fn with_orphans(mut self, logs: &[(ReleaseId, u64)], now: Timestamp) -> Self {
        for (id, size) in logs {
            let waited = Duration::try_from(now.duration_since(begun_at(*id)));
            if waited.is_ok_and(|waited| waited > ORPHANED) {
                self.orphans.push(*id);
                self.bytes += size;
            }
        }
        self
    }
}

/// What to delete of these releases, given newest first, of an archive that uses `used` bytes.
pub fn pruning(all: &[Weighed], used: u64, retention: &Retention, now: Timestamp) -> Pruning {
    let kept_on = kept_on(all);
    let mut counts: BTreeMap<&Target, u32> = BTreeMap::new();
    let mut left: Vec<&Weighed> = Vec::new();
    let mut pruning = Pruning::default();
    for one in all {
        let count = counts.entry(&one.target).or_default();
        *count += 1;
        let is_old = retention.keep_for.is_some_and(|time| {
            Duration::try_from(now.duration_since(one.opened_at)).is_ok_and(|age| age > time)
        });
        let is_more = retention.keep_last.is_some_and(|last| *count > last);
        let cause = match (is_old, is_more) {
            _ if kept_on.contains(&one.id) => None,
            (true, _) => Some(Cause::Age),
            (false, true) => Some(Cause::Count),
            (false, false) => None,
        };
        match cause {
            Some(cause) => {
                pruning.bytes += one.size + one.log_size;
                pruning.releases.push((one.id, cause));
            }
            None => left.push(one),
        }
    }
    pruning.releases.reverse();
    if let Some(most) = retention.max_size {
        let used = used.saturating_sub(pruning.bytes);
        by_size(&mut pruning, &left, &kept_on, used.saturating_sub(most));
    }
    pruning
}

/// Deletes the oldest logs, then the oldest releases, until `too_many` bytes are freed.
fn by_size(
    pruning: &mut Pruning,
    left: &[&Weighed],
    kept_on: &BTreeSet<ReleaseId>,
    mut too_many: u64,
) {
    let may_go = left.iter().rev().filter(|one| !kept_on.contains(&one.id));
    for one in may_go.clone().filter(|one| one.log_size > 0) {
        if too_many == 0 {
            break;
        }
        too_many = too_many.saturating_sub(one.log_size);
        pruning.bytes += one.log_size;
        pruning.logs.push(one.id);
    }
    for one in may_go {
        if too_many == 0 {
            break;
        }
        too_many = too_many.saturating_sub(one.size);
        pruning.bytes += one.size;
        pruning.releases.push((one.id, Cause::Size));
    }
    let whole: BTreeSet<ReleaseId> = pruning.releases.iter().map(|(id, _)| *id).collect();
    pruning.logs.retain(|id| !whole.contains(id));
    pruning.too_many = too_many;
}

/// What is never deleted: the last release and the last good release of each target, and releases without an end.
fn kept_on(all: &[Weighed]) -> BTreeSet<ReleaseId> {
    let mut newest: BTreeSet<&Target> = BTreeSet::new();
    let mut good: BTreeSet<&Target> = BTreeSet::new();
    let mut kept = BTreeSet::new();
    for one in all {
        let among = one.standing.among();
        let is_newest = newest.insert(&one.target);
        let is_last_good = among == Among::Good && good.insert(&one.target);
        if is_newest || is_last_good || among == Among::Open {
            kept.insert(one.id);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ulid::Ulid;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).expect("a time")
    }

    fn one(service: &str, days: i64, standing: Standing, log_size: u64) -> Weighed {
        let at = NOW - days * 86_400;
        let id = Ulid::from_parts(
            u64::try_from(at).expect("positive") * 1000,
            u128::from(log_size),
        );
        Weighed {
            id: ReleaseId(id),
            target: Target::new(
                service.parse().expect("a name"),
                "qa".parse().expect("a name"),
            ),
            opened_at: Timestamp::from_second(at).expect("a time"),
            standing,
            size: 100,
            log_size,
        }
    }

    fn days(number: u64) -> Duration {
        Duration::from_hours(24 * number)
    }

    #[test]
    fn the_last_and_the_last_good_release_are_kept_at_any_age() {
        let all = [
            one("web", 400, Standing::BackedOut, 10),
            one("web", 401, Standing::Left, 10),
            one("web", 402, Standing::Done, 10),
            one("web", 403, Standing::Open, 10),
            one("web", 404, Standing::Superseded, 10),
            one("wallets", 500, Standing::Done, 10),
        ];
        let retention = Retention {
            keep_for: Some(days(30)),
            keep_last: Some(1),
            max_size: Some(0),
        };
        let gone = pruning(&all, 1000, &retention, now());
        assert_eq!(
            gone.releases,
            [(all[4].id, Cause::Age), (all[1].id, Cause::Age)]
        );
        assert!(gone.logs.is_empty());
        assert_eq!((gone.bytes, gone.too_many), (220, 780));
    }

    #[test]
    fn the_oldest_logs_are_deleted_before_the_oldest_releases() {
        let all: Vec<Weighed> = (0..6)
            .map(|day| one("web", day, Standing::Done, 50))
            .collect();
        let size = |max| Retention {
            max_size: Some(max),
            ..Retention::default()
        };
        assert!(pruning(&all, 900, &size(900), now()).is_nothing());
        let gone = pruning(&all, 900, &size(820), now());
        assert_eq!(gone.logs, [all[5].id, all[4].id]);
        assert!(gone.releases.is_empty());
        let gone = pruning(&all, 900, &size(550), now());
        assert_eq!(gone.releases, [(all[5].id, Cause::Size)]);
        assert_eq!(gone.logs, [all[4].id, all[3].id, all[2].id, all[1].id]);
        assert_eq!(gone.bytes, 350);
    }

    #[test]
    fn each_target_keeps_its_own_number() {
        let mut all: Vec<Weighed> = (0..4)
            .map(|day| one("web", day, Standing::Done, 0))
            .collect();
        all.extend((4..6).map(|day| one("wallets", day, Standing::Done, 0)));
        let retention = Retention {
            keep_last: Some(2),
            ..Retention::default()
        };
        let gone = pruning(&all, 0, &retention, now());
        assert_eq!(
            gone.releases,
            [(all[3].id, Cause::Count), (all[2].id, Cause::Count)]
        );
    }

    fn any() -> impl Strategy<Value = Vec<Weighed>> {
        let standing = proptest::sample::select(Standing::ALL.to_vec());
        let service = proptest::sample::select(vec!["web", "wallets", "mail"]);
        let one = (service, standing, 0u64..500);
        proptest::collection::vec(one, 0..60).prop_map(|all| {
            let aged = all.into_iter().zip(0..);
            aged.map(|((service, standing, log), day)| one_of(service, day, standing, log))
                .collect()
        })
    }

    fn one_of(service: &str, day: i64, standing: Standing, log: u64) -> Weighed {
        one(service, day, standing, log)
    }

    proptest! {
        #[test]
        fn nothing_is_deleted_without_a_cause(
            all in any(),
            keep_for in proptest::option::of(0u64..60),
            keep_last in proptest::option::of(0u32..8),
            max_size in proptest::option::of(0u64..20_000),
        ) {
            let retention = Retention {
                keep_for: keep_for.map(days),
                keep_last,
                max_size,
            };
            let used: u64 = all.iter().map(|one| one.size + one.log_size).sum();
            let gone = pruning(&all, used, &retention, now());
            let whole: BTreeSet<ReleaseId> = gone.releases.iter().map(|(id, _)| *id).collect();
            let logs: BTreeSet<ReleaseId> = gone.logs.iter().copied().collect();
            prop_assert_eq!(whole.len(), gone.releases.len());
            prop_assert!(whole.is_disjoint(&logs));
            for target in ["web", "wallets", "mail"] {
                let of = |one: &&Weighed| one.target.service.as_str() == target;
                let newest = all.iter().find(of);
                let good = all.iter().filter(of).find(|one| one.standing.among() == Among::Good);
                for last in newest.into_iter().chain(good) {
                    prop_assert!(!whole.contains(&last.id) && !logs.contains(&last.id));
                }
            }
            let mut bytes = 0;
            for one in &all {
                if one.standing == Standing::Open {
                    prop_assert!(!whole.contains(&one.id) && !logs.contains(&one.id));
                }
                if whole.contains(&one.id) {
                    bytes += one.size + one.log_size;
                } else if logs.contains(&one.id) {
                    bytes += one.log_size;
                }
            }
            prop_assert_eq!(bytes, gone.bytes);
            if let Some(most) = max_size {
                prop_assert!(used - bytes <= most + gone.too_many);
            }
            if retention == Retention::default() {
                prop_assert!(gone.is_nothing());
            }
        }
    }
}
