//! Watches one store. A change event is only a hint: the watcher then reads the target at one revision. A hint usually
//! names its target, so that one change among two hundred targets causes only one read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::assemble::{Part, Registered, Source};
use super::{releases, wait_after};
use crate::inventory::{KeyLine, RegistryRecord, Target};
use crate::ports::{Clock, Hint, RegistryReader, Result};
use crate::release::{Releases, Site};

/// The pause after a hint. One transaction may change several keys, and one read answers all its hints.
const SETTLE: Duration = Duration::from_millis(5);
/// The longest time between two reads. A read checks that the store still answers, and updates the leases.
const LONGEST_REFRESH: Duration = Duration::from_secs(10);
/// The shortest time between two reads without a hint. More frequent reads are not needed, because the store sends a
/// hint when a lease expires.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);
/// How many targets are read together.
const TARGETS_TOGETHER: usize = 64;
/// How many reads run at the same time.
const READS_AT_ONCE: usize = 16;

pub(super) async fn watch(
    store: Arc<dyn RegistryReader>,
    sites: Vec<Site>,
    parts: mpsc::Sender<Part>,
    clock: Arc<dyn Clock>,
) {
    let targets = sites.iter().map(|site| site.definition.target.clone());
    let targets: Vec<Target> = targets.collect();
    let mut follower = Follower {
        store,
        sites,
        parts: parts.clone(),
        clock: Arc::clone(&clock),
        releases: Releases::new(),
        leases: BTreeMap::new(),
        failures: 0,
    };
    loop {
        let Err(failure) = follower.follow().await else {
            return;
        };
        follower.failures += 1;
        let wait = wait_after(follower.failures);
        let retry_at = clock.now().checked_add(wait).unwrap_or_default();
        let silent = Part::Silent(
            Source::Registry,
            targets.clone(),
            failure.to_string(),
            retry_at,
        );
        if parts.send(silent).await.is_err() {
            return;
        }
        tokio::time::sleep(wait).await;
    }
}

/// The targets to read next.
enum Due {
    All,
    Some(BTreeSet<Target>),
}

impl Due {
    fn add(&mut self, hint: Hint) {
        match (&mut *self, hint) {
            (Self::Some(targets), Hint::Target(target)) => {
                targets.insert(target);
            }
            (_, Hint::Anything) => *self = Self::All,
            (Self::All, Hint::Target(_)) => {}
        }
    }

    fn contains(&self, target: &Target) -> bool {
        match self {
            Self::All => true,
            Self::Some(targets) => targets.contains(target),
        }
    }
}

/// The state of the watcher. A failure of the store does not reset it.
struct Follower {
    store: Arc<dyn RegistryReader>,
    sites: Vec<Site>,
    parts: mpsc::Sender<Part>,
    clock: Arc<dyn Clock>,
    /// The last known release of each target.
    releases: Releases,
    /// The shortest remaining lease of each target that has one.
    leases: BTreeMap<Target, Duration>,
    failures: u32,
}

type Changes = BoxStream<'static, Result<Hint>>;

impl Follower {
    /// Follows the store until an error. Returns `Ok` if the receiver of the parts was dropped, because then the
    /// observation has ended.
    async fn follow(&mut self) -> Result<()> {
        let mut changes = self.store.changes().await?;
        let mut due = Due::All;
        loop {
            if !self.read(&due).await? {
                return Ok(());
            }
            due = self.next_due(&mut changes).await?;
        }
    }

    async fn next_due(&self, changes: &mut Changes) -> Result<Due> {
        let mut due = Due::Some(BTreeSet::new());
        match tokio::time::timeout(self.refresh_interval(), changes.next()).await {
            Ok(Some(hint)) => due.add(hint?),
            Ok(None) => {
                *changes = self.store.changes().await?;
                due = Due::All;
            }
            Err(_) => return Ok(Due::Some(self.to_refresh())),
        }
        tokio::time::sleep(SETTLE).await;
        while let Some(Some(hint)) = changes.next().now_or_never() {
            due.add(hint?);
        }
        Ok(due)
    }

    /// How long to wait for a hint before the next read: half of the shortest lease, within the limits.
    fn refresh_interval(&self) -> Duration {
        let shortest = self
            .leases
            .values()
            .min()
            .copied()
            .unwrap_or(LONGEST_REFRESH);
        (shortest / 2).clamp(SHORTEST_REFRESH, LONGEST_REFRESH)
    }

    /// The targets to read without a hint: every target with a lease, because a lease is renewed without a change of
    /// its key. If no target has a lease, one target is read, because an unreachable store may look like a store
    /// without changes.
    fn to_refresh(&self) -> BTreeSet<Target> {
        if self.leases.is_empty() {
            let first = self.sites.first();
            return first
                .map(|site| site.definition.target.clone())
                .into_iter()
                .collect();
        }
        self.leases.keys().cloned().collect()
    }

    /// Reads targets and sends what was read. Returns false if the receiver of the parts was dropped.
    async fn read(&mut self, due: &Due) -> Result<bool> {
        let sites: Vec<Site> = self
            .sites
            .iter()
            .filter(|site| due.contains(&site.definition.target))
            .cloned()
            .collect();
        for sites in sites.chunks(TARGETS_TOGETHER) {
            let at = self.clock.now();
            let mut read = self.records(sites).await?;
            self.failures = 0;
            // The journal is read after the lock. A driver writes the end of a release before it releases the lock, so
            // an open head without a lock is an interrupted release.
            let current = releases::read_current(sites, &mut read, &self.releases, at).await?;
            for (target, (record, keys)) in read {
                self.remember_leases(&target, &record, &keys);
                let release = current.get(&target).cloned();
                match &release {
                    Some(release) => self.releases.insert(target.clone(), Arc::clone(release)),
                    None => self.releases.remove(&target),
                };
                let registered = Registered {
                    record,
                    keys,
                    at,
                    release,
                };
                let part = Part::Record(target, Box::new(registered));
                if self.parts.send(part).await.is_err() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn records(
        &self,
        sites: &[Site],
    ) -> Result<BTreeMap<Target, (RegistryRecord, Vec<KeyLine>)>> {
        let reads = sites.iter().map(|site| {
            let (store, target) = (&self.store, &site.definition.target);
            async move {
                let read = store.read_with_keys(target).await?;
                Ok((target.clone(), read))
            }
        });
        // The reads are boxed, because otherwise the compiler cannot name the lifetime of a borrowed stream of futures.
        let reads: Vec<_> = reads.map(FutureExt::boxed).collect();
        stream::iter(reads)
            .buffer_unordered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    fn remember_leases(&mut self, target: &Target, record: &RegistryRecord, keys: &[KeyLine]) {
        let of_lock = record.lock.as_ref().and_then(|holder| holder.ttl_seconds);
        let of_keys = keys.iter().filter_map(|key| key.ttl_seconds);
        let shortest = of_keys.chain(of_lock).min();
        match shortest.map(|seconds| Duration::from_secs(seconds.try_into().unwrap_or(0))) {
            Some(left) => self.leases.insert(target.clone(), left),
            None => self.leases.remove(target),
        };
    }
}
