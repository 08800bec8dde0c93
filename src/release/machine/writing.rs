//! Records what the release does. No act is performed before its intent is recorded. The driver tries to write a record
//! until it is written, the lock is lost, or a time limit has passed. The limit is long if the store does not answer.
//! It is short if the store refuses, because then an operator must fix the store first.

use std::time::Duration;

use jiff::Timestamp;

use super::{Machine, Phase, Request, Then};
use crate::history::{Entry, JournalEvent, LivePeriod};
use crate::inventory::local_time;
use crate::release::AnnouncementKind;
use crate::release::describe::duration;
use crate::release::event::{Effect, NotWritten};
use crate::release::time::{after, elapsed};

/// The pause between two tries to write a record.
const RECORD_AGAIN: Duration = Duration::from_secs(1);
/// How long the store may refuse to write before the driver stops.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(3);

/// A record that is being written.
#[derive(Debug, Clone)]
pub(super) struct Unrecorded {
    effect: Effect,
    failing: Option<Failing>,
}

/// The failed tries to write a record.
#[derive(Debug, Clone)]
struct Failing {
    since: Timestamp,
    /// The time since which the store has refused to write; none if it did not refuse the last try.
    refused_since: Option<Timestamp>,
    /// The reason of the last failure.
    why: String,
}

impl Unrecorded {
    /// Since when writing has failed, and since when the store has refused.
    pub(super) fn failing_since(&self) -> Option<(Timestamp, Option<Timestamp>)> {
        let failing = self.failing.as_ref()?;
        Some((failing.since, failing.refused_since))
    }
}

impl Machine {
    /// Emits the effect that writes a record, and keeps it until the record is written.
    pub(super) fn write(&mut self, effect: Effect) {
        // A timer that was started before this record must not make the machine write the record twice.
        self.timer += 1;
        self.unrecorded = Some(Unrecorded {
            effect: effect.clone(),
            failing: None,
        });
        self.effects.push(effect);
    }

    pub(super) fn record(&mut self, now: Timestamp, event: JournalEvent) {
        self.sequence += 1;
        self.live = LivePeriod::after(self.live, now, &event);
        self.write(Effect::Record(Entry {
            sequence: self.sequence,
            at: now,
            event,
            // The driver adds the link when it writes the entry.
            chain: None,
        }));
    }

    pub(super) fn write_again(&mut self) {
        if let Some(unrecorded) = &self.unrecorded {
            self.effects.push(unrecorded.effect.clone());
        }
    }

    /// Notes that the current record was written. Returns false if no record was being written.
    pub(super) fn record_written(&mut self, now: Timestamp) -> bool {
        let has_failed = self.not_written().is_some();
        let was_waiting = self.unrecorded.take().is_some();
        if has_failed {
            let message = "the store accepts the records of the release again";
            self.announce(now, AnnouncementKind::Noted, message);
        }
        was_waiting
    }

    /// Why the last try to write the current record failed; none if no try has failed.
    pub(super) fn not_written(&self) -> Option<&str> {
        let failing = self.unrecorded.as_ref()?.failing.as_ref()?;
        Some(&failing.why)
    }

    pub(super) fn not_recorded(&mut self, now: Timestamp, kind: NotWritten, why: &str) {
        if kind == NotWritten::Fenced {
            self.park(now, why.to_owned());
            return;
        }
        if let Phase::Noting {
            then: Then::Park { why: request, .. },
        } = self.phase.clone()
        {
            self.park(now, format!("{request} (this is not recorded: {why})"));
            return;
        }
        let Some(unrecorded) = &mut self.unrecorded else {
            return;
        };
        let before = unrecorded.failing_since();
        let (since, refused_since) = before.unwrap_or((now, None));
        let refused_since = match kind {
            NotWritten::Refused => refused_since.or(Some(now)),
            _ => None,
        };
        unrecorded.failing = Some(Failing {
            since,
            refused_since,
            why: why.to_owned(),
        });
        if let Some(Request::Interrupt { reason }) = &self.request {
            let message = format!("interrupted: {reason} (this is not recorded: {why})");
            self.park(now, message);
            return;
        }
        let (since, time_limit) = match refused_since {
            Some(since) => (since, REFUSED_TIMEOUT),
            None => (since, self.plan.definition.timing.progress_deadline),
        };
        if elapsed(since, now) >= time_limit {
            self.park(now, format!("the release cannot be recorded: {why}"));
            return;
        }
        if before.is_none() {
            let message = format!(
                "the release cannot be recorded: {why}. The driver does nothing else and tries again for {}, until {}",
                duration(time_limit),
                local_time::moment(after(since, time_limit))
            );
            self.announce(now, AnnouncementKind::Failed, message);
        }
        self.schedule(RECORD_AGAIN);
    }
}
