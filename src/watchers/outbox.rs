//! Sends notices. Each channel has its own queue and task, so that a slow or unreachable channel delays neither a
//! release nor another channel. Failures are logged. Before a command or the console ends, it waits a few seconds for
//! its notices. No other work waits for a notice.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::last_lines::LastLines;
use crate::history::{Notice, NoticeEvent};

use crate::inventory::{EnvironmentName, Operator, QueueEntry, ServiceName, Target};
use crate::ports::{Clock, Failure, Notifier};
use crate::release::{Driven, Handle, NoticeSource, ReleaseObserver, Site, Status, push_notice};

/// How many notices may wait for a channel. Further notices are dropped.
const WAITING: usize = 64;
/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// How often a failed notice is sent again. All pauses together take four to eight minutes, because each pause is
/// lengthened at random, at most to twice its length.
const RETRIES: usize = 9;

/// One channel with its filter.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Channel {
    /// The name in the configuration.
    pub name: String,
    pub notifier: Arc<dyn Notifier>,
    /// The events whose notices the channel gets.
    pub events: BTreeSet<NoticeEvent>,
    /// The environments whose notices the channel gets. Empty means all.
    pub environments: BTreeSet<EnvironmentName>,
    /// The services whose notices the channel gets. Empty means all.
    pub services: BTreeSet<ServiceName>,
}

impl Channel {
    /// Whether the channel gets notices of this event of this target.
    pub fn wants(&self, event: NoticeEvent, target: &Target) -> bool {
        let is_allowed = |is_empty: bool, has: bool| is_empty || has;
        self.events.contains(&event)
            && is_allowed(
                self.environments.is_empty(),
                self.environments.contains(&target.environment),
            )
            && is_allowed(
                self.services.is_empty(),
                self.services.contains(&target.service),
            )
    }
}

/// The channels and the notices that are being sent.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Outbox {
    driver: Operator,
    clock: Arc<dyn Clock>,
    post: Arc<Post>,
}

impl Outbox {
    /// An outbox for the releases that this operator drives. The outbox connects to a channel only when there is a
    /// notice to send.
    pub fn new(channels: Vec<Channel>, driver: Operator, clock: Arc<dyn Clock>) -> Self {
        let post = Post {
            channels,
            queues: OnceLock::new(),
            open: watch::Sender::new(0),
        };
        Self {
            driver,
            clock,
            post: Arc::new(post),
        }
    }

    pub fn channels(&self) -> &[Channel] {
        &self.post.channels
    }

    /// Waits until all notices are sent and no release is followed any longer, at most `time_limit`. Returns how many
    /// notices are not sent yet, plus one for each release that is still followed.
    pub async fn settle(&self, time_limit: Duration) -> usize {
        let mut open = self.post.open.subscribe();
        let settled = open.wait_for(|open| *open == 0);
        if tokio::time::timeout(time_limit, settled).await.is_ok() {
            return 0;
        }
        *self.post.open.borrow()
    }
}

impl ReleaseObserver for Outbox {
    fn driven(&self, site: &Site, handle: &Handle, how: Driven) {
        if self.post.channels.is_empty() {
            return;
        }
        let status = handle.status();
        let notice_source = match how {
            Driven::Started => NoticeSource::new(self.driver.clone()),
            Driven::Resumed => NoticeSource::resumed(self.driver.clone(), &status.borrow()),
        };
        let target = &site.definition.target;
        let lines = self.post.wants_details(target);
        let lines = lines.then(|| LastLines::follow(site, handle));
        let followed = Open::of(&self.post.open);
        let (post, clock) = (Arc::clone(&self.post), Arc::clone(&self.clock));
        tokio::spawn(async move {
            follow((status, lines), notice_source, &post, clock.as_ref()).await;
            drop(followed);
        });
    }

    fn entry_changed(&self, site: &Site, entry: &QueueEntry) {
        if let Some(notice) = push_notice(site, entry, &self.driver) {
            self.post.enqueue(&notice, false);
        }
    }
}

/// Sends the notices of a release while this process drives it.
async fn follow(
    (mut status, mut lines): (watch::Receiver<Arc<Status>>, Option<LastLines>),
    mut notice_source: NoticeSource,
    post: &Post,
    clock: &dyn Clock,
) {
    // A channel gets the details of one failure once.
    let mut has_failed = false;
    loop {
        let current = Arc::clone(&status.borrow_and_update());
        let now = clock.now();
        for mut notice in notice_source.new_notices(&current, now) {
            if let Some(lines) = lines.as_mut().filter(|_| notice.event.has_details()) {
                notice.log = lines.now().await;
            }
            post.enqueue(&notice, has_failed);
            has_failed |= notice.event == NoticeEvent::Failed;
        }
        let wait = notice_source.next_check();
        let wait = wait.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        tokio::select! {
            changed = status.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
        }
    }
}

/// A queue and a task for each channel.
struct Post {
    channels: Vec<Channel>,
    /// The queues, which are created for the first notice. Their tasks end with this value: a notice that is repeated
    /// later could replace a newer one of the next outbox.
    queues: OnceLock<Vec<(mpsc::Sender<Notice>, AbortOnDropHandle<()>)>>,
    /// The number of followed releases plus the notices being sent.
    open: watch::Sender<usize>,
}

impl Post {
    /// Whether a channel gets the failed checks and the last lines of the candidates of this target.
    fn wants_details(&self, target: &Target) -> bool {
        let mut details = NoticeEvent::ALL.into_iter().filter(|it| it.has_details());
        details.any(|event| self.channels.iter().any(|it| it.wants(event, target)))
    }

    /// Adds a notice to the queue of each channel that wants it. `has_failed` is whether a notice that the release
    /// failed came before.
    fn enqueue(&self, notice: &Notice, has_failed: bool) {
        let queues = self.queues.get_or_init(|| {
            let channels = self.channels.iter();
            channels.map(|channel| self.open_queue(channel)).collect()
        });
        for (channel, (queue, _)) in self.channels.iter().zip(queues) {
            if !channel.wants(notice.event, &notice.target) {
                continue;
            }
            let mut notice = notice.clone();
            let is_first = notice.event != NoticeEvent::BackedOut
                || !(has_failed && channel.events.contains(&NoticeEvent::Failed));
            if !is_first {
                notice.failed_checks.clear();
                notice.log.clear();
            }
            self.open.send_modify(|open| *open += 1);
            if let Err(error) = queue.try_send(notice) {
                let notice = error.into_inner();
                self.open.send_modify(|open| *open -= 1);
                tracing::warn!(
                    "notices.{} did not get the notice \"{}\": {WAITING} notices are already waiting",
                    channel.name,
                    notice.text
                );
            }
        }
    }

    fn open_queue(&self, channel: &Channel) -> (mpsc::Sender<Notice>, AbortOnDropHandle<()>) {
        let (sender, mut waiting) = mpsc::channel::<Notice>(WAITING);
        let (channel, open) = (channel.clone(), self.open.clone());
        let sending = tokio::spawn(async move {
            while let Some(notice) = waiting.recv().await {
                if let Err(failure) = send(&channel, &notice).await {
                    tracing::warn!(
                        "notices.{} did not get the notice \"{}\": {failure}",
                        channel.name,
                        notice.text
                    );
                }
                open.send_modify(|open| *open -= 1);
            }
        });
        (sender, AbortOnDropHandle::new(sending))
    }
}

async fn send(channel: &Channel, notice: &Notice) -> Result<(), Failure> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(PAUSES.0)
        .with_max_delay(PAUSES.1)
        .with_max_times(RETRIES)
        .with_jitter();
    let again = |failure: &Failure, pause: Duration| {
        tracing::info!(
            "sending to notices.{} failed: {failure}. Greenroom tries again in {pause:?}",
            channel.name
        );
    };
    (|| channel.notifier.notify(notice))
        .retry(pauses)
        .when(|failure: &Failure| failure.kind.may_be_temporary())
        .adjust(|failure, pause| {
            // A server that asks for a longer pause would refuse an earlier request.
            pause.map(|pause| pause.max(failure.pause()))
        })
        .notify(again)
        .await
}

/// Adds one to a count for as long as this value exists.
struct Open(watch::Sender<usize>);

impl Open {
    fn of(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|open| *open += 1);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}
