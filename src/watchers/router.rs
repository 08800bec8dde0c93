//! One target's proxy: nothing there can be watched, so it is asked: at once when the route
//! changed, every two seconds while somebody looks, and seldom otherwise.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::assemble::{Part, Routing, Source};
use super::opening;
use crate::inventory::{Installation, PerSlot, Probe, Slot, Target, World};
use crate::ports::{Clock, Connection, Result};
use crate::release::Site;

/// While somebody looks at the target.
const LOOKED_AT: Duration = Duration::from_secs(2);
/// While registry and proxy name different generations: between the two halves of a switch.
const UNSETTLED: Duration = Duration::from_millis(50);
/// How often that is believed to be a switch under way, and not drift.
const UNSETTLED_LOOKS: u32 = 40;
/// While nobody does.
const OUT_OF_SIGHT: Duration = Duration::from_secs(15);
/// How often the proxy's configuration is compared with what it should be, while it is: its files are
/// read for that. While it is not, at each look.
const INSPECTED: Duration = Duration::from_secs(10);
/// The same out of sight.
const INSPECTED_SELDOM: Duration = Duration::from_mins(1);

/// `place` is which of all targets it is.
pub(super) async fn watch(
    site: Site,
    place: u32,
    parts: mpsc::Sender<Part>,
    mut world: watch::Receiver<Arc<World>>,
    mut focus: watch::Receiver<Option<Target>>,
    clock: Arc<dyn Clock>,
) {
    let target = site.definition.target.clone();
    let mut unsettled = 0;
    let mut found_current: Option<Instant> = None;
    opening::turn(place, &target, world.clone(), focus.clone()).await;
    loop {
        let seen = world_side(&world.borrow_and_update(), &target);
        let is_looked_at = focus.borrow_and_update().as_ref() == Some(&target);
        let mut pause = if is_looked_at {
            LOOKED_AT
        } else {
            OUT_OF_SIGHT
        };
        let sight = if is_looked_at {
            Sight::Close
        } else {
            Sight::Passing
        };
        let lasts = if is_looked_at {
            INSPECTED
        } else {
            INSPECTED_SELDOM
        };
        let inspects = found_current.is_none_or(|at| at.elapsed() >= lasts);
        let part = match ask(&site, &seen, sight, inspects).await {
            Ok(routing) => {
                if inspects {
                    let is_current = routing.installation == Some(Installation::Current);
                    found_current = is_current.then(Instant::now);
                }
                let generation = routing.proxy.as_ref().map_or(0, |p| p.generation);
                unsettled = if generation == seen.generation {
                    0
                } else {
                    unsettled + 1
                };
                if (1..UNSETTLED_LOOKS).contains(&unsettled) {
                    pause = UNSETTLED;
                }
                Part::Routing(target.clone(), Box::new(routing))
            }
            Err(failure) => {
                let retry_at = clock.now().checked_add(pause).unwrap_or_default();
                Part::Silent(
                    Source::Router,
                    vec![target.clone()],
                    failure.to_string(),
                    retry_at,
                )
            }
        };
        if parts.send(part).await.is_err() {
            return;
        }
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                changed = focus.changed() => if changed.is_err() || focus.borrow().as_ref() == Some(&target) { break },
                changed = world.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if world_side(&world.borrow_and_update(), &target) != seen {
                        break;
                    }
                }
            }
        }
    }
}

/// What has to change in the world for the proxy to be asked before its time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Side {
    generation: u64,
    running: PerSlot<bool>,
}

fn world_side(world: &World, target: &Target) -> Side {
    let Some(snapshot) = world.get(target) else {
        return Side::default();
    };
    Side {
        generation: snapshot.route.as_ref().map_or(0, |r| r.value.generation),
        running: PerSlot::from_fn(|slot| {
            let instance = snapshot.slots.get(slot).instance.as_ref();
            instance.is_some_and(crate::inventory::Instance::is_running)
        }),
    }
}

impl Side {
    pub(super) fn both_running() -> Self {
        Self {
            generation: 0,
            running: PerSlot::from_fn(|_| true),
        }
    }
}

/// How closely a target is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Somebody has it open: what its traffic looks like is asked for, too.
    Close,
    /// Nobody does.
    Passing,
}

/// Asks the proxy, the public address and the health of what runs; and, if it is to be inspected,
/// whether the proxy's configuration is what it should be.
pub(super) async fn ask(site: &Site, seen: &Side, sight: Sight, inspects: bool) -> Result<Routing> {
    let target = &site.definition.target;
    let router = &site.read.router;
    let proxy = match router.answer(target).await {
        Ok(answer) => Some(answer),
        Err(failure) => match router.installation(target).await {
            Ok(Installation::Missing) => None,
            _ => return Err(failure),
        },
    };
    let (installation, public, rates, blue, green) = tokio::join!(
        async {
            match proxy {
                None => Some(Installation::Missing),
                // What cannot be looked at is not known, and no difference.
                Some(_) if inspects => router.installation(target).await.ok(),
                Some(_) => None,
            }
        },
        async {
            let address = site
                .definition
                .public
                .as_ref()
                .filter(|_| proxy.is_some())?;
            Some(site.read.checker.public(address, Connection::Fresh).await)
        },
        async {
            if sight == Sight::Passing || proxy.is_none() {
                return None;
            }
            let rates = router.rates(target).await;
            Some(rates.map_err(|failure| failure.to_string()))
        },
        probe(site, Slot::Blue, seen),
        probe(site, Slot::Green, seen),
    );
    Ok(Routing {
        proxy,
        installation,
        public,
        probes: PerSlot { blue, green },
        rates,
    })
}

async fn probe(site: &Site, slot: Slot, seen: &Side) -> Option<Probe> {
    if !seen.running.get(slot) {
        return None;
    }
    let check = site.definition.health.as_ref()?;
    let endpoint = site.definition.endpoints.get(slot);
    Some(site.read.checker.health(endpoint, check).await)
}
