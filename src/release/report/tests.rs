use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::checks::CaseReport;
use crate::history::{
    Baseline, Chain, Decision, Difference, Direction, Entry, FORMAT, Item, Listed, LivePeriod,
    Outcome, PlannedCalls, ReleaseKind, RuleInEffect, Step,
};
use crate::inventory::{ImageLabels, Operator, PerSlot, ReleaseId, Target, Trigger};

fn at(second: u8) -> Timestamp {
    format!("2026-11-21T14:02:{second:02}Z")
        .parse()
        .expect("a time")
}

fn by(name: &str) -> Operator {
    Operator {
        name: name.into(),
        host: "ops-1".into(),
    }
}

fn version(tag: &str, fill: char, commit: &str) -> Version {
    Version {
        repository: "r/web".into(),
        tag: Some(tag.into()),
        digest: format!("sha256:{}", fill.to_string().repeat(64))
            .parse()
            .expect("a digest"),
        labels: ImageLabels {
            revision: Some(commit.into()),
            ..ImageLabels::default()
        },
    }
}

fn case(name: &str, verdict: Verdict, detail: &str) -> CaseReport {
    CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: name.into(),
        required: true,
        verdict,
        detail: detail.into(),
        took: Duration::from_millis(12),
        request: String::new(),
        response: String::new(),
    }
}

fn released() -> Recorded {
    let head = ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: ReleaseId(ulid::Ulid::from_parts(1, 1)),
        target: Target::new(
            "web".parse().expect("a name"),
            "production".parse().expect("a name"),
        ),
        kind: ReleaseKind::Promote,
        from: Some((Slot::Blue, version("1.8.2", 'a', "c0ffee"))),
        to: (Slot::Green, version("1.9.0", 'b', "beef00")),
        operator: by("ana"),
        reason: Some("fix basket \u{1b}[2Jrounding".into()),
        opened_at: at(0),
        plan: vec![PlannedCalls {
            step: Step::Pull.into(),
            calls: vec!["pull r/web".into()],
            undo: "nothing".into(),
        }],
        baseline: None,
        live: None,
        chain: None,
        closed: None,
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    };
    let digest = head.to.1.digest.clone();
    let happened = [
        JournalEvent::Intent {
            peer_approvals: Vec::new(),
            task: None,
            step: Step::Pull,
            direction: Direction::Forward,
        },
        JournalEvent::Outcome {
            step: Step::Pull,
            direction: Direction::Forward,
            failure: None,
            took: Duration::from_millis(4100),
        },
        JournalEvent::Checked {
            report: Report {
                digest,
                runs: Vec::new(),
                at: at(3),
                cases: vec![
                    case("health", Verdict::Passed, ""),
                    case("login", Verdict::Failed, "status 500 instead of 200"),
                ],
            },
        },
        JournalEvent::Approved {
            step: Step::Switch,
            decision: Decision {
                by: by("ben"),
                asked_at: Some(at(5)),
                note: Some("seen with ana".into()),
            },
        },
        JournalEvent::Outcome {
            step: Step::Switch,
            direction: Direction::Forward,
            failure: Some("no answer".into()),
            took: Duration::from_secs(2),
        },
    ];
    let mut chain = Chain::of(&head);
    let entries = (1u32..).zip(happened).map(|(sequence, event)| {
        chain.linked(Entry {
            sequence,
            at: at(u8::try_from(sequence).expect("small") * 3),
            event,
            chain: None,
        })
    });
    let entries = entries.collect();
    let outcome = Outcome::BackedOut {
        reason: "switch failed".into(),
    };
    let head = chain.closed(ReleaseRecord {
        closed: Some((at(40), outcome)),
        ..head
    });
    Recorded { head, entries }
}

fn text(kept: &Kept) -> String {
    let lines: Vec<String> = report(kept).into_iter().map(|line| line.text).collect();
    lines.join("\n")
}

#[test]
fn a_report_has_every_decision_with_its_operator_and_evidence() {
    let kept = Kept {
        recorded: released(),
        differences: Vec::new(),
        logs: Vec::new(),
    };
    assert_eq!(
        text(&kept),
        "web/production  promote  1.8.2 to 1.9.0
  release  00000000010000000000000001
  by       ana@ops-1
  why      fix basket rounding
  started  2026-11-21 14:02:00 UTC
  ended    2026-11-21 14:02:40 UTC, backed out after 40s: switch failed
  from     blue: 1.8.2
           r/web@sha256:AAAA
  to       green: 1.9.0
           r/web@sha256:BBBB
  commits  c0ffee to beef00

plan, as shown to the operator
  pull     pull r/web
           undo: nothing

steps
  14:02:03 UTC  pull: started
  14:02:06 UTC  pull: done, after 4.1s
  14:02:15 UTC  switch: failed: no answer, after 2s

checks of bbbbbbbbbb, finished at 2026-11-21 14:02:03 UTC: 1 passed, 1 failed
  passed      12ms  health
  failed      12ms  login
             status 500 instead of 200

decisions
  2026-11-21 14:02:00 UTC  ana@ops-1 opened the release; the plan above was shown
    because: fix basket rounding
  2026-11-21 14:02:12 UTC  ben@ops-1 approved switch
    asked at 14:02:05 UTC, answered after 7s
    evidence: checks of bbbbbbbbbb, 9s old at that time: 1 passed, 1 failed
    because: seen with ana

verification of this record
  the hash chain is intact"
            .replace("AAAA", &"a".repeat(64))
            .replace("BBBB", &"b".repeat(64))
    );
}

#[test]
fn a_step_with_a_long_name_is_not_joined_with_its_call() {
    let mut recorded = released();
    recorded.head.plan.push(PlannedCalls {
        step: Step::BeforeSwitch.into(),
        calls: vec!["migrate: run `up`".into()],
        undo: "migrate is not undone".into(),
    });
    let kept = Kept {
        recorded,
        differences: Vec::new(),
        logs: Vec::new(),
    };
    let shown = text(&kept);
    assert!(shown.contains("  before-switch migrate: run"), "{shown}");
}

#[test]
fn a_report_names_the_push_that_an_agent_released() {
    let mut recorded = released();
    recorded.head.trigger = Some(Trigger {
        entry: "1a2b3c4d".repeat(4).parse().expect("an id"),
        push: "develop of team/web, from hub, by cleo".into(),
    });
    let mut kept = Kept {
        recorded,
        differences: Vec::new(),
        logs: Vec::new(),
    };
    let shown = text(&kept);
    let push = "for a push of develop of team/web, from hub, by cleo (entry 1a2b3c4d)";
    assert!(
        shown.contains(&format!(
            "  why      {push}\n           fix basket rounding\n"
        )),
        "{shown}"
    );
    // The agent's own reason says nothing more.
    kept.recorded.head.reason = Some("push of develop of team/web, from hub, by cleo".into());
    let shown = text(&kept);
    assert!(
        shown.contains(&format!("  why      {push}\n  started")),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("UTC  opened by ana@ops-1 {push}\n")),
        "{shown}"
    );
    assert!(!shown.contains("the plan above was shown"), "{shown}");
}

#[test]
fn a_report_lists_the_rules_with_their_sources() {
    let mut recorded = released();
    recorded.head.baseline = Some(Baseline {
        generation: 42,
        before: Some(41),
        endpoints: PerSlot::from_fn(|_| "127.0.0.1:3001".parse().expect("an address")),
        shape: "shape".into(),
        leftover: Vec::new(),
        rules: vec![RuleInEffect {
            key: "rules.approvals".into(),
            value: "2".into(),
            from: "--set".into(),
        }],
    });
    let kept = Kept {
        recorded,
        differences: Vec::new(),
        logs: Vec::new(),
    };
    let shown = text(&kept);
    assert!(
        shown.contains("rules\n  approvals      2  (--set)"),
        "{shown}"
    );
}

#[test]
fn a_report_marks_an_altered_record() {
    let mut recorded = released();
    recorded.entries[3].at = at(59);
    let difference = Difference {
        noticed_at: at(50),
        what: "entry 4".into(),
        kept: "{}".into(),
        found: "{1}".into(),
    };
    let kept = Kept {
        recorded,
        differences: vec![difference],
        logs: Vec::new(),
    };
    let shown = report(&kept);
    let bad = |part: &str| {
        let line = shown.iter().find(|line| line.text.contains(part));
        line.is_some_and(|line| line.tone == Tone::Bad)
    };
    assert!(bad("broken at entry 4"), "{shown:?}");
    assert!(bad("the store had a different value"), "{shown:?}");
}

#[test]
fn two_releases_are_compared_by_plan_and_steps() {
    let first = released();
    let mut second = released();
    second.head.to.1 = version("2.0.0", 'c', "dead00");
    let JournalEvent::Outcome { took, .. } = &mut second.entries[1].event else {
        panic!("an outcome");
    };
    *took = Duration::from_mins(1);
    let rows = compare(&first, &second);
    let differing: Vec<(&str, &str, &str)> = rows
        .iter()
        .filter(|row| !row.is_same())
        .map(|row| (row.what.as_str(), row.one.as_str(), row.other.as_str()))
        .collect();
    let (b, c) = (
        format!("sha256:{}", "b".repeat(64)),
        format!("sha256:{}", "c".repeat(64)),
    );
    assert_eq!(
        differing,
        [
            ("to version", "1.9.0", "2.0.0"),
            ("commit", "beef00", "dead00"),
            ("digest", &b, &c),
            ("pull took", "4.1s", "1m"),
        ]
    );
    let same = rows.iter().find(|row| row.what == "check login");
    assert_eq!(same.map(|row| row.one.as_str()), Some("failed, 12ms"));
}

/// A promote that was opened in `minute`. `since` and `until` are the seconds after the opening at which it switched
/// and switched back.
fn switched(minute: u32, tag: &str, since: Option<u64>, until: Option<u64>) -> ReleaseRecord {
    let mut head = released().head;
    let opened_at = at(0) + Duration::from_mins(minute.into());
    let after = |seconds: u64| opened_at + Duration::from_secs(seconds);
    head.id = ReleaseId(ulid::Ulid::from_parts(minute.into(), 1));
    head.opened_at = opened_at;
    head.to.1 = version(tag, 'b', "beef00");
    head.live = since.map(|since| LivePeriod {
        since: after(since),
        until: until.map(after),
    });
    let outcome = match (since, until) {
        (Some(_), None) => Outcome::Done,
        _ => Outcome::BackedOut {
            reason: "watch failed".into(),
        },
    };
    // The release ends long after its switch: after the approvals, the watch, the drain and the standby.
    head.closed = Some((after(900), outcome));
    head
}

#[test]
fn a_timeline_measures_live_time_from_switch_to_switch() {
    let mut open = switched(60, "2.1.0", Some(40), None);
    open.closed = None;
    let releases = [
        open,
        // The switch of this release waited twenty minutes for an approval.
        switched(30, "2.0.0", Some(1200), None),
        switched(20, "1.9.1", Some(30), Some(90)),
        switched(10, "1.9.0", None, None),
        switched(0, "1.8.2", Some(20), None),
    ];
    let items = releases.map(|head| {
        Item::from(Listed {
            head,
            differences: 0,
        })
    });
    let shown: Vec<String> = timeline(&items).into_iter().map(|line| line.text).collect();
    assert_eq!(
        shown,
        [
            "2026-11-21, Saturday",
            "  15:02:00 UTC  web            2.1.0            became live last, at 15:02:40 UTC; \
             not ended, according to its record; ana@ops-1",
            "  14:32:00 UTC  web            2.0.0            was live for 10m 40s, from 14:52:00 UTC to \
             15:02:40 UTC; ana@ops-1",
            "  14:22:00 UTC  web            1.9.1            was live for 1m, from 14:22:30 UTC to \
             14:23:30 UTC; backed out: watch failed; ana@ops-1",
            "  14:12:00 UTC  web            1.9.0            backed out: watch failed; ana@ops-1",
            "  14:02:00 UTC  web            1.8.2            was live for 48m 40s, from 14:02:20 UTC to \
             14:52:00 UTC; ana@ops-1",
        ]
    );
}

#[test]
fn a_backed_out_release_says_how_long_it_was_live() {
    let mut recorded = released();
    let outcome = |second, direction| Entry {
        sequence: 6,
        at: at(second),
        event: JournalEvent::Outcome {
            step: Step::Switch,
            direction,
            failure: None,
            took: Duration::from_secs(1),
        },
        chain: None,
    };
    recorded.entries.push(outcome(20, Direction::Forward));
    recorded.entries.push(outcome(35, Direction::Back));
    let kept = Kept {
        recorded,
        differences: Vec::new(),
        logs: Vec::new(),
    };
    let line = "  live     from 2026-11-21 14:02:20 UTC to 2026-11-21 14:02:35 UTC, for 15s: then the traffic was \
                 switched back";
    assert!(text(&kept).contains(line), "{}", text(&kept));
}
