//! Lists start on the most likely choice. A key in the environments pane applies to the row under
//! its cursor. A rollback needs no reason.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::Model;
use greenroom::console::dialogs::{
    Confirm, ListVersions, MakePlan, Palette, Picker, Question, ReadTerms,
};
use greenroom::console::effect::Effect;
use greenroom::console::event::Event;
use greenroom::history::{FORMAT, Outcome, ReleaseKind, ReleaseRecord, WasLive, once_live};
use greenroom::inventory::{Slot, Target, Tier, Version};
use greenroom::release::{Definition, Plan, Rules, Terms, Wanted};

use super::decisive::flat;
use super::world::{
    PRODUCTION, ago, answered, digest, model, operator, plan, planned_for, press, press_key,
    question_of, release_id, screen, target, tell, version, web_production, with_standby,
};

const SIZES: [(u16, u16); 3] = [(118, 34), (80, 24), (60, 16)];

fn release(number: u8, kind: ReleaseKind, from: Version, to: Version) -> ReleaseRecord {
    let at = ago(10_000 - 100 * u64::from(number));
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: release_id(number),
        target: target("web", PRODUCTION),
        kind,
        from: Some((Slot::Green, from)),
        to: (Slot::Blue, to),
        operator: operator(),
        reason: None,
        opened_at: at,
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: Some((at, Outcome::Done)),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

fn terms(past: Vec<ReleaseRecord>) -> Terms {
    Terms {
        rules: Rules::default(),
        may_write: true,
        has_health_check: true,
        was_live: Box::new(WasLive {
            versions: once_live(&past).into_iter().cloned().collect(),
            ..WasLive::default()
        }),
        past: Ok(past),
    }
}

fn tell_terms(model: &mut Model, target: &Target, terms: Terms) {
    let (target, terms) = (target.clone(), Ok(terms));
    tell(model, answered(ReadTerms { target }, terms));
}

fn picker(model: &Model) -> &Picker {
    match model.shown::<Picker>() {
        Some(picker) => picker,
        other => panic!("no picker, but {other:?}"),
    }
}

fn under_cursor(model: &Model) -> &str {
    &picker(model).version_row().expect("a row").name
}

#[test]
fn a_rollback_starts_on_the_last_version_not_rolled_back_from() {
    let live = || version("1.8.2", "4f2a9c01e7");
    let (bad, good) = (|| version("1.8.3", "cc"), || version("1.8.1", "aa"));
    // Newest first: 1.8.3 was live, and a rollback went from it to 1.8.2, which is live.
    let past = vec![
        release(4, ReleaseKind::ColdRollback, bad(), live()),
        release(3, ReleaseKind::Promote, live(), bad()),
        release(2, ReleaseKind::Promote, good(), live()),
    ];
    let mut model = model(SIZES[0], web_production());
    press(&mut model, "WR");
    tell_terms(&mut model, &target("web", PRODUCTION), terms(past));
    let names: Vec<&str> = picker(&model)
        .version_rows
        .iter()
        .map(|version_row| version_row.name.as_str())
        .collect();
    assert_eq!(names, ["1.8.2", "1.8.3", "1.8.1"]);
    assert_eq!(under_cursor(&model), "1.8.1");
}

/// The version picker before any answer arrives.
fn loading(environment: &str) -> Model {
    let mut model = model(SIZES[0], web_production());
    let target = target("web", environment);
    model.open = Some(target.clone());
    model.cursor = Some(target);
    press(&mut model, "WP");
    model
}

fn promoting(environment: &str, tags: &[&str]) -> Model {
    let mut model = loading(environment);
    let target = target("web", environment);
    let versions = Ok(tags.iter().map(|tag| (*tag).to_owned()).collect());
    let here = target.clone();
    tell(&mut model, answered(ListVersions { target }, versions));
    tell_terms(&mut model, &here, terms(Vec::new()));
    model
}

#[test]
fn a_promote_starts_on_the_version_of_the_previous_environment() {
    let model = promoting(PRODUCTION, &["1.8.2", "1.9.0", "1.10.0"]);
    assert_eq!(under_cursor(&model), "1.9.0");
}

#[test]
fn a_promote_into_the_first_environment_starts_on_the_newest_not_live() {
    let model = promoting("dev", &["1.8.2", "1.9.0", "1.10.0"]);
    assert_eq!(under_cursor(&model), "1.10.0");
    let nothing_newer = promoting("dev", &["1.8.2", "1.9.0"]);
    assert_eq!(
        under_cursor(&nothing_newer),
        "1.8.2",
        "1.9.0 is live in dev"
    );
}

#[test]
fn a_moved_cursor_stays_when_more_rows_load() {
    let mut model = loading("dev");
    press_key(&mut model, KeyCode::Down);
    let chosen = under_cursor(&model).to_owned();
    let versions = ["1.8.2", "1.9.0", "1.10.0"].map(str::to_owned);
    let versions = Ok(versions.to_vec());
    let here = target("web", "dev");
    tell(
        &mut model,
        answered(ListVersions { target: here }, versions),
    );
    assert_eq!(under_cursor(&model), chosen);
    tell_terms(&mut model, &target("web", "dev"), terms(Vec::new()));
    assert_eq!(under_cursor(&model), chosen);
}

#[test]
fn the_palette_starts_on_an_available_action() {
    let mut model = model(SIZES[0], web_production());
    press(&mut model, ":");
    let Some(palette) = model.shown::<Palette>() else {
        panic!("the palette");
    };
    let found = greenroom::console::dialogs::palette_entries(&model, palette);
    let row = found.get(palette.row).expect("a row");
    assert_eq!(row.why_not, None, "{row:?}");
}

#[test]
fn a_change_key_in_the_environments_opens_the_target_under_the_cursor() {
    let mut model = model(SIZES[0], web_production());
    press(&mut model, "1");
    model.cursor = Some(target("api", "dev"));
    let effects = press(&mut model, "W");
    let opened = target("api", "dev");
    assert!(matches!(effects.first(), Some(Effect::LookAt(target)) if *target == opened));
    assert_eq!(model.open.as_ref(), Some(&opened));
    assert!(model.is_armed());
    press(&mut model, "P");
    assert_eq!(picker(&model).target, opened);
}

#[test]
fn a_row_without_a_target_cannot_be_acted_on_or_opened() {
    let mut model = model(SIZES[0], web_production());
    let before = model.open.clone();
    let absent = target("api", "dev");
    let mut world = (*model.world).clone();
    world.snapshots.remove(&absent);
    tell(&mut model, Event::WorldObserved(Arc::new(world)));
    press(&mut model, "1");
    for key in [KeyCode::Enter, KeyCode::Char('P')] {
        model.cursor = Some(absent.clone());
        assert!(press_key(&mut model, key).is_empty());
        let notice = model.notice.take().expect("a notice");
        assert!(
            notice.text.contains("api has no target in dev"),
            "{}",
            notice.text
        );
        assert_eq!(model.open, before);
    }
}

fn rollback(require_reason: bool) -> Plan {
    let planned = plan(&target("web", PRODUCTION), Tier::Protected);
    let rules = Rules {
        require_reason,
        ..Rules::default()
    };
    Plan {
        kind: ReleaseKind::WarmRollback,
        reason: None,
        definition: Definition {
            rules,
            ..planned.definition.clone()
        },
        ..planned
    }
}

fn planned(size: (u16, u16), require_reason: bool) -> Model {
    let mut model = model(size, with_standby(web_production()));
    let effects = press(&mut model, "WR");
    let MakePlan {
        request_id,
        request,
    } = question_of(&effects);
    assert_eq!(request.wanted, Wanted::Standby);
    assert_eq!(request.reason, None);
    let plan = Ok(Arc::new(rollback(require_reason)));
    tell(&mut model, planned_for(*request_id, plan));
    model
}

fn asks_to_begin(model: &Model) -> bool {
    model
        .shown::<Confirm>()
        .is_some_and(|asked| matches!(asked.question, Question::Begin(_)))
}

#[test]
fn a_rollback_is_planned_at_once_and_asks_for_no_reason() {
    assert!(asks_to_begin(&planned(SIZES[0], false)));
}

#[test]
fn a_rollback_starts_without_the_reason_that_the_rules_require() {
    for size in SIZES {
        let mut model = planned(size, true);
        let shown = screen(&model);
        let words = flat(&shown);
        assert!(words.contains("require a reason"), "{shown}");
        assert!(words.contains("without one"), "{shown}");
        press_key(&mut model, KeyCode::Enter);
        assert!(asks_to_begin(&model), "{:?}", model.dialog);
    }
}

#[test]
fn a_reason_typed_for_a_rollback_is_in_the_plan() {
    let mut model = planned(SIZES[0], true);
    press(&mut model, "errors");
    let effects = press_key(&mut model, KeyCode::Enter);
    let MakePlan { request, .. } = question_of(&effects);

    assert_eq!(request.reason.as_deref(), Some("errors"));
    assert_eq!(request.wanted, Wanted::Standby);
}

#[test]
fn the_history_says_that_a_rollback_has_no_reason_yet() {
    let (one, other) = (version("1.8.1", "aa"), version("1.8.2", "bb"));
    assert_ne!(digest("aa"), digest("bb"));
    let back = release(4, ReleaseKind::WarmRollback, other.clone(), one.clone());
    assert_eq!(back.why(), Some("no reason given yet"));
    let promote = release(3, ReleaseKind::Promote, one, other);
    assert_eq!(promote.why(), None);
}
