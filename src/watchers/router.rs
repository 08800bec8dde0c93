//! Polls one target: its proxy, which is an edge, its public address and its health endpoints. None of them reports
//! changes. They are polled at once when the generation of the route changes, an instance starts or stops, or the target
//! comes on screen. Otherwise the pause between two polls is two seconds while the target is on screen, and 15 seconds at
//! other times. While store and proxy name different generations, as they do during a switch, the pause after the first
//! 39 polls is 50 milliseconds.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::assemble::{Part, Probed, Routing};
use super::{opening, too_long};
use crate::inventory::{
    EdgeAnswer, EdgeName, Installation, MOST_MEMBERS, PerSlot, Probe, PublicAnswer, Rates, Slot,
    SlotMembers, Target, World,
};
use crate::ports::{Clock, Connection, Failure, FailureKind, RouterReader};
use crate::release::Site;

const ON_SCREEN_INTERVAL: Duration = Duration::from_secs(2);
/// The pause while store and proxy name different generations, as they do during a switch.
const UNSETTLED_INTERVAL: Duration = Duration::from_millis(50);
/// After this many polls, the fast polling ends: the difference of generations is probably drift.
const UNSETTLED_POLLS: u32 = 40;
const OFF_SCREEN_INTERVAL: Duration = Duration::from_secs(15);
/// How often the proxy's files are inspected while its installation is correct and the target is on screen. An
/// incorrect installation is inspected at each poll.
const INSPECTION_INTERVAL: Duration = Duration::from_secs(10);
const OFF_SCREEN_INSPECTION_INTERVAL: Duration = Duration::from_mins(1);

/// Polls the proxy of one target until the observation ends. `place` is the position of the target in the list of all
/// targets. The first poll waits longer for a later position, so that not all proxies are polled at once.
pub(super) async fn watch(
    site: Site,
    place: u32,
    parts: mpsc::Sender<Part>,
    mut world: watch::Receiver<Arc<World>>,
    mut focus: watch::Receiver<Option<Target>>,
    clock: Arc<dyn Clock>,
) {
    let target = site.definition.target.clone();
    let edge = EdgeName::default();
    // How many answered polls in a row found different generations in store and proxy.
    let mut unsettled_polls = 0;
    // When the last inspection ended, if it found the installation correct.
    let mut found_correct_at: Option<Instant> = None;
    opening::turn(place, &target, world.clone(), focus.clone()).await;
    loop {
        let inputs = poll_inputs(&world.borrow_and_update(), &target);
        let is_on_screen = focus.borrow_and_update().as_ref() == Some(&target);
        let mut pause = if is_on_screen {
            ON_SCREEN_INTERVAL
        } else {
            OFF_SCREEN_INTERVAL
        };
        let attention = if is_on_screen {
            Attention::Close
        } else {
            Attention::Background
        };
        let inspection_interval = if is_on_screen {
            INSPECTION_INTERVAL
        } else {
            OFF_SCREEN_INSPECTION_INTERVAL
        };
        let inspects = found_correct_at.is_none_or(|at| at.elapsed() >= inspection_interval);
        let Answers { routing, probed } = ask(&site, &inputs, attention, inspects, None).await;
        let part = match routing {
            None => None,
            Some(Ok(routing)) => {
                if inspects {
                    let is_current = routing.installation == Some(Ok(Installation::Current));
                    found_correct_at = is_current.then(Instant::now);
                }
                let generation = routing.answer.proxy().map_or(0, |it| it.generation);
                unsettled_polls = if generation == inputs.generation {
                    0
                } else {
                    unsettled_polls + 1
                };
                if (1..UNSETTLED_POLLS).contains(&unsettled_polls) {
                    pause = UNSETTLED_INTERVAL;
                }
                Some(Part::Routing(
                    target.clone(),
                    edge.clone(),
                    Box::new(routing),
                ))
            }
            Some(Err(why)) => {
                let retry_at = clock.now().checked_add(pause).unwrap_or_default();
                Some(Part::SilentEdge(
                    target.clone(),
                    edge.clone(),
                    why,
                    retry_at,
                ))
            }
        };
        let probed = Part::Probed(target.clone(), edge.clone(), Box::new(probed));
        for part in part.into_iter().chain([probed]) {
            if parts.send(part).await.is_err() {
                return;
            }
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
                    if poll_inputs(&world.borrow_and_update(), &target) != inputs {
                        break;
                    }
                }
            }
        }
    }
}

/// The values of a target's snapshot on which a poll depends: the generation of the route, and the slots with a running
/// member, with the number of their members. When one of these values changes, the proxy is polled at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PollInputs {
    generation: u64,
    /// How many members a slot has; 0 if none of them is running.
    running: PerSlot<usize>,
}

fn poll_inputs(world: &World, target: &Target) -> PollInputs {
    let Some(snapshot) = world.get(target) else {
        return PollInputs::default();
    };
    PollInputs {
        generation: snapshot.route.as_ref().map_or(0, |r| r.value.generation),
        running: PerSlot::from_fn(|slot| used(&snapshot.slots.get(slot).members)),
    }
}

/// How many members of a slot are probed.
fn used(members: &SlotMembers) -> usize {
    if members.is_any_running() {
        members.wanted()
    } else {
        0
    }
}

impl PollInputs {
    pub(super) fn of_members(slots: &PerSlot<SlotMembers>) -> Self {
        Self {
            generation: 0,
            running: PerSlot::from_fn(|slot| used(slots.get(slot))),
        }
    }

    pub(super) fn both_running() -> Self {
        Self {
            generation: 0,
            running: PerSlot::from_fn(|_| MOST_MEMBERS),
        }
    }
}

/// How closely a target is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attention {
    /// The target is on screen, so its traffic rates are read too.
    Close,
    /// The target is not on screen.
    Background,
}

/// The answers of a target's proxy, public address and slots.
pub(super) struct Answers {
    /// The proxy's answer, or why there is none. None for a target without a proxy.
    pub(super) routing: Option<Result<Routing, String>>,
    /// The answers of the public address and the health endpoints, even if the proxy did not answer.
    pub(super) probed: Probed,
}

/// Asks the proxy, the public address and the health endpoints of running instances. With `inspects`, also reads the
/// pointer and checks the configuration of the proxy. All of these requests run at the same time, and `within` limits
/// each of them. Without `inspects`, the configuration is checked afterwards if the proxy did not answer.
pub(super) async fn ask(
    site: &Site,
    inputs: &PollInputs,
    attention: Attention,
    inspects: bool,
    within: Option<Duration>,
) -> Answers {
    let (routing, public, blue, green) = tokio::join!(
        OptionFuture::from(
            (site.read.router.as_deref())
                .map(|router| ask_proxy(site, router, attention, inspects, within))
        ),
        public(site, within),
        probe(site, Slot::Blue, inputs, within),
        probe(site, Slot::Green, inputs, within),
    );
    let is_installed = !matches!(
        &routing,
        Some(Ok(Routing {
            answer: EdgeAnswer::NotInstalled,
            ..
        }))
    );
    Answers {
        routing,
        probed: Probed {
            public: public.filter(|_| is_installed),
            probes: PerSlot { blue, green },
        },
    }
}

/// Asks the proxy, as [`ask`] says.
async fn ask_proxy(
    site: &Site,
    router: &dyn RouterReader,
    attention: Attention,
    inspects: bool,
    within: Option<Duration>,
) -> Result<Routing, String> {
    let target = &site.definition.target;
    let installation = || async {
        let inspected = in_time(within, router.installation(target)).await;
        let doing = format!("reading its configuration for {target}");
        inspected.unwrap_or_else(|| Err(timed_out(doing, within)))
    };
    let answer = async {
        let answer = in_time(within, router.answer(target)).await;
        let doing = format!("asking how it routes {target}");
        answer.unwrap_or_else(|| Err(timed_out(doing, within)))
    };
    let pointer = async {
        let pointer = in_time(within, router.pointer(target)).await;
        pointer.and_then(|pointer| pointer.ok().flatten())
    };
    let (answer, pointer, inspected, rates) = tokio::join!(
        answer,
        OptionFuture::from(inspects.then_some(pointer)),
        OptionFuture::from(inspects.then(installation)),
        rates(router, target, attention, within),
    );
    let answer = match answer {
        Ok(answer) => Ok(EdgeAnswer::Routes(answer)),
        Err(failure) => {
            let inspected_now;
            let installation = if let Some(inspected) = &inspected {
                inspected
            } else {
                inspected_now = installation().await;
                &inspected_now
            };
            match installation {
                Ok(Installation::Missing) => Ok(EdgeAnswer::NotInstalled),
                Ok(Installation::Foreign(why)) => Err(why.clone()),
                // The configuration cannot be used. This explains more than the missing answer.
                Err(unusable) if unusable.kind == FailureKind::Rejected => {
                    Err(unusable.to_string())
                }
                _ => Err(failure.to_string()),
            }
        }
    };
    let is_installed = answer != Ok(EdgeAnswer::NotInstalled);
    answer.map(|answer| Routing {
        installation: if is_installed {
            // If the inspection failed, the installation is unknown, and no drift is reported for it.
            inspected.map(|inspected| inspected.map_err(|failure| failure.to_string()))
        } else {
            Some(Ok(Installation::Missing))
        },
        answer,
        pointer: pointer.flatten().filter(|_| is_installed),
        rates: rates.filter(|_| is_installed),
    })
}

/// The answer, or none if it took longer than `within`.
async fn in_time<T>(within: Option<Duration>, answer: impl Future<Output = T>) -> Option<T> {
    match within {
        Some(within) => timeout(within, answer).await.ok(),
        None => Some(answer.await),
    }
}

fn timed_out(doing: String, within: Option<Duration>) -> Failure {
    let message = too_long(within.unwrap_or_default());
    Failure::new(FailureKind::Unreachable, "the proxy", doing, message)
}

/// Reads the traffic rates, but only for the target on screen.
async fn rates(
    router: &dyn RouterReader,
    target: &Target,
    attention: Attention,
    within: Option<Duration>,
) -> Option<Result<PerSlot<Option<Rates>>, String>> {
    if attention == Attention::Background {
        return None;
    }
    let rates = in_time(within, router.rates(target)).await?;
    Some(rates.map_err(|failure| failure.to_string()))
}

async fn public(site: &Site, within: Option<Duration>) -> Option<PublicAnswer> {
    let address = site.definition.public.as_ref()?;
    let answer = site.read.checker.public(address, Connection::Fresh);
    let answer = in_time(within, answer).await;
    Some(answer.unwrap_or_else(|| PublicAnswer {
        slot: None,
        status: None,
        body: None,
        detail: too_long(within.unwrap_or_default()),
    }))
}

async fn probe(
    site: &Site,
    slot: Slot,
    inputs: &PollInputs,
    within: Option<Duration>,
) -> Option<Probe> {
    let members = *inputs.running.get(slot);
    if members == 0 {
        return None;
    }
    let check = site.definition.health.as_ref();
    let addresses = site.definition.endpoints.get(slot).first_members(members);
    let probe = site.read.checker.probe(&addresses, check);
    in_time(within, probe).await.unwrap_or_else(|| {
        let took = within.unwrap_or_default();
        Some(Probe {
            healthy: false,
            detail: too_long(took),
            took,
        })
    })
}
