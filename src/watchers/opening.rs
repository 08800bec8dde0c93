//! Start-up order of the watchers. The console first shows what is running and what is stored, so those two sources
//! are read at once. The proxies of targets that are not on screen, and the archive, wait for both to answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::inventory::{Snapshot, SourceState, Target, World};

/// The longest wait: a source may not answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Delay between the first probes of two proxies. Probing 200 at once would delay the target on screen.
const PROBE_SPACING: Duration = Duration::from_millis(4);

/// Waits until runtime and store of all targets have answered, at most one second.
pub(super) async fn all_heard(world: &mut watch::Receiver<Arc<World>>) {
    let are_heard = |world: &Arc<World>| world.snapshots.values().all(|one| is_heard(one));
    let _ = timeout(TIMEOUT, world.wait_for(are_heard)).await;
}

/// Waits until runtime and store of a target have answered, because each answer would cause another probe of its proxy;
/// then waits for the target's turn, number `place`. Returns at once when the target is on screen.
pub(super) async fn turn(
    place: u32,
    target: &Target,
    mut world: watch::Receiver<Arc<World>>,
    mut focus: watch::Receiver<Option<Target>>,
) {
    let is_heard = |world: &Arc<World>| world.get(target).is_none_or(is_heard);
    let turn = async {
        let _ = timeout(TIMEOUT, world.wait_for(is_heard)).await;
        sleep(PROBE_SPACING * place).await;
    };
    tokio::select! {
        _ = focus.wait_for(|looked_at| looked_at.as_ref() == Some(target)) => {}
        () = turn => {}
    }
}

fn is_heard(snapshot: &Snapshot) -> bool {
    let sources = [&snapshot.sources.runtime, &snapshot.sources.registry];
    !sources.contains(&&SourceState::Connecting)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use jiff::Timestamp;

    use super::*;
    use crate::inventory::{PerSlot, Sources, Tier};

    fn target(service: &str) -> Target {
        let environment = "qa".parse().expect("a name");
        Target::new(service.parse().expect("a name"), environment)
    }

    /// Two targets with the given source states.
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
    async fn it_waits_for_both_sources_unless_one_is_unreachable() {
        use SourceState::{Connecting, Live};
        let away = SourceState::Stale {
            since: Timestamp::UNIX_EPOCH,
            why: "no answer".into(),
            retry_at: None,
        };
        let (none, half) = (Sources::default(), sources(Live, Connecting));
        let (tell, mut all) = watch::channel(world(&none, &none));
        let (_look, focus) = watch::channel(None);
        let web = target("web");
        let mut of_one = Box::pin(turn(0, &web, all.clone(), focus));
        let mut of_all = Box::pin(all_heard(&mut all));
        assert_eq!((&mut of_one).now_or_never(), None);
        tell.send_replace(world(&half, &none));
        assert_eq!((&mut of_one).now_or_never(), None);
        tell.send_replace(world(&sources(Live, Live), &half));
        of_one.await;
        assert_eq!((&mut of_all).now_or_never(), None);
        tell.send_replace(world(&sources(Live, Live), &sources(Live, away)));
        assert_eq!((&mut of_all).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn the_target_on_screen_does_not_wait() {
        let none = Sources::default();
        let (_tell, world) = watch::channel(world(&none, &none));
        let (look, focus) = watch::channel(Some(target("shop")));
        let web = target("web");
        let mut turn = Box::pin(turn(u32::MAX, &web, world, focus));
        assert_eq!((&mut turn).now_or_never(), None);
        look.send_replace(Some(web.clone()));
        assert_eq!((&mut turn).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn it_stops_waiting_after_a_second() {
        let none = Sources::default();
        let (_tell, mut world) = watch::channel(world(&none, &none));
        all_heard(&mut world).await;
    }
}
