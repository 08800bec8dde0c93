//! Observes everything about a target for a repair. A source that does not answer is marked as unreachable in the
//! snapshot, and its values are never guessed.

use std::time::Duration;

use jiff::Timestamp;

use super::is_own;
use crate::inventory::{
    Addresses, EdgeAnswer, EdgeName, FencingToken, Installation, PerSlot, Probe, RegistryRecord,
    Snapshot, SourceState,
};
use crate::ports::{Connection, Failure};
use crate::release::Site;

/// How long one source may take to answer.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Observes a target. `own` is the token of this repair's lock, if the repair has the lock already. Then the snapshot
/// leaves out this lock, and its store revision is the token, which is the revision at which the lock was taken. So the
/// repair's own writes do not raise the revision.
pub(super) async fn look(site: &Site, now: Timestamp, own: Option<FencingToken>) -> Snapshot {
    let definition = &site.definition;
    let target = &definition.target;
    let mut snapshot =
        Snapshot::unobserved(target.clone(), definition.tier, &definition.endpoints, now);
    (snapshot.kind, snapshot.runtime_kind) = (definition.kind, definition.runtime_kind);
    let (instances, record) = tokio::join!(
        timely(site.read.runtime.instances(target)),
        timely(site.read.registry.read(target)),
    );
    match instances {
        Ok(instances) => snapshot.take_instances(instances),
        Err(why) => snapshot.sources.runtime = silent(why),
    }
    match record {
        Ok(record) => take_record(&mut snapshot, record, own),
        Err(why) => snapshot.sources.registry = silent(why),
    }
    // The running members are read before the probe: a member that starts in between does not seem unhealthy.
    let running = PerSlot::from_fn(|slot| {
        let slot_snapshot = snapshot.slots.get(slot);
        let is_running = slot_snapshot.members.is_any_running();
        is_running.then(|| slot_snapshot.used_addresses())
    });
    let ((), blue, green) = tokio::join!(
        routing(site, &mut snapshot),
        probe(site, running.blue),
        probe(site, running.green),
    );
    snapshot.slots.blue.probe = blue;
    snapshot.slots.green.probe = green;
    snapshot
}

fn take_record(snapshot: &mut Snapshot, record: RegistryRecord, own: Option<FencingToken>) {
    snapshot.sources.registry = SourceState::Live;
    snapshot.slots.blue.registration = record.slots.blue;
    snapshot.slots.green.registration = record.slots.green;
    snapshot.store_revision = Some(own.map_or(record.revision, |token| token.0));
    snapshot.route = record.route;
    snapshot.lock = record.lock.filter(|holder| !is_own(holder.token, own));
    snapshot.hold = record.hold;
    snapshot.problems = record.problems;
}

/// Observes the proxy: its answer, its live pointer and its configuration. If the proxy answers, also the answer of the
/// public address and the request rates of both slots. A target without a proxy has nothing to observe.
async fn routing(site: &Site, snapshot: &mut Snapshot) {
    let target = &site.definition.target;
    let Some(router) = &site.read.router else {
        return;
    };
    let edge = EdgeName::default();
    let (installation, answer, pointer) = tokio::join!(
        timely(router.installation(target)),
        timely(router.answer(target)),
        timely(router.pointer(target))
    );
    let answer = match (answer, &installation) {
        // The target was never released, or its configuration was removed.
        (Err(_), Ok(Installation::Missing)) => Ok(EdgeAnswer::NotInstalled),
        (Err(_), Ok(Installation::Foreign(why))) | (Ok(_), Err(why)) => Err(why.clone()),
        (answer, _) => answer.map(EdgeAnswer::Routes),
    };
    let has_answered = answer.is_ok();
    snapshot.change_edge(&edge, |edge| {
        // Why the pointer cannot be read is not kept: a switch reads the pointer again, and fails with the reason.
        edge.pointer = pointer.ok().flatten();
        edge.take_answer(answer);
        edge.installation = installation.ok().filter(|_| has_answered);
    });
    if !snapshot.edges.answer_for_target() {
        return;
    }
    let public = async {
        let address = site.definition.public.as_ref()?;
        Some(site.read.checker.public(address, Connection::Fresh).await)
    };
    let (public, rates) = tokio::join!(public, timely(router.rates(target)));
    snapshot.change_edge(&edge, |edge| {
        edge.public = public;
        edge.take_rates(rates);
    });
}

/// Probes the members at these addresses; none if no member is running.
async fn probe(site: &Site, addresses: Option<Addresses>) -> Option<Probe> {
    let check = site.definition.health.as_ref();
    site.read.checker.probe(&addresses?, check).await
}

async fn timely<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, String> {
    match tokio::time::timeout(TIMEOUT, asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(_) => Err(format!("no answer within {TIMEOUT:?}")),
    }
}

fn silent(why: String) -> SourceState {
    SourceState::Unreachable {
        why,
        retry_at: None,
    }
}
