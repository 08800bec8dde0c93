//! What the inbox has received and refused since it was started. Anyone who reaches the address can cause refusals, so
//! they are counted, and a log line about them is written at most once a minute.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The time between two log lines.
const LOG_PAUSE: Duration = Duration::from_mins(1);

/// What became of a push or of a whole delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Queued,
    NotFollowed,
    UnknownRepository,
    Full,
    NotStored,
    WrongCredential,
    Malformed,
    TooLarge,
    TooSlow,
    TooMany,
}

impl Outcome {
    const ALL: [Self; 10] = [
        Self::Queued,
        Self::NotFollowed,
        Self::UnknownRepository,
        Self::Full,
        Self::NotStored,
        Self::WrongCredential,
        Self::Malformed,
        Self::TooLarge,
        Self::TooSlow,
        Self::TooMany,
    ];

    /// What the log says about the outcome, after a number; none if it is not logged.
    fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::Queued | Self::NotFollowed => return None,
            Self::UnknownRepository => "for repositories that no service has",
            Self::Full => "for a full queue",
            Self::NotStored => "that could not be verified or stored",
            Self::WrongCredential => "from an unknown sender or with a wrong credential",
            Self::Malformed => "that could not be read",
            Self::TooLarge => "that were too large",
            Self::TooSlow => "that were sent too slowly",
            Self::TooMany => "above the limit of the sender",
        })
    }
}

/// Numbers since the inbox was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pushes that are in a queue. A push that was reported again is counted again.
    pub queued: u64,
    /// Pushes whose tag no target follows.
    pub not_followed: u64,
    /// Pushes of repositories that no service has.
    pub unknown_repository: u64,
    /// Pushes for a queue that was full.
    pub full: u64,
    /// Pushes that could not be stored, and deliveries whose credential could not be read.
    pub not_stored: u64,
    /// Deliveries from an unknown sender or with a wrong credential.
    pub wrong_credential: u64,
    /// Deliveries and pushes that could not be read.
    pub malformed: u64,
    /// Deliveries with too many bytes or too many pushes.
    pub too_large: u64,
    /// Deliveries whose content took too long to arrive.
    pub too_slow: u64,
    /// Deliveries above the rate of the sender.
    pub too_many: u64,
}

impl Counts {
    fn of(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Queued => &mut self.queued,
            Outcome::NotFollowed => &mut self.not_followed,
            Outcome::UnknownRepository => &mut self.unknown_repository,
            Outcome::Full => &mut self.full,
            Outcome::NotStored => &mut self.not_stored,
            Outcome::WrongCredential => &mut self.wrong_credential,
            Outcome::Malformed => &mut self.malformed,
            Outcome::TooLarge => &mut self.too_large,
            Outcome::TooSlow => &mut self.too_slow,
            Outcome::TooMany => &mut self.too_many,
        }
    }

    /// The refusals since `before`, in words; none if there are none.
    fn not_queued_since(mut self, mut before: Self) -> Option<String> {
        let mut words = String::new();
        for outcome in Outcome::ALL {
            let new = self.of(outcome).saturating_sub(*before.of(outcome));
            if let Some(what) = outcome.words().filter(|_| new > 0) {
                let comma = if words.is_empty() { "" } else { ", " };
                // Writing to a string cannot fail.
                let _ = write!(words, "{comma}{new} {what}");
            }
        }
        (!words.is_empty()).then_some(words)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counting {
    numbers: [AtomicU64; Outcome::ALL.len()],
    /// The last reason why a push could not be stored or a credential could not be read, for the next log line.
    last_failure: Mutex<Option<String>>,
    refused: Notify,
}

impl Counting {
    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(number) = self.numbers.get(outcome as usize) {
            number.fetch_add(1, Ordering::Relaxed);
        }
        if outcome.words().is_some() {
            self.refused.notify_one();
        }
    }

    /// Counts a push that could not be stored, or a delivery whose sender could not be verified, with the reason.
    pub(super) fn count_failure(&self, reason: String) {
        *self.last_failure() = Some(reason);
        self.count(Outcome::NotStored);
    }

    pub(super) fn now(&self) -> Counts {
        let mut counts = Counts::default();
        for (outcome, number) in Outcome::ALL.into_iter().zip(&self.numbers) {
            *counts.of(outcome) = number.load(Ordering::Relaxed);
        }
        counts
    }

    /// Logs refusals until the inbox stops: the first at once, and later ones together after a pause.
    pub(super) async fn log(&self, ending: CancellationToken) {
        let mut logged = Counts::default();
        while ending
            .run_until_cancelled(self.refused.notified())
            .await
            .is_some()
        {
            let now = self.now();
            if let Some(refused) = now.not_queued_since(logged) {
                let failure = self.last_failure().take();
                let failure = failure.map_or(String::new(), |reason| format!(": {reason}"));
                tracing::warn!("the inbox did not queue: {refused}{failure}");
            }
            logged = now;
            let pause = tokio::time::sleep(LOG_PAUSE);
            if ending.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    fn last_failure(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_number() {
        let counting = Counting::default();
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            for _ in 0..=index {
                counting.count(outcome);
            }
        }
        let mut counts = counting.now();
        for (number, outcome) in (1..).zip(Outcome::ALL) {
            assert_eq!(*counts.of(outcome), number, "{outcome:?}");
        }
    }

    #[test]
    fn only_new_refusals_are_in_the_log() {
        let before = Counts {
            wrong_credential: 2,
            ..Counts::default()
        };
        let now = Counts {
            wrong_credential: 5,
            malformed: 1,
            queued: 9,
            ..before
        };
        assert_eq!(now.not_queued_since(now), None);
        assert_eq!(
            now.not_queued_since(before).as_deref(),
            Some("3 from an unknown sender or with a wrong credential, 1 that could not be read")
        );
    }
}
