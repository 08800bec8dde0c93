//! The requester's side of a handover. Before the request is sent, the operator already approves that this console
//! resumes the release. After the handover, this console resumes the release without another question. If a request
//! ends without a handover, a notice says why.

use super::handover;
use crate::console::action::Action;
use crate::console::backend::Backend;
use crate::console::dialogs::{Refusal, ResumeRelease};
use crate::console::effect::{Call, Effect, Question};
use crate::console::model::{Asking, Model, Weight};
use crate::inventory::{HandoverRequest, ReleaseId, SourceState, Target};
use crate::release::{Approval, Interrupted, Refused, ResumeAction};

/// Requests the handover after the operator has confirmed the request. Withdraws an earlier request.
pub(in crate::console) fn ask(
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
    let mut effects = withdraw(model);
    model.asking = Some(Asking {
        target: target.clone(),
        release,
        driver: holder.record.operator.clone(),
        approval,
        until: model.now.checked_add(life).unwrap_or(model.now),
        request: None,
        is_seen: false,
    });
    effects.push(Effect::ask(RequestHandover {
        target,
        release,
        message,
    }));
    effects
}

/// Asks the driver of a release to hand it over.
#[derive(Debug)]
pub struct RequestHandover {
    pub target: Target,
    pub release: ReleaseId,
    /// A message for the driver.
    pub message: Option<String>,
}

impl Question for RequestHandover {
    type Answer = Result<HandoverRequest, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.request_handover(&self.target, self.release, self.message.clone())
    }

    fn answered(&self, model: &mut Model, request: Self::Answer) -> Vec<Effect> {
        request_stored(model, &self.target, request)
    }
}

/// Withdraws a request for a handover.
#[derive(Debug)]
pub struct WithdrawRequest {
    pub target: Target,
    pub request: HandoverRequest,
}

impl Question for WithdrawRequest {
    type Answer = ();

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, ()> {
        backend.withdraw_request(&self.target, &self.request)
    }

    /// The console does not learn whether the request was withdrawn.
    fn answered(&self, _: &mut Model, (): ()) -> Vec<Effect> {
        Vec::new()
    }
}

/// Handles the result of storing the request.
fn request_stored(
    model: &mut Model,
    target: &Target,
    request: Result<HandoverRequest, Refused>,
) -> Vec<Effect> {
    let is_awaited = |asking: &&mut Asking| asking.target == *target && asking.request.is_none();
    match (model.asking.as_mut().filter(is_awaited), request) {
        (Some(asking), Ok(request)) => {
            let text = format!(
                "requested the handover from {}: this console resumes the release after the handover",
                asking.driver
            );
            asking.request = Some(request);
            model.say(Weight::Normal, &text);
            observed(model)
        }
        (Some(_), Err(refused)) => {
            model.asking = None;
            let title = format!("request for the handover of {target}");
            model.show(Refusal::new(title, &refused));
            Vec::new()
        }
        // The request was withdrawn, replaced or expired before it was stored.
        (None, Ok(request)) => vec![Effect::ask(WithdrawRequest {
            target: target.clone(),
            request,
        })],
        (None, Err(_)) => Vec::new(),
    }
}

/// Whether this console has requested the handover of the release.
pub(in crate::console) fn waits_for(model: &Model, found: &Interrupted) -> bool {
    let asking = model.asking.as_ref();
    asking.is_some_and(|asking| asking.release == found.plan().release)
}

/// Withdraws the request, as the operator has chosen.
pub(in crate::console) fn take_back(model: &mut Model) -> Vec<Effect> {
    let effects = withdraw(model);
    model.say(Weight::Normal, "the request for the handover was withdrawn");
    effects
}

fn withdraw(model: &mut Model) -> Vec<Effect> {
    let asking = model.asking.take();
    let request = asking.and_then(|asking| Some((asking.target, asking.request?)));
    request
        .map(|(target, request)| Effect::ask(WithdrawRequest { target, request }))
        .into_iter()
        .collect()
}

/// After an observation or as time passes, handles the request of this console and the requests to this console.
pub(super) fn observed(model: &mut Model) -> Vec<Effect> {
    handover::announce(model);
    handover::close_outdated(model);
    let mut effects = handover::check_lock(model);
    effects.extend(answered(model));
    effects
}

/// Handles the answer to this console's request, or its expiry.
fn answered(model: &mut Model) -> Vec<Effect> {
    let Some(asking) = model.asking.clone() else {
        return Vec::new();
    };
    let observed = model.releases_observed.get(&asking.target);
    let observed = observed.filter(|observed| observed.status.plan.release == asking.release);
    if observed.is_some_and(|observed| observed.is_handed_to(&model.console)) {
        return resume_release(model, asking);
    }
    let Some(why) = why_ended(model, &asking) else {
        if stored_request(model, &asking).is_some()
            && let Some(asking) = &mut model.asking
        {
            asking.is_seen = true;
        }
        return Vec::new();
    };
    let text = format!("{}: {why}", asking.target);
    model.say(Weight::Prominent, &text);
    withdraw(model)
}

fn resume_release(model: &mut Model, asking: Asking) -> Vec<Effect> {
    let text = format!(
        "{} handed over {}: resuming the release",
        asking.driver, asking.target
    );
    model.say(Weight::Normal, &text);
    let mut effects = withdraw(model);
    effects.push(Effect::ask(ResumeRelease {
        target: asking.target,
        release: asking.release,
        resume_action: ResumeAction::Continue,
        takeover: None,
        approval: asking.approval,
    }));
    effects
}

/// The request of this console, if the store still has it.
fn stored_request<'a>(model: &'a Model, asking: &Asking) -> Option<&'a HandoverRequest> {
    let stored = model.world.get(&asking.target)?.handover_request.as_ref()?;
    let written = asking.request.as_ref()?;
    stored.is_same(written).then_some(stored)
}

/// Why the request has ended without a handover. `None` while the request waits for an answer.
fn why_ended(model: &Model, asking: &Asking) -> Option<String> {
    let resume_key = model.keymap.shown(Action::Resume);
    if model.now >= asking.until {
        return Some(format!(
            "{} did not answer the request in time: {resume_key} sends a new one, \
             or takes the release over",
            asking.driver
        ));
    }
    let stored = stored_request(model, asking);
    if let Some(declined) = stored.and_then(|request| request.declined.as_ref()) {
        return Some(format!(
            "{} refused the request and keeps driving",
            declined.by
        ));
    }
    let observed = model.releases_observed.get(&asking.target)?;
    if observed.status.plan.release != asking.release || observed.status.outcome().is_some() {
        return Some(
            "the release has ended, or a later one was started: there is nothing to hand over"
                .to_owned(),
        );
    }
    if !observed.is_driven() {
        return Some(format!(
            "no operator drives the release any more: {resume_key} resumes it"
        ));
    }
    let store_answers = model
        .world
        .get(&asking.target)
        .is_some_and(|snapshot| snapshot.sources.registry == SourceState::Live);
    let is_lost = asking.is_seen && store_answers && stored.is_none();
    is_lost.then(|| format!("the store no longer has the request: {resume_key} sends a new one"))
}
