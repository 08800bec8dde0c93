//! What waits when observing begins: what nobody looks at, and what is only for later, until what runs and what is stored
//! was heard of once. Whoever opens a console waits for these two.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::inventory::{SourceState, Target, World};

/// How long it is waited at most: a source may be away.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits until both were heard of a target, or of all of them, if they are within a second.
pub(super) async fn heard(world: &mut watch::Receiver<Arc<World>>, of: Option<&Target>) {
    let is_heard = |world: &Arc<World>| {
        let mut snapshots = world.snapshots.iter();
        snapshots.all(|(target, snapshot)| {
            let sources = [&snapshot.sources.runtime, &snapshot.sources.registry];
            of.is_some_and(|of| of != target) || !sources.contains(&&SourceState::Connecting)
        })
    };
    let _ = timeout(PATIENCE, world.wait_for(is_heard)).await;
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use jiff::Timestamp;

    use super::*;
    use crate::inventory::{PerSlot, Snapshot, Sources, Tier};

    fn target(service: &str) -> Target {
        let environment = "qa".parse().expect("a name");
        Target::new(service.parse().expect("a name"), environment)
    }

    /// Two targets, each with what was heard of it.
    fn world(web: &Sources, shop: &Sources) -> Arc<World> {
        let endpoint = "127.0.0.1:9001".parse().expect("an endpoint");
        let endpoints = PerSlot {
            blue: endpoint,
            green: "127.0.0.1:9002".parse().expect("an endpoint"),
        };
        let snapshots = [("web", web), ("shop", shop)].map(|(service, sources)| {
            let target = target(service);
            let at = Timestamp::UNIX_EPOCH;
            let mut snapshot = Snapshot::unseen(target.clone(), Tier::Staging, &endpoints, at);
            snapshot.sources = sources.clone();
            (target, Arc::new(snapshot))
        });
        Arc::new(World {
            snapshots: snapshots.into(),
            ..World::default()
        })
    }

    fn sources(runtime: SourceState, registry: SourceState) -> Sources {
        Sources {
            runtime,
            registry,
            router: SourceState::Connecting,
        }
    }

    #[tokio::test]
    async fn it_waits_for_both_of_one_or_of_all_and_for_nothing_that_is_away() {
        use SourceState::{Connecting, Live};
        let away = SourceState::Stale {
            since: Timestamp::UNIX_EPOCH,
            why: "no answer".into(),
            retry_at: None,
        };
        let (none, half) = (Sources::default(), sources(Live, Connecting));
        let (tell, mut all) = watch::channel(world(&none, &none));
        let mut one = all.clone();
        let web = target("web");
        let mut of_all = Box::pin(heard(&mut all, None));
        let mut of_one = Box::pin(heard(&mut one, Some(&web)));
        assert_eq!((&mut of_one).now_or_never(), None);
        tell.send_replace(world(&half, &none));
        assert_eq!((&mut of_one).now_or_never(), None);
        tell.send_replace(world(&sources(Live, Live), &half));
        assert_eq!((&mut of_one).now_or_never(), Some(()));
        assert_eq!((&mut of_all).now_or_never(), None);
        tell.send_replace(world(&sources(Live, Live), &sources(Live, away)));
        assert_eq!((&mut of_all).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn it_does_not_wait_for_ever() {
        let none = Sources::default();
        let (_tell, mut world) = watch::channel(world(&none, &none));
        heard(&mut world, None).await;
    }
}
