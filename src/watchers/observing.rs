//! What tells the archive that there may be something to keep: a release that moved, or another route, hold or lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::opening;
use crate::inventory::{FencingToken, Hold, ReleaseId, Target, World};
use crate::release::Releases;

/// How long it is relied on that everything that happens is seen.
pub(super) const ANYWAY: Duration = Duration::from_mins(5);

/// What tells that there may be something to keep.
#[derive(Debug, Clone)]
pub struct Observing {
    /// What the journals tell.
    pub releases: watch::Receiver<Arc<Releases>>,
    /// What is known.
    pub world: watch::Receiver<Arc<World>>,
}

/// What a target has to differ in to be worth reading again: which release is its newest and whether it is
/// over, its route, its hold, and whose lock it is, as a repair has one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    release: Option<(ReleaseId, bool)>,
    /// Who wrote its route: one that began and ended between two looks is seen by that.
    routed: Option<ReleaseId>,
    hold: Option<Hold>,
    lock: Option<FencingToken>,
}

pub(super) type Marks = BTreeMap<Target, Mark>;

impl Observing {
    /// Waits until what runs and what is stored was heard of once: there is time for what was.
    pub async fn opened(&mut self) {
        opening::all_heard(&mut self.world).await;
    }

    /// Waits for something else; whether there will ever be.
    pub(super) async fn moved(&mut self) -> bool {
        tokio::select! {
            moved = self.releases.changed() => moved.is_ok(),
            moved = self.world.changed() => moved.is_ok(),
            () = sleep(ANYWAY) => true,
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
            mark.routed = snapshot.route.as_ref().map(|route| route.value.release);
            mark.hold.clone_from(&snapshot.hold);
            mark.lock = snapshot.lock.as_ref().map(|lock| lock.token);
        }
        marks
    }
}
