//! One store: its changes are hints, a read at one revision is the truth.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::assemble::{Part, Source};
use super::wait_after;
use crate::inventory::Target;
use crate::ports::{Clock, RegistryReader, Result};

/// One transaction may change several keys; its hints come together.
const SETTLE: Duration = Duration::from_millis(5);
/// Leases run down without a change of their keys.
const REFRESH: Duration = Duration::from_secs(10);

pub(super) async fn watch(
    store: Arc<dyn RegistryReader>,
    targets: Vec<Target>,
    parts: mpsc::Sender<Part>,
    clock: Arc<dyn Clock>,
) {
    let mut failures = 0;
    loop {
        let Err(failure) = follow(&*store, &targets, &parts, &mut failures).await else {
            return;
        };
        failures += 1;
        let wait = wait_after(failures);
        let retry_at = clock.now().checked_add(wait).unwrap_or_default();
        let silent = Part::Silent(
            Source::Registry,
            targets.clone(),
            failure.to_string(),
            retry_at,
        );
        if parts.send(silent).await.is_err() {
            return;
        }
        tokio::time::sleep(wait).await;
    }
}

/// Ends well only when nobody listens any more.
async fn follow(
    store: &dyn RegistryReader,
    targets: &[Target],
    parts: &mpsc::Sender<Part>,
    failures: &mut u32,
) -> Result<()> {
    let mut changes = store.changes().await?;
    loop {
        for target in targets {
            let (record, keys) = tokio::join!(store.read(target), store.keys(target));
            let part = Part::Record(target.clone(), Box::new(record?), keys?);
            *failures = 0;
            if parts.send(part).await.is_err() {
                return Ok(());
            }
        }
        match tokio::time::timeout(REFRESH, changes.next()).await {
            Ok(Some(hint)) => hint?,
            Ok(None) => changes = store.changes().await?,
            Err(_) => {}
        }
        tokio::time::sleep(SETTLE).await;
        while let Some(Some(hint)) = changes.next().now_or_never() {
            hint?;
        }
    }
}
