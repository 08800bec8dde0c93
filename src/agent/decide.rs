//! Decides the one thing that an agent does next for a target, from what it has read. Nothing here reads, writes or
//! waits. So the model checker of the tests runs the same decisions as an agent.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::judge;
use crate::history::{Outcome, ReleaseRecord};
use crate::inventory::{
    Digest, EntryState, QueueEntry, RegistryRecord, ReleaseId, Version, newest_pending, overtaken,
    released_after,
};
use crate::release::{Definition, Refusal, Refused, Resolved};

/// The first pause before a waiting entry is looked at again without a change in the store. It doubles from look to
/// look.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// What an agent has read about its target.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    pub definition: &'a Definition,
    /// The name of the agent's process.
    pub agent: &'a str,
    pub record: RegistryRecord,
    pub now: Timestamp,
    /// The release that the agent's process drives.
    pub driven: Option<DrivenRelease>,
    /// The releases that entries name. The release that the agent's process drives may be missing.
    pub named: BTreeMap<ReleaseId, NamedRelease>,
    /// The newest release, if an agent left it unfinished and no process drives it.
    pub left: Option<ReleaseId>,
    pub due: Due,
    /// Whether the agent's process has tried to resume a release a moment ago.
    pub has_just_resumed: bool,
}

/// What an agent does for its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// The agent is about to stop: it only says what became of releases.
    Results,
    /// The target no longer follows a tag: the agent also resumes releases.
    Ends,
    /// The agent also releases pushes.
    Everything,
}

/// The release that the agent's process drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrivenRelease {
    pub release: ReleaseId,
    pub is_standby: bool,
}

/// What became of a release that an entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedRelease {
    /// No release has the id.
    NotOpened,
    /// The version is not live yet.
    Open,
    /// The version is live, and the one before is kept for a rollback.
    Standby,
    Ended(Outcome),
}

/// When an agent looks at its queue again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// After the next change.
    OnChange,
    /// After the next change, or after a pause that grows from look to look. `at` ends the pause earlier.
    Later { at: Option<Timestamp> },
    /// At once, because the look has changed something.
    Now,
}

/// A change of an entry. The store makes it only if the entry is still the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryChange {
    pub from: QueueEntry,
    pub to: QueueEntry,
}

impl EntryChange {
    fn state(entry: &QueueEntry, state: EntryState, at: Timestamp) -> Self {
        Self {
            from: entry.clone(),
            to: entry.becomes(state, at),
        }
    }
}

/// What an agent does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing is to be done now.
    Rest(Again),
    /// Changes these entries, and looks again.
    Change(Vec<EntryChange>),
    /// Writes the state of an entry, and looks again later. The change may change nothing. `at` ends the pause earlier.
    Wait {
        change: Box<EntryChange>,
        at: Option<Timestamp>,
    },
    /// Resumes a release that an agent left.
    Resume(ReleaseId),
    /// Finds out which version the tag of the entry names. [`offered`] decides what follows.
    LookUp(Box<QueueEntry>),
    /// Plans the release of the entry. [`planned`] decides what follows.
    Plan(Box<QueueEntry>),
    /// Names the release in the entry, and then opens the release.
    RollOut(Box<EntryChange>),
}

impl Next {
    fn change(entry: &QueueEntry, state: EntryState, at: Timestamp) -> Self {
        Self::Change(vec![EntryChange::state(entry, state, at)])
    }
}

/// A release that keeps the next one from being opened, or that the next one ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenRelease {
    /// No release is open, or the next release closes it.
    None,
    /// Only the standby of this release remains.
    Standby(ReleaseId),
    /// The text says why no release can be opened.
    Busy(String),
}

/// The result of planning the release of an entry.
#[derive(Debug, Clone, Copy)]
pub enum Planned<'a> {
    /// `is_approved` is false if the release needs the approval of a person.
    Made {
        release: ReleaseId,
        is_approved: bool,
        open: &'a OpenRelease,
    },
    Refused(&'a Refused),
}

/// What is due for the target.
pub fn next(seen: &Seen<'_>) -> Next {
    let mut again = Again::OnChange;
    for entry in &seen.record.queue {
        if let EntryState::RollingOut { release, agent } = &entry.state {
            match settle(seen, *release, agent) {
                Settled::Becomes(state) => return Next::change(entry, state, seen.now),
                Settled::Later => again = Again::Later { at: None },
                Settled::OnChange => {}
            }
        }
    }
    if seen.due < Due::Ends {
        return Next::Rest(again);
    }
    if let Some(release) = seen.left {
        // A driver that stops again and again must not be started again at once.
        if !seen.has_just_resumed {
            return Next::Resume(release);
        }
        again = Again::Later { at: None };
    }
    if seen.due < Due::Everything {
        return Next::Rest(again);
    }
    let queue = &seen.record.queue;
    let Some(newest) = newest_pending(queue) else {
        return Next::Rest(again);
    };
    if let Some(released) = released_after(queue, newest) {
        let for_entry = released.id.clone();
        return Next::change(newest, EntryState::Skipped { for_entry }, seen.now);
    }
    // A push of a tag that does not exist must not take the place of a push that can be released.
    if newest.version.is_some() {
        let skipped = |old: &QueueEntry| {
            let for_entry = newest.id.clone();
            EntryChange::state(old, EntryState::Skipped { for_entry }, seen.now)
        };
        let skipped: Vec<_> = overtaken(queue, newest).map(skipped).collect();
        if !skipped.is_empty() {
            return Next::Change(skipped);
        }
    }
    consider(seen, newest, again)
}

enum Settled {
    Becomes(EntryState),
    Later,
    OnChange,
}

/// Finds out what became of an entry whose release was about to be opened, or was opened.
fn settle(seen: &Seen<'_>, release: ReleaseId, agent: &str) -> Settled {
    let done = EntryState::Done {
        release: Some(release),
    };
    if let Some(driven) = seen.driven.filter(|driven| driven.release == release) {
        return if driven.is_standby {
            Settled::Becomes(done)
        } else {
            Settled::OnChange
        };
    }
    match seen.named.get(&release) {
        Some(NamedRelease::NotOpened) => {
            // Another agent that is alive may be about to open the release.
            let mut watching = seen.record.watching.iter();
            if agent != seen.agent && watching.any(|it| it.console == agent) {
                return Settled::Later;
            }
            Settled::Becomes(EntryState::Waiting { why: None })
        }
        Some(NamedRelease::Standby) => Settled::Becomes(done),
        Some(NamedRelease::Ended(outcome)) => {
            Settled::Becomes(judge::after_outcome(release, outcome))
        }
        // The release has a driver, or an agent resumes it.
        Some(NamedRelease::Open) | None => Settled::OnChange,
    }
}

/// Decides about the newest pending entry.
fn consider(seen: &Seen<'_>, entry: &QueueEntry, again: Again) -> Next {
    if seen.definition.tier.is_protected() {
        return offer(seen, entry, again);
    }
    if entry.version.is_some()
        && let Some((why, until)) = must_wait(seen, entry)
    {
        return wait(entry, why, until, seen.now);
    }
    Next::Plan(Box::new(entry.clone()))
}

/// Why no release of the target can start now, and when that ends, as far as this is known without a plan. A plan costs
/// requests to the image registry, and an entry may wait for days. But only a plan shows that a version must not be
/// released at all. So an entry waits for a hold only if a plan has already said that it does: another agent may have
/// resolved its version without having judged it yet, or it may have waited for something else until now.
fn must_wait(seen: &Seen<'_>, entry: &QueueEntry) -> Option<(String, Option<Timestamp>)> {
    if let Some(driven) = seen.driven.filter(|driven| !driven.is_standby) {
        let release = driven.release.short();
        return Some((format!("release {release} is running"), None));
    }
    let EntryState::Waiting { why: Some(why) } = &entry.state else {
        return None;
    };
    let holds = seen.definition.holds(seen.record.hold.as_ref(), seen.now);
    let hold = holds.first()?.to_string();
    let until = holds.iter().filter_map(|hold| hold.until).min();
    // The refusal of a plan begins with the hold.
    why.starts_with(&hold).then_some((hold, until))
}

/// Offers the version to the operators of a protected environment, until it is live there.
fn offer(seen: &Seen<'_>, entry: &QueueEntry, again: Again) -> Next {
    let live = seen.record.route.as_ref().and_then(|route| {
        let registration = seen.record.slots.get(route.value.live).as_ref()?;
        Some(&registration.value)
    });
    let wanted = entry.version.as_ref().map(|version| &version.digest);
    if let Some(live) = live.filter(|live| Some(&live.digest) == wanted) {
        let release = Some(live.release);
        return Next::change(entry, EntryState::Done { release }, seen.now);
    }
    if entry.state == EntryState::Offered {
        return Next::Rest(again);
    }
    Next::LookUp(Box::new(entry.clone()))
}

/// What follows when an agent has looked up the version of an entry of a protected environment.
pub fn offered(seen: &Seen<'_>, entry: &QueueEntry, resolved: Resolved) -> Next {
    let version = match resolved {
        Resolved::Version(version) => *version,
        Resolved::Unknown(why) => return wait(entry, why, None, seen.now),
        _ => {
            let missing = Refusal::NoSuchVersion {
                wanted: entry.push.tag.clone(),
                repository: seen.definition.repository.clone(),
            };
            return match judge::after_refusal(entry, &missing.into(), None, seen.now) {
                EntryState::Waiting { .. } => {
                    let why = format!("the image registry has no version {}", entry.push.tag);
                    wait(entry, why, None, seen.now)
                }
                state => Next::change(entry, state, seen.now),
            };
        }
    };
    let to = QueueEntry {
        version: Some(version),
        ..entry.becomes(EntryState::Offered, seen.now)
    };
    let from = entry.clone();
    Next::Change(vec![EntryChange { from, to }])
}

/// The entry with the version that its tag names now. None if the entry has that version already.
pub fn identified(entry: &QueueEntry, version: &Version) -> Option<QueueEntry> {
    let is_known = |known: &Version| known.digest == version.digest;
    if entry.version.as_ref().is_some_and(is_known) {
        return None;
    }
    Some(QueueEntry {
        version: Some(version.clone()),
        ..entry.clone()
    })
}

/// Whether an entry waits after this refusal. If its version is not known yet, the agent then looks it up, so that an
/// operator sees what waits.
pub fn waits_after(seen: &Seen<'_>, entry: &QueueEntry, refused: &Refused) -> bool {
    let state = judge::after_refusal(entry, refused, None, seen.now);
    matches!(state, EntryState::Waiting { .. })
}

/// What follows when an agent has planned the release of an entry. The entry has its version. `past` was read after
/// planning, newest release first.
pub fn planned(
    seen: &Seen<'_>,
    entry: &QueueEntry,
    planned: Planned<'_>,
    past: &[ReleaseRecord],
) -> Next {
    let now = seen.now;
    match planned {
        Planned::Refused(refused) => {
            let live = seen.record.route.as_ref().map(|route| route.value.release);
            match judge::after_refusal(entry, refused, live, now) {
                EntryState::Waiting { why } => match blocked(entry, past, None) {
                    Some(blocked) => Next::change(entry, blocked, now),
                    None => wait(
                        entry,
                        why.unwrap_or_default(),
                        judge::hold_ends(refused),
                        now,
                    ),
                },
                state => Next::change(entry, state, now),
            }
        }
        Planned::Made {
            release,
            is_approved,
            open,
        } => {
            let standby = match open {
                OpenRelease::Standby(release) => Some(*release),
                OpenRelease::None | OpenRelease::Busy(_) => None,
            };
            if let Some(blocked) = blocked(entry, past, standby) {
                return Next::change(entry, blocked, now);
            }
            if let OpenRelease::Busy(why) = open {
                return wait(entry, why.clone(), None, now);
            }
            if !is_approved {
                let why = "the release may cut connections of a protected target: an operator must promote the version".to_owned();
                return Next::change(entry, EntryState::Refused { why }, now);
            }
            let agent = seen.agent.to_owned();
            let state = EntryState::RollingOut { release, agent };
            Next::RollOut(Box::new(EntryChange::state(entry, state, now)))
        }
    }
}

/// The state of an entry that must not be released without a retry: its own release has ended, or its version must not be
/// released.
fn blocked(
    entry: &QueueEntry,
    past: &[ReleaseRecord],
    standby: Option<ReleaseId>,
) -> Option<EntryState> {
    let own = past.iter().find(|head| Some(head.id) == entry.named);
    if let Some((head, (_, outcome))) = own.and_then(|it| Some((it, it.closed.as_ref()?))) {
        return Some(judge::after_outcome(head.id, outcome));
    }
    let version = entry.version.as_ref().filter(|_| entry.retried.is_none())?;
    let digest: &Digest = &version.digest;
    judge::blocked(past, digest, standby)
}

/// What follows when the release that an entry names was refused at its opening.
pub fn not_opened(named: &QueueEntry, refused: &Refused, now: Timestamp) -> Next {
    let state = judge::after_refusal(named, refused, None, now);
    Next::Wait {
        change: Box::new(EntryChange::state(named, state, now)),
        at: judge::hold_ends(refused),
    }
}

/// Whether an agent backs out a release that it cannot continue. If the version may be live, backing out would take the
/// traffic from it, so an operator decides about that.
pub fn is_backed_out(refused: &Refused, may_have_switched: bool) -> bool {
    !may_have_switched && !refused.0.iter().all(Refusal::may_pass)
}

/// Says what the entry waits for. A reason that was written a moment ago is not replaced, because each write causes
/// another look. An offer is not replaced either: an agent with another configuration may have made it, and the two
/// would change the entry in turns.
fn wait(entry: &QueueEntry, why: String, at: Option<Timestamp>, now: Timestamp) -> Next {
    let age = now.duration_since(entry.changed_at);
    let is_recent = age < jiff::SignedDuration::try_from(FIRST_PAUSE).unwrap_or_default();
    let is_explained = matches!(&entry.state, EntryState::Waiting { why: Some(_) });
    let is_offered = entry.state == EntryState::Offered;
    let state = if is_offered || is_recent && is_explained {
        entry.state.clone()
    } else {
        EntryState::Waiting { why: Some(why) }
    };
    Next::Wait {
        change: Box::new(EntryChange::state(entry, state, now)),
        at,
    }
}
