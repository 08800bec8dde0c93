//! Reads the clocks of runtimes and stores. These clocks and the clock of this machine decide when freezes start, and
//! when holds, freezes and approvals end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::assemble::{Part, Source};
use crate::inventory::Target;
use crate::ports::{Clock, Result};
use crate::release::clock_reading;

/// How often a clock is read. A wrong clock usually stays wrong for much longer than this. A release reads the clocks
/// again before its switch, so it does not depend on an old reading.
const READ_INTERVAL: Duration = Duration::from_secs(30);

/// Asks a server for its time.
pub(super) type Ask = Box<dyn Fn() -> BoxFuture<'static, Result<Option<Timestamp>>> + Send + Sync>;

/// Reads the clock of a source every 30 seconds.
pub(super) async fn watch(
    (source, ask): (Source, Ask),
    targets: Vec<Target>,
    parts: mpsc::Sender<Part>,
    own_clock: Arc<dyn Clock>,
) {
    loop {
        let part = read((source, &ask), targets.clone(), &*own_clock).await;
        if parts.send(part).await.is_err() {
            return;
        }
        tokio::time::sleep(READ_INTERVAL).await;
    }
}

/// Reads the clock of a source once. The reading has no name yet, because each target names the server differently.
pub(super) async fn read(
    (source, ask): (Source, &Ask),
    targets: Vec<Target>,
    own_clock: &dyn Clock,
) -> Part {
    let reading = clock_reading(String::new(), own_clock, ask()).await;
    Part::Clock(source, targets, reading)
}
