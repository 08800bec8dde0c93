//! Observes everything that the release machine (`release/machine`) requests, all at the same time. The observation
//! contains a message for each value that could not be observed.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{OptionFuture, try_join_all};
use tokio::time::timeout;

use super::{World, checks};
use crate::history::ReleaseRecord;
use crate::inventory::{
    Edge, EdgeAnswer, Edges, Instance, InstanceId, JobCount, Probe, PublicAnswer, Slot,
    SlotMembers, TaskRun, Version,
};
use crate::ports::{Connection, Failure};
use crate::release::Known;
use crate::release::gather::{live_at, past_and_unreadable};
use crate::release::observation::{Ask, Observation};
use crate::sanitize::sanitize;

/// How many of the newest releases are read in the environment of `rules.only_from`, to find the release that replaced
/// the version of the plan.
const SEARCHED: usize = 50;
/// How many of the last lines of a failed task are read. The last one with text is used.
const OUTPUT_LINES: usize = 10;
/// How many bytes of that line are used.
const LONGEST_OUTPUT: usize = 300;
/// How long reading these lines may take.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(5);

/// `stopped` cancels the checks.
pub(super) async fn look(world: &World, ask: Ask, stopped: checks::Stopped) -> Observation {
    let read = &world.read;
    let plan = &world.plan;
    let target = plan.target();
    let router = read.router.as_deref();
    let router_if = |asked: bool| router.filter(|_| asked);
    let (
        image,
        installation,
        instances,
        probe,
        registry,
        proxy,
        public,
        direct,
        traffic,
        connections,
        jobs,
        report,
        tasks,
        live_in_first,
    ) = tokio::join!(
        OptionFuture::from(ask.image.then(|| read.runtime.has_image(&plan.version))),
        OptionFuture::from(router_if(ask.installation).map(|it| it.installation(target))),
        OptionFuture::from(ask.instances.then(|| instances(world))),
        OptionFuture::from(ask.probe.map(|slot| probe(world, slot))),
        OptionFuture::from(ask.registry.then(|| read.registry.read(target))),
        OptionFuture::from(router_if(ask.proxy).map(|it| it.answer(target))),
        OptionFuture::from(ask.public.then(|| public(world))),
        OptionFuture::from(ask.direct.map(|slot| direct(world, slot))),
        OptionFuture::from(
            router
                .zip(ask.traffic)
                .map(|(it, (slot, since))| it.traffic(target, slot, since))
        ),
        OptionFuture::from(
            router
                .zip(ask.connections)
                .map(|(it, slot)| it.connections(target, slot))
        ),
        OptionFuture::from(ask.jobs.map(|slot| jobs(world, slot))),
        OptionFuture::from(ask.checks.then(|| checks::run(world, stopped))),
        OptionFuture::from(ask.tasks.then(|| tasks(world))),
        OptionFuture::from(ask.live_in_first.then(|| live_in_first(world))),
    );
    let mut blind = Vec::new();
    let live_and_past = live_in_first.and_then(|result| result.map_err(|why| blind.push(why)).ok());
    let (live_in_first, past_of_first) = live_and_past.unzip();
    let (public, public_kept) = public.flatten().unzip();
    let image = observed(image, &mut blind);
    let installation = observed(installation, &mut blind);
    let instances = observed(instances, &mut blind).map(SlotMembers::by_slot);
    let registry = observed(registry, &mut blind);
    let answer = observed(proxy, &mut blind).map_or(EdgeAnswer::Unknown, EdgeAnswer::Routes);
    Observation {
        image,
        edges: match router {
            None => Edges::none(),
            Some(_) => Edges::from(Edge {
                answer,
                installation,
                public,
                public_kept,
                ..Edge::default()
            }),
        },
        instances,
        probe: probe.flatten(),
        registry,
        direct: direct.flatten(),
        traffic: observed(traffic, &mut blind).flatten(),
        connections: observed(connections, &mut blind),
        jobs,
        report: report.and_then(|report| report.map_err(|why| blind.push(why)).ok()),
        tasks: observed(tasks, &mut blind),
        live_in_first,
        past_of_first: past_of_first.flatten(),
        clocks: world.clocks.clone(),
        blind,
    }
}

fn observed<T>(result: Option<Result<T, Failure>>, blind: &mut Vec<String>) -> Option<T> {
    result?
        .map_err(|failure| blind.push(failure.to_string()))
        .ok()
}

/// The instances in both slots. If the runtime restarted the candidate, also reads how the candidate exited.
async fn instances(world: &World) -> Result<Vec<Instance>, Failure> {
    let runtime = &world.read.runtime;
    let mut instances = runtime.instances(world.plan.target()).await?;
    for instance in &mut instances {
        let is_candidate = instance.slot == world.plan.slot;
        if is_candidate && instance.restarts > 0 && instance.last_exit.is_none() {
            // The exit is only used in messages, so it may be missing.
            instance.last_exit = runtime.last_exit(&instance.id).await.unwrap_or_default();
        }
    }
    Ok(instances)
}

/// The version that is live in the environment of `rules.only_from`. If another version than the plan's is live, also
/// the newest releases of that environment.
async fn live_in_first(world: &World) -> Known<(Option<Version>, Option<Vec<ReleaseRecord>>)> {
    let Some(site) = &world.only_from else {
        return Err(
            "this service is not configured in the environment of rules.only_from".to_owned(),
        );
    };
    let live = live_at(site).await?;
    let digest = &world.plan.version.digest;
    if live.as_ref().is_none_or(|live| live.digest == *digest) {
        return Ok((live, None));
    }
    let target = &site.definition.target;
    let past = past_and_unreadable(site.read.journal.as_ref(), target, SEARCHED).await;
    let (past, unreadable) = past.map_err(|failure| failure.to_string())?;
    match unreadable.first() {
        Some((id, why)) => Err(format!("release {id} of {target} cannot be read: {why}")),
        None => Ok((live, Some(past))),
    }
}

/// The tasks of the release, with the last line of output of those that failed.
async fn tasks(world: &World) -> Result<Vec<TaskRun>, Failure> {
    let plan = &world.plan;
    let mut runs = world
        .read
        .runtime
        .tasks(plan.target(), plan.release)
        .await?;
    for run in &mut runs {
        if run.has_ended() && !run.has_succeeded() {
            let reading = timeout(OUTPUT_TIMEOUT, output(world, &run.id));
            // The output is only used in messages, so it may be missing.
            run.output = reading.await.ok().flatten();
        }
    }
    Ok(runs)
}

/// The last line with text that a container has written. None if a secret that must be hidden in it is not known.
async fn output(world: &World, id: &InstanceId) -> Option<String> {
    let mut lines = world.read.runtime.logs(id, None, OUTPUT_LINES).await.ok()?;
    let mut last = None;
    while let Some(Ok(line)) = lines.next().await {
        let text = String::from_utf8_lossy(&line.bytes).trim().to_owned();
        if !text.is_empty() {
            last = Some(text);
        }
    }
    let mask = world.read.checker.mask().await;
    let last = last.filter(|_| world.read.checker.knows_secrets())?;
    let text = sanitize(&mask.hide(&last));
    let end = text.floor_char_boundary(LONGEST_OUTPUT);
    Some(text[..end].to_owned())
}

/// The jobs that all running members of a slot have together.
async fn jobs(world: &World, slot: Slot) -> JobCount {
    let quiet = world.plan.definition.quiet.as_ref();
    let Some(command) = quiet.and_then(|quiet| quiet.jobs.as_ref()) else {
        return JobCount::Uncounted(
            "the jobs are not counted, because `quiet` has no `jobs`".to_owned(),
        );
    };
    let counted = async {
        let runtime = &world.read.runtime;
        let mut members = runtime.instances(world.plan.target()).await?;
        members.retain(|member| member.slot == slot && member.is_running());
        let counts = members
            .iter()
            .map(|member| runtime.jobs(&member.id, command));
        let counts = try_join_all(counts).await?;
        Ok::<u64, Failure>(counts.into_iter().fold(0, u64::saturating_add))
    };
    match counted.await {
        Ok(left) => JobCount::Left(left),
        Err(failure) => JobCount::Uncounted(failure.to_string()),
    }
}

async fn probe(world: &World, slot: Slot) -> Option<Probe> {
    let check = world.plan.definition.health.as_ref();
    let addresses = world.plan.addresses_of(slot);
    world.read.checker.probe(&addresses, check).await
}

async fn public(world: &World) -> Option<(PublicAnswer, PublicAnswer)> {
    let address = world.plan.definition.public.as_ref()?;
    let checker = &world.read.checker;
    Some(tokio::join!(
        checker.public(address, Connection::Fresh),
        checker.public(address, Connection::Kept)
    ))
}

async fn direct(world: &World, slot: Slot) -> Option<PublicAnswer> {
    let definition = &world.plan.definition;
    let address = definition.public.as_ref()?;
    // Any member may answer, because all run the same version.
    let addresses = world.plan.addresses_of(slot);
    let none = BTreeMap::new();
    let headers = definition
        .health
        .as_ref()
        .map_or(&none, |health| &health.headers);
    let checker = &world.read.checker;
    Some(checker.direct(addresses.first()?, address, headers).await)
}
