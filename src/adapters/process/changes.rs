//! The stream of change hints, without polling. The kernel reports when a record file changes and when a process exits,
//! no matter which console started the process.

use std::os::fd::OwnedFd;

use futures_util::stream::{self, BoxStream, FuturesUnordered, StreamExt};
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use tokio::io::unix::AsyncFd;

use super::identity::{Run, awaited};
use super::records::Records;
use crate::ports::Result;

type Ends = FuturesUnordered<futures_util::future::BoxFuture<'static, Run>>;

struct Watch {
    records: Records,
    files: AsyncFd<OwnedFd>,
    ends: Ends,
    watched: Vec<Run>,
}

/// Implements [`crate::ports::RuntimeReader::changes`].
pub(super) fn stream(records: &Records) -> Result<BoxStream<'static, Result<()>>> {
    // The kernel can only watch existing directories.
    records.prepare()?;
    let open = || -> std::io::Result<_> {
        let files = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let flags = WatchFlags::MOVED_TO | WatchFlags::DELETE;
        add_watch(&files, records.watched(), flags)?;
        add_watch(&files, records.watched_tasks(), flags)?;
        awaited(files)
    };
    let files = open().map_err(|error| records.failed("watching for changes", error))?;
    let mut watch = Watch {
        records: records.clone(),
        files,
        ends: FuturesUnordered::new(),
        watched: Vec::new(),
    };
    watch.watch_ends()?;
    let hints = stream::unfold(Some(watch), |watch| async move {
        let mut watch = watch?;
        match watch.next().await {
            Ok(()) => Some((Ok(()), Some(watch))),
            Err(failure) => Some((Err(failure), None)),
        }
    });
    Ok(hints.boxed())
}

impl Watch {
    async fn next(&mut self) -> Result<()> {
        tokio::select! {
            ready = self.files.readable() => {
                let mut ready = ready
                    .map_err(|error| self.records.failed("watching for changes", error))?;
                // The events are not evaluated, because all records are read again.
                let mut events = [0_u8; 4096];
                while rustix::io::read(self.files.get_ref(), &mut events).is_ok_and(|read| read > 0) {}
                ready.clear_ready();
            }
            Some(over) = self.ends.next() => self.watched.retain(|run| *run != over),
        }
        self.watch_ends()
    }

    fn watch_ends(&mut self) -> Result<()> {
        let records = self
            .records
            .all()?
            .into_iter()
            .map(|record| record.process());
        let tasks = self
            .records
            .all_tasks()?
            .into_iter()
            .map(|task| task.process());
        for run in records.chain(tasks).filter_map(|process| process.running()) {
            if self.watched.contains(&run) {
                continue;
            }
            let handle = run
                .handle()
                .and_then(|handle| handle.map(awaited).transpose())
                .map_err(|error| {
                    self.records
                        .failed(&format!("watching process {}", run.pid), error)
                })?;
            let Some(handle) = handle else { continue };
            self.watched.push(run.clone());
            self.ends.push(Box::pin(async move {
                // An error ends only the watch of this process. The next listing shows its state.
                let _ = handle.readable().await;
                run
            }));
        }
        Ok(())
    }
}
