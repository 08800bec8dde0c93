//! Asks the image registry which image each followed tag names, for image registries that report no pushes. A tag that
//! names another image than before becomes a push.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::inventory::{Digest, Push, PushSource, QueueEntry, TagPattern, Target, by_version};
use crate::ports::{Failure, FailureKind, QueueStore, Queued, Result};
use crate::release::{Engine, Site};

/// How many earlier releases are searched for a version.
const SEARCHED: usize = 50;

/// Polls the image registry for one target.
pub(super) struct Poll {
    engine: Arc<Engine>,
    site: Site,
    every: Duration,
    /// The digest that each pattern named last.
    known: BTreeMap<String, Digest>,
    has_failed: bool,
}

impl Poll {
    /// None if the target is not configured, or has no `poll`.
    pub(super) fn of(engine: &Arc<Engine>, target: &Target) -> Option<Self> {
        let site = engine.site(target)?.clone();
        Some(Self {
            engine: Arc::clone(engine),
            every: site.definition.poll?,
            site,
            known: BTreeMap::new(),
            has_failed: false,
        })
    }

    /// Polls until `stop` is cancelled. The targets are asked at different moments, so that the image registry does not
    /// get all requests at once.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut hasher = DefaultHasher::new();
        self.site.definition.target.hash(&mut hasher);
        let part = u32::try_from(hasher.finish() % 100).unwrap_or_default();
        let first = tokio::time::Instant::now() + self.every * part / 100;
        let mut ticks = interval_at(first, self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let Some(asked) = stop.run_until_cancelled(self.ask()).await else {
                return;
            };
            match asked {
                Ok(()) => self.has_failed = false,
                // An outage is logged once, not at every poll.
                Err(failure) if !self.has_failed => {
                    self.has_failed = true;
                    tracing::warn!(
                        "{}: the image registry was not polled, and the next poll tries again: {failure}",
                        self.site.definition.target
                    );
                }
                Err(failure) => tracing::debug!("{failure}"),
            }
        }
    }

    /// Asks once about every pattern, and adds a push for each tag that names another image than before.
    async fn ask(&mut self) -> Result<()> {
        let Some(queue) = self
            .site
            .write
            .as_ref()
            .map(|write| Arc::clone(&write.store.queue))
        else {
            return Ok(());
        };
        let mut result = Ok(());
        for pattern in self.site.definition.follows.clone() {
            // A pattern that cannot be polled does not keep the others from being polled.
            if let Err(failure) = self.ask_about(queue.as_ref(), &pattern).await {
                result = Err(failure);
            }
        }
        result
    }

    async fn ask_about(&mut self, queue: &dyn QueueStore, pattern: &TagPattern) -> Result<()> {
        let Some((tag, digest)) = self.newest(pattern).await? else {
            return Ok(());
        };
        let known = self.known.get(pattern.as_str());
        if known == Some(&digest) {
            return Ok(());
        }
        // At the first poll it is not known whether the tag has changed. A version that was released before is then no
        // push: operators may have made another version live since.
        let is_old = known.is_none() && self.was_released(&digest).await?;
        if is_old || self.add(queue, &tag, &digest).await? {
            self.known.insert(pattern.as_str().to_owned(), digest);
        }
        Ok(())
    }

    /// Whether one of the newest releases of the target released this version.
    async fn was_released(&self, digest: &Digest) -> Result<bool> {
        let journal = &self.site.read.journal;
        let past = journal
            .releases(&self.site.definition.target, SEARCHED)
            .await?;
        Ok(past.iter().any(|head| head.to.1.digest == *digest))
    }

    /// The tag that the pattern means, and the digest that the tag names now. A pattern that matches several tags means
    /// the newest of them. None if the image registry has no such tag.
    async fn newest(&self, pattern: &TagPattern) -> Result<Option<(String, Digest)>> {
        let repository = &self.site.definition.repository;
        let images = &self.site.read.images;
        let tag = if let Some(tag) = pattern.tag() {
            tag.to_owned()
        } else {
            let tags = images
                .tags(repository)
                .await?
                .into_iter()
                .map(|tag| tag.name);
            let matching = tags.filter(|tag| pattern.matches(tag));
            let Some(newest) = matching.max_by(|a, b| by_version(a, b)) else {
                return Ok(None);
            };
            newest
        };
        match images.digest_of(repository, &tag).await {
            Ok(digest) => Ok(Some((tag, digest))),
            Err(Failure {
                kind: FailureKind::Missing,
                ..
            }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Adds the push, unless the version is live. Returns false if the queue is full.
    async fn add(&self, queue: &dyn QueueStore, tag: &str, digest: &Digest) -> Result<bool> {
        let definition = &self.site.definition;
        let record = self.site.read.registry.read(&definition.target).await?;
        let live = record.route.as_ref().and_then(|route| {
            let registration = record.slots.get(route.value.live).as_ref()?;
            Some(&registration.value.digest)
        });
        if live == Some(digest) {
            return Ok(true);
        }
        let now = self.engine.clock().now();
        // Agents that find the same image add one entry. After a release, the same image is another push.
        let generation = record
            .route
            .as_ref()
            .map_or(0, |route| route.value.generation);
        let delivery = format!("{} {generation}", digest.as_str());
        let (repository, source) = (&definition.repository, PushSource::Poll);
        let push = Push::new(repository, tag, source, &delivery, now).map_err(|bad| {
            let doing = format!("polling {}", definition.target);
            Failure::new(
                FailureKind::Rejected,
                "the configuration",
                doing,
                bad.to_string(),
            )
        })?;
        let entry = QueueEntry::new(&definition.target, push.digest(Some(digest.clone())));
        Ok(queue.add(&entry).await? != Queued::Full)
    }
}
