//! The output of a release's candidate, of its tasks and of its checks, stored with the release. If an output exceeds the limit, only
//! its beginning and its end are kept.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::inventory::TaskCall;

/// Which program of a release wrote a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogOwner {
    Candidate,
    Task(TaskCall),
    /// The commands of the checks, one after the other.
    Checks,
}

impl LogOwner {
    /// The owner for a person to read, e.g. `the task migrate`.
    pub fn words(&self) -> String {
        match self {
            Self::Candidate => "the candidate".to_owned(),
            Self::Task(call) => call.words(),
            Self::Checks => "the checks".to_owned(),
        }
    }
}

/// The form in the archive and in JSON: `candidate`, `checks`, `task NAME` or `undo NAME`.
impl fmt::Display for LogOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate => f.write_str("candidate"),
            Self::Checks => f.write_str("checks"),
            Self::Task(call) if call.is_undo => write!(f, "undo {}", call.task),
            Self::Task(call) => write!(f, "task {}", call.task),
        }
    }
}

impl FromStr for LogOwner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("{text:?} is no owner of a log");
        let call = |name: &str, is_undo| {
            let task = name.parse().map_err(|_| unknown())?;
            Ok(Self::Task(TaskCall { task, is_undo }))
        };
        match text.split_once(' ') {
            None if text == "candidate" => Ok(Self::Candidate),
            None if text == "checks" => Ok(Self::Checks),
            Some(("task", name)) => call(name, false),
            Some(("undo", name)) => call(name, true),
            _ => Err(unknown()),
        }
    }
}

impl Serialize for LogOwner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Who wrote a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WrittenBy {
    /// The program, on standard output.
    Out,
    /// The program, on standard error.
    Err,
    /// Greenroom itself, with a remark about the log.
    Greenroom,
}

/// One line of an output.
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

/// The lines of one program, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLog {
    /// Lines from the beginning of the output.
    pub first: Vec<WrittenLine>,
    /// How many lines between `first` and `last` were dropped.
    pub left_out: u64,
    /// Lines from the end of the output.
    pub last: Vec<WrittenLine>,
}

impl OutputLog {
    /// The number of all lines, including the dropped ones.
    pub fn count(&self) -> u64 {
        let kept = self.first.len() + self.last.len();
        self.left_out + u64::try_from(kept).unwrap_or(u64::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The kept lines, oldest first.
    pub fn kept_lines(&self) -> impl Iterator<Item = &WrittenLine> {
        self.first.iter().chain(&self.last)
    }
}

/// A log in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptLog {
    pub owner: LogOwner,
    pub log: OutputLog,
}

impl KeptLog {
    /// The time of the first line; none if the runtime does not report times.
    pub fn began_at(&self) -> Option<Timestamp> {
        self.log.kept_lines().find_map(|line| line.at)
    }
}

/// A log to which lines are still added.
#[derive(Debug)]
pub struct Gathering {
    limit: usize,
    log: OutputLog,
    last: VecDeque<WrittenLine>,
    first_bytes: usize,
    last_bytes: usize,
}

impl Gathering {
    /// Keeps at most about `limit` bytes: a quarter for the beginning, the rest for the end.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            log: OutputLog::default(),
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

    pub fn into_log(self) -> OutputLog {
        OutputLog {
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
    fn an_owner_is_read_back_from_its_text() {
        let task: crate::inventory::TaskName = "migrate".parse().expect("a name");
        for (owner, text) in [
            (LogOwner::Candidate, "candidate"),
            (LogOwner::Checks, "checks"),
            (LogOwner::Task(TaskCall::forward(&task)), "task migrate"),
            (LogOwner::Task(TaskCall::undo(&task)), "undo migrate"),
        ] {
            assert_eq!(owner.to_string(), text);
            assert_eq!(text.parse(), Ok(owner));
        }
        for bad in ["", "other", "task", "task ", "task a b", "candidate x"] {
            assert!(bad.parse::<LogOwner>().is_err(), "{bad:?}");
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
