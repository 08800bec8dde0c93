//! Compares the slot that the proxy names with the slot that answers the public address. Also reports public requests
//! in the slot that the proxy does not name.

use super::{Agreement, Name};
use crate::inventory::{Instance, ProxyAnswer, PublicAnswer, Slot, Snapshot};

pub(super) fn compare(snapshot: &Snapshot) -> Agreement {
    if let Some(unknown) = Agreement::unknown_without("proxy", &snapshot.sources.router) {
        return unknown;
    }
    let Some(proxy) = &snapshot.proxy else {
        // The proxy has no configuration for the target, so it names no slot.
        return Agreement::Same;
    };
    let Some(public) = &snapshot.public else {
        return Agreement::Unknown("no request was sent to the public address".into());
    };
    let mut drifts: Vec<_> = answer_difference(proxy, public).into_iter().collect();
    drifts.extend(two_live(snapshot, proxy));
    Agreement::of(drifts)
}

fn answer_difference(proxy: &ProxyAnswer, public: &PublicAnswer) -> Option<super::Drift> {
    match (proxy.slot, public.slot) {
        // If the proxy names no slot, no good public answer is expected, so a bad answer is no difference.
        (named, answered) if named == answered && (public.detail.is_empty() || named.is_none()) => {
            None
        }
        (named, answered) if named == answered => {
            Some(Name::PublicUnwell.with_message(public.detail.clone()))
        }
        (named, answered) => {
            let name = if answered.is_some() {
                Name::PublicElsewhere
            } else {
                Name::PublicNotOurs
            };
            let mut message = format!(
                "the proxy names {}, but {} answered the public address",
                named.map_or("no slot", Slot::as_str),
                answered.map_or("no slot of this target", Slot::as_str)
            );
            if answered.is_none() && !public.detail.is_empty() {
                message = format!("{message}: {}", public.detail);
            }
            Some(name.with_message(message))
        }
    }
}

/// Used if the start of the first request to the slot that the proxy names is unknown: a request to the other slot is
/// reported if it started at most this many seconds ago.
const RECENT_SECONDS: u64 = 3;

/// Whether public requests still arrive in `slot`, which the proxy does not name. For some seconds after a switch, the
/// rates of the slot contain requests that started before the switch. Such requests are ignored. The time of the switch
/// is unknown; the first request to the slot that the proxy names stands for it. If the proxy does not report when
/// requests started, no request is ignored.
pub fn still_gets_requests(snapshot: &Snapshot, slot: Slot) -> bool {
    let rates = |slot| snapshot.slots.get(slot).rates.as_ref();
    let Some(own) = rates(slot).filter(|rates| rates.requests > 0) else {
        return false;
    };
    let Some(own) = own.began else {
        return true;
    };
    match rates(slot.other()).and_then(|rates| rates.began) {
        Some(other) => own.continues_after(other),
        None => own.last <= RECENT_SECONDS,
    }
}

/// Reports public requests in the slot that the proxy does not name. During a release they are normal, because the
/// driver moves the traffic.
fn two_live(snapshot: &Snapshot, proxy: &ProxyAnswer) -> Option<super::Drift> {
    let live = proxy.slot?;
    let slot_snapshot = snapshot.slots.get(live.other());
    let requests = slot_snapshot
        .rates
        .as_ref()
        .map_or(0, |rates| rates.requests);
    let arrive = still_gets_requests(snapshot, live.other());
    let instance = slot_snapshot.instance.as_ref();
    let runs = snapshot.sources.runtime.is_live() && instance.is_some_and(Instance::is_running);
    let is_idle = snapshot.sources.registry.is_live() && snapshot.lock.is_none();
    (arrive && runs && is_idle).then(|| {
        let other = live.other();
        Name::TwoLive
            .with_message(format!(
                "the proxy names {live}, but {other} still gets public requests ({requests} in the last seconds)"
            ))
            .of(other)
    })
}
