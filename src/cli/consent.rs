//! The operator's yes: typed at the terminal, or given in advance.

use tokio::sync::mpsc;

use super::Exit;
use super::prompt::Typed;
use super::signals::StopRequest;
use crate::release::{Approval, Definition, Engine, Need, Plan, RepairApproval, RepairPlan, Scope};

/// How the operator says yes.
pub(super) enum Consent {
    /// Given with `--yes`.
    Advance,
    /// Typed at the terminal when the command asks.
    Typed(Typed),
    /// No answer is possible any more: the operator pressed Ctrl-D or closed the terminal.
    Gone,
}

impl Consent {
    /// Finds out how the operator will say yes. A `--yes` that the rules do not allow and a missing terminal are usage
    /// errors, so the command must not have changed anything before this call.
    pub(super) fn find(yes: bool, definition: Option<&Definition>) -> Result<Self, Exit> {
        let forbidden = definition.filter(|d| d.tier.is_protected() && !d.rules.allow_yes);
        if let Some(definition) = forbidden.filter(|_| yes) {
            warn_line!(
                "greenroom: {0} is protected and its rules do not allow --yes: run the command without --yes and answer its questions, or set environments.{0}.rules.allow_yes = true in the configuration file",
                definition.target.environment
            );
            return Err(Exit::Usage);
        }
        if yes {
            return Ok(Self::Advance);
        }
        Typed::listen().map(Self::Typed).ok_or_else(|| {
            warn_line!("greenroom: this command asks a question, and standard input or standard error is not a terminal: run the command at a terminal, or with --yes");
            Exit::Usage
        })
    }

    /// Asks the operator to approve `plan`. `question` is a verb, such as `approve`. Returns `None` if the operator did
    /// not say yes, or if `--yes` cannot approve the plan.
    pub(super) async fn approve_plan(
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
                let approval = Approval::in_advance(plan, Scope::Plan, by, engine.clock().now());
                if approval.is_err() {
                    // `find` has already checked the target's own environment. So this plan reloads an nginx that a
                    // protected target shares.
                    warn_line!(
                        "greenroom: --yes cannot approve this plan, because it may cut connections of a protected target: run the command without --yes and answer its questions, or set environments.{}.rules.allow_yes = true in the configuration file",
                        plan.target().environment
                    );
                }
                approval.ok()
            }
            Self::Typed(typed) => {
                let environment = plan.target().environment.as_str();
                let line = ask(typed, question, need, environment, stop_requests).await?;
                let by = engine.operator().clone();
                Approval::give(plan, Scope::Plan, by, Some(&line), engine.clock().now()).ok()
            }
        }
    }

    /// Asks a question about something that has no plan. Returns whether the operator said yes.
    pub(super) async fn confirm(
        &mut self,
        question: &str,
        stop_requests: &mut mpsc::Receiver<StopRequest>,
    ) -> bool {
        match self {
            Self::Gone => false,
            Self::Advance => true,
            Self::Typed(typed) => ask(typed, question, Need::Confirmation, "", stop_requests)
                .await
                .is_some(),
        }
    }

    /// Asks for a note for the record. The note may be empty; with `--yes`, nothing is asked and the note is empty.
    /// Returns `None` if the operator cancelled.
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

    /// Asks the operator to approve a repair. Returns `None` if the operator did not say yes, or if `--yes` cannot
    /// approve the repair.
    pub(super) async fn approve_repair(
        &mut self,
        plan: &RepairPlan,
        need: Need,
        engine: &Engine,
        stop_requests: &mut mpsc::Receiver<StopRequest>,
    ) -> Option<RepairApproval> {
        let by = engine.operator().clone();
        match self {
            Self::Gone => None,
            Self::Advance => {
                let approval = RepairApproval::in_advance(plan, by, engine.clock().now());
                if approval.is_err() {
                    warn_line!(
                        "greenroom: --yes cannot approve this repair of {}: run the command without --yes and answer its question",
                        plan.target()
                    );
                }
                approval.ok()
            }
            Self::Typed(typed) => {
                let environment = plan.target().environment.as_str();
                let line = ask(typed, "repair", need, environment, stop_requests).await?;
                RepairApproval::give(plan, by, Some(&line), engine.clock().now()).ok()
            }
        }
    }
}

/// Asks the operator to type `yes` or the name of the environment. Returns the typed line, or `None` if the operator
/// typed something else or asked to stop.
async fn ask(
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
