//! The output of a release's candidate, stored with the release. If the output exceeds the limit, only its beginning
//! and its end are kept.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who wrote a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WrittenBy {
    /// The candidate, on standard output.
    Out,
    /// The candidate, on standard error.
    Err,
    /// Greenroom itself, with a remark about the log.
    Greenroom,
}

/// One line of a candidate's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenLine {
    /// When the runtime received the line; none if the runtime does not report the time.
    pub at: Option<Timestamp>,
    pub by: WrittenBy,
    pub text: String,
}

impl WrittenLine {
    /// How many bytes of the limit the line uses: its text, and about 48 bytes that storing a line needs in addition.
    fn weight(&self) -> usize {
        self.text.len() + 48
    }
}

/// The lines of a candidate, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateLog {
    /// Lines from the beginning of the output.
    pub first: Vec<WrittenLine>,
    /// How many lines between `first` and `last` were dropped.
    pub left_out: u64,
    /// Lines from the end of the output.
    pub last: Vec<WrittenLine>,
}

impl CandidateLog {
    /// The number of all lines, including the dropped ones.
    pub fn count(&self) -> u64 {
        let kept = self.first.len() + self.last.len();
        self.left_out + u64::try_from(kept).unwrap_or(u64::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// A log to which lines are still added.
#[derive(Debug)]
pub struct Gathering {
    limit: usize,
    log: CandidateLog,
    last: VecDeque<WrittenLine>,
    first_bytes: usize,
    last_bytes: usize,
}

impl Gathering {
    /// Keeps at most about `limit` bytes: a quarter for the beginning, the rest for the end.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            log: CandidateLog::default(),
            last: VecDeque::new(),
            first_bytes: 0,
            last_bytes: 0,
        }
    }

    pub fn push(&mut self, line: WrittenLine) {
        let weight = line.weight();
        if self.last.is_empty()
            && self.log.left_out == 0
            && self.first_bytes + weight <= self.limit / 4
        {
            self.first_bytes += weight;
            self.log.first.push(line);
            return;
        }
        self.last_bytes += weight;
        self.last.push_back(line);
        while self.last_bytes > self.limit - self.limit / 4 {
            let Some(oldest) = self.last.pop_front() else {
                break;
            };
            self.last_bytes -= oldest.weight();
            self.log.left_out += 1;
        }
    }

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
