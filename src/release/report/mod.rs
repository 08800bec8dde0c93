//! Makes the report of a release from its records: summary, rules, plan, steps, checks, decisions, verification and
//! log. Console and command line show the same report. All text is sanitized.

mod audit;
mod compare;
mod decisions;
mod steps;
mod timeline;

pub use audit::audit;
pub use compare::{COMPARED_FIRST, Difference as Compared, NOTHING as NOT_COMPARED, compare};
pub use timeline::timeline;

use jiff::Timestamp;

use super::describe::duration;
use crate::checks::{Report, Verdict, counted};
use crate::history::{
    Difference, Integrity, JournalEvent, Kept, KeptLog, LivePeriod, NO_REASON_YET, Recorded,
    ReleaseRecord, ReleaseState, WrittenBy, WrittenLine, prove,
};
use crate::inventory::local_time;
use crate::inventory::{Slot, Version};
use crate::sanitize::sanitize;

/// The kind of a line. A user interface chooses a style for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// A title. The lines below it belong to it.
    Heading,
    Plain,
    /// A failure, or values that differ.
    Bad,
    /// Details that a reader can skip.
    Quiet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub tone: Tone,
    pub text: String,
}

/// The lines of a report that is being made.
#[derive(Debug, Default)]
struct Lines(Vec<Line>);

impl Lines {
    fn add(&mut self, tone: Tone, text: impl AsRef<str>) {
        self.0.push(Line {
            tone,
            // Any program that can write to the store of the journal may have written this text.
            text: sanitize(text.as_ref()),
        });
    }

    fn heading(&mut self, text: impl AsRef<str>) {
        if !self.0.is_empty() {
            self.add(Tone::Plain, "");
        }
        self.add(Tone::Heading, text);
    }

    fn plain(&mut self, text: impl AsRef<str>) {
        self.add(Tone::Plain, text);
    }
}

/// Adds the part of an output that the archive keeps.
fn log(lines: &mut Lines, KeptLog { owner, log }: &KeptLog) {
    let (owner, count) = (owner.words(), log.count());
    let unit = if count == 1 { "line" } else { "lines" };
    lines.heading(format!("log of {owner}, {count} {unit}"));
    for line in &log.first {
        written(lines, line);
    }
    if log.left_out > 0 {
        let left_out = log.left_out;
        lines.add(Tone::Quiet, format!("… {left_out} lines were not kept …"));
    }
    for line in &log.last {
        written(lines, line);
    }
}

fn written(lines: &mut Lines, line: &WrittenLine) {
    let at = line
        .at
        .map(|at| {
            local_time::local(at)
                .strftime("%Y-%m-%d %H:%M:%S%.3f %Z ")
                .to_string()
        })
        .unwrap_or_default();
    let (tone, by) = match line.by {
        WrittenBy::Out => (Tone::Plain, ""),
        WrittenBy::Err => (Tone::Plain, "err "),
        WrittenBy::Greenroom => (Tone::Quiet, ""),
    };
    lines.add(tone, format!("{at}{by}{}", line.text));
}

pub fn report(kept: &Kept) -> Vec<Line> {
    let recorded = &kept.recorded;
    let mut lines = Lines::default();
    let live = LivePeriod::of(&recorded.entries);
    head(&mut lines, &recorded.head, live);
    rules(&mut lines, &recorded.head);
    plan(&mut lines, &recorded.head);
    steps::add(&mut lines, recorded);
    for entry in &recorded.entries {
        if let JournalEvent::Checked { report } = &entry.event {
            checks(&mut lines, report);
        }
    }
    decisions::add(&mut lines, recorded);
    verification(&mut lines, &prove(&kept.recorded), &kept.differences);
    for kept in &kept.logs {
        log(&mut lines, kept);
    }
    lines.0
}

/// Date and time, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    local_time::moment(at)
}

/// The time of the day, without the date.
fn clock(at: Timestamp) -> String {
    local_time::clock(at)
}

fn live_period(live: LivePeriod) -> String {
    let since = moment(live.since);
    match (live.until, live.length()) {
        (Some(until), Some(length)) => format!(
            "from {since} to {}, for {}: then the traffic was switched back",
            moment(until),
            duration(length)
        ),
        _ => format!("since {since}"),
    }
}

/// Adds the rules that were in effect when the release started. Each rule names the place where it is written.
fn rules(lines: &mut Lines, head: &ReleaseRecord) {
    let rules = head.baseline.iter().flat_map(|baseline| &baseline.rules);
    let mut rules = rules.peekable();
    if rules.peek().is_none() {
        return;
    }
    lines.heading("rules");
    for rule in rules {
        lines.plain(format!("  {rule}"));
    }
}

fn head(lines: &mut Lines, head: &ReleaseRecord, live: Option<LivePeriod>) {
    let from = head
        .from
        .as_ref()
        .map_or("nothing", |(_, version)| version.name());
    lines.heading(format!(
        "{}  {}  {from} to {}",
        head.target,
        head.kind,
        head.to.1.name()
    ));
    lines.plain(format!("  release  {}", head.id));
    lines.plain(format!("  by       {}", head.operator));
    let trigger = head.trigger.as_ref().map(ToString::to_string);
    let reasons: Vec<&str> = trigger
        .as_deref()
        .into_iter()
        .chain(head.why_beside_push())
        .collect();
    for (number, reason) in reasons.iter().enumerate() {
        lines.plain(format!(
            "  {:<7}  {reason}",
            if number == 0 { "why" } else { "" }
        ));
    }
    if reasons.is_empty() {
        lines.plain("  why      no reason given");
    }
    if head.why() == Some(NO_REASON_YET) {
        lines.plain(format!(
            "           While the hold of this rollback is active, add a reason with: greenroom hold {} {} --reason TEXT",
            head.target.service, head.target.environment
        ));
    }
    lines.plain(format!("  started  {}", moment(head.opened_at)));
    let state = ReleaseState::of(head);
    match &head.closed {
        None => lines.plain("  ended    not yet, according to this record"),
        Some((at, outcome)) => {
            let took = duration(super::time::elapsed(head.opened_at, *at));
            let reason = outcome
                .reason()
                .map(|reason| format!(": {reason}"))
                .unwrap_or_default();
            let tone = if outcome.is_success() {
                Tone::Plain
            } else {
                Tone::Bad
            };
            lines.add(
                tone,
                format!("  ended    {}, {state} after {took}{reason}", moment(*at)),
            );
        }
    }
    if let Some(live) = live {
        lines.plain(format!("  live     {}", live_period(live)));
    }
    if let Some((slot, version)) = &head.from {
        image(lines, "from", *slot, version);
    }
    image(lines, "to", head.to.0, &head.to.1);
    let before = head
        .from
        .as_ref()
        .and_then(|(_, v)| v.labels.revision.as_deref());
    if let Some(after) = head.to.1.labels.revision.as_deref() {
        lines.plain(format!(
            "  commits  {} to {after}",
            before.unwrap_or("unknown")
        ));
    }
}

fn image(lines: &mut Lines, word: &str, slot: Slot, version: &Version) {
    lines.plain(format!("  {word:<8} {slot}: {}", version.name()));
    lines.add(Tone::Quiet, format!("           {}", version.pinned()));
}

fn plan(lines: &mut Lines, head: &ReleaseRecord) {
    if head.plan.is_empty() {
        return;
    }
    lines.heading(match head.trigger {
        Some(_) => "plan",
        None => "plan, as shown to the operator",
    });
    for planned in &head.plan {
        for (index, call) in planned.calls.iter().enumerate() {
            let step = if index == 0 {
                planned.step.to_string()
            } else {
                String::new()
            };
            lines.plain(format!("  {step:<8} {call}"));
        }
        lines.add(Tone::Quiet, format!("           undo: {}", planned.undo));
    }
}

fn checks(lines: &mut Lines, report: &Report) {
    lines.heading(format!(
        "checks of {}, finished at {}: {}",
        report.digest.short(),
        moment(report.at),
        counted(&report.cases, &[Verdict::Passed])
    ));
    for case in &report.cases {
        let optional = if case.required {
            ""
        } else {
            "  (not required)"
        };
        let is_passed = case.verdict == Verdict::Passed;
        let tone = if is_passed { Tone::Plain } else { Tone::Bad };
        let took = duration(case.took);
        lines.add(
            tone,
            format!(
                "  {:<8} {:>7}  {}{optional}",
                case.verdict.to_string(),
                took,
                case.name
            ),
        );
        if let Some(decision) = &case.overridden {
            lines.plain(format!("             {decision}"));
        }
        for (label, text) in [
            ("", &case.detail),
            ("request: ", &case.request),
            ("response: ", &case.response),
        ] {
            let is_shown = !is_passed || label.is_empty();
            if is_shown && !text.is_empty() {
                lines.add(Tone::Quiet, format!("             {label}{text}"));
            }
        }
    }
}

fn verification(lines: &mut Lines, integrity: &Integrity, differences: &[Difference]) {
    lines.heading("verification of this record");
    let tone = match integrity {
        Integrity::Whole | Integrity::NotChained => Tone::Plain,
        _ => Tone::Bad,
    };
    lines.add(tone, format!("  {integrity}"));
    for difference in differences {
        lines.add(
            Tone::Bad,
            format!(
                "  {}: the store had a different value at {}",
                difference.what,
                moment(difference.noticed_at)
            ),
        );
        lines.add(Tone::Quiet, format!("    archive: {}", difference.kept));
        lines.add(Tone::Quiet, format!("    store:   {}", difference.found));
    }
}

/// The last checks before the entry with the number `before`. A decision in that entry was based on these checks.
fn evidence(recorded: &Recorded, before: u32) -> Option<&Report> {
    let earlier = recorded
        .entries
        .iter()
        .rev()
        .skip_while(|entry| entry.sequence >= before);
    earlier.into_iter().find_map(|entry| match &entry.event {
        JournalEvent::Checked { report } => Some(report),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
