//! In every dialog at every size the lines that decide are visible without scrolling: from what to
//! what, what it costs to undo, and which key to press.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use greenroom::console::Model;
use greenroom::console::dialogs::{
    Confirm, Failure, Handover, Help, HoldLine, Holding, Leaving, MessageDialog, MissingApprovals,
    OpenReleases, Page, Palette, Picker, Question, Reason, Refusal, ReloadDialog, ResumeChoice,
    ResumeDialog, ThemeChoice, Thinking, WaitingList,
};
use greenroom::console::model::{
    ConfigurationChange, Dialog, FoundConfiguration, NewConfiguration, TextLine,
};
use greenroom::history::{Direction, ReleaseKind, Step};
use greenroom::inventory::{Hold, Tier};
use greenroom::release::{
    Choice, Intent, Need, Plan, Progress, ResumeAction, Status, Wanted, need, need_to_begin,
};

use super::dialogs::dialog;
use super::elsewhere::{ben, done_up_to, lock};
use super::presence::{interrupted, request};
use super::queue;
use super::repair_dialog::repair_plan;
use super::world::{
    PRODUCTION, ago, asking, later, model, operator, plan, press, status, target, verifying,
    web_production, with_candidate,
};

const SIZES: [(u16, u16); 6] = [(118, 34), (100, 30), (80, 24), (80, 20), (72, 18), (60, 16)];

/// A dialog and the words that must be visible in it.
type Case = (&'static str, Box<dyn Dialog>, Vec<&'static str>);

fn confirm(question: Question, need: Need) -> Box<dyn Dialog> {
    Box::new(Confirm {
        question,
        need,
        typed: String::new(),
        note: Some("the shop is down since this morning".into()),
        button: greenroom::console::dialogs::Button::Cancel,
        expires_at: later(300),
    })
}

fn of_kind(kind: ReleaseKind, tier: Tier) -> Plan {
    let mut plan = plan(&target("web", PRODUCTION), tier);
    if kind == ReleaseKind::WarmRollback {
        plan.warm = with_candidate(web_production()).slots.green.members;
        plan.calls
            .retain(|planned| !matches!(planned.step, Step::Pull | Step::Start));
    }
    plan.kind = kind;
    plan.warnings = vec!["payday, until 18:00, by cleo@ops-3".into(); 6];
    plan
}

fn begins(kind: ReleaseKind, tier: Tier) -> Box<dyn Dialog> {
    let plan = of_kind(kind, tier);
    let need = need_to_begin(&plan);
    confirm(Question::Begin(Arc::new(plan)), need)
}

const GOES: &str = "blue web:1.8.2 4f2a9c01e7 100% ──► 0%";
const COMES: &str = "green web:1.9.0 b81d77aa30 0% ──► 100%";
const UNDO: &str = "undo switch back to blue while it is warm (10 min)";
const TYPED: &str = "Type production to continue:";

fn beginnings() -> Vec<Case> {
    use ReleaseKind::{ColdRollback, Promote, WarmRollback};
    vec![
        (
            "a promote that the switch asks about",
            begins(Promote, Tier::Protected),
            vec![
                "blue web:1.8.2 4f2a9c01e7 has the traffic until the switch",
                UNDO,
                "[ Cancel ] [ Begin the release ]",
            ],
        ),
        (
            "a promote that nothing asks about",
            begins(Promote, Tier::Staging),
            vec![GOES, COMES, "without another question", UNDO],
        ),
        (
            "a warm rollback",
            begins(WarmRollback, Tier::Protected),
            vec![
                "Move all traffic back · web · PRODUCTION",
                GOES,
                COMES,
                "leaves a hold: nothing is promoted to this target until an operator clears it",
                UNDO,
                TYPED,
                "[ Cancel ]",
                "Move all traffic back (needs the",
            ],
        ),
        (
            "a cold rollback",
            begins(ColdRollback, Tier::Staging),
            vec![GOES, COMES, "leaves a hold:", UNDO],
        ),
    ]
}

fn switched() -> Arc<Status> {
    let progress = Progress::Standby {
        until: Some(later(500)),
    };
    Arc::new(status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Stop,
        progress,
    ))
}

fn step(step: Step) -> Box<dyn Dialog> {
    let question = Question::Step(Arc::new(asking(step)), step);
    confirm(question, need(step, Tier::Protected))
}

fn of_a_release() -> Vec<Case> {
    let forced = Arc::new(interrupted(Some(lock(2)), done_up_to(Step::Register)));
    let checks = "checks 3 passed, 1 failed for b81d77aa30";
    vec![
        (
            "register",
            step(Step::Register),
            vec![checks, "undo delete that key"],
        ),
        (
            "switch",
            step(Step::Switch),
            vec![GOES, COMES, checks, UNDO, TYPED],
        ),
        (
            "stop",
            step(Step::Stop),
            vec!["has no traffic, is stopped", TYPED],
        ),
        (
            "backing out",
            confirm(Question::BackOut(switched()), Need::TypedName),
            vec![
                "0% ──► 100%",
                "100% ──► 0%",
                "does stop green; blue is not touched",
                TYPED,
            ],
        ),
        (
            "ending a standby",
            confirm(Question::EndStandby(switched()), Need::Confirmation),
            vec!["stops 1.8.2 is stopped, so a rollback to it becomes a cold start"],
        ),
        (
            "taking a release",
            confirm(
                Question::Resume(Arc::clone(&forced), ResumeAction::Continue),
                Need::TypedName,
            ),
            vec![
                "continue observes, then runs",
                "lock ben@ops-2 has driven the release",
                TYPED,
            ],
        ),
        (
            "asking to take over",
            confirm(Question::RequestHandover(forced), Need::Confirmation),
            vec!["then after the handover, without another question"],
        ),
        (
            "approving",
            confirm(
                Question::PeerApprove(Arc::new(asking(Step::Switch))),
                Need::TypedName,
            ),
            vec![
                GOES,
                COMES,
                checks,
                "commits unknown: the image has no label",
                "can move the traffic",
                "Note (optional):",
                TYPED,
            ],
        ),
        (
            "a repair",
            confirm(
                Question::Repair(Arc::new(repair_plan(Tier::Protected))),
                Need::TypedName,
            ),
            vec![TYPED, "[ Cancel ]"],
        ),
    ]
}

fn failed() -> Failure {
    Failure {
        status: switched(),
        step: Step::Watch,
        direction: Direction::Forward,
        why: "orders: status 500 instead of 2xx; ".repeat(20),
        choices: vec![Choice::Retry, Choice::BackOut, Choice::Leave, Choice::Skip],
        row: 2,
        note: TextLine::default(),
        is_noting: false,
    }
}

fn failure() -> Box<dyn Dialog> {
    Box::new(failed())
}

fn resume(row: usize) -> Box<dyn Dialog> {
    let found = interrupted(Some(lock(2)), done_up_to(Step::Register));
    Box::new(ResumeDialog {
        found: Arc::new(found),
        has_asked: false,
        is_by_agent: false,
        row,
    })
}

fn hold() -> Hold {
    Hold {
        reason: "payday, and everybody buys; ".repeat(8),
        author: ben(),
        since: ago(600),
        until: None,
        release: None,
        cleared: None,
    }
}

fn line() -> TextLine {
    let mut line = TextLine::default();
    line.paste("half a reason");
    line
}

fn with_rows() -> Vec<Case> {
    let words = MessageDialog {
        found: Arc::new(interrupted(Some(lock(2)), done_up_to(Step::Register))),
        choice: ResumeChoice::Resume(ResumeAction::Continue),
        line: line(),
    };
    let handover = Handover {
        status: Arc::new(verifying()),
        request: request(ben(), "ben@ops-2 4711 01JD4"),
        row: 1,
    };
    vec![
        (
            "a failed step",
            failure(),
            vec![
                "green 1.9.0 has the traffic now",
                "decide later",
                "retry",
                "back out stop green; blue is not touched.",
                "leave ends the release",
                "skip",
                "note (optional):",
                "Enter do it",
            ],
        ),
        (
            "leaving",
            Box::new(Leaving { row: 1 }),
            vec![
                "stay in the console",
                "quit after this step",
                "back out, then quit",
                "Esc stay",
            ],
        ),
        (
            "a configuration that changed on disk",
            Box::new(ReloadDialog { row: 1 }),
            vec![
                "60 values differ",
                "This console drives a release of web/production",
                "Keep the configuration in use",
                "Reload: use the new configuration",
                "Esc keep",
            ],
        ),
        (
            "a release that another drives",
            resume(2),
            vec![
                "blue 1.8.2 has the traffic now",
                "observes, then runs",
                "by force: the lock holder's next write is refused",
                "ask to take over",
                "take it: leave",
                "Enter choose this",
            ],
        ),
        (
            "why it is taken",
            Box::new(words),
            vec!["half a reason", "Esc not now"],
        ),
        (
            "who asks",
            Box::new(handover),
            vec![
                "answer later",
                "hand it over",
                "keep driving",
                "Enter answer",
            ],
        ),
        (
            "a hold that is cleared",
            Box::new(Holding {
                target: target("web", PRODUCTION),
                asks: HoldLine::Clear(Box::new(hold())),
                line: line(),
            }),
            vec!["half a reason", "Enter clear it"],
        ),
        (
            "holds that are overridden",
            Box::new(Reason {
                target: target("web", PRODUCTION),
                wanted: Wanted::Standby,
                name: "1.9.0".into(),
                line: line(),
                required: Some(true),
                overridden_holds: vec![hold(), hold()],
                override_holds: None,
                planned: None,
            }),
            vec!["half a reason", "Enter override it"],
        ),
    ]
}

fn to_read() -> Vec<Case> {
    let lines = vec!["a line of it".to_owned(); 60];
    vec![
        (
            "a refusal",
            Box::new(Refusal {
                title: "1.9.0 to web/production".into(),
                reasons: vec!["greenroom resume web production --take-over".into(); 20],
            }),
            vec!["greenroom resume web production --take-over", "Esc close"],
        ),
        (
            "a page",
            Box::new(Page {
                title: "details".into(),
                lines,
            }),
            vec!["a line of it", "Esc close"],
        ),
        (
            "a plan that is made",
            Box::new(Thinking {
                request_id: 1,
                target: target("web", PRODUCTION),
                name: "1.9.0".into(),
            }),
            vec!["reading and planning: this changes nothing", "Esc cancel"],
        ),
        (
            "help",
            Box::new(Help::default()),
            vec!["type to search", "Esc close"],
        ),
        ("palette", Box::new(Palette::default()), vec!["Esc"]),
        (
            "themes",
            Box::new(ThemeChoice { row: 0 }),
            vec!["Enter use it", "Esc"],
        ),
        (
            "missing approvals",
            Box::new(MissingApprovals {
                target: target("web", PRODUCTION),
            }),
            vec!["Waiting for approval · web/production", "Esc close"],
        ),
        (
            "what waits for the operator",
            Box::new(WaitingList::default()),
            vec!["nothing waits for you any more", "Enter open it"],
        ),
        (
            "several open releases",
            Box::new(OpenReleases {
                releases: vec![plan(&target("web", PRODUCTION), Tier::Protected).record(); 60],
                row: 0,
            }),
            vec!["Several releases of web/production", "Esc decide later"],
        ),
        (
            "versions",
            Box::new(Picker::new(target("web", PRODUCTION), Intent::Promote)),
            vec!["filter, or a tag or digest:", "Enter choose"],
        ),
    ]
}

/// The name of a dialog's type.
fn kind(dialog: &dyn Dialog) -> String {
    let debug = format!("{dialog:?}");
    debug.chars().take_while(|c| c.is_alphanumeric()).collect()
}

/// The types of all dialogs: those that implement the trait in a file below `directory`.
fn kinds(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let of_path = |path: PathBuf| {
        if path.is_dir() {
            return kinds(&path);
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        let implemented = text.lines().filter_map(|line| {
            line.strip_prefix("impl Dialog for ")?
                .strip_suffix(" {")
                .map(str::to_owned)
        });
        implemented.collect()
    };
    paths.flat_map(of_path).collect()
}

#[test]
fn every_dialog_is_in_a_list_above() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/dialogs");
    let cases = [
        beginnings(),
        of_a_release(),
        with_rows(),
        to_read(),
        queue::cases(),
    ];
    let cases = cases.into_iter().flatten();
    let listed: BTreeSet<String> = cases.map(|(_, dialog, _)| kind(&*dialog)).collect();
    assert_eq!(listed, kinds(&source));
}

/// More values and targets differ than fit on a screen.
fn new_configuration() -> NewConfiguration {
    let change = ConfigurationChange {
        key: "services.web.memory".into(),
        before: None,
        after: Some("\"64MiB\"".into()),
        place: "greenroom.toml:12:9".into(),
    };
    NewConfiguration {
        file: "greenroom.toml".into(),
        changed_at: super::world::now(),
        found: FoundConfiguration::Differs {
            changes: vec![change; 60],
            targets: vec![target("web", PRODUCTION); 60],
        },
    }
}

fn shown(size: (u16, u16), dialog: Box<dyn Dialog>) -> Model {
    let mut model = model(size, with_candidate(web_production()));
    press(&mut model, "W");
    let moved = greenroom::console::event::Event::ReleaseMoved(switched());
    super::world::tell(&mut model, moved);
    model.operator = operator();
    model.notice = None;
    model.configuration = Some(Arc::new(new_configuration()));
    model.dialog = Some(dialog);
    model
}

/// The text of a dialog in one line, without its frame.
pub(super) fn flat(text: &str) -> String {
    let inside = text.replace(['║', '═', '╔', '╗', '╚', '╝', '▸'], " ");
    inside.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn decisive_lines_are_visible_in_every_dialog_at_every_size() {
    for size in SIZES {
        let cases = [
            beginnings(),
            of_a_release(),
            with_rows(),
            to_read(),
            queue::cases(),
        ];
        for (name, asked, decisive) in cases.into_iter().flatten() {
            let text = dialog(&shown(size, asked));
            let seen = flat(&text);
            for words in decisive {
                assert!(seen.contains(words), "{name} at {size:?}: {words}\n{text}");
            }
        }
    }
}

/// The answers of a question that lists them in rows, with the last words of each explanation.
fn answers() -> Vec<(Box<dyn Dialog>, Vec<&'static str>)> {
    let leaving = |row| -> Box<dyn Dialog> { Box::new(Leaving { row }) };
    let chosen = |row| -> Box<dyn Dialog> { Box::new(Failure { row, ..failed() }) };
    vec![
        (chosen(0), vec!["nothing is done now; A asks again"]),
        (chosen(1), vec!["tries watch again"]),
        (chosen(3), vec!["everything stays as it is now"]),
        (
            leaving(1),
            vec!["the release stays as it is and can be resumed"],
        ),
        (resume(1), vec!["after the current action, or refuses"]),
    ]
}

#[test]
fn the_answer_under_the_cursor_is_never_cut() {
    for size in SIZES {
        for (asked, wanted) in answers() {
            let text = dialog(&shown(size, asked));
            let seen = flat(&text);
            for words in wanted {
                assert!(seen.contains(words), "{size:?}: {words}\n{text}");
            }
        }
    }
}

#[test]
fn the_title_of_every_question_about_a_target_names_it() {
    for size in SIZES {
        for (name, asked, _) in [beginnings(), of_a_release(), with_rows(), queue::cases()]
            .into_iter()
            .flatten()
        {
            // These are about the console and have no target.
            if ["Leaving", "ReloadDialog"].contains(&kind(&*asked).as_str()) {
                continue;
            }
            let text = dialog(&shown(size, asked));
            let title = text.lines().next().unwrap_or_default().to_lowercase();
            assert!(
                title.contains("web") && title.contains("production"),
                "{name} at {size:?}:\n{text}"
            );
        }
    }
}

#[test]
fn hidden_lines_are_counted_and_can_be_scrolled_to() {
    use crossterm::event::KeyCode;
    for asked in [
        failure(),
        begins(ReleaseKind::WarmRollback, Tier::Protected),
    ] {
        let mut model = shown((60, 16), asked);
        let before = dialog(&model);
        assert!(before.contains("more lines below"), "{before}");
        let mut after = String::new();
        for _ in 0..40 {
            super::world::press_key(&mut model, KeyCode::PageDown);
            after = dialog(&model);
        }
        assert!(!after.contains("below"), "{after}");
        assert!(after.contains("more lines above"), "{after}");
    }
}
