//! All targets, as they were last observed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{EnvironmentName, QueueEntry, ServiceName, Snapshot, StateKind, Target, Tier};

/// All targets with their last snapshots. Cloning is cheap, because clones share the snapshots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct World {
    /// In the order of the configuration.
    pub services: Vec<ServiceName>,
    /// In the order of promotion.
    pub environments: Vec<(EnvironmentName, Tier)>,
    pub snapshots: BTreeMap<Target, Arc<Snapshot>>,
}

impl World {
    pub fn get(&self, target: &Target) -> Option<&Snapshot> {
        self.snapshots.get(target).map(Arc::as_ref)
    }

    /// The other environments of the service in which an agent's release of the same version failed, in the order of
    /// promotion. An environment in which the version is live now is left out.
    pub fn failed_elsewhere(&self, entry: &QueueEntry) -> Vec<&EnvironmentName> {
        let Some(version) = &entry.version else {
            return Vec::new();
        };
        let has_failed = |environment: &&EnvironmentName| {
            let target = Target::new(entry.target.service.clone(), (*environment).clone());
            let Some(snapshot) = self.get(&target) else {
                return false;
            };
            let live = snapshot.live_instance().map(|it| &it.digest);
            if live == Some(&version.digest) {
                return false;
            }
            let same = snapshot.queue.iter().filter(|other| {
                let digest = other.version.as_ref().map(|it| &it.digest);
                target != entry.target && digest == Some(&version.digest)
            });
            let newest = same.max_by_key(|other| other.changed_at);
            newest.is_some_and(|other| other.state.kind() == StateKind::Failed)
        };
        let environments = self.environments.iter().map(|(name, _)| name);
        environments.filter(has_failed).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::history::samples_for_tests::planned;
    use crate::inventory::{EntryState, PerSlot, Push, PushSource, ReleaseId};

    fn pushed(environment: &str, second: i64, state: EntryState) -> QueueEntry {
        let target = Target::new(
            "web".parse().expect("a name"),
            environment.parse().expect("a name"),
        );
        let at = Timestamp::from_second(second).expect("a time");
        let push = Push::new("team/web", "v2.0.0", PushSource::Poll, "d", at).expect("a push");
        QueueEntry {
            version: Some(planned(1, None, false).to.1),
            ..QueueEntry::new(&target, push).becomes(state, at)
        }
    }

    fn world(of_qa: Vec<QueueEntry>) -> World {
        let target = pushed("qa", 1, EntryState::Offered).target;
        let endpoints = PerSlot::from_fn(|_| "127.0.0.1:3001".parse().expect("an endpoint"));
        let at = Timestamp::UNIX_EPOCH;
        let snapshot = Snapshot {
            queue: of_qa,
            ..Snapshot::unobserved(target.clone(), Tier::Staging, &endpoints, at)
        };
        World {
            environments: vec![("qa".parse().expect("a name"), Tier::Staging)],
            snapshots: [(target, Arc::new(snapshot))].into(),
            ..World::default()
        }
    }

    #[test]
    fn the_newest_entry_of_the_same_version_decides_whether_it_failed_elsewhere() {
        let release = ReleaseId(ulid::Ulid::nil());
        let why = "a check failed".to_owned();
        let failed = pushed("qa", 10, EntryState::Failed { release, why });
        let done = pushed("qa", 20, EntryState::Done { release: None });
        let offered = pushed("production", 15, EntryState::Offered);
        let failed_in = |queue| world(queue).failed_elsewhere(&offered).len();
        assert_eq!(failed_in(vec![failed.clone()]), 1);
        assert_eq!(failed_in(vec![done, failed.clone()]), 0);
        let other = QueueEntry {
            version: None,
            ..failed
        };
        assert_eq!(failed_in(vec![other]), 0);
    }
}
