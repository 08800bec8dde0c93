//! Looks at whatever is asked for, all at once. What cannot be seen is said, not guessed.

use futures_util::future::OptionFuture;

use super::World;
use crate::checks::Report;
use crate::inventory::{Digest, Instance, PerSlot, Probe, PublicAnswer, Slot};
use crate::ports::{Connection, Failure};
use crate::release::act::{Ask, Sight};
use crate::release::event::Event;

pub(super) async fn look(world: &World, ask: Ask) -> Sight {
    let read = &world.read;
    let plan = &world.plan;
    let target = plan.target();
    let (image, installation, instances, probe, registry, proxy, public, connections, report) = tokio::join!(
        OptionFuture::from(ask.image.then(|| read.runtime.has_image(&plan.version))),
        OptionFuture::from(ask.installation.then(|| read.router.installation(target))),
        OptionFuture::from(ask.instances.then(|| read.runtime.instances(target))),
        OptionFuture::from(ask.probe.map(|slot| probe(world, slot))),
        OptionFuture::from(ask.registry.then(|| read.registry.read(target))),
        OptionFuture::from(ask.proxy.then(|| read.router.answer(target))),
        OptionFuture::from(ask.public.then(|| public(world))),
        OptionFuture::from(
            ask.connections
                .map(|slot| read.router.connections(target, slot))
        ),
        OptionFuture::from(ask.checks.then(|| checks(world))),
    );
    let mut blind = Vec::new();
    Sight {
        image: seen(image, &mut blind),
        installation: seen(installation, &mut blind),
        instances: seen(instances, &mut blind).map(by_slot),
        probe: probe.flatten(),
        registry: seen(registry, &mut blind),
        proxy: seen(proxy, &mut blind).map(Some),
        public,
        connections: seen(connections, &mut blind),
        report: report.and_then(|report| report.map_err(|why| blind.push(why)).ok()),
        blind,
    }
}

fn seen<T>(looked: Option<Result<T, Failure>>, blind: &mut Vec<String>) -> Option<T> {
    looked?
        .map_err(|failure| blind.push(failure.to_string()))
        .ok()
}

fn by_slot(instances: Vec<Instance>) -> PerSlot<Option<Instance>> {
    let mut slots = PerSlot::default();
    for instance in instances {
        let slot = instance.slot;
        *slots.get_mut(slot) = Some(instance);
    }
    slots
}

async fn probe(world: &World, slot: Slot) -> Option<Probe> {
    let definition = &world.plan.definition;
    let check = definition.health.as_ref()?;
    let endpoint = definition.endpoints.get(slot);
    Some(world.read.checker.health(endpoint, check).await)
}

async fn public(world: &World) -> Option<(PublicAnswer, PublicAnswer)> {
    let address = world.plan.definition.public.as_ref()?;
    let checker = &world.read.checker;
    Some(tokio::join!(
        checker.public(address, Connection::Fresh),
        checker.public(address, Connection::Kept)
    ))
}

/// Runs every case, one after the other, and says which digest ran before and after: a report is
/// worth nothing if the instance changed meanwhile.
async fn checks(world: &World) -> Result<Report, String> {
    let before = running_digest(world).await?;
    let definition = &world.plan.definition;
    let mut cases = Vec::with_capacity(definition.suite.cases.len());
    for case in &definition.suite.cases {
        let preview = definition.preview.as_ref();
        let settled = world
            .read
            .checker
            .run(case, world.plan.endpoint(), preview)
            .await;
        // The report has them all; this is only for showing them as they come.
        let _ = world.events.try_send(Event::CaseSettled(settled.clone()));
        cases.push(settled);
    }
    let after = running_digest(world).await?;
    if before != after {
        return Err(format!(
            "{} ran when the checks began and {} when they ended",
            before.short(),
            after.short()
        ));
    }
    Ok(Report {
        digest: after,
        at: world.clock.now(),
        cases,
    })
}

async fn running_digest(world: &World) -> Result<Digest, String> {
    let plan = &world.plan;
    let instances = world
        .read
        .runtime
        .instances(plan.target())
        .await
        .map_err(|failure| failure.to_string())?;
    instances
        .into_iter()
        .find(|instance| instance.slot == plan.slot && instance.is_running())
        .map(|instance| instance.digest)
        .ok_or_else(|| format!("nothing runs in {}", plan.slot))
}
