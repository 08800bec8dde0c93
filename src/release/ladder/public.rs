//! Compares the public answers with the candidate's direct answers. A health probe does not pass through the proxy, so
//! it does not show whether the proxy can pass the answers on. If nginx cannot, every client gets a 502.

use crate::inventory::{PublicAnswer, PublicReport, Slot};
use crate::release::{Observation, Plan};

/// The judgement of the public answers for the slot that should have the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Public {
    /// No public address is configured.
    NotConfigured,
    /// The public address was not requested.
    Unknown,
    /// Neither the public address nor the proxy behind it answered, so nothing is known about the version. The text
    /// says why the public address did not answer.
    ProxyDown(String),
    /// Nothing answered, although the proxy does. The text says why.
    Silent(String),
    /// The answer was not from this slot. The text says who answered.
    Elsewhere(String),
    /// The slot gave a bad answer. The text says why.
    Bad(String),
    /// The slot answered without a fault at every edge, over a fresh and a kept connection.
    Good,
}

impl Public {
    /// The message about a fault; none if the answers are good or unknown, or if no public address is configured.
    pub(super) fn fault(&self) -> Option<&str> {
        match self {
            Self::ProxyDown(why) | Self::Silent(why) | Self::Elsewhere(why) | Self::Bad(why) => {
                Some(why)
            }
            Self::NotConfigured | Self::Unknown | Self::Good => None,
        }
    }

    /// How bad the judgement is. A fault is worse than no answer, because an edge without an answer may be good.
    fn rank(&self) -> u8 {
        match self {
            Self::NotConfigured | Self::Good => 0,
            Self::Unknown => 1,
            Self::ProxyDown(_) => 2,
            Self::Bad(_) => 3,
            Self::Elsewhere(_) => 4,
            Self::Silent(_) => 5,
        }
    }

    /// The worse of two judgements; the first of two that are equally bad.
    fn worse(self, other: Self) -> Self {
        if other.rank() > self.rank() {
            other
        } else {
            self
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

/// Judges the public answers at every edge over a fresh and a kept connection for `slot`, and returns the worst
/// judgement. With
/// `compares`, the status and the kind of body are compared with the slot's direct answer. A server error is always
/// bad.
pub(super) fn judge(plan: &Plan, slot: Slot, observation: &Observation, compares: bool) -> Public {
    if plan.definition.public.is_none() {
        return Public::NotConfigured;
    }
    let direct = observation.direct.as_ref();
    let edges = observation.edges.public_answers();
    edges
        .map(|edge| judge_edge(slot, &edge, direct, compares))
        .reduce(Public::worse)
        .unwrap_or(Public::Unknown)
}

fn judge_edge(
    slot: Slot,
    edge: &PublicReport<'_>,
    direct: Option<&PublicAnswer>,
    compares: bool,
) -> Public {
    let (Some(fresh), Some(kept)) = (edge.fresh, edge.kept) else {
        return Public::Unknown;
    };
    let [fresh, kept] = [(fresh, "fresh"), (kept, "kept-alive")].map(|(answer, connection)| {
        let address = format!("{} over a {connection} connection", edge.address);
        judge_answer(slot, (&address, answer), direct, compares)
    });
    match fresh.worse(kept) {
        Public::Silent(why) if !edge.has_edge_answered => Public::ProxyDown(why),
        judged => judged,
    }
}

fn judge_answer(
    slot: Slot,
    (address, answer): (&str, &PublicAnswer),
    direct: Option<&PublicAnswer>,
    compares: bool,
) -> Public {
    let message = |why: String| format!("{address}: {why}");
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
