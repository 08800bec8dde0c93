//! The items that wait for the operator: counted in the header, announced once, listed, and opened.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::Model;
use greenroom::console::dialogs::{Confirm, Handover, Question, ReadRelease};
use greenroom::console::effect::Effect;
use greenroom::console::event::Event;
use greenroom::console::model::{Bell, Mode, WaitingFor};
use greenroom::history::{JournalEvent, Step, Successor};
use greenroom::inventory::{FencingToken, Operator, Target, Tier};
use greenroom::release::{Observed, Releases, Status};

use super::approving::{SIZES, approval, told_lacking};
use super::elsewhere::{and, ben, done_up_to, lock, told, watching};
use super::presence::request;
use super::world::{
    PRODUCTION, asking, model, operator, press, press_key, screen, target, tell, web_production,
    with_candidate, world,
};

const HERE: &str = "ana@ops-1 17 01JD5";

/// A release of another target, as its journal describes it.
fn moved_to(target: &Target, told: Observed) -> Observed {
    let mut status = Status::clone(&told.status);
    let mut plan = greenroom::release::Plan::clone(&status.plan);
    plan.definition.target = target.clone();
    status.plan = Arc::new(plan);
    Observed {
        status: Arc::new(status),
        ..told
    }
}

fn interrupted() -> Observed {
    told(Tier::Protected, done_up_to(Step::Register), None)
}

/// Ana drives web/production. Ben waits for her approval of api/production and requests the
/// handover of web/production. The release of search/qa has no driver.
fn busy(size: (u16, u16)) -> Model {
    let mut snapshot = with_candidate(web_production());
    snapshot.handover_request = Some(request(ben(), "ben@ops-2 4711 01JD4"));
    let mut model = model(size, snapshot);
    HERE.clone_into(&mut model.console);
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    let api = target("api", PRODUCTION);
    let search = target("search", "qa");
    let releases = Releases::from([
        (
            api.clone(),
            Arc::new(moved_to(&api, told_lacking(Step::Register))),
        ),
        (search.clone(), Arc::new(moved_to(&search, interrupted()))),
    ]);
    tell(&mut model, Event::ReleasesObserved(Arc::new(releases)));
    model.notice = None;
    model
}

fn kinds(model: &Model) -> Vec<String> {
    let items = model.waiting().into_iter();
    items
        .map(|item| format!("{}: {:?}", item.target, item.wanted))
        .collect()
}

fn rings(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Ring))
}

#[test]
fn the_list_names_everything_that_waits_for_the_operator() {
    for size in SIZES {
        let mut model = busy(size);
        press(&mut model, "a");
        let name = format!("what_waits_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, screen(&model));
    }
}

#[test]
fn the_header_counts_what_waits_and_names_the_operator() {
    let model = busy((150, 34));
    let header = screen(&model).lines().next().expect("a header").to_owned();
    assert!(header.contains("4 wait for you (a)"), "{header}");
    assert!(header.contains("ana@ops-1"), "{header}");
    for size in [(118, 34), (80, 24), (60, 16)] {
        let header = screen(&busy(size));
        let header = header.lines().next().expect("a header");
        assert!(header.contains('4'), "{size:?}: {header}");
        assert!(header.contains("PRODUCTION"), "{size:?}: {header}");
    }
}

#[test]
fn enter_opens_the_target_with_the_matching_question() {
    for (row, wanted) in [
        (0, "web/production: HandOver"),
        (1, "web/production: Answer"),
        (2, "api/production: Approval"),
        (3, "search/qa: Resume"),
    ] {
        let mut model = busy((118, 34));
        let kinds = kinds(&model);
        assert!(kinds[row].starts_with(wanted), "{kinds:?}");
        press(&mut model, "a");
        press(&mut model, &"j".repeat(row));
        let effects = press_key(&mut model, KeyCode::Enter);
        let fits = match row {
            0 => model.shown::<Handover>().is_some(),
            1 => is_question(&model, |it| matches!(it, Question::Step(_, Step::Switch))),
            2 => is_question(&model, |it| matches!(it, Question::PeerApprove(_))),
            _ => effects
                .iter()
                .any(|effect| effect.question::<ReadRelease>().is_some()),
        };
        assert!(fits, "{wanted}: {:?}", model.dialog);
        let open = model.open.as_ref().expect("a target").to_string();
        assert!(wanted.starts_with(&open), "{wanted}: {open}");
    }
}

fn is_question(model: &Model, fits: impl Fn(&Question) -> bool) -> bool {
    model
        .shown::<Confirm>()
        .is_some_and(|confirm| fits(&confirm.question))
}

/// A console that watches Ben's release; returns it with the bells that rang.
fn told_of(model: &mut Model, told: Option<Observed>) -> Vec<Effect> {
    let releases = told.map(|told| (target("web", PRODUCTION), Arc::new(told)));
    let releases: Releases = releases.into_iter().collect();
    tell(model, Event::ReleasesObserved(Arc::new(releases)))
}

fn listening(bell: Bell) -> Model {
    let snapshot = with_candidate(web_production());
    let mut model = model((118, 34), snapshot);
    model.looks.bell = bell;
    model
}

#[test]
fn the_bell_rings_once_for_each_new_item() {
    let mut model = listening(Bell::Waits);
    let early = told_lacking(Step::Verify);
    assert!(
        !rings(&told_of(&mut model, Some(early))),
        "nothing waits yet"
    );
    let told = told_lacking(Step::Register);
    assert!(rings(&told_of(&mut model, Some(told.clone()))));
    assert!(
        !rings(&told_of(&mut model, Some(told.clone()))),
        "it is known"
    );
    assert!(!rings(&tell(&mut model, Event::Ticked)));
    // Absent for a moment, as when the store does not answer.
    assert!(!rings(&told_of(&mut model, None)));
    assert!(!rings(&told_of(&mut model, Some(told))), "the same item");
    assert!(
        rings(&told_of(&mut model, Some(interrupted()))),
        "another item"
    );
}

#[test]
fn the_bell_is_silent_where_it_is_off() {
    let mut model = listening(Bell::Off);
    let told = told_lacking(Step::Register);
    assert!(!rings(&told_of(&mut model, Some(told))));
}

#[test]
fn an_approver_is_told_that_a_release_waits_for_approval() {
    let mut model = listening(Bell::Off);
    told_of(&mut model, Some(told_lacking(Step::Register)));
    let notice = model.notice.as_ref().expect("a notice").text.clone();
    assert_eq!(
        notice,
        "ben@ops-2 waits for your approval of web/production: a lists it"
    );
    model.notice = None;
    told_of(&mut model, Some(told_lacking(Step::Register)));
    assert!(model.notice.is_none(), "it is announced once");
}

#[test]
fn a_given_approval_no_longer_waits() {
    let told = told_lacking(Step::Register);
    let mut snapshot = with_candidate(web_production());
    let cleo = Operator {
        name: "cleo".into(),
        host: "ops-3".into(),
    };
    let mut model = watching((118, 34), snapshot.clone(), told.clone());
    assert_eq!(kinds(&model).len(), 1);
    snapshot.peer_approvals = vec![approval(&told.status.plan, cleo)];
    snapshot.lock = Some(lock(2));
    tell(&mut model, Event::WorldObserved(Arc::new(world(snapshot))));
    assert_eq!(kinds(&model), Vec::<String>::new());
}

#[test]
fn no_operator_is_asked_to_approve_their_own_release() {
    let mut model = listening(Bell::Off);
    model.operator = Operator {
        name: "Ben".into(),
        host: "elsewhere".into(),
    };
    told_of(&mut model, Some(told_lacking(Step::Register)));
    assert_eq!(kinds(&model), Vec::<String>::new());
}

#[test]
fn a_release_that_was_handed_over_waits_for_its_successor() {
    let successor = Successor {
        operator: operator(),
        console: "a console that was left".into(),
        token: FencingToken(8),
    };
    let driver_stopped = JournalEvent::DriverStopped {
        reason: "handed over to ana@ops-1".into(),
        to: Some(successor),
    };
    let happened = and(done_up_to(Step::Register), driver_stopped);
    let mut model = listening(Bell::Off);
    told_of(&mut model, Some(told(Tier::Protected, happened, None)));
    let items = model.waiting();
    let wanted = items.first().map(|item| &item.wanted);
    assert_eq!(wanted, Some(&WaitingFor::TakeOver { from: ben() }));
}

#[test]
fn a_read_only_console_lists_nothing() {
    let mut model = busy((118, 34));
    model.mode = Mode::ReadOnly;
    assert_eq!(kinds(&model), Vec::<String>::new());
    press(&mut model, "a");
    let notice = model.notice.as_ref().expect("a notice");
    assert_eq!(notice.text, "nothing waits for you");
}
