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
const REFUSED: Duration = Duration::from_secs(3);

impl Machine {
    /// Emits the effect that writes a record, and keeps it until the record is written.
    pub(super) fn write(&mut self, effect: Effect) {
        // A timer that was started before this record must not make the machine write the record twice.
        self.timer += 1;
        self.unrecorded = Some((effect.clone(), Timestamp::MAX, String::new()));
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
        if let Some((effect, _, _)) = &self.unrecorded {
            self.effects.push(effect.clone());
        }
    }

    /// Notes that the record was written. Returns whether a record was waiting.
    pub(super) fn is_written(&mut self, now: Timestamp) -> bool {
        let has_failed = self.not_written().is_some();
        self.refused_since = None;
        let was_waiting = self.unrecorded.take().is_some();
        if has_failed {
            let message = "the store accepts the records of the release again";
            self.announce(now, AnnouncementKind::Noted, message);
        }
        was_waiting
    }

    /// Why the last try to write the current record failed; none if no try has failed.
    pub(super) fn not_written(&self) -> Option<&str> {
        let (_, since, why) = self.unrecorded.as_ref()?;
        (*since != Timestamp::MAX).then_some(why.as_str())
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
        let Some((_, since, reason)) = &mut self.unrecorded else {
            return;
        };
        let is_new = *since == Timestamp::MAX;
        if is_new {
            *since = now;
        }
        let since = *since;
        why.clone_into(reason);
        self.refused_since = match kind {
            NotWritten::Refused => self.refused_since.or(Some(now)),
            _ => None,
        };
        if let Some(Request::Interrupt { reason }) = &self.request {
            let message = format!("interrupted: {reason} (this is not recorded: {why})");
            self.park(now, message);
            return;
        }
        let (since, time_limit) = match self.refused_since {
            Some(since) => (since, REFUSED),
            None => (since, self.plan.definition.timing.progress_deadline),
        };
        if elapsed(since, now) >= time_limit {
            self.park(now, format!("the release cannot be recorded: {why}"));
            return;
        }
        if is_new {
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
