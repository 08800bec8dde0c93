//! Opens the archive. It is opened when needed and not with the other parts, so that it never delays
//! a release.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::timeout;

use super::App;
use crate::adapters::archive::Archive as File;
use crate::inventory::{ReleaseId, Target};
use crate::ports::{ArchiveReader, ArchiveWriter, Failure, Result};
use crate::settings::HistorySettings;
use crate::watchers::{Archive, Keeping, Observing, Opens, Recorder, Watching};

/// How long the end of a command may wait for the archive.
const NOT_WAITED_FOR: Duration = Duration::from_secs(2);

impl App {
    /// Opens the archive.
    pub async fn open_archive(&self) -> Result<Archive> {
        File::open(self.archive.clone()).await.map(of)
    }

    /// Opens the archive. If that fails, opens one in memory and returns the reason too.
    pub async fn any_archive(&self) -> Result<(Archive, Option<Failure>)> {
        match self.open_archive().await {
            Ok(archive) => Ok((archive, None)),
            Err(failure) => Ok((of(File::in_memory().await?), Some(failure))),
        }
    }

    /// Copies releases, holds, repairs and candidates' logs to the archive for as long as they are observed; first what
    /// happened before. The receiver gets the result after each attempt.
    pub fn keep_up(
        &self,
        watching: &Watching,
    ) -> (
        impl Future<Output = ()> + Send + use<>,
        watch::Receiver<Keeping>,
    ) {
        let (kept_some, kept) = watch::channel(Ok(()));
        let mut observed = Observing {
            releases: watching.releases.clone(),
            world: watching.world.clone(),
        };
        let (engine, file) = (Arc::clone(&self.engine), self.archive.clone());
        let (retention, recorder) = (self.retention, self.recorder.clone());
        let (watched, seen) = (Arc::clone(&self.engine), watching.releases.clone());
        let recording = async move {
            if let Some(recorder) = recorder {
                recorder.look_on(&watched, seen).await;
            }
        };
        let archiving = async move {
            observed.opened().await;
            match File::open(file).await {
                Ok(file) => {
                    of(file)
                        .keep_up(&engine, observed, retention, kept_some)
                        .await;
                }
                Err(failure) => {
                    tracing::warn!("the history cannot be opened, so nothing is kept: {failure}");
                    kept_some.send_modify(|last| *last = Err(failure.to_string()));
                }
            }
        };
        let keeping = async { tokio::join!(archiving, recording) };
        (keeping.map(|_| ()), kept)
    }

    /// Waits a moment until the logs of the releases driven here are kept.
    pub async fn recorded(&self) {
        if let Some(recorder) = &self.recorder
            && !recorder.settle(NOT_WAITED_FOR).await
        {
            tracing::warn!("a candidate's log was not kept within {NOT_WAITED_FOR:?}");
        }
    }

    /// Keeps a release that has just ended, and only that one: the end of a command does not wait
    /// for a journal to be read. If it cannot be kept, the release has not failed: the returned text says why.
    pub async fn keep(&self, target: &Target, release: ReleaseId) -> Option<String> {
        let kept = async {
            let Some(site) = self.engine.site(target) else {
                return Ok(());
            };
            let read = site.read.journal.release(target, release).await?;
            let archive = self.open_archive().await?;
            archive.write.keep(read.into_iter().collect()).await
        };
        let (kept, ()) = tokio::join!(timeout(NOT_WAITED_FOR, kept), self.recorded());
        let why = match kept {
            Ok(Ok(())) => return None,
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("not done within {NOT_WAITED_FOR:?}"),
        };
        tracing::warn!("not kept in the history: {why}");
        Some(format!(
            "this release is missing in the history of this machine: {why}\nOnce that is repaired, greenroom history reads it from the store"
        ))
    }
}

/// The recorder of candidates' logs; none if they are not kept.
pub(super) fn recorder(settings: &HistorySettings) -> Option<Recorder> {
    let path = settings.archive.clone();
    let opens: Opens = Arc::new(move || {
        let opening = File::open(path.clone());
        async { Ok(of(opening.await?).write) }.boxed()
    });
    (settings.log_size > 0).then(|| Recorder::new(opens, settings.log_size))
}

pub(super) fn of(file: File) -> Archive {
    let file = Arc::new(file);
    Archive {
        read: Arc::clone(&file) as Arc<dyn ArchiveReader>,
        write: file as Arc<dyn ArchiveWriter>,
    }
}
