//! The pages of the history: a release, the comparison of two releases, a hold or a repair, the timeline of an
//! environment, and the result of a verification.

use crate::console::model::{HistoryPage, IN_TIMELINE};
use crate::history::{Item, Kept, KeptAudit, Verification};
use crate::inventory::EnvironmentName;
use crate::release::report::{self, COMPARED_FIRST, Compared, Line, Tone, compare};

pub(super) fn of_audit(kept: &KeptAudit) -> HistoryPage {
    HistoryPage::new(
        format!("{} {}", kept.record.kind(), kept.record.id()),
        report::audit(kept),
    )
}

pub(super) fn of_environment(
    environment: &EnvironmentName,
    items: &[Item],
    is_whole: bool,
) -> HistoryPage {
    let mut lines = report::timeline(items);
    if !is_whole {
        lines.push(Line {
            tone: Tone::Quiet,
            text: format!(
                "only the newest {IN_TIMELINE} releases are shown; greenroom history lists older releases too"
            ),
        });
    }
    HistoryPage::new(format!("what became live in {environment}"), lines)
}

pub(super) fn proof(proven: &Verification) -> HistoryPage {
    let line = |tone, text: String| Line { tone, text };
    let verdict = match (proven.wrong.is_empty(), proven.silent.is_empty()) {
        (true, true) => line(Tone::Heading, "all records are intact".to_owned()),
        (true, false) => line(
            Tone::Heading,
            "all records that could be read are intact".to_owned(),
        ),
        (false, _) => line(Tone::Bad, "not all records are intact".to_owned()),
    };
    let mut lines = vec![verdict, line(Tone::Plain, proven.summary())];
    for (target, why) in &proven.silent {
        lines.push(line(
            Tone::Bad,
            format!("the records of {target} cannot be read: {why}"),
        ));
    }
    for record in &proven.wrong {
        lines.push(line(Tone::Plain, String::new()));
        lines.push(line(Tone::Heading, record.to_string()));
        for problem in &record.wrong {
            lines.push(line(Tone::Bad, format!("  {problem}")));
        }
    }
    HistoryPage::new("are the records intact?".to_owned(), lines)
}

pub(super) fn of_releases(kept: &[Kept]) -> Option<HistoryPage> {
    match kept {
        [release] => Some(HistoryPage::new(
            format!("release {}", release.recorded.head.id),
            report::report(release),
        )),
        [older, newer] => Some(HistoryPage::new(
            "two releases, the older first".to_owned(),
            comparison(older, newer),
        )),
        _ => None,
    }
}

/// Compares two releases, property by property: first the most important properties, then those that differ, then those
/// that are equal. If a property differs, the value of the older release is above the value of the newer release.
fn comparison(older: &Kept, newer: &Kept) -> Vec<Line> {
    let rows = compare(&older.recorded, &newer.recorded);
    let line = |tone, text| Line { tone, text };
    let (headlines, rest): (Vec<&Compared>, Vec<&Compared>) =
        rows.iter().partition(|row| row.is_headline);
    let (same, differing): (Vec<&Compared>, Vec<&Compared>) =
        rest.into_iter().partition(|row| row.is_same());
    let mut lines = Vec::new();
    for (name, rows) in [
        (COMPARED_FIRST, headlines),
        ("different", differing),
        ("the same", same),
    ] {
        if !lines.is_empty() {
            lines.push(line(Tone::Plain, String::new()));
        }
        lines.push(line(Tone::Heading, name.to_owned()));
        for row in rows {
            let tone = if row.is_same() {
                Tone::Quiet
            } else {
                Tone::Plain
            };
            lines.push(line(tone, format!("  {:<20} {}", row.what, row.one)));
            if !row.is_same() {
                lines.push(line(tone, format!("  {:<20} {}", "", row.other)));
            }
        }
    }
    lines
}
