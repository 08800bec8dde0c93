//! Which notices a release causes, found from the states that consoles show: tables.

use std::sync::Arc;
use std::time::Duration;

use greenroom::history::{Direction, Notice, NoticeEvent, Outcome, ReleaseKind, Step};
use greenroom::inventory::{Operator, Tier};
use greenroom::release::{Choice, NoticeSource, Progress, Status, StepState};
use jiff::Timestamp;

use crate::console::world::{PRODUCTION, asking, later, now, operator, status, target};

fn driver() -> Operator {
    Operator {
        name: "ben".into(),
        host: "laptop".into(),
    }
}

fn at(step: Step, progress: Progress) -> Status {
    status(&target("web", PRODUCTION), Tier::Protected, step, progress)
}

fn forward(step: Step) -> Status {
    at(step, Progress::Forward(step))
}

fn closed(outcome: Outcome) -> Status {
    at(Step::Stop, Progress::Closed(outcome))
}

/// With the switch as observed last.
fn with_traffic(mut status: Status, switched: bool) -> Status {
    status.switched = switched;
    status.may_have_switched = switched;
    status
}

/// With a step that failed and was not retried.
fn with_failed(mut status: Status, step: Step, why: &str) -> Status {
    for step_status in &mut status.steps {
        if step_status.step == step {
            step_status.state = StepState::Failed { why: why.into() };
        }
    }
    status
}

fn as_rollback(mut status: Status) -> Status {
    let mut plan = status.plan.as_ref().clone();
    plan.kind = ReleaseKind::ColdRollback;
    status.plan = Arc::new(plan);
    status
}

fn asking_for_others(step: Step) -> Status {
    let mut status = asking(step);
    let mut plan = status.plan.as_ref().clone();
    plan.definition.rules.approvals = 1;
    status.plan = Arc::new(plan);
    status
}

fn told(notice_source: &mut NoticeSource, seen: impl IntoIterator<Item = Status>) -> Vec<Notice> {
    let look = |status: Status| notice_source.new_notices(&status, now());
    seen.into_iter().flat_map(look).collect()
}

fn events(notices: &[Notice]) -> Vec<NoticeEvent> {
    notices.iter().map(|notice| notice.event).collect()
}

#[test]
fn a_successful_release_sends_three_notices() {
    let mut notice_source = NoticeSource::new(operator());
    let seen = [
        forward(Step::Pull),
        forward(Step::Pull),
        forward(Step::Verify),
        with_traffic(forward(Step::Switch), false),
        forward(Step::Watch),
        forward(Step::Drain),
        closed(Outcome::Done),
        closed(Outcome::Done),
    ];
    let notices = told(&mut notice_source, seen);
    assert_eq!(
        events(&notices),
        [
            NoticeEvent::Started,
            NoticeEvent::Switched,
            NoticeEvent::Finished
        ]
    );
    let [started, switched, _] = &notices[..] else {
        panic!("{notices:?}")
    };
    assert!(started.text.starts_with("web/production: promote to 1.9.0"));
    assert_eq!(started.reason.as_deref(), Some("fix basket rounding"));
    assert_eq!(started.checks, None);
    let checks = switched.checks.expect("they were run");
    assert_eq!((checks.passed, checks.of), (3, 4));
    // Each has a unique id, by which a receiver recognizes it.
    let mut names: Vec<&str> = notices.iter().map(|notice| notice.id.as_str()).collect();
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[test]
fn a_failed_step_is_announced_once_per_failure() {
    let choosing = |why: &str| {
        at(
            Step::Verify,
            Progress::Choosing {
                step: Step::Verify,
                direction: Direction::Forward,
                why: why.into(),
                choices: vec![Choice::Retry, Choice::BackOut],
            },
        )
    };
    let mut notice_source = NoticeSource::resumed(operator(), &forward(Step::Verify));
    let seen = [
        choosing("orders answered 500"),
        choosing("orders answered 500"),
        forward(Step::Verify),
        choosing("orders answered 500"),
        with_failed(
            at(Step::Start, Progress::Back(Step::Start)),
            Step::Verify,
            "orders answered 500",
        ),
        with_traffic(
            closed(Outcome::BackedOut {
                reason: "orders\u{1b}[31m answered 500".into(),
            }),
            false,
        ),
    ];
    let notices = told(&mut notice_source, seen);
    assert_eq!(
        events(&notices),
        [
            NoticeEvent::Failed,
            NoticeEvent::Failed,
            NoticeEvent::BackedOut
        ]
    );
    assert!(
        notices[0]
            .text
            .contains("an operator must choose: retry, back out")
    );
    assert_eq!(notices[0].why.as_deref(), Some("orders answered 500"));
    assert_eq!(notices[0].step, Some(Step::Verify));
    assert_eq!(notices[2].why.as_deref(), Some("orders answered 500"));
}

#[test]
fn an_earlier_failure_is_not_announced_again_after_a_later_one() {
    let mut notice_source = NoticeSource::new(operator());
    let back = at(Step::Start, Progress::Back(Step::Start));
    let not_undone = Progress::Choosing {
        step: Step::Start,
        direction: Direction::Back,
        why: "no answer".into(),
        choices: vec![Choice::Retry, Choice::Leave],
    };
    let seen = [
        at(Step::Verify, Progress::Back(Step::Verify)),
        at(Step::Start, not_undone),
        // The step is undone again, and only the first failure is left.
        back,
    ];
    let seen = seen.map(|status| with_failed(status, Step::Verify, "a check failed"));
    let notices = told(&mut notice_source, seen);
    let whys: Vec<&str> = notices.iter().filter_map(|it| it.why.as_deref()).collect();
    assert_eq!(whys, ["a check failed", "no answer"]);
}

#[test]
fn an_automatic_back_out_is_announced() {
    let mut notice_source = NoticeSource::resumed(operator(), &forward(Step::Verify));
    let back = with_failed(
        at(Step::Verify, Progress::Forward(Step::Verify)),
        Step::Verify,
        "orders answered 500",
    );
    let notices = told(&mut notice_source, [back]);
    assert_eq!(events(&notices), [NoticeEvent::Failed]);
    assert!(
        notices[0]
            .text
            .ends_with("verify failed; the release backs out if it can")
    );
}

#[test]
fn a_switch_back_and_a_rollback_are_announced() {
    let mut notice_source = NoticeSource::resumed(operator(), &forward(Step::Switch));
    let notices = told(
        &mut notice_source,
        [
            forward(Step::Watch),
            at(Step::Watch, Progress::Back(Step::Switch)),
            with_traffic(at(Step::Start, Progress::Back(Step::Start)), false),
        ],
    );
    assert_eq!(
        events(&notices),
        [NoticeEvent::Switched, NoticeEvent::RolledBack]
    );
    assert!(
        notices[1].text.contains("traffic is back on 1.8.2"),
        "{}",
        notices[1].text
    );

    let mut notice_source = NoticeSource::resumed(operator(), &as_rollback(forward(Step::Switch)));
    let notices = told(&mut notice_source, [as_rollback(forward(Step::Watch))]);
    assert_eq!(events(&notices), [NoticeEvent::RolledBack]);
    assert!(notices[0].text.contains("traffic is back on 1.9.0"));
}

#[test]
fn a_resumed_release_does_not_repeat_notices() {
    let mut notice_source = NoticeSource::resumed(driver(), &forward(Step::Drain));
    let notices = told(
        &mut notice_source,
        [
            forward(Step::Drain),
            closed(Outcome::Superseded { by: None }),
        ],
    );
    assert_eq!(events(&notices), [NoticeEvent::Finished]);
    assert_eq!(notices[0].driver, driver());
    assert_eq!(notices[0].operator, operator());
}

#[test]
fn a_waiting_step_is_announced_once_when_it_needs_others_or_no_answer_comes() {
    // For other operators at once, and not again when the step asks again.
    let mut notice_source = NoticeSource::resumed(operator(), &forward(Step::Register));
    let notices = told(
        &mut notice_source,
        [
            asking_for_others(Step::Switch),
            asking_for_others(Step::Switch),
        ],
    );
    assert_eq!(events(&notices), [NoticeEvent::Waiting]);
    assert!(
        notices[0]
            .text
            .ends_with("switch needs 1 approval by someone else: greenroom approve web production"),
        "{}",
        notices[0].text
    );
    assert_eq!(notice_source.next_check(), None);

    // For the operator only if they do not answer.
    let mut notice_source = NoticeSource::resumed(operator(), &forward(Step::Verify));
    assert!(
        notice_source
            .new_notices(&asking(Step::Register), now())
            .is_empty()
    );
    let again: Timestamp = notice_source.next_check().expect("a moment");
    assert_eq!(again, later(25), "5 s of 30 have passed");
    assert!(
        notice_source
            .new_notices(&asking(Step::Register), later(24))
            .is_empty()
    );
    let notices = notice_source.new_notices(&asking(Step::Register), again);
    assert_eq!(events(&notices), [NoticeEvent::Waiting]);
    assert_eq!(notice_source.next_check(), None);
    assert!(
        notice_source
            .new_notices(&asking(Step::Register), later(99))
            .is_empty()
    );
    // An answer in time sends no notice.
    let mut notice_source = NoticeSource::resumed(operator(), &forward(Step::Verify));
    assert!(
        notice_source
            .new_notices(&asking(Step::Register), now())
            .is_empty()
    );
    assert!(
        notice_source
            .new_notices(&forward(Step::Register), now())
            .is_empty()
    );
    assert_eq!(notice_source.next_check(), None);
}

#[test]
fn an_unwanted_outcome_is_announced_as_a_failure() {
    for (progress, says) in [
        (
            Progress::Closed(Outcome::NeedsPerson {
                reason: "green is not there".into(),
            }),
            "the release needs a person",
        ),
        (
            Progress::Closed(Outcome::Left {
                reason: "green is not there".into(),
            }),
            "left as it is",
        ),
        (
            Progress::Parked {
                why: "green is not there".into(),
            },
            "ben@laptop has stopped driving the release",
        ),
    ] {
        let mut notice_source = NoticeSource::resumed(driver(), &forward(Step::Watch));
        let notices = told(&mut notice_source, [at(Step::Watch, progress)]);
        // In the fixture's status, a step after the switch counts as switched.
        let notice = notices.last().expect("one");
        assert_eq!(notice.event, NoticeEvent::Failed);
        assert!(notice.text.contains(says), "{}", notice.text);
        assert_eq!(notice.why.as_deref(), Some("green is not there"));
    }
}

#[test]
fn long_and_hostile_texts_become_one_short_line() {
    let mut status = forward(Step::Pull);
    let mut plan = status.plan.as_ref().clone();
    plan.reason = Some(format!("a\u{1b}]0;x\u{7}\nb{}", "y".repeat(100_000)));
    status.plan = Arc::new(plan);
    let notices = told(&mut NoticeSource::new(operator()), [status]);
    let reason = notices[0].reason.as_deref().expect("a reason");
    assert!(reason.starts_with("a b"), "{}", &reason[..20]);
    assert!(reason.chars().count() <= 501);
    let wait = Duration::from_secs(1);
    assert!(notices[0].at <= now() + wait);
}
