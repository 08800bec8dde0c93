//! Watches one runtime. An event is only a hint that something changed; the list of instances says what is running. The
//! watcher subscribes to the events before it lists the instances, so that it misses no change.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::assemble::{Part, Source};
use super::wait_after;
use crate::inventory::Target;
use crate::ports::{Clock, Failure, FailureKind, Result, RuntimeReader};

/// The pause after a hint. Hints come in bursts (a start alone causes four), and one list answers all of them.
const SETTLE: Duration = Duration::from_millis(15);

/// How long a runtime may report nothing before the watcher asks whether it still answers. A runtime that hangs reports
/// nothing, too.
const PULSE: Duration = Duration::from_secs(5);
/// How long the runtime may take to answer that it still works.
const PULSE_ANSWER: Duration = Duration::from_secs(3);

pub(super) async fn watch(
    engine: Arc<dyn RuntimeReader>,
    targets: Vec<Target>,
    parts: mpsc::Sender<Part>,
    clock: Arc<dyn Clock>,
) {
    let mut failures = 0;
    loop {
        let Err(failure) = follow(&*engine, &targets, &parts, &mut failures).await else {
            return;
        };
        failures += 1;
        let wait = wait_after(failures);
        let retry_at = clock.now().checked_add(wait).unwrap_or_default();
        let why = failure.to_string();
        let silent = Part::Silent(Source::Runtime, targets.clone(), why, retry_at);
        if parts.send(silent).await.is_err() {
            return;
        }
        tokio::time::sleep(wait).await;
    }
}

/// Follows the runtime until an error. Returns `Ok` if the receiver of the parts was dropped, because then the
/// observation has ended.
async fn follow(
    engine: &dyn RuntimeReader,
    targets: &[Target],
    parts: &mpsc::Sender<Part>,
    failures: &mut u32,
) -> Result<()> {
    let mut changes = engine.changes().await?;
    loop {
        let mut instances = engine.all_instances().await?;
        *failures = 0;
        let by_target = targets
            .iter()
            .map(|target| (target.clone(), instances.remove(target).unwrap_or_default()))
            .collect();
        if parts.send(Part::Instances(by_target)).await.is_err() {
            return Ok(());
        }
        let hint = loop {
            match timeout(PULSE, changes.next()).await {
                Ok(hint) => break hint,
                Err(_) => still_answers(engine).await?,
            }
        };
        match hint {
            Some(hint) => hint?,
            None => {
                // The stream ended without an error: subscribe again, as after a restart.
                changes = engine.changes().await?;
            }
        }
        tokio::time::sleep(SETTLE).await;
        while let Some(Some(hint)) = futures_util::FutureExt::now_or_never(changes.next()) {
            hint?;
        }
    }
}

async fn still_answers(engine: &dyn RuntimeReader) -> Result<()> {
    let answer = timeout(PULSE_ANSWER, engine.engine()).await;
    answer.map_or_else(
        |_| {
            let message = format!("no answer within {PULSE_ANSWER:?}");
            let doing = "checking that it still answers";
            let kind = FailureKind::Unreachable;
            Err(Failure::new(kind, engine.address(), doing, message))
        },
        |answer| answer.map(drop),
    )
}
