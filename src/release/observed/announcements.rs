//! Makes the announcements of a release from its journal. Their texts are like the texts of the driver's announcements,
//! but lack what the journal does not record.

use crate::checks::{Verdict, counted};
use crate::history::{Decision, Direction, Entry, JournalEvent, Recorded, ReleaseRecord, Step};
use crate::release::describe::{duration, unknown_event};
use crate::release::ladder::in_direction;
use crate::release::machine::describe::{closed_words, resumed_words, started_words};
use crate::release::observation::Stage;
use crate::release::{Announcement, AnnouncementKind};
use crate::sanitize::sanitize;

pub(super) fn announcements(recorded: &Recorded) -> Vec<Announcement> {
    let head = &recorded.head;
    let mut lines = vec![opened(head)];
    let mut direction = Direction::Forward;
    for entry in &recorded.entries {
        if let JournalEvent::Intent { direction: to, .. }
        | JournalEvent::Outcome { direction: to, .. } = &entry.event
        {
            direction = *to;
        }
        lines.extend(of_entry(entry, direction));
    }
    if let Some((at, outcome)) = &head.closed {
        lines.push(line(
            *at,
            None,
            AnnouncementKind::Closed,
            &closed_words(outcome),
        ));
    }
    lines
}

fn opened(head: &ReleaseRecord) -> Announcement {
    let (slot, version) = &head.to;
    let text = format!(
        "{} {} to {version} in {slot}, by {}",
        head.kind, head.target, head.operator
    );
    line(head.opened_at, None, AnnouncementKind::Noted, &text)
}

fn line(
    at: jiff::Timestamp,
    stage: Option<Stage>,
    kind: AnnouncementKind,
    text: &str,
) -> Announcement {
    Announcement {
        at,
        step: stage.map(|stage| stage.step),
        direction: stage.map_or(Direction::Forward, |stage| stage.direction),
        kind,
        // Any program that can write to the store may have written this text.
        text: sanitize(text),
    }
}

/// `direction` is that of the stage that was last recorded. The entry of a choice does not name it.
fn of_entry(entry: &Entry, direction: Direction) -> Vec<Announcement> {
    let forward = |step: &Step| Some(Stage::forward(*step));
    let (stage, kind, text) = match &entry.event {
        JournalEvent::Intent {
            step, direction, ..
        } => {
            let stage = Stage::new(*step, *direction);
            (Some(stage), AnnouncementKind::Began, started_words(stage))
        }
        JournalEvent::Outcome {
            step,
            direction,
            failure,
            took,
        } => {
            let stage = Stage::new(*step, *direction);
            let label = in_direction(stage);
            match failure {
                None => {
                    let text = format!("{label} took {}", duration(*took));
                    (Some(stage), AnnouncementKind::Settled, text)
                }
                Some(why) => {
                    let text = format!("{label} failed: {why}");
                    (Some(stage), AnnouncementKind::Failed, text)
                }
            }
        }
        JournalEvent::Checked { report } => {
            return checked(entry, report);
        }
        JournalEvent::Approved { step, decision } => (
            forward(step),
            AnnouncementKind::Decided,
            format!("{step} approved by {}{}", decision.by, note(decision)),
        ),
        JournalEvent::BackOutAsked { decision, reason } => {
            let decided = decision.as_ref().map_or_else(
                || "automatic back-out".to_owned(),
                |decision| format!("back out by {}", decision.by),
            );
            let text = format!("{decided}: {reason}");
            (None, AnnouncementKind::Decided, text)
        }
        JournalEvent::Chosen {
            step,
            choice,
            decision,
        } => (
            Some(Stage::new(*step, direction)),
            AnnouncementKind::Decided,
            format!("{choice} by {}{}", decision.by, note(decision)),
        ),
        JournalEvent::Resumed {
            how,
            from,
            decision,
        } => (
            None,
            AnnouncementKind::Decided,
            resumed_words(*how, from, decision),
        ),
        JournalEvent::DriverStopped { reason, .. } => (
            None,
            AnnouncementKind::Decided,
            format!("the driver has stopped: {reason}"),
        ),
        JournalEvent::Unknown(event) => (None, AnnouncementKind::Noted, unknown_event(event)),
    };
    vec![line(entry.at, stage, kind, &text)]
}

fn note(decision: &Decision) -> String {
    decision
        .note
        .as_ref()
        .map_or(String::new(), |note| format!(": {note}"))
}

/// An announcement with the number of checks for each verdict, and one for each check that did not pass at the first attempt.
fn checked(entry: &Entry, report: &crate::checks::Report) -> Vec<Announcement> {
    let stage = Some(Stage::forward(Step::Verify));
    let counted = counted(&report.cases, &[]);
    let text = format!("checks of {}: {counted}", report.digest.short());
    let mut lines = vec![line(entry.at, stage, AnnouncementKind::Noted, &text)];
    let is_noted = |case: &&crate::checks::CaseReport| {
        case.verdict != Verdict::Passed || !case.detail.is_empty()
    };
    let noted = report.cases.iter().filter(is_noted);
    lines.extend(noted.map(|case| {
        let text = format!("{} {}: {}", case.name, case.verdict, case.detail);
        line(entry.at, stage, AnnouncementKind::Noted, &text)
    }));
    lines
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::history::samples_for_tests::planned;
    use crate::inventory::Operator;

    #[test]
    fn a_choice_belongs_to_the_direction_of_the_failed_stage() {
        for direction in [Direction::Forward, Direction::Back] {
            let step = Step::Register;
            let failed = JournalEvent::Outcome {
                step,
                direction,
                failure: Some("no answer".into()),
                took: std::time::Duration::from_secs(1),
            };
            let chosen = JournalEvent::Chosen {
                step,
                choice: "retry".into(),
                decision: Decision {
                    by: Operator {
                        name: "ana".into(),
                        host: "ops-1".into(),
                    },
                    asked_at: None,
                    note: None,
                },
            };
            let entries = [failed, chosen].into_iter().zip(1..);
            let entries = entries.map(|(event, sequence)| Entry {
                sequence,
                at: Timestamp::UNIX_EPOCH,
                event,
                chain: None,
            });
            let recorded = Recorded {
                head: planned(1, Some(2), true),
                entries: entries.collect(),
            };
            let announced = announcements(&recorded);
            let chosen = announced.last().expect("the choice");
            assert_eq!(chosen.text, "retry by ana@ops-1");
            assert_eq!(chosen.direction, direction);
        }
    }
}
