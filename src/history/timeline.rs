//! What became of a version in a target, out of the heads of its releases. What runs now is not
//! known here: that comes from looking.

use jiff::Timestamp;

use super::{Outcome, ReleaseRecord};
use crate::inventory::{Digest, Version};

/// What became of a version when it was released, or replaced, last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It became live, and nothing took its place since.
    LiveSince(Timestamp),
    /// It was live until a release of another one began that took its place.
    LiveUntil(Timestamp),
    /// Its release was undone.
    BackedOut {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Its release was left where it stood, or needs a person.
    Left {
        /// When.
        at: Timestamp,
        /// Where and why.
        reason: String,
    },
    /// Its release goes on, or was interrupted.
    Unfinished(Timestamp),
}

/// What became of a version. `records` are the heads of one target's releases, newest first.
pub fn fate(records: &[ReleaseRecord], digest: &Digest) -> Option<Fate> {
    let mut replaced_at = None;
    for record in records {
        let (_, to) = &record.to;
        let from = record.from.as_ref().map(|(_, from)| from);
        let succeeded = succeeded(record);
        if to.digest == *digest {
            return Some(match &record.closed {
                None => Fate::Unfinished(record.opened_at),
                Some((at, Outcome::Done | Outcome::Superseded)) => {
                    replaced_at.map_or(Fate::LiveSince(*at), Fate::LiveUntil)
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
        if succeeded && from.is_some_and(|from| from.digest == *digest) {
            return Some(Fate::LiveUntil(record.opened_at));
        }
        if succeeded {
            replaced_at = Some(record.opened_at);
        }
    }
    None
}

/// Every version that was live in the target with success, newest first, each once.
pub fn once_live(records: &[ReleaseRecord]) -> Vec<&Version> {
    let mut all: Vec<&Version> = Vec::new();
    for record in records {
        let to = succeeded(record).then_some(&record.to.1);
        let from = record.from.as_ref().map(|(_, from)| from);
        for version in to.into_iter().chain(from) {
            if !all.contains(&version) {
                all.push(version);
            }
        }
    }
    all
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
            footing: None,
            chain: None,
            closed: closed.map(|outcome| (at(day), outcome)),
        }
    }

    #[test]
    fn a_version_is_what_became_of_it_last() {
        let reason = "verify failed".to_owned();
        let back = || Outcome::BackedOut {
            reason: reason.clone(),
        };
        let records = [
            record(9, Some('c'), 'e', None),
            record(8, Some('c'), 'd', Some(back())),
            record(7, Some('b'), 'c', Some(Outcome::Done)),
            record(6, Some('a'), 'b', Some(Outcome::Superseded)),
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
