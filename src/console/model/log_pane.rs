//! The pane of logs: which one is shown, the lines of each, and how they are looked at.

use std::collections::BTreeMap;

use crate::inventory::{InstanceId, PerSlot, Slot, Target};
use crate::logs::{Batch, Bounds, Line, LineId, Log, NewLine, Origin, Viewport, Wanted, rows};

use super::Diagnostics;

/// A log that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// What the instance in a slot says.
    Slot(Slot),
    /// What both instances say, by time.
    Both,
    /// What the proxy writes down about the target's requests.
    Proxy,
    /// The steps of the target's releases.
    Steps,
}

impl LogKind {
    /// The one after it, in the order in which a key goes through them.
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

    /// What has to be followed for it.
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

/// Where lines come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogFeed {
    /// From a slot, whichever instance is in it.
    Slot(Slot),
    /// From the proxy.
    Proxy,
}

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// An instance.
    Instance {
        /// Whose.
        target: Target,
        /// The slot it runs in.
        slot: Slot,
        /// The instance.
        instance: InstanceId,
    },
    /// The proxy, about one target.
    Proxy {
        /// Which.
        target: Target,
    },
}

impl LogSource {
    /// Where its lines come in.
    pub fn feed(&self) -> LogFeed {
        match self {
            Self::Instance { slot, .. } => LogFeed::Slot(*slot),
            Self::Proxy { .. } => LogFeed::Proxy,
        }
    }
}

/// Lines to write to a file, oldest first. Their texts are shared with the log, not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedLog {
    /// What the file should be called: letters, digits, dots and dashes.
    pub name: String,
    /// What to write.
    pub lines: Vec<NewLine>,
}

/// What becomes of lines that are longer than the pane is wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongLines {
    /// They are cut; left and right move along them.
    #[default]
    Cut,
    /// They go on in the next row.
    Wrapped,
}

/// Whether lines show when they were heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Times {
    /// Those that do not tell their own time do.
    #[default]
    Shown,
    /// None does.
    Hidden,
}

/// How far back lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Since {
    /// All that are kept.
    #[default]
    All,
    /// Those of so many minutes before the key was pressed, and what comes after.
    Minutes(u32),
}

impl Since {
    /// The one after it, in the order in which a key goes through them.
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

/// The columns of a time before a line.
pub const TIME_COLUMNS: usize = 13;
/// The columns of a slot's name before a line, where lines of both are shown.
pub const SLOT_COLUMNS: usize = 6;
/// The columns of the marks before a line: whether it was searched for, and who wrote it.
pub const MARK_COLUMNS: usize = 3;

/// How much is kept of a release's steps: a release has a few dozen of them.
const STEPS: Bounds = Bounds {
    lines: 2_000,
    bytes: 256 * 1024,
};
/// How much is kept of every other log. The whole console stays under 48 MB with all of them full.
const LINES: Bounds = Bounds {
    lines: 20_000,
    bytes: 5 * 1024 * 1024,
};

/// See the module.
#[derive(Debug, Clone)]
pub struct LogPane {
    /// The log that the operator asked for; none is the candidate's, else the live one's.
    pub chosen: Option<LogKind>,
    /// The log that is shown.
    pub kind: LogKind,
    /// Whose logs these are.
    pub target: Option<Target>,
    /// What is followed, by where its lines come in.
    pub followed: BTreeMap<LogFeed, LogSource>,
    /// What is wanted of whichever log is shown.
    pub wanted: Wanted,
    /// What long lines do.
    pub long: LongLines,
    /// Whether times are shown.
    pub times: Times,
    /// How far back lines are shown.
    pub since: Since,
    /// Where one looked before one began to type what to search for.
    pub looked: Option<Viewport>,
    /// What is shown in the log's place.
    pub diagnostics: Option<Diagnostics>,
    slots: PerSlot<Log>,
    both: Option<Log>,
    proxy: Log,
    steps: BTreeMap<Target, Log>,
    /// Of a target whose releases have done no step yet.
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

    /// The log that is shown, to look at it otherwise.
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

    /// The slot whose log is shown, where it is one slot's.
    pub fn slot(&self) -> Option<Slot> {
        match self.kind {
            LogKind::Slot(slot) => Some(slot),
            _ => None,
        }
    }

    /// What is followed for the log that is shown; the first, where it is more than one.
    pub fn source(&self) -> Option<&LogSource> {
        self.kind
            .feeds()
            .iter()
            .find_map(|feed| self.followed.get(feed))
    }

    /// Lines arrived. Those of a source that was just left are on their way for a moment.
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

    /// Follows something from now on. Where that is another instance than before, its lines go
    /// on below those of the old one, with a line between them.
    pub fn follow(&mut self, source: LogSource, name: &str) {
        let feed = source.feed();
        let before = self.followed.insert(feed, source);
        if before.is_some() {
            let said = NewLine::notice(format!(
                "from here on this is the log of another start: {name}"
            ));
            self.add(feed, vec![said]);
        }
    }

    /// Forgets the logs of the target before; its steps are kept, as the release may go on.
    pub fn turn_to(&mut self, target: Option<Target>) {
        self.target = target;
        self.followed.clear();
        self.slots = PerSlot::from_fn(|_| Log::new(LINES));
        self.both = None;
        self.proxy = Log::new(LINES);
        self.looked = None;
    }

    /// Shows a log.
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

    /// A release of a target did something.
    pub fn stepped(&mut self, target: &Target, lines: Vec<NewLine>) {
        let steps = self.steps.entry(target.clone());
        steps.or_insert_with(|| Log::new(STEPS)).extend(lines);
    }

    /// How its lines lie in a pane of some width.
    pub fn measure(&self, columns: usize) -> Measure {
        Measure {
            kind: self.kind,
            long: self.long,
            times: self.times,
            columns,
        }
    }
}

/// How lines lie in a pane of some width.
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

    /// Whether a line shows when it was heard. One that tells its own time does not need to.
    pub fn times_of(&self, line: &Line) -> Times {
        if line.origin != Origin::Notice && has_own_time(&line.text) {
            Times::Hidden
        } else {
            self.times
        }
    }

    /// How many rows a line takes.
    pub fn rows(&self, line: &Line) -> usize {
        match self.long {
            LongLines::Cut => 1,
            LongLines::Wrapped => rows(&line.text, self.room(line)),
        }
    }
}

/// Whether a line begins with an RFC 3339 time stamp.
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
