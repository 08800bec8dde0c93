//! The driver: runs the machine's effects against the ports and feeds it what comes back. It
//! decides nothing. It knows ports and tokio, no adapter and no face.

mod handing_over;
mod lock;
mod look;
mod lost;
mod overtaken;
mod perform;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

use lost::Lost;

use super::act::{ActionError, ActionErrorKind, Observation};
use super::engine::Site;
use super::event::{Effect, Event, NotWritten, TimerId};
use super::{Announcement, Command, Machine, Plan, Status};
use crate::history::{Chain, Entry, Happening, ReleaseRecord, Successor};
use crate::inventory::{Clocks, InstanceId, Operator};
use crate::ports::{
    Checker, Clock, FailureKind, Fence, Holds, Images, JournalReader, JournalWriter, Lease,
    LeaseState, Locks, PeerApprovals, PresenceStore, RegistryReader, RegistryWriter, RouterReader,
    RouterWriter, RuntimeReader, RuntimeWriter, Seals,
};

/// What looks at a target.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Reading {
    /// What runs.
    pub runtime: Arc<dyn RuntimeReader>,
    /// What is registered.
    pub registry: Arc<dyn RegistryReader>,
    /// What is routed.
    pub router: Arc<dyn RouterReader>,
    /// What answers.
    pub checker: Arc<dyn Checker>,
    /// What was written down.
    pub journal: Arc<dyn JournalReader>,
    /// What there is to run.
    pub images: Arc<dyn Images>,
}

/// What changes a target. Never built where only looking is allowed.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Writing {
    /// Changes what runs.
    pub runtime: Arc<dyn RuntimeWriter>,
    /// Changes what is registered.
    pub registry: Arc<dyn RegistryWriter>,
    /// Changes what is routed.
    pub router: Arc<dyn RouterWriter>,
    /// Writes down.
    pub journal: Arc<dyn JournalWriter>,
    /// Takes and gives back locks.
    pub locks: Arc<dyn Locks>,
    /// Shows others who looks on, and who requests the handover.
    pub presence: Arc<dyn PresenceStore>,
    /// Places and clears holds.
    pub holds: Arc<dyn Holds>,
    /// Gives what others approve.
    pub peer_approvals: Arc<dyn PeerApprovals>,
    /// Seals what is over; not for those who drive.
    pub seals: Arc<dyn Seals>,
}

/// Everything a release in flight needs of the world.
#[derive(Clone)]
pub(super) struct World {
    pub(super) read: Reading,
    pub(super) write: Writing,
    pub(super) plan: Arc<Plan>,
    pub(super) fence: Fence,
    /// The environment that its version has to be live in first, if there is one and it is configured.
    pub(super) first: Option<Site>,
    /// Who drives it; another one may have begun it.
    pub(super) operator: Operator,
    pub(super) clock: Arc<dyn Clock>,
    /// Other machines' clocks, compared when it began to be driven here: until its end the own clock is steady.
    pub(super) clocks: Clocks,
    /// Where progress goes while something is under way.
    pub(super) events: mpsc::Sender<Event>,
    /// Who is to hear as soon as the candidate is started.
    pub(super) candidate: watch::Sender<Option<InstanceId>>,
    /// What ties the records of the release together.
    pub(super) chain: Arc<Mutex<Chain>>,
}

impl World {
    /// As it is written: tied to the one before. Written again, it is the same.
    fn linked(&self, entry: Entry) -> Entry {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        chain.linked(entry)
    }

    fn ended(&self, head: ReleaseRecord) -> ReleaseRecord {
        let chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        chain.closed(head)
    }
}

/// One release, being driven.
pub(super) struct Driver {
    pub(super) machine: Machine,
    pub(super) world: World,
    pub(super) lease: Lease,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) status: watch::Sender<Arc<Status>>,
    pub(super) announcements: broadcast::Sender<Announcement>,
}

/// How long giving the lock back may take at the end; its lease ends by itself anyway.
const GIVE_BACK: Duration = Duration::from_secs(2);

impl Driver {
    /// Drives until the release is closed or may not be driven any more.
    pub(super) async fn run(mut self) {
        let mut timer: Option<(TimerId, Instant)> = None;
        let mut commands_open = true;
        self.feed(Event::Begun, &mut timer);
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

    /// While it is looked for who has the lock now, nothing else is begun.
    async fn lease_changed(&self, alive: bool) -> Option<Event> {
        let state = self.lease.state.borrow().clone();
        let why = match state {
            LeaseState::Held if alive => return None,
            LeaseState::Held => "its heartbeat ended".to_owned(),
            LeaseState::Lost(why) => why,
        };
        let lost = lost::look(&self.world).await;
        Some(lost::event(&self.world, &lost, &why).await)
    }

    /// While it is looked for who has the lock, nothing else is begun.
    async fn event_of(&self, command: Command) -> Option<Event> {
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
            Command::Choose { choice, by, note } => Event::Chosen { choice, by, note },
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
                    // Nobody listening is fine: the journal has it.
                    let _ = self.announcements.send(announcement);
                }
                other => self.start(other),
            }
        }
        self.status.send_replace(Arc::new(self.machine.status()));
    }

    /// Runs an effect in a task of its own. A task that dies answers as a failed one.
    fn start(&self, effect: Effect) {
        let world = self.world.clone();
        let answers = self.world.events.clone();
        let died = died(&effect);
        let task = tokio::spawn(async move { answer(&world, effect).await });
        tokio::spawn(async move {
            let event = task.await.unwrap_or(died);
            // The receiver is gone only when the driver is.
            let _ = answers.send(event).await;
        });
    }

    async fn end(self) {
        // Parked by a lost lock there is nothing to give back; parked by a person there is.
        let is_closed = self.status.borrow().outcome().is_some();
        let gives_back = is_closed || *self.lease.state.borrow() == LeaseState::Held;
        if !gives_back {
            return;
        }
        if let Some(successor) = self.machine.successor()
            && !handing_over::is_still_ours(&self.world, successor).await
        {
            return;
        }
        let target = self.world.plan.target();
        let release = self.world.write.locks.release(target, &self.world.fence);
        match tokio::time::timeout(GIVE_BACK, release).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::warn!("the lock was not given back: {failure}"),
            Err(_) => tracing::warn!("the lock was not given back in time"),
        }
    }
}

fn far_away() -> Instant {
    Instant::now() + Duration::from_hours(24)
}

/// What a task that panicked is taken for.
fn died(effect: &Effect) -> Event {
    let text = "the task that did it ended unexpectedly; see the log".to_owned();
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

async fn answer(world: &World, effect: Effect) -> Event {
    match effect {
        Effect::Record(entry) => {
            let plan = &world.plan;
            let journal = &world.write.journal;
            let entry = world.linked(entry);
            let written = journal
                .append(plan.target(), plan.release, &entry, &world.fence)
                .await;
            let begins = matches!(entry.what, Happening::Resumed { .. });
            recorded(world, written, begins).await
        }
        Effect::Head(record) => {
            let record = world.ended(*record);
            let written = world.write.journal.head(&record, &world.fence).await;
            recorded(world, written, record.closed.is_none()).await
        }
        Effect::Act {
            act,
            stage,
            approved,
        } => Event::Acted(perform::perform(world, &act, stage, &approved).await),
        Effect::Observe(ask) => Event::Seen(Box::new(look::look(world, ask).await)),
        // These never get here: `feed` does them itself.
        Effect::Schedule { id, .. } => Event::Fired(id),
        Effect::Announce(_) => Event::Recorded,
    }
}

/// `begins` is whether that was the first record of this driver.
async fn recorded(world: &World, result: crate::ports::Result<()>, begins: bool) -> Event {
    match result {
        Ok(()) => {
            if begins {
                overtaken::close_earlier(world).await;
            }
            Event::Recorded
        }
        Err(failure) if failure.kind == FailureKind::Fenced => {
            let lost = lost::look(world).await;
            lost::event(world, &lost, &failure.to_string()).await
        }
        Err(failure) => Event::Unrecorded {
            kind: if failure.kind.may_pass() {
                NotWritten::Unanswered
            } else {
                NotWritten::Refused
            },
            why: failure.to_string(),
        },
    }
}
