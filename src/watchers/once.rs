//! Observes all targets once, for a command that shows the result and ends.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::assemble::{Assembly, Part, Registered, Source};
use super::router::{Answers, Attention, PollInputs, ask};
use super::{Frame, all_clocks, clocks, engines, stores, too_long};
use crate::inventory::{EdgeName, SlotMembers, Target, World};
use crate::ports::{RegistryReader, RuntimeReader};
use crate::release::{Definition, Engine, Site};

/// How long a source may take before it is reported as silent. All sources are asked at the same time, so the whole
/// observation takes at most this long, and the user has an answer within three seconds.
pub const TIMEOUT: Duration = Duration::from_millis(2500);

/// Observes every site once, all at the same time.
pub async fn once(engine: &Engine, frame: Frame) -> World {
    let sites: Vec<Site> = engine.sites().cloned().collect();
    let now = engine.clock().now();
    let mut assembly = Assembly::new(frame, &sites, Arc::clone(engine.clock()));
    let own = &**engine.clock();
    let clock_readers = all_clocks(&sites);
    let clocks = clock_readers
        .iter()
        .map(|((source, ask), targets)| clocks::read((*source, ask), targets.clone(), own));
    let (instances, records, routings, clocks) = tokio::join!(
        join_all(
            engines(&sites)
                .into_iter()
                .map(|(engine, targets)| instances(engine, targets, now))
        ),
        join_all(
            stores(sites.iter())
                .into_iter()
                .map(|(store, targets)| records(store, targets, now))
        ),
        join_all(sites.iter().map(|site| routing(site, now))),
        join_all(clocks),
    );
    let parts = instances
        .into_iter()
        .chain(records.into_iter().flatten())
        .chain(routings.into_iter().flatten())
        .chain(clocks);
    for part in parts {
        assembly.add(part);
    }
    assembly.world()
}

async fn instances(engine: Arc<dyn RuntimeReader>, targets: Vec<Target>, now: Timestamp) -> Part {
    match tokio::time::timeout(TIMEOUT, engine.all_instances()).await {
        Ok(Ok(mut by_target)) => Part::Instances(
            targets
                .into_iter()
                .map(|target| {
                    let instances = by_target.remove(&target).unwrap_or_default();
                    (target, instances)
                })
                .collect(),
        ),
        Ok(Err(failure)) => Part::Silent(Source::Runtime, targets, failure.to_string(), now),
        Err(_) => Part::Silent(Source::Runtime, targets, too_long(TIMEOUT), now),
    }
}

async fn records(
    store: Arc<dyn RegistryReader>,
    targets: Vec<Target>,
    now: Timestamp,
) -> Vec<Part> {
    join_all(targets.into_iter().map(|target| {
        let store = Arc::clone(&store);
        async move {
            match tokio::time::timeout(TIMEOUT, store.read_with_keys(&target)).await {
                Ok(Ok((record, keys))) => {
                    let registered = Registered {
                        record,
                        keys,
                        at: now,
                        release: None,
                    };
                    Part::Record(target, Box::new(registered))
                }
                Ok(Err(failure)) => {
                    Part::Silent(Source::Registry, vec![target], failure.to_string(), now)
                }
                Err(_) => Part::Silent(Source::Registry, vec![target], too_long(TIMEOUT), now),
            }
        }
    }))
    .await
}

/// Which members are probed. If a slot has several addresses, the runtime says how many of them are used.
async fn poll_inputs(site: &Site) -> PollInputs {
    let Definition {
        target, endpoints, ..
    } = &site.definition;
    if endpoints
        .iter()
        .all(|(_, addresses)| addresses.members() == 1)
    {
        return PollInputs::both_running();
    }
    match tokio::time::timeout(TIMEOUT, site.read.runtime.instances(target)).await {
        Ok(Ok(instances)) => PollInputs::of_members(&SlotMembers::by_slot(instances)),
        _ => PollInputs::both_running(),
    }
}

async fn routing(site: &Site, now: Timestamp) -> Vec<Part> {
    let target = site.definition.target.clone();
    let edge = EdgeName::default();
    let inputs = poll_inputs(site).await;
    let Answers { routing, probed } =
        ask(site, &inputs, Attention::Background, true, Some(TIMEOUT)).await;
    let part = routing.map(|routing| match routing {
        Ok(routing) => Part::Routing(target.clone(), edge.clone(), Box::new(routing)),
        Err(why) => Part::SilentEdge(target.clone(), edge.clone(), why, now),
    });
    let probed = Part::Probed(target, edge, Box::new(probed));
    part.into_iter().chain([probed]).collect()
}
