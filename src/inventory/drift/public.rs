//! Compares the slot that the proxy names with the slot that answers the public.

use super::{Agreement, Name};
use crate::inventory::{Instance, ProxyAnswer, PublicAnswer, Slot, Snapshot};

pub(super) fn compare(snapshot: &Snapshot) -> Agreement {
    if let Some(unknown) = Agreement::needs("proxy", &snapshot.sources.router) {
        return unknown;
    }
    let Some(proxy) = &snapshot.proxy else {
        // The proxy has no configuration for the target, so it names nothing.
        return Agreement::Same;
    };
    let Some(public) = &snapshot.public else {
        return Agreement::Unknown("the public address was not asked".into());
    };
    let mut all: Vec<_> = answered(proxy, public).into_iter().collect();
    all.extend(two_live(snapshot, proxy));
    Agreement::of(all)
}

fn answered(proxy: &ProxyAnswer, public: &PublicAnswer) -> Option<super::Drift> {
    match (proxy.slot, public.slot) {
        (told, got) if told == got && (public.detail.is_empty() || told.is_none()) => None,
        (told, got) if told == got => Some(Name::PublicUnwell.says(public.detail.clone())),
        (told, got) => {
            let name = if got.is_some() {
                Name::PublicElsewhere
            } else {
                Name::PublicNotOurs
            };
            let mut says = format!(
                "the proxy names {}, the public address was answered by {}",
                told.map_or("nothing", Slot::as_str),
                got.map_or("nothing", Slot::as_str)
            );
            if got.is_none() && !public.detail.is_empty() {
                says = format!("{says}: {}", public.detail);
            }
            Some(name.says(says))
        }
    }
}

/// How recent a request in the other slot must be, in seconds, if the slot that the proxy names has had none. Without
/// requests in that slot, the time of the last switch is unknown.
const RECENT_SECONDS: u64 = 3;

/// Whether public requests still arrive in a slot that the proxy does not name. Requests from before a switch are
/// counted for some seconds; all of them started before the first request of the slot that has the traffic now.
pub fn still_gets_requests(snapshot: &Snapshot, slot: Slot) -> bool {
    let rates = |slot| snapshot.slots.get(slot).rates.as_ref();
    let Some(here) = rates(slot).filter(|rates| rates.requests > 0) else {
        return false;
    };
    let Some(here) = here.began else {
        // This proxy does not report when requests started.
        return true;
    };
    match rates(slot.other()).and_then(|rates| rates.began) {
        Some(there) => here.goes_on_after(there),
        None => here.last <= RECENT_SECONDS,
    }
}

/// Public requests in the slot that the proxy does not name. During a release this is normal: the driver moves the
/// traffic.
fn two_live(snapshot: &Snapshot, proxy: &ProxyAnswer) -> Option<super::Drift> {
    let live = proxy.slot?;
    let side = snapshot.slots.get(live.other());
    let requests = side.rates.as_ref().map_or(0, |rates| rates.requests);
    let arrive = still_gets_requests(snapshot, live.other());
    let instance = side.instance.as_ref();
    let runs = snapshot.sources.runtime.is_live() && instance.is_some_and(Instance::is_running);
    let is_idle = snapshot.sources.registry.is_live() && snapshot.lock.is_none();
    (arrive && runs && is_idle).then(|| {
        let other = live.other();
        Name::TwoLive
            .says(format!(
                "the proxy names {live}, but {other} has also had {requests} public requests"
            ))
            .of(other)
    })
}
