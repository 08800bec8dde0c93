//! Stops everything in the sandbox at the end. The next run restarts what was live.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::SandboxError;
use crate::inventory::{Address, Instance, SlotMembers, Target};
use crate::ports::Failure;
use crate::release::{Command, Engine, Handle, Progress, Site, Writing};

/// How long a driver may take to stop. The driver finishes its current action first.
const DRIVER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an instance may take to stop.
const GRACE: Duration = Duration::from_secs(3);
/// How long a restarted version may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Stops the drivers of this engine's releases. If a release is in its standby time, the standby is ended and the
/// release is superseded. Any other release stays as it is, and can be resumed.
pub async fn stop_drivers(engine: &Engine) {
    let handles = engine
        .sites()
        .filter_map(|site| engine.active(&site.definition.target));
    join_all(handles.map(stop_driver)).await;
}

/// Stops every instance and every task of the engine's targets, including those that another Greenroom has started. With
/// `forget`, also removes the instances. Returns the failures of the last round, each with its target.
pub async fn stop_instances(engine: &Engine, forget: bool) -> Vec<String> {
    // The second round stops what another Greenroom has started during the first.
    let mut problems = Vec::new();
    for _ in 0..2 {
        let stopped = join_all(engine.sites().map(|site| stop_instances_of(site, forget))).await;
        problems = engine
            .sites()
            .zip(stopped)
            .filter_map(|(site, stopped)| {
                let failure = stopped.err()?;
                Some(format!("{}: {failure}", site.definition.target))
            })
            .collect();
    }
    problems
}

async fn stop_driver(handle: Handle) {
    let target = handle.status().borrow().plan.target().clone();
    let is_standby = matches!(handle.status().borrow().progress, Progress::Standby { .. });
    let command = if is_standby {
        Command::Supersede { by: None }
    } else {
        Command::Interrupt {
            reason: "the sandbox was closed".to_owned(),
        }
    };
    // A release that takes no commands has ended.
    let _ = handle.command(command).await;
    if timeout(DRIVER_TIMEOUT, handle.ended()).await.is_err() {
        tracing::warn!("the driver of {target} did not stop within {DRIVER_TIMEOUT:?}");
    }
}

async fn stop_instances_of(site: &Site, forget: bool) -> Result<(), Failure> {
    let Some(write) = &site.write else {
        return Ok(());
    };
    let target = &site.definition.target;
    let stopped = stop_tasks_of(site, write, target).await;
    let found = site.read.runtime.instances(target).await?;
    let stop = async |instance: &Instance| {
        write.runtime.stop(&instance.id, GRACE).await?;
        if forget {
            write.runtime.remove(&instance.id).await?;
        }
        Ok::<(), Failure>(())
    };
    try_join_all(found.iter().map(stop)).await?;
    stopped
}

async fn stop_tasks_of(site: &Site, write: &Writing, target: &Target) -> Result<(), Failure> {
    for task in site.read.runtime.all_tasks(target).await? {
        write.runtime.stop(&task.id, GRACE).await?;
    }
    Ok(())
}

/// Restarts the members of each live slot, and waits until the slot answers. Fails if a live slot is empty.
pub async fn restart_live(engine: &Engine) -> Result<(), SandboxError> {
    try_join_all(engine.sites().map(restart_live_slot))
        .await
        .map(drop)
}

async fn restart_live_slot(site: &Site) -> Result<(), SandboxError> {
    let target = &site.definition.target;
    let error = |why: String| SandboxError::Resume {
        what: target.to_string(),
        why,
    };
    let Some(write) = &site.write else {
        return Ok(());
    };
    let record = site.read.registry.read(target).await?;
    let Some(live) = record.route.map(|route| route.value.live) else {
        return Ok(());
    };
    let instances = site.read.runtime.instances(target).await?;
    let slots = SlotMembers::by_slot(instances);
    let members = slots.get(live);
    if members.is_empty() {
        return Err(error(format!(
            "the route names {live}, but no process of {live} exists. Start a new sandbox in another directory"
        )));
    }
    for member in members {
        write.runtime.restart(&member.id).await?;
    }
    for endpoint in &members.addresses(site.definition.endpoints.get(live)) {
        if !answers(endpoint).await {
            let why = format!("{endpoint} did not answer within {ANSWER_TIMEOUT:?}");
            return Err(error(why));
        }
    }
    Ok(())
}

async fn answers(endpoint: &Address) -> bool {
    let Address::Ip { at: address, .. } = endpoint else {
        return true;
    };
    let until = Instant::now() + ANSWER_TIMEOUT;
    while Instant::now() < until {
        if TcpStream::connect(address).await.is_ok() {
            return true;
        }
        sleep(Duration::from_millis(20)).await;
    }
    false
}
