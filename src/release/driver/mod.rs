//! The driver of a release. The driver runs the effects of the machine through the ports, and passes the results back
//! to the machine as events. The machine makes the decisions. The driver uses ports and tokio, but no adapter and no
//! user interface.

mod checks;
mod handing_over;
mod look;
mod lost;
mod overtaken;
mod perform;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

use lost::Lost;
pub(super) use perform::{Performer, error_kind};

use super::action::{ActionError, ActionErrorKind};
use super::approval::name_not_proved;
use super::event::{Effect, Event, NotWritten, TimerId};
use super::observation::Observation;
use super::{Announcement, Choice, Command, Machine, Plan, Reading, Site, Status, Writing};
use crate::history::{Chain, Entry, JournalEvent, ReleaseRecord, Successor};
use crate::inventory::{Clocks, Member, Operator};
use crate::ports::{CheckOutput, Clock, FailureKind, Fence, Lease, LeaseState};

/// The ports, the plan, the lock's fence and the clocks of a running release. Each effect of the machine gets a copy.
#[derive(Clone)]
pub(super) struct World {
    pub(super) read: Reading,
    pub(super) write: Writing,
    pub(super) plan: Arc<Plan>,
    pub(super) fence: Fence,
    /// The same service in the environment of `rules.only_from`. None if the plan has no such rule, or if that target
    /// is not configured.
    pub(super) only_from: Option<Site>,
    /// The operator who drives the release. Another operator may have opened it.
    pub(super) operator: Operator,
    pub(super) clock: Arc<dyn Clock>,
    /// The clocks of other machines, read when this driver started. One reading is enough, because this machine's clock
    /// is steady while the driver runs.
    pub(super) clocks: Clocks,
    /// Receives the results of effects, and progress while an act is running.
    pub(super) events: mpsc::Sender<Event>,
    /// Cancels the checks that are running, whenever its value changes.
    pub(super) stop_checks: watch::Sender<u64>,
    /// Locked while checks run.
    pub(super) checks_running: Arc<tokio::sync::Mutex<()>>,
    /// Receives the output of the checks that run commands.
    pub(super) check_output: CheckOutput,
    /// Receives the members of the candidate as soon as they are started.
    pub(super) candidate: watch::Sender<Vec<Member>>,
    /// The hash chain of the records of the release.
    pub(super) chain: Arc<Mutex<Chain>>,
}

impl World {
    /// The entry with its link to the previous entry. Linking an entry twice gives the same result, so a write can be
    /// repeated.
    fn linked(&self, entry: Entry) -> Entry {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        chain.linked(entry)
    }

    fn ended(&self, head: ReleaseRecord) -> ReleaseRecord {
        let chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        chain.closed(head)
    }
}

pub(super) struct Driver {
    pub(super) machine: Machine,
    pub(super) world: World,
    pub(super) lease: Lease,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) status: watch::Sender<Arc<Status>>,
    pub(super) announcements: broadcast::Sender<Announcement>,
}

/// How long releasing the lock may take when the driver ends. Without an answer, the lock expires with its lease.
const LOCK_RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

impl Driver {
    /// Drives the release until it has ended or the driver must stop. Then releases the lock, if this driver still
    /// holds it.
    pub(super) async fn run(mut self) {
        let mut timer: Option<(TimerId, Instant)> = None;
        let mut commands_open = true;
        self.feed(Event::Started, &mut timer);
        while !self.status.borrow().is_over() {
            let wake = timer.map_or_else(far_away, |(_, at)| at);
            let event = tokio::select! {
                biased;
                changed = self.lease.state.changed() => self.lease_changed(changed.is_ok()).await,
                event = self.events.recv() => event,
                command = self.commands.recv(), if commands_open => {
                    commands_open = command.is_some();
                    match command {
                        Some(command) => self.event_of(command).await,
                        None => None,
                    }
                }
                () = tokio::time::sleep_until(wake), if timer.is_some() => {
                    timer.take().map(|(id, _)| Event::Fired(id))
                }
            };
            if let Some(event) = event {
                self.feed(event, &mut timer);
            }
        }
        self.end().await;
    }

    /// The event after the state of the lease changed; none while the lock is held. If the lock may be lost, the driver
    /// reads who has it, and starts nothing else until the answer.
    async fn lease_changed(&self, has_heartbeat: bool) -> Option<Event> {
        let state = self.lease.state.borrow().clone();
        let why = match state {
            LeaseState::Held if has_heartbeat => return None,
            LeaseState::Held => "the heartbeat of the lock ended".to_owned(),
            LeaseState::Lost(why) => why,
        };
        let lost = lost::look(&self.world).await;
        Some(lost::event(&self.world, &lost, &why).await)
    }

    /// Turns a command into an event. For `LookAtLock` the driver reads the lock, and starts nothing else until the
    /// answer.
    async fn event_of(&self, command: Command) -> Option<Event> {
        // These requests take effect at the end of a step. Nothing is lost if the checks end early.
        if matches!(
            command,
            Command::BackOut { .. } | Command::Interrupt { .. } | Command::HandOver { .. }
        ) {
            self.stop_checks();
        }
        Some(match command {
            Command::LookAtLock => {
                let lost = lost::look(&self.world).await;
                if !matches!(lost, Lost::To(_)) {
                    return None;
                }
                lost::event(&self.world, &lost, "").await
            }
            Command::Approve(approval) => Event::Approved(approval),
            Command::BackOut { by, reason } => Event::BackOutAsked { by, reason },
            Command::Choose { choice, by, note } => match self.why_not_overridden(choice) {
                Some(why) => Event::NotChosen { why },
                None => Event::Chosen { choice, by, note },
            },
            Command::CheckAgain { by } => Event::CheckAgainAsked(by),
            Command::EndStandby => Event::StandbyEnded,
            Command::Supersede { by } => Event::Superseded { by },
            Command::Interrupt { reason } => Event::Interrupted { reason },
            Command::HandOver { to, console, by } => Event::HandOverAsked {
                to: Successor {
                    operator: to,
                    console,
                    token: self.world.fence.token,
                },
                by,
            },
        })
    }

    fn stop_checks(&self) {
        self.world.stop_checks.send_modify(|count| *count += 1);
    }

    /// Why this driver must not override checks: another person has to approve that, so the driver's name must be known.
    fn why_not_overridden(&self, choice: Choice) -> Option<String> {
        let plan = &self.world.plan;
        let needs_others = plan.tier().is_protected() && !plan.kind.is_rollback();
        if choice != Choice::Override || !needs_others {
            return None;
        }
        let proved = self.world.write.store.peer_approvals.proved_name();
        let why = name_not_proved(&self.world.operator, proved)?;
        Some(format!("the checks were not overridden: {why}"))
    }

    fn feed(&mut self, event: Event, timer: &mut Option<(TimerId, Instant)>) {
        let now = self.world.clock.now();
        for effect in self.machine.handle(now, event) {
            match effect {
                Effect::Schedule { id, after } => *timer = Some((id, Instant::now() + after)),
                Effect::Announce(announcement) => {
                    tracing::info!(
                        target: "release",
                        release = %self.world.plan.release,
                        subject = %self.world.plan.target(),
                        "{}",
                        crate::sanitize::sanitize(&announcement.text)
                    );
                    // Sending fails only if no user interface has subscribed.
                    let _ = self.announcements.send(announcement);
                }
                other => self.start(other),
            }
        }
        self.status.send_replace(Arc::new(self.machine.status()));
    }

    /// Runs an effect in a separate task. If the task panics, the machine gets the event of a failed effect.
    fn start(&self, effect: Effect) {
        let world = self.world.clone();
        let answers = self.world.events.clone();
        let after_panic = event_after_panic(&effect);
        // Subscribed before the task runs, so that a cancellation is not lost in between.
        let stopped = self.world.stop_checks.subscribe();
        let task = tokio::spawn(async move { answer(&world, effect, stopped).await });
        tokio::spawn(async move {
            let event = task.await.unwrap_or(after_panic);
            // Sending fails only if the driver has ended.
            let _ = answers.send(event).await;
        });
    }

    async fn end(self) {
        self.stop_checks();
        checks::cancelled(&self.world).await;
        // If the driver stopped because it lost the lock, it has nothing to release. If its operator stopped it, the
        // driver still holds the lock.
        let is_closed = self.status.borrow().outcome().is_some();
        let must_release = is_closed || *self.lease.state.borrow() == LeaseState::Held;
        if !must_release {
            return;
        }
        if is_closed {
            checks::clear(&self.world).await;
        }
        if let Some(successor) = self.machine.successor()
            && !handing_over::is_ours_after_waiting(&self.world, successor).await
        {
            return;
        }
        let target = self.world.plan.target();
        let release = self
            .world
            .write
            .store
            .locks
            .release(target, &self.world.fence);
        match tokio::time::timeout(LOCK_RELEASE_TIMEOUT, release).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::warn!(
                "the lock of {target} was not released: {failure}. It expires with its lease"
            ),
            Err(_) => tracing::warn!(
                "the lock of {target} was not released in time. It expires with its lease"
            ),
        }
    }
}

fn far_away() -> Instant {
    Instant::now() + Duration::from_hours(24)
}

/// The event for an effect whose task panicked.
fn event_after_panic(effect: &Effect) -> Event {
    let text = "an internal task of the driver ended unexpectedly: see the log file".to_owned();
    match effect {
        Effect::Act { .. } => Event::Acted(Err(ActionError {
            kind: ActionErrorKind::Final,
            text,
        })),
        Effect::Observe(_) => Event::Seen(Box::new(Observation {
            blind: vec![text],
            ..Observation::default()
        })),
        _ => Event::Unrecorded {
            kind: NotWritten::Unanswered,
            why: text,
        },
    }
}

async fn answer(world: &World, effect: Effect, stopped: checks::Stopped) -> Event {
    match effect {
        Effect::Record(entry) => {
            let plan = &world.plan;
            let journal = &world.write.store.journal;
            let entry = world.linked(entry);
            let written = journal
                .append(plan.target(), plan.release, &entry, &world.fence)
                .await;
            let is_first = matches!(entry.event, JournalEvent::Resumed { .. });
            recorded(world, written, is_first).await
        }
        Effect::Head(record) => {
            let record = world.ended(*record);
            let written = world.write.store.journal.head(&record, &world.fence).await;
            recorded(world, written, record.closed.is_none()).await
        }
        Effect::Act {
            actions,
            stage,
            approved,
        } => Event::Acted(perform::perform(world, &actions, stage, &approved).await),
        Effect::Observe(ask) => Event::Seen(Box::new(look::look(world, ask, stopped).await)),
        // `feed` handles these effects: they never reach this function.
        Effect::Schedule { id, .. } => Event::Fired(id),
        Effect::Announce(_) => Event::Recorded,
    }
}

/// Turns the result of a write into an event. After the first record of this driver (`is_first`), the driver also
/// records the ends of earlier releases.
async fn recorded(world: &World, result: crate::ports::Result<()>, is_first: bool) -> Event {
    match result {
        Ok(()) => {
            if is_first {
                overtaken::close_earlier(world).await;
            }
            Event::Recorded
        }
        Err(failure) if failure.kind == FailureKind::Fenced => {
            let lost = lost::look(world).await;
            lost::event(world, &lost, &failure.to_string()).await
        }
        Err(failure) => Event::Unrecorded {
            kind: if failure.kind.may_be_temporary() {
                NotWritten::Unanswered
            } else {
                NotWritten::Refused
            },
            why: failure.to_string(),
        },
    }
}
