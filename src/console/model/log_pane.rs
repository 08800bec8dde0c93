//! The log pane: which log is shown, the lines of each log, and how lines are laid out.

use std::collections::BTreeMap;

use crate::inventory::{Member, PerSlot, ReleaseId, Slot, Target};
use crate::logs::{Batch, Bounds, Line, LineId, Log, NewLine, Origin, Viewport, Wanted, rows};

use super::Diagnostics;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// The output of the instance in a slot.
    Slot(Slot),
    /// The output of both slots, ordered by time.
    Both,
    /// The output of the tasks of the newest release.
    Tasks,
    /// The output of the checks that run commands, of the newest release if this console drives it.
    Checks,
    /// The requests to the target, from the log of the proxy.
    Proxy,
    /// The steps of the target's releases.
    Steps,
}

impl LogKind {
    /// The log that the next press of the key shows.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Slot(Slot::Blue) => Self::Slot(Slot::Green),
            Self::Slot(Slot::Green) => Self::Both,
            Self::Both => Self::Tasks,
            Self::Tasks => Self::Checks,
            Self::Checks => Self::Proxy,
            Self::Proxy => Self::Steps,
            Self::Steps => Self::Slot(Slot::Blue),
        }
    }

    /// The feeds whose lines the log contains.
    pub fn feeds(self) -> &'static [LogFeed] {
        match self {
            Self::Slot(Slot::Blue) => &[LogFeed::Slot(Slot::Blue)],
            Self::Slot(Slot::Green) => &[LogFeed::Slot(Slot::Green)],
            Self::Both => &[LogFeed::Slot(Slot::Blue), LogFeed::Slot(Slot::Green)],
            Self::Tasks => &[LogFeed::Tasks],
            Self::Checks => &[LogFeed::Checks],
            Self::Proxy => &[LogFeed::Proxy],
            Self::Steps => &[],
        }
    }
}

/// A stream of lines. Each feed follows at most one source at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogFeed {
    /// The output of the members of the slot. If they are replaced, the feed follows the new members.
    Slot(Slot),
    /// The output of tasks. If another release runs tasks, the feed follows these.
    Tasks,
    /// The output of checks. If another release runs checks, the feed follows these.
    Checks,
    Proxy,
}

/// A source of log lines that can be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    Members {
        target: Target,
        slot: Slot,
        members: Vec<Member>,
    },
    Tasks {
        target: Target,
        release: ReleaseId,
    },
    Checks {
        target: Target,
        release: ReleaseId,
    },
    Proxy {
        target: Target,
    },
}

impl LogSource {
    /// The feed to which the lines of the source belong.
    pub fn feed(&self) -> LogFeed {
        match self {
            Self::Members { slot, .. } => LogFeed::Slot(*slot),
            Self::Tasks { .. } => LogFeed::Tasks,
            Self::Checks { .. } => LogFeed::Checks,
            Self::Proxy { .. } => LogFeed::Proxy,
        }
    }
}

/// Lines to write to a file, oldest first. The texts are shared with the log and not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedLog {
    /// The name of the file, without a directory. Contains only letters, digits, dots and dashes.
    pub name: String,
    pub lines: Vec<NewLine>,
}

/// How to show a line that is wider than the pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongLines {
    /// The line is cut. The keys left and right scroll sideways.
    #[default]
    Cut,
    /// The line continues in the next row.
    Wrapped,
}

/// Whether a line shows the time at which it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// Shown before each line that does not start with its own time stamp.
    #[default]
    Shown,
    Hidden,
}

/// The largest age of a shown line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Since {
    #[default]
    All,
    /// This many minutes, counted back from the time at which the key was pressed.
    Minutes(u32),
}

impl Since {
    /// The age that the next press of the key selects.
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

/// The width of the time before a line.
pub const TIME_COLUMNS: usize = 13;
/// The width of the slot's name before a line in the log of both slots.
pub const SLOT_COLUMNS: usize = 6;
/// The columns of the marks before a line: the search match, the stream, and a space.
pub const MARK_COLUMNS: usize = 3;

/// The bounds of the log of a target's steps. One release has a few dozen lines, so the log holds dozens of releases.
const STEPS: Bounds = Bounds {
    lines: 2_000,
    bytes: 256 * 1024,
};
/// The bounds of every log except the log of the steps. With all logs full, the console needs less than 56 MB.
const LINES: Bounds = Bounds {
    lines: 20_000,
    bytes: 5 * 1024 * 1024,
};

/// The logs of the open target, and how they are shown.
#[derive(Debug, Clone)]
pub struct LogPane {
    /// The log that the operator chose. `None` shows the most relevant slot, for example the slot of the candidate.
    pub chosen: Option<LogKind>,
    pub kind: LogKind,
    /// The target to which the logs belong.
    pub target: Option<Target>,
    pub followed: BTreeMap<LogFeed, LogSource>,
    /// The search and filter, applied to every log.
    pub wanted: Wanted,
    pub long: LongLines,
    pub times: Times,
    pub since: Since,
    /// The scroll position before the operator started to type a search.
    pub before_search: Option<Viewport>,
    /// Greenroom's diagnostics, if they are shown in place of the log.
    pub diagnostics: Option<Diagnostics>,
    slots: PerSlot<Log>,
    both: Option<Log>,
    tasks: Log,
    checks: Log,
    proxy: Log,
    steps: BTreeMap<Target, Log>,
    /// An empty log, shown if a target has no steps yet, or while the log of both slots does not exist.
    empty: Log,
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
            before_search: None,
            diagnostics: None,
            slots: PerSlot::from_fn(|_| Log::new(LINES)),
            both: None,
            tasks: Log::new(LINES),
            checks: Log::new(LINES),
            proxy: Log::new(LINES),
            steps: BTreeMap::new(),
            empty: Log::new(STEPS),
        }
    }
}

impl LogPane {
    pub fn log(&self) -> &Log {
        match self.kind {
            LogKind::Slot(slot) => self.slots.get(slot),
            LogKind::Both => self.both.as_ref().unwrap_or(&self.empty),
            LogKind::Tasks => &self.tasks,
            LogKind::Checks => &self.checks,
            LogKind::Proxy => &self.proxy,
            LogKind::Steps => {
                let steps = self.target.as_ref().and_then(|open| self.steps.get(open));
                steps.unwrap_or(&self.empty)
            }
        }
    }

    /// The shown log, to scroll or search it.
    pub fn log_mut(&mut self) -> &mut Log {
        match self.kind {
            LogKind::Slot(slot) => self.slots.get_mut(slot),
            LogKind::Both => self.both.as_mut().unwrap_or(&mut self.empty),
            LogKind::Tasks => &mut self.tasks,
            LogKind::Checks => &mut self.checks,
            LogKind::Proxy => &mut self.proxy,
            LogKind::Steps => {
                let open = self.target.as_ref();
                let steps = open.and_then(|open| self.steps.get_mut(open));
                steps.unwrap_or(&mut self.empty)
            }
        }
    }

    /// The slot whose log is shown. `None` if another log is shown.
    pub fn slot(&self) -> Option<Slot> {
        match self.kind {
            LogKind::Slot(slot) => Some(slot),
            _ => None,
        }
    }

    /// The first followed source of the shown log. Only the log of both slots can have two sources.
    pub fn source(&self) -> Option<&LogSource> {
        self.kind
            .feeds()
            .iter()
            .find_map(|feed| self.followed.get(feed))
    }

    /// Adds lines to the feed of a source. Lines of a source that is no longer followed are dropped.
    pub fn arrived(&mut self, source: &LogSource, batch: Batch) {
        let feed = source.feed();
        if self.followed.get(&feed) == Some(source) {
            self.add(feed, batch);
        }
    }

    fn add(&mut self, feed: LogFeed, lines: Batch) {
        let slot = match feed {
            LogFeed::Slot(slot) => slot,
            LogFeed::Tasks => return self.tasks.extend(lines),
            LogFeed::Checks => return self.checks.extend(lines),
            LogFeed::Proxy => return self.proxy.extend(lines),
        };
        let log = self.slots.get_mut(slot);
        let from = log.ring().end();
        log.extend(lines);
        if let Some(both) = &mut self.both {
            both.interleave(slot, log, from);
        }
    }

    /// Records that `source` is followed instead of the previous source of its feed. The lines of the previous source
    /// stay. Then comes a separator line with `name`, the name of the new source, and then the lines of the new source.
    pub fn follow(&mut self, source: LogSource, name: &str) {
        let feed = source.feed();
        let before = self.followed.insert(feed, source);
        if before.is_some() {
            let separator = NewLine::notice(format!("the log continues with {name}"));
            self.add(feed, vec![separator]);
        }
    }

    /// Turns to the logs of `target`, and drops the logs of the previous target. The logs of steps stay for every
    /// target, because releases of other targets may be running.
    pub fn turn_to(&mut self, target: Option<Target>) {
        self.target = target;
        self.followed.clear();
        self.slots = PerSlot::from_fn(|_| Log::new(LINES));
        self.both = None;
        self.tasks = Log::new(LINES);
        self.checks = Log::new(LINES);
        self.proxy = Log::new(LINES);
        self.before_search = None;
    }

    pub fn show(&mut self, kind: LogKind) {
        self.kind = kind;
        self.before_search = None;
        if kind == LogKind::Both && self.both.is_none() {
            let mut both = Log::new(LINES);
            for slot in Slot::BOTH {
                both.interleave(slot, self.slots.get(slot), LineId(0));
            }
            self.both = Some(both);
        }
    }

    /// Adds lines to the log of a target's steps.
    pub fn add_steps(&mut self, target: &Target, lines: Vec<NewLine>) {
        let steps = self.steps.entry(target.clone());
        steps.or_insert_with(|| Log::new(STEPS)).extend(lines);
    }

    /// The layout of lines in a pane that is `columns` wide.
    pub fn measure(&self, columns: usize) -> Measure {
        Measure {
            kind: self.kind,
            long: self.long,
            times: self.times,
            columns,
        }
    }
}

/// The layout of lines in a pane of a given width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    kind: LogKind,
    long: LongLines,
    times: Times,
    columns: usize,
}

impl Measure {
    /// The width of everything before the text of a line.
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

    /// The width that is left for the text of a line.
    pub fn room(&self, line: &Line) -> usize {
        self.columns.saturating_sub(self.gutter(line)).max(1)
    }

    /// Whether the line shows the time at which it was received. A program's line that starts with its own time
    /// stamp does not show it.
    pub fn times_of(&self, line: &Line) -> Times {
        if line.origin != Origin::Notice && has_own_time(&line.text) {
            Times::Hidden
        } else {
            self.times
        }
    }

    /// How many rows the line needs.
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
    fn only_a_complete_time_stamp_at_the_start_is_recognized() {
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
    fn each_key_returns_to_the_first_log_and_age() {
        let mut kind = LogKind::Slot(Slot::Blue);
        let mut since = Since::All;
        for _ in 0..7 {
            kind = kind.next();
        }
        for _ in 0..5 {
            since = since.next();
        }
        assert_eq!((kind, since), (LogKind::Slot(Slot::Blue), Since::All));
    }
}
