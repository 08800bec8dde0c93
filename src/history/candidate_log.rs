//! The output of a release's candidate, kept with the release. Only its beginning and its end are kept, up to a limit,
//! because the middle of long output says the least. Pure.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The writer of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WrittenBy {
    /// The candidate, on standard output.
    Out,
    /// The candidate, on standard error.
    Err,
    /// Greenroom, about the log itself.
    Greenroom,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenLine {
    /// When the engine received it, if the engine reports it.
    pub at: Option<Timestamp>,
    /// Its writer.
    pub by: WrittenBy,
    /// Its text, sanitized.
    pub text: String,
}

impl WrittenLine {
    /// What it counts towards the limit, in bytes: its text and roughly the overhead of storing it.
    fn weight(&self) -> usize {
        self.text.len() + 48
    }
}

/// The lines of a candidate, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateLog {
    /// The lines at the beginning.
    pub first: Vec<WrittenLine>,
    /// How many lines after those are left out.
    pub left_out: u64,
    /// The lines at the end.
    pub last: Vec<WrittenLine>,
}

impl CandidateLog {
    /// How many lines there were.
    pub fn count(&self) -> u64 {
        let kept = self.first.len() + self.last.len();
        self.left_out + u64::try_from(kept).unwrap_or(u64::MAX)
    }

    /// Whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// A log that is being written.
#[derive(Debug)]
pub struct Gathering {
    limit: usize,
    log: CandidateLog,
    last: VecDeque<WrittenLine>,
    first_weighs: usize,
    last_weighs: usize,
}

impl Gathering {
    /// Keeps at most about `limit` bytes: a quarter for the beginning, the rest for the end.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            log: CandidateLog::default(),
            last: VecDeque::new(),
            first_weighs: 0,
            last_weighs: 0,
        }
    }

    /// Adds the next line.
    pub fn push(&mut self, line: WrittenLine) {
        let weight = line.weight();
        if self.last.is_empty()
            && self.log.left_out == 0
            && self.first_weighs + weight <= self.limit / 4
        {
            self.first_weighs += weight;
            self.log.first.push(line);
            return;
        }
        self.last_weighs += weight;
        self.last.push_back(line);
        while self.last_weighs > self.limit - self.limit / 4 {
            let Some(oldest) = self.last.pop_front() else {
                break;
            };
            self.last_weighs -= oldest.weight();
            self.log.left_out += 1;
        }
    }

    /// The log so far.
    pub fn into_log(self) -> CandidateLog {
        CandidateLog {
            last: self.last.into(),
            ..self.log
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(number: usize, length: usize) -> WrittenLine {
        WrittenLine {
            at: None,
            by: WrittenBy::Out,
            text: format!("{number} {}", "x".repeat(length)),
        }
    }

    fn number(line: &WrittenLine) -> usize {
        let (number, _) = line.text.split_once(' ').expect("a number");
        number.parse().expect("a number")
    }

    proptest! {
        #[test]
        fn beginning_and_end_are_kept_in_order_within_the_limit(
            lengths in proptest::collection::vec(0usize..2000, 0..200),
            limit in 1000usize..50_000,
        ) {
            let mut gathering = Gathering::new(limit);
            for (at, length) in lengths.iter().enumerate() {
                gathering.push(line(at, *length));
            }
            let log = gathering.into_log();
            prop_assert_eq!(log.count(), lengths.len() as u64);
            let kept: Vec<usize> = log.first.iter().chain(&log.last).map(number).collect();
            let gap = usize::try_from(log.left_out).expect("few");
            let expected: Vec<usize> = (0..log.first.len())
                .chain(log.first.len() + gap..lengths.len())
                .collect();
            prop_assert_eq!(kept, expected);
            let weight: usize = log.first.iter().chain(&log.last).map(WrittenLine::weight).sum();
            prop_assert!(weight <= limit);
        }
    }

    #[test]
    fn a_little_output_is_kept_whole() {
        let mut gathering = Gathering::new(10_000);
        for at in 0..50 {
            gathering.push(line(at, 10));
        }
        let log = gathering.into_log();
        assert_eq!((log.left_out, log.count()), (0, 50));
    }
}
