//! The ladder of an own release: the progress of each step, what comes next and what backing out
//! costs, in every state and width.

use std::sync::Arc;
use std::time::Duration;

use greenroom::console::Model;
use greenroom::console::effect::Effect;
use greenroom::console::event::Event;
use greenroom::console::update::update;
use greenroom::history::{Direction, Outcome, Step};
use greenroom::inventory::Tier;
use greenroom::release::{Choice, Command, Progress, Status, StepState};

use super::world::{
    PRODUCTION, ago, asking, later, model, now, press, screen, status, target, tell, verifying,
    web_production, with_candidate, with_standby,
};

const SIZES: [(u16, u16); 4] = [(118, 34), (90, 28), (80, 22), (60, 16)];

fn at(step: Step, progress: Progress) -> Status {
    status(&target("web", PRODUCTION), Tier::Protected, step, progress)
}

/// A release that is at a step and reports progress there.
fn forward(step: Step, change: impl FnOnce(&mut Status)) -> Status {
    let mut status = at(step, Progress::Forward(step));
    for step_status in &mut status.steps {
        if let StepState::Running { note, .. } = &mut step_status.state {
            note.clear();
        }
    }
    change(&mut status);
    status
}

fn backing_out() -> Status {
    let mut status = at(Step::Watch, Progress::Back(Step::Register));
    for step_status in &mut status.steps {
        step_status.state = match step_status.step {
            Step::Watch => StepState::Failed {
                why: "3 probes in a row were bad".into(),
            },
            Step::Switch => StepState::Undone,
            Step::Register => StepState::Running {
                since: ago(3),
                deadline: Some(later(12)),
                direction: Direction::Back,
                note: String::new(),
            },
            _ => step_status.state.clone(),
        };
    }
    status.next = "undoing start".into();
    status.undo = "the release is backing out".into();
    status
}

fn states() -> Vec<Status> {
    let until = Some(later(492));
    vec![
        forward(Step::Pull, |status| {
            status.pulled = Some((12_300_000, 20_000_000));
        }),
        verifying(),
        asking(Step::Switch),
        forward(Step::Drain, |status| status.draining = Some(14)),
        at(Step::Stop, Progress::Standby { until }),
        at(
            Step::Register,
            Progress::Choosing {
                step: Step::Register,
                direction: Direction::Forward,
                why: "not done within 15s: the registry has another instance there".into(),
                choices: vec![Choice::Retry, Choice::BackOut, Choice::Leave],
            },
        ),
        backing_out(),
        at(
            Step::Verify,
            Progress::Unrecorded {
                why: "etcd at 10.0.0.7:2379 does not answer".into(),
            },
        ),
        at(Step::Stop, Progress::Closed(Outcome::Done)),
    ]
}

fn driving(size: (u16, u16), status: &Status) -> Model {
    let snapshot = if status.switched {
        with_standby(web_production())
    } else {
        with_candidate(web_production())
    };
    let mut model = model(size, snapshot);
    tell(&mut model, Event::ReleaseMoved(Arc::new(status.clone())));
    model.dialog = None;
    model.notice = None;
    model
}

/// The rows of the ladder, without the rest of the screen.
fn ladder(model: &Model) -> Vec<String> {
    let shown = screen(model);
    let rows: Vec<String> = shown.lines().map(str::to_owned).collect();
    if model.size.1 < 20 {
        return vec![rows[rows.len() - 2].clone()];
    }
    let top = rows
        .iter()
        .position(|row| row.starts_with('┌') && row.contains("ana@ops-1 · "));
    // At rest a small screen has one line for it.
    let Some(top) = top else {
        return vec![rows[rows.len() - 2].clone()];
    };
    let end = rows[top..].iter().position(|row| row.starts_with('└'));
    rows[top..=top + end.expect("its end")].to_vec()
}

#[test]
fn every_state_at_four_widths() {
    let mut all = String::new();
    for size in SIZES {
        for status in states() {
            all.push_str(&(ladder(&driving(size, &status)).join("\n") + "\n"));
        }
    }
    insta::assert_snapshot!(all);
}

#[test]
fn wide_characters_are_cut_whole_and_leave_the_frame_alone() {
    let mut status = asking(Step::Switch);
    let mut plan = (*status.plan).clone();
    plan.reason = Some("買い物かごの丸めを直す".into());
    plan.version.tag = Some("版一・九".into());
    status.plan = Arc::new(plan);
    status.next = "switch: 緑に切り替える、".repeat(6);
    status.undo = "青に戻す。".repeat(20);
    for width in 60..=140 {
        for height in [16, 22, 34] {
            let model = driving((width, height), &status);
            let rows = ladder(&model);
            assert!(!rows.is_empty());
            // A wide character that does not fit would overwrite the frame.
            for row in rows.iter().filter(|_| height > 20) {
                let end = row.chars().last();
                assert!(matches!(end, Some('│' | '┐' | '┘')), "{width}: {row}");
                assert_eq!(row.chars().count(), usize::from(width), "{row}");
            }
            assert!(
                rows.iter().any(|row| row.contains("▲ switch waits 0:05")),
                "{rows:?}"
            );
        }
    }
}

#[test]
fn next_and_back_out_have_a_line_each_where_there_is_room() {
    for size in [(118, 34), (100, 30), (90, 28), (80, 24)] {
        for status in [
            verifying(),
            forward(Step::Pull, |_| {}),
            forward(Step::Drain, |_| {}),
        ] {
            let rows = ladder(&driving(size, &status));
            let begins = |words: &str| rows.iter().filter(|row| row.contains(words)).count();
            assert_eq!(begins("│ next: "), 1, "{rows:?}");
            assert_eq!(begins("│ back out now: "), 1, "{rows:?}");
        }
    }
}

#[test]
fn waiting_for_a_person_is_timed_and_has_no_deadline() {
    let mut model = driving((118, 34), &asking(Step::Switch));
    let hours = now() + Duration::from_hours(3);
    update(&mut model, Event::Ticked, hours);
    let rows = ladder(&model).join("\n");
    assert!(rows.contains("switch waits 3:00:05"), "{rows}");
    assert!(
        rows.contains("switch waits for you (for 3:00:05)"),
        "{rows}"
    );
    assert!(!rows.contains(" of "), "{rows}");
}

#[test]
fn the_standby_counts_down_on_every_screen() {
    let until = Some(later(492));
    for size in SIZES {
        let standby = at(Step::Stop, Progress::Standby { until });
        let mut model = driving(size, &standby);
        assert!(model.counts_time());
        assert!(ladder(&model).join("\n").contains("8:12"), "{size:?}");
        update(&mut model, Event::Ticked, later(10));
        assert!(ladder(&model).join("\n").contains("8:02"), "{size:?}");
    }
}

#[test]
fn checks_can_run_again_only_while_register_or_switch_waits() {
    let mut model = driving((118, 34), &asking(Step::Switch));
    press(&mut model, "U");
    let said = model.notice.take().expect("an answer").text;
    assert!(said.contains("W arms"), "{said}");
    press(&mut model, "W");
    model.notice = None;
    assert!(
        screen(&model).contains("U check again"),
        "{}",
        screen(&model)
    );
    let effects = press(&mut model, "U");
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Send {
                command: Command::CheckAgain { .. },
                ..
            }]
        ),
        "{effects:?}"
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(verifying())));
    assert!(press(&mut model, "U").is_empty());
    let said = model.notice.take().expect("an answer").text;
    assert!(said.contains("while register or switch waits"), "{said}");
}
