//! Sample releases to archive.

use std::time::Duration;

use greenroom::adapters::archive::Archive;
use greenroom::history::{
    Direction, Entry, FORMAT, JournalEvent, LivePeriod, Outcome, Recorded, ReleaseKind,
    ReleaseRecord, Step,
};
use greenroom::inventory::{ImageLabels, Operator, ReleaseId, Slot, Target, Version};
use jiff::Timestamp;
use tempfile::TempDir;
use ulid::Ulid;

/// Midnight before all of these releases.
pub(crate) const START: i64 = 1_795_219_200;

pub(crate) async fn archive() -> (TempDir, Archive) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("deep/er/archive.db");
    let archive = Archive::open(file).await.expect("an archive");
    (directory, archive)
}

pub(crate) fn target(service: &str, environment: &str) -> Target {
    Target::new(
        service.parse().expect("a name"),
        environment.parse().expect("a name"),
    )
}

pub(crate) fn version(tag: &str) -> Version {
    let seed = tag
        .bytes()
        .fold(String::new(), |seed, byte| format!("{seed}{byte:02x}"));
    Version {
        repository: "registry.example/team/web".into(),
        tag: Some(tag.into()),
        digest: format!("sha256:{seed:0<64}").parse().expect("a digest"),
        labels: ImageLabels::default(),
    }
}

pub(crate) fn by(name: &str) -> Operator {
    Operator {
        name: name.into(),
        host: "ops-1".into(),
    }
}

/// The release that was opened in that minute and is still open.
pub(crate) fn open(minute: u32) -> Recorded {
    let opened_at = Timestamp::from_second(START + i64::from(minute) * 60).expect("a time");
    let at = u64::try_from(opened_at.as_millisecond()).expect("after 1970");
    let head = ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: ReleaseId(Ulid::from_parts(at, u128::from(minute) << 64)),
        target: target("web", "production"),
        kind: ReleaseKind::Promote,
        from: Some((Slot::Blue, version("1.8.2"))),
        to: (Slot::Green, version("1.9.0")),
        operator: by("ana"),
        reason: Some("fix basket rounding".into()),
        opened_at,
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: None,
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    };
    Recorded {
        head,
        entries: vec![intent(1, opened_at)],
    }
}

pub(crate) fn intent(sequence: u32, at: Timestamp) -> Entry {
    Entry {
        sequence,
        at,
        event: JournalEvent::Intent {
            peer_approvals: Vec::new(),
            task: None,
            step: Step::Pull,
            direction: Direction::Forward,
        },
        chain: None,
    }
}

/// The same release, ended this way.
pub(crate) fn ended(minute: u32, outcome: Outcome) -> Recorded {
    let mut release = open(minute);
    let at = release.head.opened_at + Duration::from_mins(1);
    let step = if outcome.is_success() {
        Step::Switch
    } else {
        Step::Pull
    };
    release.entries.push(Entry {
        sequence: 2,
        at,
        event: JournalEvent::Outcome {
            step,
            direction: Direction::Forward,
            failure: None,
            took: Duration::from_secs(4),
        },
        chain: None,
    });
    release.head.live = LivePeriod::of(&release.entries);
    release.head.closed = Some((at, outcome));
    release
}

pub(crate) fn done(minute: u32) -> Recorded {
    ended(minute, Outcome::Done)
}

pub(crate) fn backed_out(minute: u32, reason: &str) -> Recorded {
    ended(
        minute,
        Outcome::BackedOut {
            reason: reason.into(),
        },
    )
}
