//! Gathers the facts of a plan from every source at the same time. If a source fails, the fact is the reason of that
//! failure.

mod past;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::Site;
use super::{Facts, Known, PlanRequest, Refusal, Resolved, Wanted};
use crate::history::{ReleaseRecord, WasLive};
use crate::inventory::drift::store_went_back;
use crate::inventory::{
    ClockReading, Clocks, Edge, EdgeAnswer, Edges, EnvironmentName, Installation, Occupancy,
    PerSlot, PointerState, Probe, RegistryRecord, ReleaseId, Slot, SlotMembers, Target, Version,
    VersionRef, engine_of, store_of,
};
use crate::ports::{Clock, Failure, FailureKind, JournalReader, Result, RouterReader};
use past::PAGE;
pub(super) use past::{Past, Sought, past_releases, search};

/// How many of the newest releases are searched for an unreadable release.
const UNREADABLE: usize = 5;

/// How long reading the clock of another machine may take. A release does not wait longer for a clock.
const CLOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The clocks of a target's servers. A server that does not answer in time is left out.
pub(super) async fn clocks(site: &Site, own: &dyn Clock) -> Clocks {
    let environment = &site.definition.target.environment;
    let (engine, store) = tokio::join!(
        clock_reading(engine_of(environment), own, site.read.runtime.clock()),
        clock_reading(store_of(environment), own, site.read.registry.clock()),
    );
    Clocks(engine.into_iter().chain(store).collect())
}

/// The reading of another machine's clock; none if the machine does not answer in time or reports no time.
pub(crate) async fn clock_reading(
    of: String,
    own: &dyn Clock,
    reading: impl Future<Output = Result<Option<Timestamp>>>,
) -> Option<ClockReading> {
    let asked_at = own.now();
    let time = timeout(CLOCK_TIMEOUT, reading).await.ok()?.ok()??;
    Some(ClockReading::new(of, (asked_at, own.now()), time))
}

pub(super) async fn gather(
    request: &PlanRequest,
    site: &Site,
    sites: &BTreeMap<Target, Site>,
    clock: &dyn Clock,
) -> Facts {
    let now = clock.now();
    let read = &site.read;
    let definition = &site.definition;
    let target = &definition.target;
    let only_from = definition.rules.only_from.as_ref();
    let (clocks, version, record, edges, blue, green, past, live_in_first, taken) = tokio::join!(
        clocks(site, clock),
        resolve(request, site, sites),
        read.registry.read(target),
        edges(site),
        read.runtime
            .occupancy(target, Slot::Blue, &definition.endpoints.blue),
        read.runtime
            .occupancy(target, Slot::Green, &definition.endpoints.green),
        past_and_unreadable(read.journal.as_ref(), target, PAGE),
        live_in_first(only_from, target, sites),
        taken(site),
    );
    let (past, unreadable) = match past {
        Ok((past, unreadable)) => (Ok(past), unreadable),
        Err(failure) => (Err(failure.to_string()), Vec::new()),
    };
    let newest = past.as_ref().ok().and_then(|past| past.first());
    let newest = newest.map(|newest| newest.id);
    let release = ReleaseId::after(newest.max(unreadable.first().map(|(id, _)| *id)));
    let sought = sought(request, &version, [&blue, &green]);
    let past = match past {
        Ok(newest) => {
            let searched = search(read.journal.as_ref(), target, newest, &sought).await;
            searched.map_err(|failure| failure.to_string())
        }
        Err(why) => Err(why),
    };
    let version = match (&request.wanted, &past) {
        (Wanted::Back(reference), Ok(past)) => {
            found_in_history(version, reference, &past.was_live.versions, site).await
        }
        _ => version,
    };
    let (past, was_live) = match past {
        Ok(Past { heads, was_live }) => (Ok(heads), was_live),
        Err(why) => (Err(why), WasLive::default()),
    };
    let record = record.map_err(|failure| failure.to_string());
    let slots = PerSlot {
        blue: blue.map_err(|failure| failure.to_string()),
        green: green.map_err(|failure| failure.to_string()),
    };
    let (live_probe, has_image) =
        tokio::join!(live_probe(site, &record, &slots), has_image(site, &version));
    Facts {
        now,
        clocks,
        release,
        may_write: site.write.is_some(),
        version,
        record,
        standby: None,
        edges,
        slots,
        live_probe,
        past,
        was_live,
        unreadable,
        live_in_first,
        taken,
        has_image,
    }
}

/// The versions that the search in earlier releases must find for this request.
fn sought(request: &PlanRequest, version: &Resolved, slots: [&Result<Occupancy>; 2]) -> Sought {
    match (&request.wanted, version) {
        (Wanted::Back(_), Resolved::Version(version)) => {
            Sought::OneOf(vec![version.digest.clone()])
        }
        (Wanted::Back(reference), _) => Sought::Named(reference.clone()),
        (Wanted::Standby, _) => {
            let ours = slots.into_iter().filter_map(|slot| match slot {
                Ok(Occupancy::Ours(members)) => members.digest().cloned(),
                _ => None,
            });
            Sought::OneOf(ours.collect())
        }
        (Wanted::Version(_) | Wanted::From(_), _) => Sought::None,
    }
}

/// Messages about keys in the store that belong to another target and that the release would write. The list is
/// empty if this console may only read. A promote compares these keys again at its switch.
async fn taken(site: &Site) -> Known<Vec<String>> {
    let Some(write) = &site.write else {
        return Ok(Vec::new());
    };
    let definition = &site.definition;
    let taken = write
        .store
        .registry
        .keys_of_others(&definition.target, &definition.endpoints);
    taken.await.map_err(|failure| failure.to_string())
}

/// The newest releases of a target, and the newer releases that cannot be read, each with the reason.
pub(super) async fn past_and_unreadable(
    journal: &dyn JournalReader,
    target: &Target,
    limit: usize,
) -> Result<(Vec<ReleaseRecord>, Vec<(ReleaseId, String)>)> {
    let (past, unreadable) = tokio::join!(
        journal.releases(target, limit),
        journal.unreadable(target, UNREADABLE)
    );
    let past = past?;
    let newest = past.first().map(|newest| newest.id);
    let newer = unreadable?.into_iter().filter(|(id, _)| Some(*id) > newest);
    let newer = newer.map(|(id, failure)| (id, failure.to_string()));
    Ok((past, newer.collect()))
}

/// The configuration, the answer and the live pointer of the proxy.
async fn edges(site: &Site) -> Edges {
    let Some(router) = &site.read.router else {
        return Edges::none();
    };
    let target = &site.definition.target;
    let (edge, pointer) = tokio::join!(edge(router.as_ref(), target), pointer(router, target));
    Edges::from(Edge { pointer, ..edge })
}

/// The configuration and the answer of the proxy.
async fn edge(router: &dyn RouterReader, target: &Target) -> Edge {
    let installation = router.installation(target).await;
    let answer = match &installation {
        Ok(Installation::Missing) => Ok(EdgeAnswer::NotInstalled),
        _ => router.answer(target).await.map(EdgeAnswer::Routes),
    };
    let mut edge = Edge::default();
    edge.take_answer(answer.map_err(|failure| failure.to_string()));
    edge.take_installation(installation.map_err(|failure| failure.to_string()));
    edge
}

/// The proxy's pointer; none if it does not exist or cannot be read. A switch reads the pointer again, and fails with
/// the reason if it cannot be read.
async fn pointer(router: &Arc<dyn RouterReader>, target: &Target) -> Option<PointerState> {
    router.pointer(target).await.ok().flatten()
}

/// The highest generation of any switch that the proxy knows; 0 without a proxy. None if the proxy does not answer or its
/// live pointer cannot be read.
pub(super) async fn proxy_generation(site: &Site) -> Option<u64> {
    let Some(router) = &site.read.router else {
        return Some(0);
    };
    let target = &site.definition.target;
    let (edge, pointer) = tokio::join!(edge(router.as_ref(), target), router.pointer(target));
    generation_of(edge, pointer)
}

fn generation_of<E>(
    edge: Edge,
    pointer: std::result::Result<Option<PointerState>, E>,
) -> Option<u64> {
    let pointer = pointer.ok()?;
    let edges = Edges::from(Edge { pointer, ..edge });
    edges.have_answered().then(|| edges.highest_generation())
}

/// The refusal if the store was wiped, restored or replaced, so that the proxy has a token that no lock of this store
/// can have. Then no switch can be made. `record` must be read before this call: the proxy must be read after the
/// store.
pub(super) async fn behind_the_proxy(site: &Site, record: &RegistryRecord) -> Option<Refusal> {
    let router = site.read.router.as_ref()?;
    let target = &site.definition.target;
    let (answer, pointer) = tokio::join!(router.answer(target), pointer(router, target));
    let edges = Edges::from(Edge {
        answer: answer.map_or(EdgeAnswer::Unknown, EdgeAnswer::Routes),
        pointer,
        ..Edge::default()
    });
    let message = store_went_back(record.revision, &edges)?;
    let target = target.clone();
    Some(Refusal::StoreWentBack { target, message })
}

async fn live_probe(
    site: &Site,
    record: &Known<RegistryRecord>,
    slots: &PerSlot<Known<Occupancy>>,
) -> Option<Probe> {
    let live = record.as_ref().ok()?.route.as_ref()?.value.live;
    let configured = site.definition.endpoints.get(live);
    let addresses = match slots.get(live) {
        Ok(Occupancy::Ours(members)) => members.addresses(configured),
        _ => configured.clone(),
    };
    let check = site.definition.health.as_ref();
    site.read.checker.probe(&addresses, check).await
}

async fn has_image(site: &Site, version: &Resolved) -> bool {
    match version {
        Resolved::Version(version) => site.read.runtime.has_image(version).await.unwrap_or(false),
        _ => false,
    }
}

async fn resolve(request: &PlanRequest, site: &Site, sites: &BTreeMap<Target, Site>) -> Resolved {
    match &request.wanted {
        Wanted::Standby => Resolved::WarmVersion,
        Wanted::Version(reference) | Wanted::Back(reference) => by_reference(site, reference).await,
        Wanted::From(environment) => match live_in(environment, &request.target, sites).await {
            Err(why) => Resolved::Unknown(why),
            Ok(None) => Resolved::NothingLive,
            Ok(Some(live)) => {
                let reference = VersionRef::Digest(live.digest.clone());
                match by_reference(site, &reference).await {
                    Resolved::Version(mut version) => {
                        version.tag = live.tag;
                        Resolved::Version(version)
                    }
                    other => other,
                }
            }
        },
    }
}

pub(super) async fn by_reference(site: &Site, reference: &VersionRef) -> Resolved {
    let repository = &site.definition.repository;
    found(
        site.read.images.resolve(repository, reference).await,
        reference,
    )
}

/// Finds the version of a rollback if the image registry does not have it or does not answer. The history knows the
/// digest of a version that was live. If the runtime has the image with that digest, the image registry is not needed.
async fn found_in_history(
    resolved: Resolved,
    reference: &VersionRef,
    was_live: &[Version],
    site: &Site,
) -> Resolved {
    let resolved = match resolved {
        Resolved::Version(mut version) => {
            // A version that was requested by digest gets the tag that it had when it was live.
            let before = was_live.iter().find(|it| **it == *version);
            version.tag = version.tag.or_else(|| before?.tag.clone());
            return Resolved::Version(version);
        }
        Resolved::Unknown(_) | Resolved::Missing { .. } => resolved,
        _ => return resolved,
    };
    let is_meant = |version: &Version| match reference {
        VersionRef::Digest(digest) => version.digest == *digest,
        VersionRef::Tag(tag) => version.tag.as_ref() == Some(tag),
    };
    let before = was_live.iter().find(|it| is_meant(it));
    let Some(version) = before else {
        return resolved;
    };
    match site.read.runtime.has_image(version).await {
        Ok(true) => Resolved::Version(Box::new(version.clone())),
        _ => resolved,
    }
}

fn found(result: Result<Version>, reference: &VersionRef) -> Resolved {
    match result {
        Ok(version) => Resolved::Version(Box::new(version)),
        Err(Failure {
            kind: FailureKind::Missing,
            ..
        }) => Resolved::Missing {
            wanted: reference.to_string(),
        },
        Err(failure) => Resolved::Unknown(failure.to_string()),
    }
}

async fn live_in_first(
    environment: Option<&EnvironmentName>,
    target: &Target,
    sites: &BTreeMap<Target, Site>,
) -> Option<Known<Option<Version>>> {
    Some(live_in(environment?, target, sites).await)
}

/// The version that is live in another environment of the same service.
async fn live_in(
    environment: &EnvironmentName,
    target: &Target,
    sites: &BTreeMap<Target, Site>,
) -> Known<Option<Version>> {
    let other = Target::new(target.service.clone(), environment.clone());
    match sites.get(&other) {
        Some(site) => live_at(site).await,
        None => Err(format!("{other} is not configured")),
    }
}

/// The version that is running in the slot that the route names; none without a route or a running version. The error
/// says that the slot is not known, or that it has no version because it is not whole.
pub(super) async fn live_at(site: &Site) -> Known<Option<Version>> {
    let target = &site.definition.target;
    let (record, instances) = tokio::join!(
        site.read.registry.read(target),
        site.read.runtime.instances(target)
    );
    let record = record.map_err(|failure| failure.to_string())?;
    let instances = instances.map_err(|failure| failure.to_string())?;
    let Some(route) = record.route else {
        return Ok(None);
    };
    let live = route.value.live;
    let slots = SlotMembers::by_slot(instances);
    let members = slots.get(live);
    if let Some(difference) = members.difference() {
        return Err(format!("{live} of {target} {difference}"));
    }
    let running = members.representative().filter(|it| it.is_running());
    Ok(running.map(|member| Version {
        repository: site.definition.repository.clone(),
        tag: member.tag.clone(),
        digest: member.digest.clone(),
        labels: member.labels.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{FencingToken, LastSwitch, ProxyAnswer};

    #[test]
    fn the_proxys_generation_is_unknown_without_its_answer_or_its_pointer() {
        let answered = Edge {
            answer: EdgeAnswer::Routes(ProxyAnswer {
                slot: Some(Slot::Blue),
                generation: 41,
                token: FencingToken(7),
                configuration: "mark".into(),
            }),
            ..Edge::default()
        };
        let switched = |generation| {
            Some(LastSwitch {
                generation,
                token: FencingToken(7),
            })
        };
        let pointer = PointerState {
            live: Some(Slot::Blue),
            slots: PerSlot {
                blue: switched(41),
                green: switched(42),
            },
        };
        let generation =
            |edge: &Edge, pointer: std::result::Result<_, ()>| generation_of(edge.clone(), pointer);
        assert_eq!(generation(&answered, Ok(Some(pointer))), Some(42));
        assert_eq!(generation(&answered, Ok(None)), Some(41));
        assert_eq!(generation(&answered, Err(())), None);
        assert_eq!(generation(&Edge::default(), Ok(Some(pointer))), None);
    }
}
