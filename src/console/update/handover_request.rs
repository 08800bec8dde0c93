//! The asker's side of a handover. Who asks has said yes to going on already: when it is handed
//! over, this console takes it without another word. Whatever else happens to an asking is told.

use super::handover;
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Asking, Model, Weight};
use crate::inventory::{HandoverRequest, SourceState, Target};
use crate::release::{Approval, GoOn, Interrupted, Refused};

/// Asks, as somebody has confirmed.
pub(super) fn ask(
    model: &mut Model,
    found: &Interrupted,
    approval: Approval,
    message: Option<String>,
) -> Vec<Effect> {
    let plan = found.plan();
    let Some(holder) = found.driver() else {
        return Vec::new();
    };
    let (target, release) = (plan.target().clone(), plan.release);
    let life = plan.definition.timing.approval;
    let mut effects = forget(model);
    model.asking = Some(Asking {
        target: target.clone(),
        release,
        driver: holder.record.operator.clone(),
        approval,
        until: model.now.checked_add(life).unwrap_or(model.now),
        request: None,
        is_seen: false,
    });
    effects.push(Effect::RequestHandover {
        target,
        release,
        message,
    });
    effects
}

/// It was written where the driver sees it, or could not be.
pub(super) fn was_asked(
    model: &mut Model,
    target: &Target,
    asked: Result<HandoverRequest, Refused>,
) -> Vec<Effect> {
    let waits = |asking: &&mut Asking| asking.target == *target && asking.request.is_none();
    match (model.asking.as_mut().filter(waits), asked) {
        (Some(asking), Ok(request)) => {
            let text = format!(
                "asked {} for the wheel: it is yours when they hand it over",
                asking.driver
            );
            asking.request = Some(request);
            super::say(model, Weight::Told, &text);
            observed(model)
        }
        (Some(_), Err(refused)) => {
            model.asking = None;
            let title = format!("asking for the wheel of {target}");
            super::confirm::refuse(model, title, &refused);
            Vec::new()
        }
        // It was taken back before it was written.
        (None, Ok(asked)) => vec![Effect::AskNoMore {
            target: target.clone(),
            asked,
        }],
        (None, Err(_)) => Vec::new(),
    }
}

/// Whether this console has requested the handover of that release.
pub(super) fn waits_for(model: &Model, found: &Interrupted) -> bool {
    let asking = model.asking.as_ref();
    asking.is_some_and(|asking| asking.release == found.plan().release)
}

/// Asks no more, because whoever sits here says so.
pub(super) fn take_back(model: &mut Model) -> Vec<Effect> {
    let effects = forget(model);
    super::say(model, Weight::Told, "the wheel is not asked for any more");
    effects
}

fn forget(model: &mut Model) -> Vec<Effect> {
    let asking = model.asking.take();
    let asked = asking.and_then(|asking| Some((asking.target, asking.request?)));
    asked
        .map(|(target, asked)| Effect::AskNoMore { target, asked })
        .into_iter()
        .collect()
}

/// Something was observed, or time went by: what becomes of what is asked.
pub(super) fn observed(model: &mut Model) -> Vec<Effect> {
    handover::hear(model);
    handover::void_stale(model);
    let mut effects = handover::doubt(model);
    effects.extend(answered(model));
    effects
}

/// What becomes of what this console has asked for.
fn answered(model: &mut Model) -> Vec<Effect> {
    let Some(asking) = model.asking.clone() else {
        return Vec::new();
    };
    let told = model.told.get(&asking.target);
    let told = told.filter(|told| told.status.plan.release == asking.release);
    if told.is_some_and(|told| told.is_handed_to(&model.console)) {
        return take_it(model, asking);
    }
    let Some(why) = ended(model, &asking) else {
        if stands(model, &asking).is_some()
            && let Some(asking) = &mut model.asking
        {
            asking.is_seen = true;
        }
        return Vec::new();
    };
    let text = format!("{}: {why}", asking.target);
    super::say(model, Weight::Refused, &text);
    forget(model)
}

fn take_it(model: &mut Model, asking: Asking) -> Vec<Effect> {
    let text = format!("{} hands it over: going on", asking.driver);
    super::say(model, Weight::Told, &text);
    let mut effects = forget(model);
    effects.push(Effect::ResumeRelease {
        target: asking.target,
        release: asking.release,
        go_on: GoOn::Continue,
        force: None,
        approval: asking.approval,
    });
    effects
}

/// The asking as it stands in the store.
fn stands<'a>(model: &'a Model, asking: &Asking) -> Option<&'a HandoverRequest> {
    let stored = model.world.get(&asking.target)?.handover_request.as_ref()?;
    let written = asking.request.as_ref()?;
    stored.is_same(written).then_some(stored)
}

/// Why there is nothing to wait for any more.
fn ended(model: &Model, asking: &Asking) -> Option<String> {
    if model.now >= asking.until {
        return Some(format!("{} did not answer in time", asking.driver));
    }
    if let Some(no) = stands(model, asking).and_then(|it| it.declined.as_ref()) {
        return Some(format!("{} keeps the wheel", no.by));
    }
    let resume_key = model.keymap.shown(Action::Resume);
    let told = model.told.get(&asking.target)?;
    if told.status.plan.release != asking.release || told.status.outcome().is_some() {
        return Some("the release is over: there is no wheel to ask for".to_owned());
    }
    if !told.is_driven() {
        return Some(format!(
            "nobody drives it any more: {resume_key} goes on with it"
        ));
    }
    let is_heard = model
        .world
        .get(&asking.target)
        .is_some_and(|snapshot| snapshot.sources.registry == SourceState::Live);
    let is_lost = asking.is_seen && is_heard && stands(model, asking).is_none();
    is_lost.then(|| format!("the asking has run out: {resume_key} asks again"))
}
