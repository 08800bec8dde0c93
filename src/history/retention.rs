//! Decides what an archive deletes: records that exceed the limits for age, count or size. The archive never deletes a
//! release without an end, the last release of a target, or the last successful release of a target.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{ReleaseState, StateGroup};
use crate::inventory::{ReleaseId, Target};

/// The limits of an archive. A limit that is not set deletes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Retention {
    /// A release that was opened longer ago than this is deleted, unless it must be kept.
    pub keep_for: Option<Duration>,
    /// The highest number of releases that are kept for one target, apart from releases that must be kept.
    pub keep_last: Option<u32>,
    /// The maximum size in bytes. If the archive is larger, the oldest logs are deleted first, then the oldest
    /// releases.
    pub max_size: Option<u64>,
}

/// The age and size of an archived release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    pub id: ReleaseId,
    pub target: Target,
    pub opened_at: Timestamp,
    pub state: ReleaseState,
    /// Bytes, without the logs.
    pub size: u64,
    /// Bytes of the logs.
    pub log_size: u64,
}

/// Why a release is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The release is too old.
    Age,
    /// The target has too many releases.
    Count,
    /// The archive is too large, and this release is one of the oldest that may be deleted.
    Size,
}

/// What the archive deletes, and how many bytes that frees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruning {
    /// Releases that are deleted together with their logs: first those with cause `Age` or `Count`, oldest first, then
    /// those with cause `Size`, oldest first.
    pub releases: Vec<(ReleaseId, Cause)>,
    /// Releases that stay, but whose logs are deleted, oldest first.
    pub logs: Vec<ReleaseId>,
    /// Logs of releases that never reached the archive, oldest first.
    pub orphans: Vec<ReleaseId>,
    /// The number of freed bytes, approximately.
    pub bytes: u64,
    /// The bytes above the limit that cannot be freed, because all remaining releases must be kept. The bytes of
    /// `orphans` are not subtracted.
    #[serde(rename = "too_many")]
    pub not_freed: u64,
}

impl Pruning {
    pub fn is_nothing(&self) -> bool {
        self.releases.is_empty() && self.logs.is_empty() && self.orphans.is_empty()
    }
}

/// How long a log without an archived release is kept. A driver archives its release within seconds, or as soon as an
/// unreachable store answers again. After this time, Greenroom no longer expects the release.
const ORPHAN_AGE: Duration = Duration::from_hours(7 * 24);

/// When a release, hold or repair was started, read from the time in its id.
pub fn started_at(id: ReleaseId) -> Timestamp {
    let millisecond = i64::try_from(id.0.timestamp_ms()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX)
}

impl Pruning {
    /// Adds those of `logs` that are older than a week. `logs` are the logs without an archived release, oldest first.
    /// Their bytes are added to `bytes`, but `not_freed` stays as it is.
    #[must_use]
    pub fn with_orphans(mut self, logs: &[(ReleaseId, u64)], now: Timestamp) -> Self {
        for (id, size) in logs {
            let waited = Duration::try_from(now.duration_since(started_at(*id)));
            if waited.is_ok_and(|waited| waited > ORPHAN_AGE) {
                self.orphans.push(*id);
                self.bytes += size;
            }
        }
        self
    }
}

/// Decides what to delete. `releases` must be in the order newest first, and `used` is the size of the whole archive in
/// bytes.
pub fn pruning(releases: &[Weighed], used: u64, retention: &Retention, now: Timestamp) -> Pruning {
    let protected = protected(releases);
    let mut counts: BTreeMap<&Target, u32> = BTreeMap::new();
    let mut remaining: Vec<&Weighed> = Vec::new();
    let mut pruning = Pruning::default();
    for release in releases {
        let count = counts.entry(&release.target).or_default();
        *count += 1;
        let is_old = retention.keep_for.is_some_and(|time| {
            Duration::try_from(now.duration_since(release.opened_at)).is_ok_and(|age| age > time)
        });
        let is_above_count = retention.keep_last.is_some_and(|last| *count > last);
        let cause = match (is_old, is_above_count) {
            _ if protected.contains(&release.id) => None,
            (true, _) => Some(Cause::Age),
            (false, true) => Some(Cause::Count),
            (false, false) => None,
        };
        match cause {
            Some(cause) => {
                pruning.bytes += release.size + release.log_size;
                pruning.releases.push((release.id, cause));
            }
            None => remaining.push(release),
        }
    }
    pruning.releases.reverse();
    if let Some(limit) = retention.max_size {
        let used = used.saturating_sub(pruning.bytes);
        prune_by_size(
            &mut pruning,
            &remaining,
            &protected,
            used.saturating_sub(limit),
        );
    }
    pruning
}

/// Adds the oldest logs and then the oldest releases to `pruning`, until they free `to_free` bytes. A log whose
/// release is added too is not listed separately.
fn prune_by_size(
    pruning: &mut Pruning,
    remaining: &[&Weighed],
    protected: &BTreeSet<ReleaseId>,
    mut to_free: u64,
) {
    let deletable = remaining
        .iter()
        .rev()
        .filter(|release| !protected.contains(&release.id));
    for release in deletable.clone().filter(|release| release.log_size > 0) {
        if to_free == 0 {
            break;
        }
        to_free = to_free.saturating_sub(release.log_size);
        pruning.bytes += release.log_size;
        pruning.logs.push(release.id);
    }
    for release in deletable {
        if to_free == 0 {
            break;
        }
        to_free = to_free.saturating_sub(release.size);
        pruning.bytes += release.size;
        pruning.releases.push((release.id, Cause::Size));
    }
    let deleted: BTreeSet<ReleaseId> = pruning.releases.iter().map(|(id, _)| *id).collect();
    pruning.logs.retain(|id| !deleted.contains(id));
    pruning.not_freed = to_free;
}

/// The releases that are never deleted: the last release and the last successful release of each target, and releases
/// without an end.
fn protected(releases: &[Weighed]) -> BTreeSet<ReleaseId> {
    let mut targets_with_newest: BTreeSet<&Target> = BTreeSet::new();
    let mut targets_with_good: BTreeSet<&Target> = BTreeSet::new();
    let mut kept = BTreeSet::new();
    for release in releases {
        let group = release.state.group();
        let is_newest = targets_with_newest.insert(&release.target);
        let is_last_good = group == StateGroup::Good && targets_with_good.insert(&release.target);
        if is_newest || is_last_good || group == StateGroup::Open {
            kept.insert(release.id);
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

    fn weighed(service: &str, days: i64, state: ReleaseState, log_size: u64) -> Weighed {
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
            state,
            size: 100,
            log_size,
        }
    }

    fn days(number: u64) -> Duration {
        Duration::from_hours(24 * number)
    }

    #[test]
    fn the_last_and_the_last_good_release_are_kept_at_any_age() {
        let releases = [
            weighed("web", 400, ReleaseState::BackedOut, 10),
            weighed("web", 401, ReleaseState::Left, 10),
            weighed("web", 402, ReleaseState::Done, 10),
            weighed("web", 403, ReleaseState::Open, 10),
            weighed("web", 404, ReleaseState::Superseded, 10),
            weighed("wallets", 500, ReleaseState::Done, 10),
        ];
        let retention = Retention {
            keep_for: Some(days(30)),
            keep_last: Some(1),
            max_size: Some(0),
        };
        let pruned = pruning(&releases, 1000, &retention, now());
        assert_eq!(
            pruned.releases,
            [(releases[4].id, Cause::Age), (releases[1].id, Cause::Age)]
        );
        assert!(pruned.logs.is_empty());
        assert_eq!((pruned.bytes, pruned.not_freed), (220, 780));
    }

    #[test]
    fn the_oldest_logs_are_deleted_before_the_oldest_releases() {
        let releases: Vec<Weighed> = (0..6)
            .map(|day| weighed("web", day, ReleaseState::Done, 50))
            .collect();
        let size = |max| Retention {
            max_size: Some(max),
            ..Retention::default()
        };
        assert!(pruning(&releases, 900, &size(900), now()).is_nothing());
        let pruned = pruning(&releases, 900, &size(820), now());
        assert_eq!(pruned.logs, [releases[5].id, releases[4].id]);
        assert!(pruned.releases.is_empty());
        let pruned = pruning(&releases, 900, &size(550), now());
        assert_eq!(pruned.releases, [(releases[5].id, Cause::Size)]);
        assert_eq!(
            pruned.logs,
            [
                releases[4].id,
                releases[3].id,
                releases[2].id,
                releases[1].id
            ]
        );
        assert_eq!(pruned.bytes, 350);
    }

    #[test]
    fn each_target_keeps_its_own_number() {
        let mut releases: Vec<Weighed> = (0..4)
            .map(|day| weighed("web", day, ReleaseState::Done, 0))
            .collect();
        releases.extend((4..6).map(|day| weighed("wallets", day, ReleaseState::Done, 0)));
        let retention = Retention {
            keep_last: Some(2),
            ..Retention::default()
        };
        let pruned = pruning(&releases, 0, &retention, now());
        assert_eq!(
            pruned.releases,
            [
                (releases[3].id, Cause::Count),
                (releases[2].id, Cause::Count)
            ]
        );
    }

    fn any() -> impl Strategy<Value = Vec<Weighed>> {
        let state = proptest::sample::select(ReleaseState::ALL.to_vec());
        let service = proptest::sample::select(vec!["web", "wallets", "mail"]);
        let generated = (service, state, 0u64..500);
        proptest::collection::vec(generated, 0..60).prop_map(|releases| {
            let aged = releases.into_iter().zip(0..);
            aged.map(|((service, state, log), day)| one_of(service, day, state, log))
                .collect()
        })
    }

    fn one_of(service: &str, day: i64, state: ReleaseState, log: u64) -> Weighed {
        weighed(service, day, state, log)
    }

    proptest! {
        #[test]
        fn nothing_is_deleted_without_a_cause(
            releases in any(),
            keep_for in proptest::option::of(0u64..60),
            keep_last in proptest::option::of(0u32..8),
            max_size in proptest::option::of(0u64..20_000),
        ) {
            let retention = Retention {
                keep_for: keep_for.map(days),
                keep_last,
                max_size,
            };
            let used: u64 = releases.iter().map(|release| release.size + release.log_size).sum();
            let pruned = pruning(&releases, used, &retention, now());
            let whole: BTreeSet<ReleaseId> = pruned.releases.iter().map(|(id, _)| *id).collect();
            let logs: BTreeSet<ReleaseId> = pruned.logs.iter().copied().collect();
            prop_assert_eq!(whole.len(), pruned.releases.len());
            prop_assert!(whole.is_disjoint(&logs));
            for target in ["web", "wallets", "mail"] {
                let of = |release: &&Weighed| release.target.service.as_str() == target;
                let newest = releases.iter().find(of);
                let good = releases.iter().filter(of).find(|release| release.state.group() == StateGroup::Good);
                for last in newest.into_iter().chain(good) {
                    prop_assert!(!whole.contains(&last.id) && !logs.contains(&last.id));
                }
            }
            let mut bytes = 0;
            for release in &releases {
                if release.state == ReleaseState::Open {
                    prop_assert!(!whole.contains(&release.id) && !logs.contains(&release.id));
                }
                if whole.contains(&release.id) {
                    bytes += release.size + release.log_size;
                } else if logs.contains(&release.id) {
                    bytes += release.log_size;
                }
            }
            prop_assert_eq!(bytes, pruned.bytes);
            if let Some(most) = max_size {
                prop_assert!(used - bytes <= most + pruned.not_freed);
            }
            if retention == Retention::default() {
                prop_assert!(pruned.is_nothing());
            }
        }
    }
}
