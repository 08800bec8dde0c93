//! Detects that the archive may have something to copy: a release, route, hold or lock has changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::opening;
use crate::inventory::{FencingToken, Hold, ReleaseId, Target, World};
use crate::release::Releases;

/// The archive reads everything again at least this often, even if no change was observed.
pub(super) const FULL_READ_INTERVAL: Duration = Duration::from_mins(5);

/// What the archive observes to notice changes.
#[derive(Debug, Clone)]
pub struct Observing {
    /// The newest releases, from the journals.
    pub releases: watch::Receiver<Arc<Releases>>,
    pub world: watch::Receiver<Arc<World>>,
}

/// The state of a target that is compared to notice a change: the newest release and whether it has ended, the route,
/// the hold, and the lock. A repair is noticed because it takes the lock.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    release: Option<(ReleaseId, bool)>,
    /// The release that wrote the route. It reveals a release that started and ended between two observations.
    route_release: Option<ReleaseId>,
    hold: Option<Hold>,
    lock: Option<FencingToken>,
}

pub(super) type Marks = BTreeMap<Target, Mark>;

impl Observing {
    /// Waits until runtime and store of every target have answered or failed, at most one second.
    pub async fn opened(&mut self) {
        opening::all_answered(&mut self.world).await;
    }

    /// Waits for a change, at most five minutes. Returns false if the observation has ended, so no change can follow.
    pub(super) async fn next_change(&mut self) -> bool {
        tokio::select! {
            changed = self.releases.changed() => changed.is_ok(),
            changed = self.world.changed() => changed.is_ok(),
            () = sleep(FULL_READ_INTERVAL) => true,
        }
    }

    pub(super) fn marks(&mut self) -> Marks {
        let mut marks = Marks::new();
        for (target, observed) in self.releases.borrow_and_update().iter() {
            let status = &observed.status;
            let is_over = status.outcome().is_some();
            marks.entry(target.clone()).or_default().release = Some((status.plan.release, is_over));
        }
        for (target, snapshot) in &self.world.borrow_and_update().snapshots {
            let mark = marks.entry(target.clone()).or_default();
            mark.route_release = snapshot.route.as_ref().map(|route| route.value.release);
            mark.hold.clone_from(&snapshot.hold);
            mark.lock = snapshot.lock.as_ref().map(|lock| lock.token);
        }
        marks
    }
}
