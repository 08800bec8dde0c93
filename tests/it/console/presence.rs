//! Several consoles on one release: the console shows who watches. A request for a handover is
//! shown to the driver and answered. A forced takeover needs a reason. The requester learns every
//! outcome.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::Model;
use greenroom::console::action::Action;
use greenroom::console::dialogs::{
    Confirm, DeclineHandover, MessageDialog, OpenRelease, Picker, ReadRelease, ResumeChoice,
    ResumeDialog, ResumeRelease, Thinking,
};
use greenroom::console::effect::Effect;
use greenroom::console::event::Event;
use greenroom::console::model::is_available;
use greenroom::console::update::update;
use greenroom::console::update::{RequestHandover, WithdrawRequest};
use greenroom::history::{
    Decision, JournalEvent, Outcome, ReleaseRecord, Step, Successor, Takeover,
};
use greenroom::inventory::{
    Clocks, Declined, FencingToken, HandoverRequest, LockHolder, LockPurpose, Operator,
    RegistryRecord, Snapshot, SourceState, Tier, Watcher,
};
use greenroom::release::{
    Command, DriverStopped, Interrupted, Observed, Progress, Refusal, Refused, ResumeAction,
    observed,
};

use super::elsewhere::{
    and, ben, closed, done_up_to, journal, ladder, lock, tell_of, told, told_up_to, watching,
};
use super::world::{
    PRODUCTION, ago, answered, asking, later, model, now, operator, plan, press, press_key,
    question_of, read, release_id, screen, status, target, tell, version, web_production,
    with_candidate, with_standby, world,
};

const SIZE: (u16, u16) = (118, 34);
const HERE: &str = "ana@ops-1 17 01JD5";
const THERE: &str = "ben@ops-2 4711 01JD4";

fn cleo() -> Operator {
    Operator {
        name: "cleo".into(),
        host: "ops-3".into(),
    }
}

fn watcher(operator: Operator, console: &str) -> Watcher {
    Watcher {
        operator,
        console: console.into(),
        since: ago(30),
        is_agent: false,
    }
}

pub(super) fn request(operator: Operator, console: &str) -> HandoverRequest {
    HandoverRequest {
        operator,
        console: console.into(),
        release: release_id(2),
        asked_at: ago(20),
        message: Some("your train leaves".into()),
        declined: None,
    }
}

pub(super) fn interrupted(lock: Option<LockHolder>, happened: Vec<JournalEvent>) -> Interrupted {
    let record = RegistryRecord {
        route: web_production().route,
        lock,
        ..RegistryRecord::default()
    };
    let definition = plan(&target("web", PRODUCTION), Tier::Protected).definition;
    let recorded = journal(Tier::Protected, happened);
    Interrupted::of(
        recorded,
        None,
        &definition,
        &record,
        (now(), &Clocks::default()),
    )
}

#[test]
fn a_handover_does_not_change_when_a_step_ended() {
    let mut happened = done_up_to(Step::Drain);
    let before = interrupted(None, happened.clone()).journal_end().to_owned();
    assert!(before.starts_with("drain ended at "), "{before}");
    happened.push(JournalEvent::DriverStopped {
        reason: "handed over to ana@ops-1".into(),
        to: None,
    });
    assert_eq!(interrupted(None, happened.clone()).journal_end(), before);
    happened.push(JournalEvent::Resumed {
        how: Takeover::Resumed,
        from: cleo(),
        decision: Decision {
            by: operator(),
            asked_at: None,
            note: None,
        },
    });
    assert_eq!(interrupted(None, happened).journal_end(), before);
}

/// A console that watches Ben's release, with the take-over dialog open.
fn asked_about(driver: Option<LockHolder>) -> Model {
    let snapshot = with_candidate(web_production());
    let seen = told(Tier::Protected, done_up_to(Step::Register), driver.as_ref());
    let mut model = watching(SIZE, snapshot, seen);
    HERE.clone_into(&mut model.console);
    press(&mut model, "W");
    let effects = press(&mut model, "C");
    question_of::<ReadRelease>(&effects);
    let found = interrupted(driver, done_up_to(Step::Register));
    let found = Ok(OpenRelease::One(Arc::new(found)));
    let read = read(&model, found);
    assert!(tell(&mut model, read).is_empty());
    model
}

/// The request of this console for the handover was stored or refused.
fn requested(request: Result<HandoverRequest, Refused>) -> Event {
    let question = RequestHandover {
        target: target("web", PRODUCTION),
        release: release_id(2),
        message: None,
    };
    answered(question, request)
}

/// Says yes to a question that may need the environment's name.
fn yes(model: &mut Model) -> Vec<Effect> {
    let Some(confirm) = model.shown::<Confirm>() else {
        panic!("no question: {:?}", model.dialog);
    };
    if confirm.may_go() {
        press_key(model, KeyCode::Tab);
    } else {
        press(model, PRODUCTION);
    }
    press_key(model, KeyCode::Enter)
}

fn notice(model: &mut Model) -> String {
    model.notice.take().map_or(String::new(), |said| said.text)
}

/// This console has requested the handover, and the store has the request.
fn has_asked() -> Model {
    let mut model = asked_about(Some(lock(2)));
    press(&mut model, "j");
    press_key(&mut model, KeyCode::Enter);
    press(&mut model, "your train leaves");
    press_key(&mut model, KeyCode::Enter);
    let effects = yes(&mut model);
    let RequestHandover {
        message, release, ..
    } = question_of(&effects);

    assert_eq!(message.as_deref(), Some("your train leaves"));
    assert_eq!(*release, release_id(2));

    let event = requested(Ok(request(operator(), HERE)));
    assert!(tell(&mut model, event).is_empty());
    assert!(notice(&mut model).starts_with("requested the handover from ben@ops-2"));
    model
}

fn observe(model: &mut Model, change: impl FnOnce(&mut Snapshot)) -> Vec<Effect> {
    let here = target("web", PRODUCTION);
    let mut snapshot = model.world.get(&here).expect("a snapshot").clone();
    change(&mut snapshot);
    tell(model, Event::WorldObserved(Arc::new(world(snapshot))))
}

fn handed_to(console: &str) -> Observed {
    let successor = Successor {
        operator: operator(),
        console: console.into(),
        token: FencingToken(8),
    };
    let driver_stopped = JournalEvent::DriverStopped {
        reason: "handed over to ana@ops-1".into(),
        to: Some(successor),
    };
    told(
        Tier::Protected,
        and(done_up_to(Step::Register), driver_stopped),
        Some(&lock(2)),
    )
}

#[test]
fn a_release_of_another_driver_can_be_requested_or_taken_over() {
    let mut model = asked_about(Some(lock(2)));
    insta::assert_snapshot!(screen(&model));
    let Some(asked) = model.shown::<ResumeDialog>() else {
        panic!("{:?}", model.dialog);
    };
    let choices = [
        ResumeChoice::Later,
        ResumeChoice::Ask,
        ResumeChoice::Resume(ResumeAction::Continue),
        ResumeChoice::Resume(ResumeAction::BackOut),
        ResumeChoice::Resume(ResumeAction::Leave),
    ];
    assert_eq!(asked.choices(), choices);
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(model.dialog.is_none(), "the first row decides nothing");

    let free = asked_about_interrupted();
    let Some(asked) = free.shown::<ResumeDialog>() else {
        panic!("{:?}", free.dialog);
    };
    assert!(
        !asked.choices().contains(&ResumeChoice::Ask),
        "there is nobody to ask"
    );
}

fn asked_about_interrupted() -> Model {
    let snapshot = with_candidate(web_production());
    let mut model = watching(
        SIZE,
        snapshot,
        told(Tier::Protected, done_up_to(Step::Register), None),
    );
    press(&mut model, "WC");
    let found = interrupted(None, done_up_to(Step::Register));
    let found = Ok(OpenRelease::One(Arc::new(found)));
    let read = read(&model, found);
    tell(&mut model, read);
    model
}

#[test]
fn open_releases_are_listed_newest_first() {
    let snapshot = with_candidate(web_production());
    let seen = told(Tier::Protected, done_up_to(Step::Register), None);
    let mut model = watching(SIZE, snapshot, seen);
    let effects = press(&mut model, "WC");
    assert_eq!(question_of::<ReadRelease>(&effects).release, None);
    let head = |number: u8, tag: &str| {
        let head = journal(Tier::Protected, Vec::new()).head;
        ReleaseRecord {
            id: release_id(number),
            to: (head.to.0, version(tag, "cc")),
            ..head
        }
    };
    let open = vec![head(3, "2.0.0"), head(2, "1.9.0")];
    // An answer to another request opens nothing.
    let late = ReadRelease {
        request_id: model.request_id - 1,
        target: target("web", PRODUCTION),
        release: None,
    };
    let late = answered(late, Ok(OpenRelease::Several(open.clone())));
    tell(&mut model, late);
    assert!(model.shown::<Thinking>().is_some());
    let read = read(&model, Ok(OpenRelease::Several(open)));
    tell(&mut model, read);
    let shown = screen(&model);
    let row = |tag: &str| {
        let words = format!("promote to {tag}, started ");
        shown.lines().position(|line| line.contains(&words))
    };
    let (newer, older) = (row("2.0.0"), row("1.9.0"));
    assert!(newer.is_some() && newer < older, "{shown}");
    press(&mut model, "j");
    let effects = press_key(&mut model, KeyCode::Enter);
    let ReadRelease { release, .. } = question_of(&effects);
    assert_eq!(*release, Some(release_id(2)));
    assert!(model.shown::<Thinking>().is_some());
}

#[test]
fn a_forced_takeover_needs_a_reason_the_name_and_the_shown_driver() {
    let mut model = asked_about(Some(lock(2)));
    press(&mut model, "jj");
    press_key(&mut model, KeyCode::Enter);
    insta::assert_snapshot!("the_reason", screen(&model));
    // Without a reason nothing is taken over.
    press(&mut model, "  ");
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(notice(&mut model).contains("type why you take over the release"));
    assert!(model.shown::<MessageDialog>().is_some());
    press(&mut model, "her console hangs");
    press_key(&mut model, KeyCode::Enter);
    insta::assert_snapshot!("the_question", screen(&model));
    // In a protected environment Enter alone is no answer.
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    let effects = yes(&mut model);
    let ResumeRelease {
        takeover: Some(force),
        resume_action,
        release,
        ..
    } = question_of(&effects)
    else {
        panic!("{effects:?}");
    };
    assert_eq!(
        (*resume_action, *release),
        (ResumeAction::Continue, release_id(2))
    );
    assert_eq!(force.why, "her console hangs");
    assert_eq!(
        force.from,
        FencingToken(8),
        "from exactly whom it was shown"
    );
}

/// A repair may run where a release only keeps its old version warm. Its lock is taken like that of a driver.
#[test]
fn taking_the_lock_of_a_repair_wants_a_reason_the_name_and_exactly_that_holder() {
    let mut repair = lock(9);
    repair.record.purpose = LockPurpose::Upkeep;
    repair.record.message = "repair: instance-started".into();
    let mut model = asked_about(Some(repair));
    let shown = screen(&model);
    assert!(shown.contains("repair: instance-started"), "{shown}");
    assert!(shown.contains("take it: continue"), "{shown}");
    // It drives no release, so no operator can be asked for a handover.
    assert!(!shown.contains("ask to take over"), "{shown}");
    press(&mut model, "j");
    press_key(&mut model, KeyCode::Enter);
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(notice(&mut model).contains("type why you take over the release"));
    press(&mut model, "the repair hangs");
    press_key(&mut model, KeyCode::Enter);
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    let effects = yes(&mut model);
    let ResumeRelease {
        takeover: Some(force),
        ..
    } = question_of(&effects)
    else {
        panic!("{effects:?}");
    };
    assert_eq!(force.why, "the repair hangs");
    assert_eq!(force.from, FencingToken(8));
}

#[test]
fn a_former_driver_names_the_new_one_and_watches() {
    let mut model = model(SIZE, with_candidate(web_production()));
    HERE.clone_into(&mut model.console);
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    let lost = Progress::Parked {
        why: "lost to ben@ops-2 at 14:02:11".into(),
    };
    let parked = status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Switch,
        lost,
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(parked)));
    assert!(
        notice(&mut model).contains(
            "no longer drives the release of web/production: lost to ben@ops-2 at 14:02:11"
        )
    );
    let release = release_id(2);
    tell(&mut model, Event::DriverGone(release));
    assert!(screen(&model).contains("the driver has stopped: lost to ben@ops-2 at 14:02:11"));
    // Its own earlier lock, read before, adds nothing.
    let mut own = lock(2);
    HERE.clone_into(&mut own.record.console);
    tell_of(
        &mut model,
        told(Tier::Protected, done_up_to(Step::Register), Some(&own)),
    );
    assert!(model.elsewhere().is_none());
    tell_of(&mut model, told_up_to(Step::Register));
    assert!(model.elsewhere().is_some_and(Observed::is_driven));
    assert!(
        ladder(&model).contains("driven by ben@ops-2"),
        "{}",
        ladder(&model)
    );
    tell_of(&mut model, told_up_to(Step::Switch));
    assert!(ladder(&model).contains("✓ switch"), "{}", ladder(&model));
    press(&mut model, "5ooo");
    let shown = screen(&model);
    assert!(
        shown.contains("switch    done"),
        "its steps are in the log: {shown}"
    );
}

#[test]
fn a_driver_checks_its_lock_at_once_when_another_one_is_reported() {
    let mut model = model(SIZE, with_candidate(web_production()));
    HERE.clone_into(&mut model.console);
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    let mut observed = |driver: &LockHolder| {
        let told = told(Tier::Protected, done_up_to(Step::Register), Some(driver));
        let releases = [(target("web", PRODUCTION), Arc::new(told))];
        tell(
            &mut model,
            Event::ReleasesObserved(Arc::new(releases.into())),
        )
    };
    let mut own = lock(2);
    HERE.clone_into(&mut own.record.console);
    let looks = |effects: &[Effect]| {
        let is_look = |effect: &&Effect| {
            matches!(effect, Effect::Send { release, command: Command::LookAtLock }
                if *release == release_id(2))
        };
        effects.iter().filter(is_look).count()
    };
    assert_eq!(looks(&observed(&own)), 0);
    assert_eq!(looks(&observed(&lock(2))), 1);
    assert_eq!(looks(&observed(&lock(2))), 0, "once");
}

#[test]
fn the_requester_resumes_at_once_after_a_handover() {
    let mut model = has_asked();
    observe(&mut model, |snapshot| {
        snapshot.handover_request = Some(request(operator(), HERE));
    });
    // A handover to another console of the same person does not concern this one.
    tell_of(&mut model, handed_to("ana@ops-1 18 01JD6"));
    assert!(model.asking.is_some());
    let releases = [(target("web", PRODUCTION), Arc::new(handed_to(HERE)))];
    let releases = Arc::new(releases.into());
    let effects = tell(&mut model, Event::ReleasesObserved(releases));
    let taken = effects.iter().filter_map(Effect::question).any(|resumed| {
        matches!(resumed, ResumeRelease { resume_action: ResumeAction::Continue, takeover: None, release, .. }
            if *release == release_id(2))
    });
    assert!(taken, "{effects:?}");
    let withdrawn = |effect: &Effect| effect.question::<WithdrawRequest>().is_some();
    assert!(effects.iter().any(withdrawn), "{effects:?}");
    assert!(model.dialog.is_none() && model.asking.is_none());
    assert!(notice(&mut model).contains("ben@ops-2 handed over web/production"));
    let again = tell(&mut model, Event::Ticked);
    assert!(again.is_empty(), "taken once: {again:?}");
}

#[test]
fn every_other_outcome_of_a_request_is_reported() {
    let declined = Declined {
        by: ben(),
        at: now(),
    };
    let no = HandoverRequest {
        declined: Some(declined),
        ..request(operator(), HERE)
    };
    let mut kept = has_asked();
    let effects = observe(&mut kept, |snapshot| snapshot.handover_request = Some(no));
    question_of::<WithdrawRequest>(&effects);
    assert!(notice(&mut kept).contains("ben@ops-2 refused the request and keeps driving"));

    let mut over = has_asked();
    tell_of(&mut over, closed(done_up_to(Step::Stop), Outcome::Done));
    assert!(over.asking.is_none());

    let mut alone = has_asked();
    tell_of(
        &mut alone,
        told(Tier::Protected, done_up_to(Step::Register), None),
    );
    assert!(notice(&mut alone).contains("no operator drives the release any more: C resumes it"));
    assert!(alone.asking.is_none());

    let mut late = has_asked();
    let effects = update(&mut late, Event::Ticked, later(301));
    question_of::<WithdrawRequest>(&effects);
    assert!(notice(&mut late).contains("did not answer the request in time"));

    let mut gone = has_asked();
    observe(&mut gone, |snapshot| {
        snapshot.handover_request = Some(request(operator(), HERE));
    });
    assert!(gone.asking.is_some());
    observe(&mut gone, |snapshot| snapshot.handover_request = None);
    assert!(notice(&mut gone).contains("the store no longer has the request"));

    let mut second = asked_about(Some(lock(2)));
    press(&mut second, "j");
    press_key(&mut second, KeyCode::Enter);
    press_key(&mut second, KeyCode::Enter);
    yes(&mut second);
    let refusal = Refusal::HandoverAlreadyRequested {
        by: cleo(),
        at: ago(9),
    };
    let request = Err(Refused(vec![refusal]));
    tell(&mut second, requested(request));
    assert!(screen(&second).contains("cleo@ops-3 already requested the handover"));
    assert!(second.asking.is_none());
}

#[test]
fn a_request_is_withdrawn_where_it_was_made() {
    let mut model = has_asked();
    press(&mut model, "C");
    let found = interrupted(Some(lock(2)), done_up_to(Step::Register));
    let found = Ok(OpenRelease::One(Arc::new(found)));
    let read = read(&model, found);
    tell(&mut model, read);
    press(&mut model, "j");
    assert!(screen(&model).contains("withdraw the request"));
    let effects = press_key(&mut model, KeyCode::Enter);
    question_of::<WithdrawRequest>(&effects);
    assert!(model.asking.is_none());
}

/// A console that drives a release which Ben requests.
fn driving_and_asked() -> Model {
    let mut model = model(SIZE, with_candidate(web_production()));
    HERE.clone_into(&mut model.console);
    press(&mut model, "W");
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    model.notice = None;
    observe(&mut model, |snapshot| {
        if let Some(lock) = &mut snapshot.lock {
            HERE.clone_into(&mut lock.record.console);
        }
        snapshot.watching = vec![
            watcher(operator(), HERE),
            watcher(ben(), THERE),
            watcher(cleo(), "cleo@ops-3 1 01JD7"),
        ];
        snapshot.handover_request = Some(request(ben(), THERE));
    });
    model
}

#[test]
fn a_driver_is_told_once_of_a_request_and_sees_it_on_the_ladder() {
    let mut model = driving_and_asked();
    let said = notice(&mut model);
    assert!(
        said.starts_with(
            "ben@ops-2 requests the handover of web/production, \"your train leaves\": C"
        ),
        "{said}"
    );
    insta::assert_snapshot!(screen(&model));
    observe(&mut model, |_| {});
    assert!(model.notice.is_none(), "announced once");
    assert!(is_available(&model, Action::Resume));
}

#[test]
fn a_request_is_granted_refused_or_left_unanswered() {
    let mut model = driving_and_asked();
    press(&mut model, "C");
    insta::assert_snapshot!(screen(&model));
    assert!(
        press_key(&mut model, KeyCode::Enter).is_empty(),
        "Enter alone answers nothing"
    );
    assert!(model.dialog.is_none());
    press(&mut model, "Cj");
    let effects = press_key(&mut model, KeyCode::Enter);
    match effects.as_slice() {
        [
            Effect::Send {
                release,
                command: Command::HandOver { to, console, by },
            },
        ] => {
            assert_eq!(*release, release_id(2));
            assert_eq!((to, console.as_str(), by), (&ben(), THERE, &operator()));
        }
        other => panic!("{other:?}"),
    }
    press(&mut model, "Cjj");
    let effects = press_key(&mut model, KeyCode::Enter);
    let DeclineHandover { request, .. } = question_of(&effects);
    assert_eq!(request.console, THERE);

    // A requester who left withdraws the request.
    press(&mut model, "C");
    observe(&mut model, |snapshot| snapshot.handover_request = None);
    assert!(model.dialog.is_none());
    assert!(
        notice(&mut model).contains("the request of ben@ops-2 for the handover is no longer open")
    );

    let mut unarmed = driving_and_asked();
    press(&mut unarmed, "Cj");
    unarmed.armed = None;
    assert!(press_key(&mut unarmed, KeyCode::Enter).is_empty());
    assert!(notice(&mut unarmed).contains("not armed"));
}

#[test]
fn watchers_are_named_in_the_header_and_the_ladder_title() {
    let mut model = driving_and_asked();
    model.size = (170, 34);
    let shown = screen(&model);
    assert!(
        shown.contains("lock: you, lease 27s, 2 watching"),
        "{shown}"
    );
    assert!(
        shown.contains("watched by ben@ops-2, cleo@ops-3"),
        "{shown}"
    );
    // An agent is no person who watches.
    observe(&mut model, |snapshot| {
        let agent = Operator {
            name: "greenroom".into(),
            host: "ops-9".into(),
        };
        snapshot.watching.push(Watcher {
            is_agent: true,
            ..watcher(agent, "greenroom@ops-9 1 01JD7")
        });
    });
    let shown = screen(&model);
    assert!(
        shown.contains("2 watching") && !shown.contains("ops-9"),
        "{shown}"
    );
    // The driver does not count as a watcher, and each watcher sees itself as "you".
    THERE.clone_into(&mut model.console);
    let shown = screen(&model);
    assert!(shown.contains("watched by you, cleo@ops-3"), "{shown}");
}

#[test]
fn a_driver_that_released_its_lock_is_distinguished_from_a_lost_one() {
    let gone = |happened| {
        let told = told(Tier::Protected, happened, None);
        let model = watching(SIZE, with_candidate(web_production()), told);
        ladder(&model)
    };
    let cut_off = gone(done_up_to(Step::Register));
    assert!(
        cut_off.contains("ben@ops-2 stopped without notice"),
        "{cut_off}"
    );
    let driver_stopped = JournalEvent::DriverStopped {
        reason: "interrupted: left".into(),
        to: None,
    };
    let given = gone(and(done_up_to(Step::Register), driver_stopped));
    assert!(
        given.contains("ben@ops-2 left it (interrupted: lef"),
        "{given}"
    );
}

#[test]
fn only_the_last_journal_entry_hands_over() {
    let successor = Successor {
        operator: ben(),
        console: THERE.into(),
        token: FencingToken(8),
    };
    let driver_stopped = JournalEvent::DriverStopped {
        reason: "handed over to ben@ops-2".into(),
        to: Some(successor.clone()),
    };
    let definition = plan(&target("web", PRODUCTION), Tier::Protected).definition;
    let mut journal = journal(
        Tier::Protected,
        and(done_up_to(Step::Verify), driver_stopped),
    );
    assert_eq!(journal.successor(), Some(&successor));
    let seen = observed(&journal, &definition, Some(&lock(2)), None, now());
    assert!(seen.is_handed_to(THERE) && !seen.is_handed_to(HERE));
    assert!(matches!(
        seen.driver_stopped,
        Some(DriverStopped { to: Some(_), .. })
    ));
    // Another operator has resumed it since.
    let mut resumed = journal.entries.last().expect("an entry").clone();
    resumed.sequence += 1;
    resumed.event = JournalEvent::Intent {
        peer_approvals: Vec::new(),
        task: None,
        step: Step::Register,
        direction: greenroom::history::Direction::Forward,
    };
    journal.entries.push(resumed);
    assert_eq!(journal.successor(), None);
    let seen = observed(&journal, &definition, Some(&lock(2)), None, now());
    assert!(!seen.is_handed_to(THERE) && seen.driver_stopped.is_none());
}

/// This console's driver stopped because the store was unreachable.
fn lost_here(since: u64) -> Model {
    let why = "not renewed for 20 s".to_owned();
    let snapshot = with_candidate(web_production());
    let mut own = lock(2);
    HERE.clone_into(&mut own.record.console);
    let seen = told(Tier::Protected, done_up_to(Step::Register), Some(&own));
    let mut model = watching(SIZE, snapshot, seen);
    HERE.clone_into(&mut model.console);
    let parked = Progress::Parked { why };
    let parked = status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Switch,
        parked,
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(parked)));
    assert!(
        notice(&mut model).contains("C resumes the release"),
        "the way to resume is named"
    );
    if since > 0 {
        observe(&mut model, |snapshot| {
            snapshot.sources.registry = SourceState::Stale {
                since: ago(since),
                why: "connection refused".into(),
                retry_at: Some(later(3)),
            };
        });
    }
    press(&mut model, "W");
    model
}

#[test]
fn while_the_store_is_unreachable_a_lost_release_says_what_to_wait_for() {
    let mut model = lost_here(18);
    assert!(press(&mut model, "C").is_empty());
    let said = notice(&mut model);
    for part in [
        "the store has not answered for 18s",
        "next attempt in 3s",
        "C resumes the release when the store answers again",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_release_that_this_console_lost_can_be_resumed_under_its_old_lock() {
    let mut model = lost_here(0);
    assert!(is_available(&model, Action::Resume));
    let effects = press(&mut model, "C");
    question_of::<ReadRelease>(&effects);
}

/// Ben's console keeps the old version warm and is otherwise idle.
fn idle_standby() -> Model {
    let seen = told(Tier::Protected, done_up_to(Step::Drain), Some(&lock(2)));
    let mut model = watching(SIZE, with_standby(web_production()), seen);
    HERE.clone_into(&mut model.console);
    press(&mut model, "W");
    model
}

#[test]
fn the_standby_of_another_console_blocks_no_release() {
    for action in [Action::Promote, Action::RollBack] {
        assert!(is_available(&idle_standby(), action), "{action:?}");
    }
    let mut model = idle_standby();
    press(&mut model, "R");
    assert!(model.shown::<Thinking>().is_some(), "{:?}", model.dialog);
    let mut model = idle_standby();
    press(&mut model, "P");
    assert!(model.shown::<Picker>().is_some(), "{:?}", model.dialog);
    // A repair is not a release.
    let mut model = idle_standby();
    press(&mut model, "D");
    assert!(notice(&mut model).contains("driven by ben@ops-2"));
}

#[test]
fn a_driver_checks_its_lock_when_a_later_release_holds_it() {
    let mut model = model(SIZE, with_standby(web_production()));
    HERE.clone_into(&mut model.console);
    let standby = Progress::Standby {
        until: Some(later(500)),
    };
    let standby = status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Stop,
        standby,
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(standby)));
    let effects = observe(&mut model, |snapshot| snapshot.lock = Some(lock(3)));
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Send {
                command: Command::LookAtLock,
                ..
            }]
        ),
        "{effects:?}"
    );
}
