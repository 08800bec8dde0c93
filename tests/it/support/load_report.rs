//! The results of a load, and the times computed from them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use greenroom::inventory::Slot;

/// Number of failures that are kept in full.
const KEPT_IN_FULL: usize = 10;

/// What a client does with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Keeps it.
    Kept,
    /// Opens one per request.
    Fresh,
}

/// A complete 2xx answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
    pub(crate) kind: Kind,
    /// The value of `X-Greenroom-Slot`.
    pub(crate) slot: Option<Slot>,
}

/// A request without a good answer.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) sent: Instant,
    pub(crate) after: Duration,
    pub(crate) kind: Kind,
    pub(crate) why: String,
}

/// Everything from the start of a load to its stop.
#[derive(Debug, Default)]
pub(crate) struct LoadReport {
    /// Requests made; a repeated one counts once.
    pub(crate) requests: u64,
    pub(crate) failed_count: u64,
    /// The first of them.
    pub(crate) failed: Vec<Failed>,
    /// Kept connections that the server had closed while idle, without announcing it in an answer,
    /// and that were opened again.
    pub(crate) reopened: u64,
    /// Good answers in the order of arrival.
    pub(crate) answers: Vec<Answer>,
}

impl LoadReport {
    /// Good answers by slot; `None` where no slot was named.
    pub(crate) fn answered_by(&self) -> BTreeMap<Option<Slot>, u64> {
        let mut by = BTreeMap::new();
        for answer in &self.answers {
            *by.entry(answer.slot).or_default() += 1;
        }
        by
    }

    /// The longest time between two consecutive good answers, over all clients of a kind; `None`
    /// with fewer than two.
    pub(crate) fn longest_gap(&self, kind: Kind) -> Option<Duration> {
        let times: Vec<_> = self
            .answers
            .iter()
            .filter(|answer| answer.kind == kind)
            .map(|answer| answer.answered)
            .collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max()
    }

    /// From `after` to the first answer by `slot` to a later request.
    pub(crate) fn first_answer_by(&self, slot: Slot, after: Instant) -> Option<Duration> {
        self.times_by(slot, after).min()
    }

    /// From `after` to the last such answer. For the old slot after a switch there should be none.
    pub(crate) fn last_answer_by(&self, slot: Slot, after: Instant) -> Option<Duration> {
        self.times_by(slot, after).max()
    }

    fn times_by(&self, slot: Slot, after: Instant) -> impl Iterator<Item = Duration> {
        self.answers
            .iter()
            .filter(move |answer| answer.sent >= after && answer.slot == Some(slot))
            .map(move |answer| answer.answered - after)
    }

    /// Fails unless there were requests and every one had a good answer.
    pub(crate) fn assert_nothing_failed(&self) {
        assert!(self.requests > 0, "the load made no request");
        assert_eq!(self.failed_count, 0, "{self}\n{:#?}", self.failed);
    }

    pub(super) fn fail(&mut self, failed: Failed) {
        self.failed_count += 1;
        if self.failed.len() < KEPT_IN_FULL {
            self.failed.push(failed);
        }
    }

    pub(super) fn absorb(&mut self, client: Self) {
        self.requests += client.requests;
        self.failed_count += client.failed_count;
        self.failed.extend(client.failed);
        self.reopened += client.reopened;
        self.answers.extend(client.answers);
    }

    pub(super) fn settle(&mut self) {
        self.answers.sort_by_key(|answer| answer.answered);
        self.failed.sort_by_key(|failed| failed.sent);
        self.failed.truncate(KEPT_IN_FULL);
    }
}

/// For people: `0 of 4321 requests failed, 2 reopened; …`.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} requests failed, {} reopened; longest gap kept {:?}, fresh {:?}; answered by",
            self.failed_count,
            self.requests,
            self.reopened,
            self.longest_gap(Kind::Kept).unwrap_or_default(),
            self.longest_gap(Kind::Fresh).unwrap_or_default(),
        )?;
        for (slot, count) in self.answered_by() {
            match slot {
                Some(slot) => write!(f, " {slot} {count}")?,
                None => write!(f, " nobody named {count}")?,
            }
        }
        for failed in &self.failed {
            write!(f, "\n  {failed}")?;
        }
        Ok(())
    }
}
