//! The requester's side of a handover. The requester has already approved resuming: when the release is
//! handed over, this console resumes it without another question. Every other end of a request is reported.

use super::handover;
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Asking, Model, Weight};
use crate::inventory::{HandoverRequest, SourceState, Target};
use crate::release::{Approval, GoOn, Interrupted, Refused};

/// Requests the handover, as the operator has confirmed.
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

/// The request was written where the driver reads it, or could not be.
pub(super) fn was_asked(
    model: &mut Model,
    target: &Target,
    asked: Result<HandoverRequest, Refused>,
) -> Vec<Effect> {
    let waits = |asking: &&mut Asking| asking.target == *target && asking.request.is_none();
    match (model.asking.as_mut().filter(waits), asked) {
        (Some(asking), Ok(request)) => {
            let text = format!(
                "asked {} to hand over: you drive as soon as they agree",
                asking.driver
            );
            asking.request = Some(request);
            super::say(model, Weight::Told, &text);
            observed(model)
        }
        (Some(_), Err(refused)) => {
            model.asking = None;
            let title = format!("asking to take over {target}");
            super::confirm::refuse(model, title, &refused);
            Vec::new()
        }
        // It was withdrawn before it was written.
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

/// Withdraws the request, as the operator has chosen.
pub(super) fn take_back(model: &mut Model) -> Vec<Effect> {
    let effects = forget(model);
    super::say(
        model,
        Weight::Told,
        "the request for the handover was withdrawn",
    );
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

/// Handles every change of a request, after an observation or as time passes.
pub(super) fn observed(model: &mut Model) -> Vec<Effect> {
    handover::hear(model);
    handover::void_stale(model);
    let mut effects = handover::doubt(model);
    effects.extend(answered(model));
    effects
}

/// Handles the answer to this console's request, or its end.
fn answered(model: &mut Model) -> Vec<Effect> {
    let Some(asking) = model.asking.clone() else {
        return Vec::new();
    };
    let told = model.told.get(&asking.target);
    let told = told.filter(|told| told.status.plan.release == asking.release);
    if told.is_some_and(|told| told.is_handed_to(&model.console)) {
        return resume_it(model, asking);
    }
    let Some(why) = ended(model, &asking) else {
        if stored_request(model, &asking).is_some()
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

fn resume_it(model: &mut Model, asking: Asking) -> Vec<Effect> {
    let text = format!("{} handed it over: resuming", asking.driver);
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

/// The request as it is stored.
fn stored_request<'a>(model: &'a Model, asking: &Asking) -> Option<&'a HandoverRequest> {
    let stored = model.world.get(&asking.target)?.handover_request.as_ref()?;
    let written = asking.request.as_ref()?;
    stored.is_same(written).then_some(stored)
}

/// Why the request has ended without a handover.
fn ended(model: &Model, asking: &Asking) -> Option<String> {
    if model.now >= asking.until {
        return Some(format!("{} did not answer in time", asking.driver));
    }
    if let Some(no) = stored_request(model, asking).and_then(|it| it.declined.as_ref()) {
        return Some(format!("{} keeps driving", no.by));
    }
    let resume_key = model.keymap.shown(Action::Resume);
    let told = model.told.get(&asking.target)?;
    if told.status.plan.release != asking.release || told.status.outcome().is_some() {
        return Some("the release has ended: there is nothing to take over".to_owned());
    }
    if !told.is_driven() {
        return Some(format!(
            "no operator drives it any more: {resume_key} resumes it"
        ));
    }
    let is_heard = model
        .world
        .get(&asking.target)
        .is_some_and(|snapshot| snapshot.sources.registry == SourceState::Live);
    let is_lost = asking.is_seen && is_heard && stored_request(model, asking).is_none();
    is_lost.then(|| format!("the request has expired: {resume_key} sends it again"))
}
