//! What happened to a version in a target, according to the heads of its releases. This module does not know what runs
//! now: only observation shows that.

use jiff::Timestamp;

use super::{LivePeriod, Outcome, ReleaseRecord};
use crate::inventory::{Digest, Version};

/// What happened to a version the last time that it was released or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The version became live, and no other version has replaced it since.
    LiveSince(Timestamp),
    /// The version was live until the switch to another version.
    LiveUntil(Timestamp),
    /// The release of the version was undone.
    BackedOut { at: Timestamp, reason: String },
    /// The release of the version was left unfinished on purpose, or needs a person.
    Left {
        at: Timestamp,
        /// The state in which the release was left, and why.
        reason: String,
    },
    /// The release of the version is running or was interrupted. The time says when the release was opened.
    Unfinished(Timestamp),
}

/// Finds out what happened to a version. `records` are the heads of one target's releases, newest first.
pub fn fate(records: &[ReleaseRecord], digest: &Digest) -> Option<Fate> {
    let mut replaced_at = None;
    for record in records {
        let (_, to) = &record.to;
        let from = record.from.as_ref().map(|(_, from)| from);
        let took_over = took_over(record);
        if to.digest == *digest {
            return Some(match &record.closed {
                None => Fate::Unfinished(record.opened_at),
                Some((at, Outcome::Done | Outcome::Superseded { .. })) => {
                    let since = record.live.map_or(*at, |live| live.since);
                    replaced_at.map_or(Fate::LiveSince(since), Fate::LiveUntil)
                }
                Some((at, Outcome::BackedOut { reason })) => Fate::BackedOut {
                    at: *at,
                    reason: reason.clone(),
                },
                Some((at, Outcome::Left { reason } | Outcome::NeedsPerson { reason })) => {
                    Fate::Left {
                        at: *at,
                        reason: reason.clone(),
                    }
                }
            });
        }
        if let Some(at) = took_over {
            if from.is_some_and(|from| from.digest == *digest) {
                return Some(Fate::LiveUntil(at));
            }
            replaced_at = Some(at);
        }
    }
    None
}

/// When the version of a release took the traffic and kept it. None if the version never had the traffic, or if the
/// release switched back. If an older Greenroom wrote a successful head without a period, the result is the time at
/// which the release was opened.
fn took_over(record: &ReleaseRecord) -> Option<Timestamp> {
    match record.live {
        Some(LivePeriod { since, until: None }) => Some(since),
        Some(LivePeriod { until: Some(_), .. }) => None,
        None => succeeded(record).then_some(record.opened_at),
    }
}

/// The versions that these heads name as live, newest first, each once: the version of each successful release, and the
/// version that was live before each release. A head proves nothing. [`WasLive`](super::WasLive) has the versions that
/// the journal proves.
pub fn once_live(records: &[ReleaseRecord]) -> Vec<&Version> {
    let mut versions: Vec<&Version> = Vec::new();
    for record in records {
        for version in claimed(record) {
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
    }
    versions
}

/// The versions that one head names as live. See [`once_live`].
pub(super) fn claimed(record: &ReleaseRecord) -> Vec<&Version> {
    let to = succeeded(record).then_some(&record.to.1);
    let from = record.from.as_ref().map(|(_, from)| from);
    to.into_iter().chain(from).collect()
}

fn succeeded(record: &ReleaseRecord) -> bool {
    let closed = record.closed.as_ref();
    closed.is_some_and(|(_, outcome)| outcome.is_success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{FORMAT, ReleaseKind};
    use crate::inventory::{ImageLabels, Operator, ReleaseId, Slot, Target};

    fn version(fill: char) -> Version {
        Version {
            repository: "r/web".into(),
            tag: None,
            digest: format!("sha256:{}", fill.to_string().repeat(64))
                .parse()
                .expect("a digest"),
            labels: ImageLabels::default(),
        }
    }

    fn at(day: u8) -> Timestamp {
        format!("2026-11-{day:02}T10:00:00Z")
            .parse()
            .expect("a time")
    }

    fn record(day: u8, from: Option<char>, to: char, closed: Option<Outcome>) -> ReleaseRecord {
        ReleaseRecord {
            overridden: Vec::new(),
            format: FORMAT,
            id: ReleaseId(ulid::Ulid::from_parts(day.into(), 1)),
            target: Target::new(
                "web".parse().expect("a name"),
                "qa".parse().expect("a name"),
            ),
            kind: ReleaseKind::Promote,
            from: from.map(|fill| (Slot::Blue, version(fill))),
            to: (Slot::Green, version(to)),
            operator: Operator {
                name: "ana".into(),
                host: "ops-1".into(),
            },
            reason: None,
            opened_at: at(day),
            plan: Vec::new(),
            baseline: None,
            live: None,
            chain: None,
            closed: closed.map(|outcome| (at(day), outcome)),
            trigger: None,
            skipped_tasks: Vec::new(),
            overridden_checks: Vec::new(),
        }
    }

    fn switched(mut record: ReleaseRecord, since: Timestamp) -> ReleaseRecord {
        record.live = Some(LivePeriod { since, until: None });
        record
    }

    #[test]
    fn a_version_is_live_from_its_switch_until_the_switch_of_the_next() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let (first, second) = (at("2026-11-06T11:00:00Z"), at("2026-11-07T13:00:00Z"));
        // The last release waited three hours for an approval of its switch, and its standby has not ended.
        let mut records = vec![
            switched(record(7, Some('b'), 'c', None), second),
            switched(record(6, Some('a'), 'b', Some(Outcome::Done)), first),
        ];
        let fate = |records: &[ReleaseRecord], fill| fate(records, &version(fill).digest);
        assert_eq!(fate(&records, 'a'), Some(Fate::LiveUntil(first)));
        assert_eq!(fate(&records, 'b'), Some(Fate::LiveUntil(second)));
        assert_eq!(fate(&records[1..], 'b'), Some(Fate::LiveSince(first)));
        // The last release switched back, so the version before it is live again.
        records[0].live = Some(LivePeriod {
            since: second,
            until: Some(at("2026-11-07T13:02:00Z")),
        });
        assert_eq!(fate(&records, 'b'), Some(Fate::LiveSince(first)));
    }

    #[test]
    fn a_version_has_the_fate_of_its_last_release() {
        let reason = "verify failed".to_owned();
        let back = || Outcome::BackedOut {
            reason: reason.clone(),
        };
        let records = [
            record(9, Some('c'), 'e', None),
            record(8, Some('c'), 'd', Some(back())),
            record(7, Some('b'), 'c', Some(Outcome::Done)),
            record(6, Some('a'), 'b', Some(Outcome::Superseded { by: None })),
        ];
        let of = |fill: char| fate(&records, &version(fill).digest);
        assert_eq!(of('a'), Some(Fate::LiveUntil(at(6))));
        assert_eq!(of('b'), Some(Fate::LiveUntil(at(7))));
        assert_eq!(of('c'), Some(Fate::LiveSince(at(7))));
        assert_eq!(of('d'), Some(Fate::BackedOut { at: at(8), reason }));
        assert_eq!(of('e'), Some(Fate::Unfinished(at(9))));
        assert_eq!(of('f'), None);
        let live: Vec<String> = once_live(&records)
            .iter()
            .map(|v| v.digest.to_string())
            .collect();
        let wanted: Vec<String> = ['c', 'b', 'a']
            .map(|fill| version(fill).digest.to_string())
            .into();
        assert_eq!(live, wanted);
    }
}
