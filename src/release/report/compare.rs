//! Compares two releases: the versions and their commits, the plans, the instance settings, the checks, and the
//! duration of each step.

use std::time::Duration;

use super::moment;
use crate::history::{
    Direction, JournalEvent, LivePeriod, Recorded, ReleaseRecord, ReleaseState, Step,
};
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::sanitize::sanitize;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// The name of the compared value.
    pub what: String,
    /// The value of the first release.
    pub one: String,
    /// The value of the second release.
    pub other: String,
    /// Whether the row is shown first: the outcome, the versions, the commits and the images.
    pub is_headline: bool,
    /// The durations in both releases; none for a row without a duration.
    pub took: Option<[Option<Duration>; 2]>,
}

impl Difference {
    /// Whether both values are equal.
    pub fn is_same(&self) -> bool {
        self.one == self.other
    }
}

/// The heading of the rows that are shown first.
pub const COMPARED_FIRST: &str = "outcome, versions, commits and images";

/// The text that is shown for a value that a release does not have.
pub const NOTHING: &str = "-";

/// One row for each value of two releases, whether it is equal or not. A value that both releases lack has no row.
pub fn compare(one: &Recorded, other: &Recorded) -> Vec<Difference> {
    let mut both = Both {
        one,
        other,
        rows: Vec::new(),
        is_headline: true,
    };
    both.headlines();
    both.is_headline = false;
    both.heads();
    both.configuration();
    both.plans();
    both.durations();
    both.checks();
    both.rows
}

struct Both<'a> {
    one: &'a Recorded,
    other: &'a Recorded,
    rows: Vec<Difference>,
    is_headline: bool,
}

impl Both<'_> {
    fn row(&mut self, name: impl Into<String>, of: impl Fn(&Recorded) -> Option<String>) {
        let shown = |recorded| sanitize(&of(recorded).unwrap_or_else(|| NOTHING.to_owned()));
        let row = Difference {
            what: sanitize(&name.into()),
            one: shown(self.one),
            other: shown(self.other),
            is_headline: self.is_headline,
            took: None,
        };
        if (row.one.as_str(), row.other.as_str()) != (NOTHING, NOTHING) {
            self.rows.push(row);
        }
    }

    /// Adds a row whose value includes a duration. The duration is kept as a number too.
    fn timed_row(
        &mut self,
        name: impl Into<String>,
        text: impl Fn(&Recorded) -> Option<String>,
        took: impl Fn(&Recorded) -> Option<Duration>,
    ) {
        let before = self.rows.len();
        self.row(name, text);
        let took = [took(self.one), took(self.other)];
        for row in &mut self.rows[before..] {
            row.took = Some(took);
        }
    }

    /// Adds a row whose value is a duration.
    fn duration_row(
        &mut self,
        name: impl Into<String>,
        took: impl Fn(&Recorded) -> Option<Duration>,
    ) {
        self.timed_row(name, |recorded| took(recorded).map(duration), &took);
    }

    fn head(&mut self, name: &str, of: impl Fn(&ReleaseRecord) -> Option<String>) {
        self.row(name, |recorded| of(&recorded.head));
    }

    fn headlines(&mut self) {
        self.head("outcome", |head| Some(ReleaseState::of(head).to_string()));
        self.head("outcome reason", |head| {
            let (_, outcome) = head.closed.as_ref()?;
            outcome.reason().map(str::to_owned)
        });
        self.duration_row("was live for", |recorded| {
            LivePeriod::of(&recorded.entries)?.length()
        });
        self.head("from version", |head| {
            Some(head.from.as_ref()?.1.name().to_owned())
        });
        self.head("to version", |head| Some(head.to.1.name().to_owned()));
        self.head("commit before", |head| {
            head.from.as_ref()?.1.labels.revision.clone()
        });
        self.head("commit", |head| head.to.1.labels.revision.clone());
        self.head("image", |head| Some(head.to.1.repository.clone()));
        self.head("digest", |head| Some(head.to.1.digest.to_string()));
    }

    fn heads(&mut self) {
        self.head("built", |head| head.to.1.labels.created.clone());
        self.head("release", |head| Some(head.id.to_string()));
        self.head("target", |head| Some(head.target.to_string()));
        self.head("kind", |head| Some(head.kind.to_string()));
        self.head("started", |head| Some(moment(head.opened_at)));
        self.head("by", |head| Some(head.operator.to_string()));
        self.head("why", |head| head.reason.clone());
        self.head("into slot", |head| Some(head.to.0.to_string()));
    }

    fn configuration(&mut self) {
        self.head("container settings", |head| {
            Some(head.baseline.as_ref()?.shape.clone())
        });
        for slot in crate::inventory::Slot::BOTH {
            self.head(&format!("address of {slot}"), |head| {
                Some(head.baseline.as_ref()?.endpoints.get(slot).to_string())
            });
        }
    }

    fn plans(&mut self) {
        for step in Step::ALL {
            self.head(&format!("planned {step}"), |head| {
                let planned = head
                    .plan
                    .iter()
                    .find(|planned| planned.step == step.into())?;
                Some(planned.calls.join("; "))
            });
        }
    }

    fn durations(&mut self) {
        self.duration_row("total duration", |recorded| {
            let (at, _) = recorded.head.closed.as_ref()?;
            Some(elapsed(recorded.head.opened_at, *at))
        });
        for step in Step::ALL {
            self.duration_row(format!("{step} took"), |recorded| took(recorded, step));
        }
    }

    fn checks(&mut self) {
        let mut names: Vec<String> = Vec::new();
        for report in [self.one, self.other]
            .into_iter()
            .filter_map(Recorded::last_report)
        {
            for case in &report.cases {
                if !names.contains(&case.name) {
                    names.push(case.name.clone());
                }
            }
        }
        for name in names {
            let case = |recorded: &Recorded| {
                let report = recorded.last_report()?;
                report.cases.iter().find(|case| case.name == name).cloned()
            };
            self.timed_row(
                format!("check {name}"),
                |recorded| {
                    let case = case(recorded)?;
                    Some(format!("{}, {}", case.verdict, duration(case.took)))
                },
                |recorded| Some(case(recorded)?.took),
            );
        }
    }
}

/// How long the last forward attempt at a step took, whether it succeeded or failed.
fn took(recorded: &Recorded, wanted: Step) -> Option<Duration> {
    let mut entries = recorded.entries.iter().rev();
    entries.find_map(|entry| match &entry.event {
        JournalEvent::Outcome {
            step,
            direction: Direction::Forward,
            took,
            ..
        } if *step == wanted => Some(*took),
        _ => None,
    })
}
