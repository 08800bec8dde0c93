//! Compares the public answers with the candidate's direct answers. A health probe does not pass through the proxy, so
//! it does not show whether the proxy can pass the answers on. If nginx cannot, every client gets a 502.

use crate::inventory::{PublicAnswer, Slot};
use crate::release::{Observation, Plan};

/// The judgement of the public answers for the slot that should have the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Public {
    /// No public address is configured.
    NotConfigured,
    /// The public address was not requested.
    Unknown,
    /// Nothing answered. The text says why.
    Silent(String),
    /// The answer was not from this slot. The text says who answered.
    Elsewhere(String),
    /// The slot gave a bad answer. The text says why.
    Bad(String),
    /// The slot answered without a fault, over a fresh and a kept connection.
    Good,
}

impl Public {
    /// The message about a fault; none if the answers are good or unknown, or if no public address is configured.
    pub(super) fn fault(&self) -> Option<&str> {
        match self {
            Self::Silent(why) | Self::Elsewhere(why) | Self::Bad(why) => Some(why),
            Self::NotConfigured | Self::Unknown | Self::Good => None,
        }
    }
}

/// Whether the public answers agreed with the direct answers of the live version, in an observation before the switch.
/// If they did not agree, the proxy may change answers on purpose (a redirect, a login), so a difference after the
/// switch says nothing about the new version.
pub(super) fn agreed_before(plan: &Plan, observation: &Observation) -> bool {
    plan.from.as_ref().is_some_and(|from| {
        observation.direct.is_some() && judge(plan, from.slot, observation, true) == Public::Good
    })
}

/// Judges the public answers over a fresh and a kept connection for `slot`, and returns the worse judgement. With
/// `compares`, the status and the kind of body are compared with the slot's direct answer. A server error is always
/// bad.
pub(super) fn judge(plan: &Plan, slot: Slot, observation: &Observation, compares: bool) -> Public {
    if plan.definition.public.is_none() {
        return Public::NotConfigured;
    }
    let Some(Some((fresh, kept))) = &observation.public else {
        return Public::Unknown;
    };
    let direct = observation.direct.as_ref();
    let judged = [(fresh, "fresh"), (kept, "kept-alive")]
        .map(|(answer, connection)| judge_answer(slot, answer, direct, connection, compares));
    let rank = |public: &Public| match public {
        Public::Silent(_) => 3,
        Public::Elsewhere(_) => 2,
        Public::Bad(_) => 1,
        _ => 0,
    };
    let [fresh, kept] = judged;
    if rank(&kept) > rank(&fresh) {
        kept
    } else {
        fresh
    }
}

fn judge_answer(
    slot: Slot,
    answer: &PublicAnswer,
    direct: Option<&PublicAnswer>,
    connection: &str,
    compares: bool,
) -> Public {
    let message = |why: String| format!("the public address over a {connection} connection: {why}");
    let Some(status) = answer.status else {
        return Public::Silent(message(answer.detail.clone()));
    };
    if answer.slot != Some(slot) {
        let by = answer.slot.map_or("no slot of this target", Slot::as_str);
        let detail = match answer.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({detail})"),
        };
        return Public::Elsewhere(message(format!("answered by {by}{detail}")));
    }
    if status >= 500 {
        let own = direct.and_then(|direct| direct.status);
        let own = own.map_or_else(String::new, |own| {
            if own == status {
                format!(", and {slot} directly answers the same")
            } else {
                format!(", while {slot} answers {own} directly")
            }
        });
        return Public::Bad(message(format!("{}{own}", answer.detail)));
    }
    let direct = direct.filter(|_| compares);
    match direct.and_then(|direct| answer.difference(direct, slot)) {
        Some(difference) => Public::Bad(message(difference)),
        None => Public::Good,
    }
}
