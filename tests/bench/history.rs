//! Measures how long the history takes to open, filter and search with 100,000 releases in a real
//! file: `cargo bench --bench history`. The budget is 50 ms.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may panic when its set-up fails, and prints its results"
)]

use std::sync::OnceLock;

use divan::Bencher;
use greenroom::adapters::archive::Archive;
use greenroom::checks::{CaseReport, Report, Verdict};
use greenroom::history::{
    Direction, Entry, FORMAT, Filter, JournalEvent, Outcome, PlannedCalls, Recorded, ReleaseKind,
    ReleaseRecord, Step,
};
use greenroom::inventory::{ImageLabels, Operator, ReleaseId, Slot, Target, Version};
use greenroom::ports::{ArchiveReader, ArchiveWriter};
use jiff::Timestamp;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use ulid::Ulid;

/// Number of releases in the archive.
const RELEASES: u32 = 100_000;
/// Number of releases on one page.
const SHOWN: usize = 200;
/// Number of releases written per batch while the archive is filled.
const BATCH: u32 = 1_000;

struct Filled {
    _place: TempDir,
    archive: Archive,
    runtime: Runtime,
    last: ReleaseId,
}

fn filled() -> &'static Filled {
    static FILLED: OnceLock<Filled> = OnceLock::new();
    FILLED.get_or_init(|| {
        let place = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::new().expect("a runtime");
        let file = place.path().join("archive.db");
        let archive = runtime.block_on(async {
            let archive = Archive::open(file).await.expect("an archive");
            for batch in 0..RELEASES / BATCH {
                let releases = (batch * BATCH..(batch + 1) * BATCH).map(release);
                archive.keep(releases.collect()).await.expect("kept");
            }
            archive
        });
        let size = std::fs::metadata(archive.path()).map_or(0, |file| file.len());
        println!("{RELEASES} releases take {} MiB", size >> 20);
        Filled {
            _place: place,
            archive,
            runtime,
            last: release(RELEASES - 1).head.id,
        }
    })
}

fn version(number: u32) -> Version {
    Version {
        repository: "registry.example/team/web".into(),
        tag: Some(format!("1.{}.{}", number / 10, number % 10)),
        digest: format!("sha256:{number:064x}").parse().expect("a digest"),
        labels: ImageLabels::default(),
    }
}

fn pick<'a>(words: &[&'a str], number: u32) -> &'a str {
    words[usize::try_from(number).expect("small") % words.len()]
}

/// One release every ten minutes, of 40 services in 3 environments by 12 people; one in nine failed.
fn release(number: u32) -> Recorded {
    let opened_at =
        Timestamp::from_second(1_700_000_000 + i64::from(number) * 600).expect("a time");
    let millis = u64::try_from(opened_at.as_millisecond()).expect("after 1970");
    let people = [
        "ana", "ben", "cho", "dee", "eli", "fay", "gus", "hal", "ida", "jon", "kim", "leo",
    ];
    let words = [
        "basket", "login", "search", "checkout", "rounding", "cache", "header", "invoice",
        "limits", "retry", "session", "theme", "upload",
    ];
    let service = format!("service-{}", number % 40);
    let environment = pick(&["dev", "qa", "production"], number / 40);
    let is_failed = number.is_multiple_of(9);
    let calls = Step::ALL.map(|step| PlannedCalls {
        step: step.into(),
        calls: vec![format!(
            "{step}: what it does to {service} in {environment}, in words"
        )],
        undo: "what undoing it costs".into(),
    });
    let outcome = if is_failed {
        Outcome::BackedOut {
            reason: format!("verify failed: {} said 500", pick(&words, number / 3)),
        }
    } else {
        Outcome::Done
    };
    let closed_at = opened_at + Duration::from_secs(90);
    let head = ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: ReleaseId(Ulid::from_parts(millis, u128::from(number) << 40)),
        target: Target::new(
            service.parse().expect("a name"),
            environment.parse().expect("a name"),
        ),
        kind: ReleaseKind::Promote,
        from: Some((Slot::Blue, version(number / 41))),
        to: (Slot::Green, version(number / 40)),
        operator: Operator {
            name: pick(&people, number / 7).into(),
            host: "ops-1".into(),
        },
        reason: Some(format!(
            "fix {} of {} in ticket {number}",
            pick(&words, number / 5),
            pick(&words, number / 11)
        )),
        opened_at,
        plan: calls.to_vec(),
        baseline: None,
        live: None,
        closed: Some((closed_at, outcome)),
        chain: None,
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    };
    let case = |name: &str| CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: name.into(),
        required: true,
        verdict: Verdict::Passed,
        detail: String::new(),
        took: Duration::from_millis(12),
        request: String::new(),
        response: String::new(),
    };
    let checked = JournalEvent::Checked {
        report: Report {
            digest: head.to.1.digest.clone(),
            runs: Vec::new(),
            at: opened_at,
            cases: ["health", "home page", "login"].map(case).into(),
        },
    };
    let steps = Step::ALL.into_iter().map(|step| JournalEvent::Outcome {
        step,
        direction: Direction::Forward,
        failure: None,
        took: Duration::from_secs(4),
    });
    let entries = (1..)
        .zip(steps.chain([checked]))
        .map(|(sequence, what)| Entry {
            sequence,
            at: opened_at,
            event: what,
            chain: None,
        });
    Recorded {
        entries: entries.collect(),
        head,
    }
}

/// Filters as an operator types them.
const TYPED: [&str; 12] = [
    "",
    "service:service-7",
    "service:service-7 env:production",
    "operator:ana outcome:failed",
    "outcome:failed since:2024-01-01 until:2024-02-01",
    "version:1.100.3",
    "operator:nobody",
    "basket",
    "basket invoice",
    "ticket 99998",
    "fix service:service-7 operator:leo outcome:failed",
    "nowhere",
];

#[divan::bench(args = TYPED)]
fn list(bencher: Bencher<'_, '_>, typed: &str) {
    let filled = filled();
    let now = Timestamp::from_second(1_800_000_000).expect("a time");
    let filter = Filter::parse(typed, now).expect("a filter");
    bencher.bench(|| {
        let listing = filled.archive.list(&filter, None, SHOWN);
        filled.runtime.block_on(listing).expect("a list").len()
    });
}

#[divan::bench]
fn open_the_file_and_list(bencher: Bencher<'_, '_>) {
    let filled = filled();
    bencher.bench(|| {
        filled.runtime.block_on(async {
            let archive = Archive::open(filled.archive.path())
                .await
                .expect("an archive");
            let listed = archive.list(&Filter::default(), None, SHOWN).await;
            listed.expect("a list").len()
        })
    });
}

#[divan::bench]
fn one_release_with_all_of_it(bencher: Bencher<'_, '_>) {
    let filled = filled();
    bencher.bench(|| {
        let reading = filled.archive.release(filled.last);
        filled.runtime.block_on(reading).expect("read").is_some()
    });
}

fn main() {
    divan::main();
}
