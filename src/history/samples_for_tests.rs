//! Sample records for the tests of `history`.

use jiff::Timestamp;

use super::{
    Baseline, Direction, Entry, FORMAT, JournalEvent, Outcome, ReleaseKind, ReleaseRecord, Step,
};
use crate::inventory::{ImageLabels, Operator, PerSlot, ReleaseId, Slot, Target, Version};

pub(super) fn head(number: u64) -> ReleaseRecord {
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: ReleaseId(ulid::Ulid::from_parts(number, 1)),
        target: Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        ),
        kind: ReleaseKind::Promote,
        from: None,
        to: (
            Slot::Blue,
            Version {
                repository: "r/web".into(),
                tag: Some("1.9.0".into()),
                digest: format!("sha256:{}", "a".repeat(64))
                    .parse()
                    .expect("a digest"),
                labels: ImageLabels::default(),
            },
        ),
        operator: ana(),
        reason: Some("fix basket rounding".into()),
        opened_at: Timestamp::UNIX_EPOCH,
        plan: Vec::new(),
        baseline: None,
        live: None,
        closed: None,
        chain: None,
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

/// A head whose switch makes this generation. With `None`, a head of an older Greenroom, which recorded no generation.
pub(crate) fn planned(id: u128, generation: Option<u64>, is_open: bool) -> ReleaseRecord {
    ReleaseRecord {
        id: ReleaseId(ulid::Ulid(id)),
        baseline: generation.map(|generation| Baseline {
            generation,
            before: generation.checked_sub(1),
            endpoints: PerSlot::from_fn(|_| "127.0.0.1:3001".parse().expect("an endpoint")),
            shape: "shape".into(),
            leftover: Vec::new(),
            rules: Vec::new(),
        }),
        closed: (!is_open).then_some((Timestamp::UNIX_EPOCH, Outcome::Done)),
        ..head(1)
    }
}

pub(super) fn ana() -> Operator {
    Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    }
}

pub(super) fn entry(sequence: u32, step: Step) -> Entry {
    Entry {
        sequence,
        at: Timestamp::UNIX_EPOCH,
        event: JournalEvent::Intent {
            peer_approvals: Vec::new(),
            task: None,
            step,
            direction: Direction::Forward,
        },
        chain: None,
    }
}
