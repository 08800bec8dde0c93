//! The operator's yes: typed at the terminal, or given in advance.

use tokio::sync::mpsc;

use super::Exit;
use super::prompt::Typed;
use super::signals::StopRequest;
use crate::release::{Approval, Definition, Engine, Need, Plan, RepairApproval, RepairPlan, Scope};

/// How the operator says yes.
pub(super) enum Consent {
    /// In advance.
    Advance,
    /// Typed when asked.
    Typed(Typed),
    /// The operator has gone: Ctrl-D, or the terminal was closed.
    Gone,
}

impl Consent {
    /// Called first: if --yes is not allowed, the arguments are wrong.
    pub(super) fn find(yes: bool, definition: Option<&Definition>) -> Result<Self, Exit> {
        let forbidden = definition.filter(|d| d.tier.is_protected() && !d.rules.allow_yes);
        if let Some(definition) = forbidden.filter(|_| yes) {
            warn_line!(
                "greenroom: {} is protected and its rules do not allow --yes; leave it out and answer, or set rules.allow_yes",
                definition.target.environment
            );
            return Err(Exit::Usage);
        }
        if yes {
            return Ok(Self::Advance);
        }
        Typed::listen().map(Self::Typed).ok_or_else(|| {
            warn_line!("greenroom: there is no terminal for the question: run it at a terminal, or with --yes");
            Exit::Usage
        })
    }

    /// The yes to a plan. `question` is the question in a word or two.
    pub(super) async fn begin(
        &mut self,
        plan: &Plan,
        (question, need): (&str, Need),
        engine: &Engine,
        stop_requests: &mut mpsc::Receiver<StopRequest>,
    ) -> Option<Approval> {
        match self {
            Self::Gone => None,
            Self::Advance => {
                let by = engine.operator().clone();
                match Approval::in_advance(plan, Scope::Plan, by, engine.clock().now()) {
                    Ok(approval) => Some(approval),
                    Err(refused) => {
                        // --yes was refused before for a protected environment; this plan also affects one.
                        warn_line!(
                            "greenroom: --yes does not allow this plan ({refused}): leave --yes out and answer, or set rules.allow_yes for {}",
                            plan.target().environment
                        );
                        None
                    }
                }
            }
            Self::Typed(typed) => {
                let environment = plan.target().environment.as_str();
                let line = answered(typed, question, need, environment, stop_requests).await?;
                let by = engine.operator().clone();
                Approval::give(plan, Scope::Plan, by, Some(&line), engine.clock().now()).ok()
            }
        }
    }

    /// A plain yes.
    pub(super) async fn plain(
        &mut self,
        question: &str,
        stop_requests: &mut mpsc::Receiver<StopRequest>,
    ) -> bool {
        match self {
            Self::Gone => false,
            Self::Advance => true,
            Self::Typed(typed) => answered(typed, question, Need::Confirmation, "", stop_requests)
                .await
                .is_some(),
        }
    }

    /// A note for the record, which may be empty; none if the operator cancelled. Asks only at a terminal.
    pub(super) async fn note(
        &mut self,
        stop_requests: &mut mpsc::Receiver<StopRequest>,
    ) -> Option<String> {
        match self {
            Self::Gone => None,
            Self::Advance => Some(String::new()),
            Self::Typed(typed) => {
                typed.ask("note for the record (optional, Enter skips it):");
                tokio::select! {
                    line = typed.line() => line,
                    _ = stop_requests.recv() => None,
                }
            }
        }
    }

    /// The yes to a repair.
    pub(super) async fn repair(
        &mut self,
        plan: &RepairPlan,
        need: Need,
        engine: &Engine,
        stop_requests: &mut mpsc::Receiver<StopRequest>,
    ) -> Option<RepairApproval> {
        let by = engine.operator().clone();
        match self {
            Self::Gone => None,
            Self::Advance => RepairApproval::in_advance(plan, by, engine.clock().now()).ok(),
            Self::Typed(typed) => {
                let environment = plan.target().environment.as_str();
                let line = answered(typed, "repair", need, environment, stop_requests).await?;
                RepairApproval::give(plan, by, Some(&line), engine.clock().now()).ok()
            }
        }
    }
}

/// Whether the operator typed what was asked for.
async fn answered(
    typed: &mut Typed,
    question: &str,
    need: Need,
    environment: &str,
    stop_requests: &mut mpsc::Receiver<StopRequest>,
) -> Option<String> {
    let asks_name = need == Need::TypedName;
    let wanted = if asks_name { environment } else { "yes" };
    typed.ask(&format!("{question}? type {wanted}:"));
    let line = tokio::select! {
        line = typed.line() => line?,
        _ = stop_requests.recv() => return None,
    };
    (line == wanted).then_some(line)
}
