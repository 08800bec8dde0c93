//! Start-up order of the watchers. The console first shows what is running and what is stored, so runtimes and stores
//! are read first. The archive waits until they have answered or failed, at most one second. The first probes of the
//! proxies wait too, and then start one after the other. The proxy of the target on screen does not wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::inventory::{Snapshot, SourceState, Target, World};

/// The longest wait, because a source may never answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Delay between the first probes of two proxies. Probing 200 at once would delay the target on screen.
const PROBE_SPACING: Duration = Duration::from_millis(4);

/// Waits until runtime and store of every target have answered or failed, at most one second.
pub(super) async fn all_answered(world: &mut watch::Receiver<Arc<World>>) {
    let have_answered = |world: &Arc<World>| {
        world
            .snapshots
            .values()
            .all(|snapshot| has_answered(snapshot))
    };
    let _ = timeout(TIMEOUT, world.wait_for(have_answered)).await;
}

/// Waits until runtime and store of a target have answered or failed, because each answer would cause another probe of
/// its proxy. Then waits for the turn of the target: `place` is its position in the list of all targets. A target on
/// screen does not wait.
pub(super) async fn turn(
    place: u32,
    target: &Target,
    mut world: watch::Receiver<Arc<World>>,
    mut focus: watch::Receiver<Option<Target>>,
) {
    let has_answered = |world: &Arc<World>| world.get(target).is_none_or(has_answered);
    let turn = async {
        let _ = timeout(TIMEOUT, world.wait_for(has_answered)).await;
        sleep(PROBE_SPACING * place).await;
    };
    tokio::select! {
        _ = focus.wait_for(|on_screen| on_screen.as_ref() == Some(target)) => {}
        () = turn => {}
    }
}

fn has_answered(snapshot: &Snapshot) -> bool {
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
            let mut snapshot = Snapshot::unobserved(target.clone(), Tier::Staging, &endpoints, at);
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
    async fn the_start_waits_until_runtime_and_store_have_answered_or_failed() {
        use SourceState::{Connecting, Live};
        let away = SourceState::Stale {
            since: Timestamp::UNIX_EPOCH,
            why: "no answer".into(),
            retry_at: None,
        };
        let (none, half) = (Sources::default(), sources(Live, Connecting));
        let (publish, mut worlds) = watch::channel(world(&none, &none));
        let (_focus_on, focus) = watch::channel(None);
        let web = target("web");
        let mut one_turn = Box::pin(turn(0, &web, worlds.clone(), focus));
        let mut opening = Box::pin(all_answered(&mut worlds));
        assert_eq!((&mut one_turn).now_or_never(), None);
        publish.send_replace(world(&half, &none));
        assert_eq!((&mut one_turn).now_or_never(), None);
        publish.send_replace(world(&sources(Live, Live), &half));
        one_turn.await;
        assert_eq!((&mut opening).now_or_never(), None);
        publish.send_replace(world(&sources(Live, Live), &sources(Live, away)));
        assert_eq!((&mut opening).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn the_target_on_screen_does_not_wait() {
        let none = Sources::default();
        let (_publish, world) = watch::channel(world(&none, &none));
        let (focus_on, focus) = watch::channel(Some(target("shop")));
        let web = target("web");
        let mut turn = Box::pin(turn(u32::MAX, &web, world, focus));
        assert_eq!((&mut turn).now_or_never(), None);
        focus_on.send_replace(Some(web.clone()));
        assert_eq!((&mut turn).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn the_start_waits_at_most_one_second() {
        let none = Sources::default();
        let (_publish, mut world) = watch::channel(world(&none, &none));
        all_answered(&mut world).await;
    }
}
