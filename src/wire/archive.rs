//! Opens the archive. It is opened only when it is needed, so that it never delays a release.

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

/// How long the end of a command waits for the archive.
const WAIT_AT_END: Duration = Duration::from_secs(2);

impl App {
    pub async fn open_archive(&self) -> Result<Archive> {
        File::open(self.archive.clone()).await.map(ports_of)
    }

    /// Opens the archive. If that fails, opens an empty archive in memory instead, and also returns why.
    pub async fn any_archive(&self) -> Result<(Archive, Option<Failure>)> {
        match self.open_archive().await {
            Ok(archive) => Ok((archive, None)),
            Err(failure) => Ok((ports_of(File::in_memory().await?), Some(failure))),
        }
    }

    /// Copies releases, holds, repairs and the logs of candidates to the archive: first everything that was missed,
    /// then everything that is observed. The receiver gets the result of each attempt.
    pub fn update_archive(
        &self,
        watching: &Watching,
    ) -> (
        impl Future<Output = ()> + Send + use<>,
        watch::Receiver<Keeping>,
    ) {
        let (publish, kept) = watch::channel(Ok(()));
        let mut observed = Observing {
            releases: watching.releases.clone(),
            world: watching.world.clone(),
        };
        let (engine, file) = (Arc::clone(&self.engine), self.archive.clone());
        let (retention, recorder) = (self.retention, self.recorder.clone());
        let (watched, releases) = (Arc::clone(&self.engine), watching.releases.clone());
        let recording = async move {
            if let Some(recorder) = recorder {
                recorder.record_others(&watched, releases).await;
            }
        };
        let archiving = async move {
            observed.opened().await;
            match File::open(file).await {
                Ok(file) => {
                    ports_of(file)
                        .update_archive(&engine, observed, retention, publish)
                        .await;
                }
                Err(failure) => {
                    tracing::warn!(
                        "the archive cannot be opened: {failure}. No release is copied to it"
                    );
                    publish.send_modify(|last| *last = Err(failure.to_string()));
                }
            }
        };
        let keeping = async { tokio::join!(archiving, recording) };
        (keeping.map(|_| ()), kept)
    }

    /// Waits until the archive has the logs of the candidates that this process records, at most two seconds.
    pub async fn wait_for_logs(&self) {
        if let Some(recorder) = &self.recorder
            && !recorder.settle(WAIT_AT_END).await
        {
            tracing::warn!("the logs of a release were not stored within {WAIT_AT_END:?}");
        }
    }

    /// Copies one release that has just ended to the archive. Other releases are not copied, so that the end of a
    /// command does not wait for their journals. If the copy fails, the release does not fail: the returned text says
    /// why the copy is missing.
    pub async fn keep(&self, target: &Target, release: ReleaseId) -> Option<String> {
        let kept = async {
            let Some(site) = self.engine.site(target) else {
                return Ok(());
            };
            let read = site.read.journal.release(target, release).await?;
            let archive = self.open_archive().await?;
            archive.write.keep(read.into_iter().collect()).await
        };
        let (kept, ()) = tokio::join!(timeout(WAIT_AT_END, kept), self.wait_for_logs());
        let why = match kept {
            Ok(Ok(())) => return None,
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("no result within {WAIT_AT_END:?}"),
        };
        tracing::warn!("release {release} was not copied to the archive: {why}");
        Some(format!(
            "the history of this machine has no copy of release {release}: {why}\nWhen this problem is solved, `greenroom history` copies the release from the store"
        ))
    }
}

/// The recorder of the logs of candidates. None if the settings keep no logs.
pub(super) fn recorder(settings: &HistorySettings) -> Option<Recorder> {
    let path = settings.archive.clone();
    let opens: Opens = Arc::new(move || {
        let opening = File::open(path.clone());
        async { Ok(ports_of(opening.await?).write) }.boxed()
    });
    (settings.log_size > 0).then(|| Recorder::new(opens, settings.log_size))
}

pub(super) fn ports_of(file: File) -> Archive {
    let file = Arc::new(file);
    Archive {
        read: Arc::clone(&file) as Arc<dyn ArchiveReader>,
        write: file as Arc<dyn ArchiveWriter>,
    }
}
