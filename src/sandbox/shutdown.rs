//! The end and the next evening: everything that runs is ended, and what was live is started again.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::SandboxError;
use crate::inventory::{Endpoint, Instance};
use crate::ports::Failure;
use crate::release::{Command, Engine, Handle, Progress, Site};

/// How long a driver may take to stop driving: the longest act it may be in the middle of.
const DRIVERS: Duration = Duration::from_secs(15);
/// How long an instance may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(3);
/// How long a version that was live may take to answer again.
const ANSWERS: Duration = Duration::from_secs(15);

/// Ends the releases that `engine` drives: one that is over but for its standby is done, any other
/// is left as it stands.
pub async fn leave(engine: &Engine) {
    let handles = engine
        .sites()
        .filter_map(|site| engine.active(&site.definition.target));
    join_all(handles.map(leave_one)).await;
}

/// Ends every instance of the engine's targets, whoever has started it. With `forget` nothing is left
/// to be found of them. Says what could not be ended.
pub async fn end(engine: &Engine, forget: bool) -> Vec<String> {
    // Twice: another Greenroom may have started one while the first were being ended.
    let mut problems = Vec::new();
    for _ in 0..2 {
        problems = join_all(engine.sites().map(|site| stop_all(site, forget)))
            .await
            .into_iter()
            .filter_map(Result::err)
            .map(|failure| failure.to_string())
            .collect();
    }
    problems
}

async fn leave_one(handle: Handle) {
    let is_standby = matches!(handle.status().borrow().progress, Progress::Standby { .. });
    let command = if is_standby {
        Command::Supersede { by: None }
    } else {
        Command::Interrupt {
            reason: "the sandbox was left".to_owned(),
        }
    };
    // One that does not listen has ended.
    let _ = handle.command(command).await;
    if timeout(DRIVERS, handle.ended()).await.is_err() {
        tracing::warn!("a release did not stop being driven within {DRIVERS:?}");
    }
}

async fn stop_all(site: &Site, forget: bool) -> Result<(), Failure> {
    let Some(write) = &site.write else {
        return Ok(());
    };
    let found = site.read.runtime.instances(&site.definition.target).await?;
    let stop = async |instance: &Instance| {
        write.runtime.stop(&instance.id, GRACE).await?;
        if forget {
            write.runtime.remove(&instance.id).await?;
        }
        Ok::<(), Failure>(())
    };
    try_join_all(found.iter().map(stop)).await.map(drop)
}

/// Starts every version that was live again, and waits until it answers.
pub async fn resume(engine: &Engine) -> Result<(), SandboxError> {
    try_join_all(engine.sites().map(resume_one)).await.map(drop)
}

async fn resume_one(site: &Site) -> Result<(), SandboxError> {
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
    let Some(instance) = instances.iter().find(|instance| instance.slot == live) else {
        return Err(error(format!("{live} was live and holds nothing")));
    };
    write.runtime.restart(&instance.id).await?;
    let endpoint = site.definition.endpoints.get(live);
    if answers(endpoint).await {
        Ok(())
    } else {
        Err(error(format!(
            "{endpoint} does not answer within {ANSWERS:?}"
        )))
    }
}

async fn answers(endpoint: &Endpoint) -> bool {
    let Endpoint::Tcp(address) = endpoint else {
        return true;
    };
    let until = Instant::now() + ANSWERS;
    while Instant::now() < until {
        if TcpStream::connect(address).await.is_ok() {
            return true;
        }
        sleep(Duration::from_millis(20)).await;
    }
    false
}
