//! The pane of logs: which log is shown, the lines of each log, and how they are shown.

use std::collections::BTreeMap;

use crate::inventory::{InstanceId, PerSlot, Slot, Target};
use crate::logs::{Batch, Bounds, Line, LineId, Log, NewLine, Origin, Viewport, Wanted, rows};

use super::Diagnostics;

/// A log that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// The output of the instance in a slot.
    Slot(Slot),
    /// The output of both instances, ordered by time.
    Both,
    /// The proxy's log of the target's requests.
    Proxy,
    /// The steps of the target's releases.
    Steps,
}

impl LogKind {
    /// The next kind, in the order in which the key goes through them.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Slot(Slot::Blue) => Self::Slot(Slot::Green),
            Self::Slot(Slot::Green) => Self::Both,
            Self::Both => Self::Proxy,
            Self::Proxy => Self::Steps,
            Self::Steps => Self::Slot(Slot::Blue),
        }
    }

    /// The feeds that this log is made of.
    pub fn feeds(self) -> &'static [LogFeed] {
        match self {
            Self::Slot(Slot::Blue) => &[LogFeed::Slot(Slot::Blue)],
            Self::Slot(Slot::Green) => &[LogFeed::Slot(Slot::Green)],
            Self::Both => &[LogFeed::Slot(Slot::Blue), LogFeed::Slot(Slot::Green)],
            Self::Proxy => &[LogFeed::Proxy],
            Self::Steps => &[],
        }
    }
}

/// A place where lines arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogFeed {
    /// A slot, whichever instance runs in it.
    Slot(Slot),
    /// From the proxy.
    Proxy,
}

/// A source that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    Instance {
        target: Target,
        slot: Slot,
        instance: InstanceId,
    },
    /// The proxy's log of one target.
    Proxy { target: Target },
}

impl LogSource {
    /// The feed in which its lines arrive.
    pub fn feed(&self) -> LogFeed {
        match self {
            Self::Instance { slot, .. } => LogFeed::Slot(*slot),
            Self::Proxy { .. } => LogFeed::Proxy,
        }
    }
}

/// Lines to write to a file, oldest first. They share their texts with the log; nothing is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedLog {
    /// The name of the file: letters, digits, dots and dashes.
    pub name: String,
    pub lines: Vec<NewLine>,
}

/// How lines are shown that are longer than the pane is wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongLines {
    /// Cut; left and right scroll along them.
    #[default]
    Cut,
    /// Continued in the next row.
    Wrapped,
}

/// Whether lines show the time at which they were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// Lines that do not start with a time of their own show it.
    #[default]
    Shown,
    /// No line shows it.
    Hidden,
}

/// How old the shown lines can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Since {
    /// Any age.
    #[default]
    All,
    /// At most this many minutes before the key was pressed.
    Minutes(u32),
}

impl Since {
    /// The next one, in the order in which the key goes through them.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::All => Self::Minutes(1),
            Self::Minutes(..5) => Self::Minutes(5),
            Self::Minutes(..15) => Self::Minutes(15),
            Self::Minutes(..60) => Self::Minutes(60),
            Self::Minutes(_) => Self::All,
        }
    }
}

/// The columns of the time before a line.
pub const TIME_COLUMNS: usize = 13;
/// The columns of the slot's name before a line, in the log of both slots.
pub const SLOT_COLUMNS: usize = 6;
/// The columns of the marks before a line: whether it matches the search, and where it came from.
pub const MARK_COLUMNS: usize = 3;

/// The bounds for the log of a release's steps: a release has a few dozen of them.
const STEPS: Bounds = Bounds {
    lines: 2_000,
    bytes: 256 * 1024,
};
/// The bounds for each other log. With all logs full, the whole console stays below 48 MB.
const LINES: Bounds = Bounds {
    lines: 20_000,
    bytes: 5 * 1024 * 1024,
};

/// See the module.
#[derive(Debug, Clone)]
pub struct LogPane {
    /// The log that the operator chose; by default the candidate's, else that of the live slot.
    pub chosen: Option<LogKind>,
    pub kind: LogKind,
    /// The target of these logs.
    pub target: Option<Target>,
    /// The followed sources, by feed.
    pub followed: BTreeMap<LogFeed, LogSource>,
    /// The search and filter, applied to every log.
    pub wanted: Wanted,
    pub long: LongLines,
    pub times: Times,
    pub since: Since,
    /// The view before the operator started to type a search.
    pub looked: Option<Viewport>,
    /// Shown in place of the log.
    pub diagnostics: Option<Diagnostics>,
    slots: PerSlot<Log>,
    both: Option<Log>,
    proxy: Log,
    steps: BTreeMap<Target, Log>,
    /// The log of a target whose releases have done no step yet.
    no_steps: Log,
}

impl Default for LogPane {
    fn default() -> Self {
        Self {
            chosen: None,
            kind: LogKind::Slot(Slot::Blue),
            target: None,
            followed: BTreeMap::new(),
            wanted: Wanted::default(),
            long: LongLines::default(),
            times: Times::default(),
            since: Since::default(),
            looked: None,
            diagnostics: None,
            slots: PerSlot::from_fn(|_| Log::new(LINES)),
            both: None,
            proxy: Log::new(LINES),
            steps: BTreeMap::new(),
            no_steps: Log::new(STEPS),
        }
    }
}

impl LogPane {
    /// The log that is shown.
    pub fn log(&self) -> &Log {
        match self.kind {
            LogKind::Slot(slot) => self.slots.get(slot),
            LogKind::Both => self.both.as_ref().unwrap_or(&self.no_steps),
            LogKind::Proxy => &self.proxy,
            LogKind::Steps => {
                let steps = self.target.as_ref().and_then(|open| self.steps.get(open));
                steps.unwrap_or(&self.no_steps)
            }
        }
    }

    /// The log that is shown, to change its view.
    pub fn log_mut(&mut self) -> &mut Log {
        match self.kind {
            LogKind::Slot(slot) => self.slots.get_mut(slot),
            LogKind::Both => self.both.as_mut().unwrap_or(&mut self.no_steps),
            LogKind::Proxy => &mut self.proxy,
            LogKind::Steps => {
                let open = self.target.as_ref();
                let steps = open.and_then(|open| self.steps.get_mut(open));
                steps.unwrap_or(&mut self.no_steps)
            }
        }
    }

    /// The slot whose log is shown, if the log is that of one slot.
    pub fn slot(&self) -> Option<Slot> {
        match self.kind {
            LogKind::Slot(slot) => Some(slot),
            _ => None,
        }
    }

    /// The followed source of the log that is shown; the first one if there are several.
    pub fn source(&self) -> Option<&LogSource> {
        self.kind
            .feeds()
            .iter()
            .find_map(|feed| self.followed.get(feed))
    }

    /// Lines arrived. Lines of a source that was just dropped can still arrive for a moment.
    pub fn arrived(&mut self, source: &LogSource, batch: Batch) {
        let feed = source.feed();
        if self.followed.get(&feed) == Some(source) {
            self.add(feed, batch);
        }
    }

    fn add(&mut self, feed: LogFeed, lines: Batch) {
        let LogFeed::Slot(slot) = feed else {
            self.proxy.extend(lines);
            return;
        };
        let log = self.slots.get_mut(slot);
        let from = log.ring().end();
        log.extend(lines);
        if let Some(both) = &mut self.both {
            both.interleave(slot, log, from);
        }
    }

    /// Follows a source from now on. If it is another instance than before, its lines come below those of
    /// the old one, with a separating line.
    pub fn follow(&mut self, source: LogSource, name: &str) {
        let feed = source.feed();
        let before = self.followed.insert(feed, source);
        if before.is_some() {
            let said = NewLine::notice(format!("the log of another start follows: {name}"));
            self.add(feed, vec![said]);
        }
    }

    /// Drops the logs of the previous target. Its steps are kept, because its release may continue.
    pub fn turn_to(&mut self, target: Option<Target>) {
        self.target = target;
        self.followed.clear();
        self.slots = PerSlot::from_fn(|_| Log::new(LINES));
        self.both = None;
        self.proxy = Log::new(LINES);
        self.looked = None;
    }

    /// Switches to a log.
    pub fn show(&mut self, kind: LogKind) {
        self.kind = kind;
        self.looked = None;
        if kind == LogKind::Both && self.both.is_none() {
            let mut both = Log::new(LINES);
            for slot in Slot::BOTH {
                both.interleave(slot, self.slots.get(slot), LineId(0));
            }
            self.both = Some(both);
        }
    }

    /// A release of a target made progress.
    pub fn stepped(&mut self, target: &Target, lines: Vec<NewLine>) {
        let steps = self.steps.entry(target.clone());
        steps.or_insert_with(|| Log::new(STEPS)).extend(lines);
    }

    /// How lines are laid out in a pane of `columns`.
    pub fn measure(&self, columns: usize) -> Measure {
        Measure {
            kind: self.kind,
            long: self.long,
            times: self.times,
            columns,
        }
    }
}

/// How lines are laid out in a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    kind: LogKind,
    long: LongLines,
    times: Times,
    columns: usize,
}

impl Measure {
    /// The columns before the text of a line.
    pub fn gutter(&self, line: &Line) -> usize {
        let time = if self.times_of(line) == Times::Shown {
            TIME_COLUMNS
        } else {
            0
        };
        let slot = if self.kind == LogKind::Both {
            SLOT_COLUMNS
        } else {
            0
        };
        MARK_COLUMNS + time + slot
    }

    /// The columns for the text of a line.
    pub fn room(&self, line: &Line) -> usize {
        self.columns.saturating_sub(self.gutter(line)).max(1)
    }

    /// Whether the line shows the time at which it was received. A line with its own time does not need it.
    pub fn times_of(&self, line: &Line) -> Times {
        if line.origin != Origin::Notice && has_own_time(&line.text) {
            Times::Hidden
        } else {
            self.times
        }
    }

    /// How many rows the line takes.
    pub fn rows(&self, line: &Line) -> usize {
        match self.long {
            LongLines::Cut => 1,
            LongLines::Wrapped => rows(&line.text, self.room(line)),
        }
    }
}

/// Whether the text starts with an RFC 3339 time stamp.
fn has_own_time(text: &str) -> bool {
    let text = text.trim_start_matches(['[', ' ']);
    let first = text.split([' ', ']', '\t']).next().unwrap_or("");
    first.len() >= "2026-11-20T14:02:11Z".len() && first.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_time_stamp_at_the_beginning_counts() {
        for (text, has) in [
            ("2026-11-20T14:02:11Z listening", true),
            ("2026-11-20T14:02:11.250+01:00 listening", true),
            ("[2026-11-20T14:02:11Z] listening", true),
            ("2026-11-20 listening", false),
            ("14:02:11 listening", false),
            ("listening since 2026-11-20T14:02:11Z", false),
            ("", false),
        ] {
            assert_eq!(has_own_time(text), has, "{text}");
        }
    }

    #[test]
    fn the_keys_go_through_all_logs_and_all_times_and_begin_again() {
        let mut kind = LogKind::Slot(Slot::Blue);
        let mut since = Since::All;
        for _ in 0..5 {
            (kind, since) = (kind.next(), since.next());
        }
        assert_eq!((kind, since), (LogKind::Slot(Slot::Blue), Since::All));
    }
}
