//! Compares the slot that the proxy names with the slot that answers the public address. Also reports public requests
//! in the slot that the proxy does not name.

use super::{Agreement, Drift, Name};
use crate::inventory::{EdgeAnswer, ProxyAnswer, PublicAnswer, Slot, Snapshot};

pub(super) fn compare(snapshot: &Snapshot) -> Agreement {
    let edges = &snapshot.edges;
    if let Some(unknown) = Agreement::unknown_without_edges(edges) {
        return unknown;
    }
    let mut drifts = Vec::new();
    let mut unasked = false;
    for (name, subject, edge) in edges.each().filter(|(.., edge)| edge.state.is_live()) {
        // An edge without a configuration for the target names no slot.
        let EdgeAnswer::Routes(answer) = &edge.answer else {
            continue;
        };
        match &edge.public {
            Some(public) => {
                let drift = answer_difference(&subject, answer, public);
                drifts.extend(drift.map(|drift| drift.at(name)));
            }
            None => unasked = true,
        }
    }
    if !unasked {
        drifts.extend(two_live(snapshot));
    }
    if !drifts.is_empty() {
        return Agreement::Differs(drifts);
    }
    if unasked {
        return Agreement::Unknown("no request was sent to the public address".into());
    }
    Agreement::unknown_because_of_silent_edge(edges).unwrap_or(Agreement::Same)
}

fn answer_difference(subject: &str, proxy: &ProxyAnswer, public: &PublicAnswer) -> Option<Drift> {
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
                "{subject} names {}, but {} answered the public address",
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
/// driver moves the traffic. They are normal, too, while the edges name different slots.
fn two_live(snapshot: &Snapshot) -> Option<Drift> {
    let live = snapshot.edges.slot()?;
    let slot_snapshot = snapshot.slots.get(live.other());
    let requests = slot_snapshot
        .rates
        .as_ref()
        .map_or(0, |rates| rates.requests);
    let arrive = still_gets_requests(snapshot, live.other());
    let runs = snapshot.sources.runtime.is_live() && slot_snapshot.members.is_any_running();
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
