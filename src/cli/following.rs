//! Follows a release that this command drives to its end: reports events, asks for approvals,
//! and turns signals into requests.

mod standby;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::consent::Consent;
use super::reporter::Reporter;
use super::signals::StopRequest;
use super::{Exit, json};
use crate::history::{Outcome, Step};
use crate::release::{
    Approval, Command, Engine, Handle, Need, Plan, Progress, Scope, Status, approve_command,
    approvers_words, need_back, peer_approved_words,
};
use standby::StandbyWait;

/// What was last reported about the approvals for the switch: how many approvals the switch has, or that the number is
/// unknown.
#[derive(PartialEq)]
enum ReportedApprovals {
    Has(usize),
    Unknown,
}

/// Follows one release, which this command drives, to its end.
pub(super) struct Following<'a> {
    engine: &'a Engine,
    handle: Handle,
    consent: Consent,
    reporter: Reporter,
    stop_requests: mpsc::Receiver<StopRequest>,
    is_cancelled: bool,
    /// Whether the operator asked to back out. A release that is backed out is then a success.
    wants_back_out: bool,
    /// Whether the operator asked to back out and must still type the environment's name.
    confirms_back_out: bool,
    standby: StandbyWait,
    /// The last report about missing approvals; `None` if the switch does not wait for approvals.
    reported_approvals: Option<ReportedApprovals>,
}

/// The time between two reads of the approvals by other operators. One read a second costs less than a watch on all
/// changes of the store, and the driver's operator does not notice a delay of a second.
const APPROVALS_INTERVAL: Duration = Duration::from_secs(1);

impl<'a> Following<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        handle: Handle,
        consent: Consent,
        is_json: bool,
        stop_requests: mpsc::Receiver<StopRequest>,
    ) -> Self {
        Self {
            engine,
            handle,
            consent,
            reporter: Reporter::new(is_json),
            stop_requests,
            is_cancelled: false,
            wants_back_out: false,
            confirms_back_out: false,
            standby: StandbyWait::Waits,
            reported_approvals: None,
        }
    }

    /// If `is_wanted`, the command ends when the standby starts, and the old version keeps running.
    pub(super) fn leaving_standby(mut self, is_wanted: bool) -> Self {
        if is_wanted {
            self.standby = StandbyWait::Leaves;
        }
        self
    }

    /// If `is_wanted`, the operator asked to back out before this command drove the release. A release that is backed
    /// out is then a success.
    pub(super) fn backing_out(mut self, is_wanted: bool) -> Self {
        self.wants_back_out = is_wanted;
        self
    }

    pub(super) async fn follow(mut self) -> Exit {
        let mut status = self.handle.status();
        let mut announcements = self.handle.announcements();
        // The question that the operator was asked last. A question about the same step with a later time is a new
        // question: approvals by other operators may have expired meanwhile.
        let mut last_question: Option<(Step, Timestamp)> = None;
        loop {
            let now = status.borrow_and_update().clone();
            self.reporter.show(&now);
            if now.is_over() {
                break;
            }
            self.leave_standby(&now).await;
            last_question = self.answer(&now, last_question).await;
            tokio::select! {
                received = announcements.recv() => match received {
                    Ok(announcement) => self.reporter.announce(&announcement),
                    Err(RecvError::Lagged(missed)) => {
                        warn_line!(
                            "({missed} events were not shown; greenroom show {} lists all of them)",
                            now.plan.release
                        );
                    }
                    Err(RecvError::Closed) => break,
                },
                changed = status.changed() => if changed.is_err() { break },
                stop = self.stop_requests.recv() => if let Some(stop) = stop { self.stop(stop, &now).await },
                () = tokio::time::sleep(APPROVALS_INTERVAL), if self.reported_approvals.is_some() => {}
                line = typed_line(&mut self.consent), if last_question.is_some() => {
                    self.handle_line(&now, line).await;
                    last_question = None;
                }
            }
        }
        self.handle.ended().await;
        while let Ok(announcement) = announcements.try_recv() {
            self.reporter.announce(&announcement);
        }
        let status = status.borrow().clone();
        self.end(&status)
    }

    /// With `--no-standby-wait`, stops driving as soon as only the stop of the old version remains. The driver releases
    /// the lock and records that in the journal. Later, either `resume` stops the old version, or the next release of
    /// the target closes this release.
    async fn leave_standby(&mut self, status: &Status) {
        if self.standby == StandbyWait::Leaves && status.progress.is_standby() {
            self.standby = StandbyWait::Left;
            let reason =
                "the old version is left running, as requested with --no-standby-wait".to_owned();
            self.send(Command::Interrupt { reason }).await;
        }
    }

    /// Answers the question of a waiting step. If the operator gave consent in advance, approves the step. Otherwise
    /// asks the operator once, unless no answer is possible any more. Does nothing while the switch still needs
    /// approvals by other operators, or if the command has already left the standby. Returns the question that must not
    /// be asked again.
    async fn answer(
        &mut self,
        status: &Status,
        last_question: Option<(Step, Timestamp)>,
    ) -> Option<(Step, Timestamp)> {
        let Progress::Asking { step, need, since } = &status.progress else {
            self.reported_approvals = None;
            return None;
        };
        if self.standby == StandbyWait::Left {
            return None;
        }
        let question = Some((*step, *since));
        if last_question == question {
            return last_question;
        }
        if status.progress.may_need_approvers() && self.waits_for_others(status).await {
            return None;
        }
        match &mut self.consent {
            Consent::Gone => {}
            Consent::Advance => {
                let now = self.engine.clock().now();
                let by = self.engine.operator().clone();
                let scope = Scope::Step(*step);
                if let Ok(approval) = Approval::in_advance(&status.plan, scope, by, now) {
                    self.send(Command::Approve(approval)).await;
                }
            }
            Consent::Typed(typed) => {
                let environment = &status.plan.target().environment;
                let next = &status.next;
                let answer = match need {
                    _ if self.confirms_back_out => format!("type {environment} to back out:"),
                    Need::TypedName => {
                        format!("type {environment} to continue, or type \"back out\":")
                    }
                    _ => "type yes to continue, or type \"back out\":".to_owned(),
                };
                self.reporter.without_progress(|| {
                    warn_line!("{next}");
                    typed.ask(&answer);
                });
            }
        }
        question
    }

    /// Whether the switch still needs approvals by other operators. True also if the approvals cannot be read. Reports
    /// the number of approvals when the number changes or becomes unknown.
    async fn waits_for_others(&mut self, status: &Status) -> bool {
        let plan = &status.plan;
        let needed = status.approvable().approvers_needed();
        if needed == 0 {
            return false;
        }
        let driver = self.engine.operator().clone();
        let (has, message) = match self.engine.counted_approvals(status, Some(&driver)).await {
            Ok(given) if given.len() >= needed => {
                self.reported_approvals = None;
                return false;
            }
            Ok(given) => {
                let now = self.engine.clock().now();
                let approvals = peer_approved_words(needed, &given.iter().collect::<Vec<_>>(), now);
                let message = format!(
                    "switch {approvals}\n  {} can approve it: {}   (Ctrl-C backs out)",
                    approvers_words(plan, Some(&driver)),
                    approve_command(plan.target())
                );
                (Some(given.len()), message)
            }
            Err(refused) => (
                None,
                format!("the approvals of the switch cannot be read: {refused}"),
            ),
        };
        // The message contains the remaining time of approvals, which changes every second. So only a changed number is
        // reported.
        let report = has.map_or(ReportedApprovals::Unknown, ReportedApprovals::Has);
        if self.reported_approvals.as_ref() != Some(&report) {
            self.reporter
                .lacks_approvals(plan.release, needed, has, &message);
        }
        self.reported_approvals = Some(report);
        true
    }

    async fn handle_line(&mut self, status: &Status, line: Option<String>) {
        let Some(line) = line else {
            // The operator pressed Ctrl-D or closed the terminal. No answer can come, so nothing is asked again.
            self.consent = Consent::Gone;
            self.stop(StopRequest::Cancel, status).await;
            return;
        };
        let Progress::Asking { step, need, .. } = &status.progress else {
            return;
        };
        let by = self.engine.operator().clone();
        let was_asked_for_name = std::mem::take(&mut self.confirms_back_out);
        let is_confirmed = was_asked_for_name && line == status.plan.target().environment.as_str();
        if was_asked_for_name && !is_confirmed {
            return;
        }
        let asks_back_out = line == "back out";
        let needs_name = need_back(status.may_have_switched, status.plan.tier());
        if is_confirmed || (asks_back_out && needs_name != Need::TypedName) {
            let reason = "the operator backed out".to_owned();
            self.wants_back_out = true;
            self.send(Command::BackOut { by, reason }).await;
            return;
        }
        if asks_back_out {
            self.confirms_back_out = true;
            return;
        }
        if *need != Need::TypedName && line != "yes" {
            return;
        }
        let now = self.engine.clock().now();
        match Approval::give(&status.plan, Scope::Step(*step), by, Some(&line), now) {
            Ok(approval) => self.send(Command::Approve(approval)).await,
            Err(refused) => warn_line!("{refused}"),
        }
    }

    /// Handles Ctrl-C, the end of the input (which counts as Ctrl-C) and other signals. The first request backs the
    /// release out if it is Ctrl-C, the switch has not started and the store accepts writes. Every other request stops
    /// the driver, and the release stays as it is.
    async fn stop(&mut self, stop: StopRequest, status: &Status) {
        let is_again = self.is_cancelled;
        self.is_cancelled = true;
        let by = self.engine.operator().clone();
        let command = match (stop, &status.progress) {
            (StopRequest::Cancel, progress) if progress.is_standby() => {
                self.standby = StandbyWait::Left;
                Command::Interrupt {
                    reason: "the operator ended the standby; the old version stays running".into(),
                }
            }
            // Nothing can be backed out while the store accepts no writes.
            (StopRequest::Cancel, Progress::Unrecorded { .. }) => Command::Interrupt {
                reason: "cancelled while the store accepted no writes".into(),
            },
            (StopRequest::Cancel, _) if !is_again && !status.may_have_switched => {
                Command::BackOut {
                    by,
                    reason: "cancelled at the terminal".into(),
                }
            }
            _ => Command::Interrupt {
                reason: "the command was ended".into(),
            },
        };
        self.send(command).await;
    }

    async fn send(&self, command: Command) {
        if self.handle.command(command).await.is_err() {
            warn_line!("this command no longer drives the release: nothing was done");
        }
    }

    fn end(&self, status: &Status) -> Exit {
        let plan = &status.plan;
        let version = &plan.version;
        let (message, exit) = match &status.progress {
            Progress::Closed(Outcome::Superseded { by: Some(by) }) => (
                format!(
                    "done: {} {version} was live in {}; its standby was ended by release {by}",
                    plan.target(),
                    plan.slot
                ),
                Exit::Done,
            ),
            Progress::Closed(Outcome::Done | Outcome::Superseded { by: None }) => (
                format!(
                    "done: {} {} is live in {}",
                    plan.target(),
                    version,
                    plan.slot
                ),
                Exit::Done,
            ),
            Progress::Closed(Outcome::BackedOut { reason }) => (
                if self.reporter.has_reported(reason) {
                    format!("backed out, {} is as before", plan.target())
                } else {
                    format!("backed out, {} is as before: {reason}", plan.target())
                },
                if self.wants_back_out {
                    Exit::Done
                } else {
                    Exit::Failed
                },
            ),
            Progress::Closed(Outcome::Left { reason } | Outcome::NeedsPerson { reason }) => (
                format!("a person has to look at {}: {reason}", plan.target()),
                Exit::NeedsPerson,
            ),
            Progress::Parked { .. }
                if self.standby == StandbyWait::Left && standby::is_old_version_running(status) =>
            {
                (standby::still_running(plan), Exit::Done)
            }
            Progress::Parked { why } => (
                format!(
                    "this command no longer drives {0}: {why}\n{1}\nsee its state: greenroom status {2} {3}\nresume it: greenroom resume {2} {3}   (if the store does not answer or the target is locked, the command says so)",
                    plan.target(),
                    standby::who_has_the_traffic(status),
                    plan.target().service,
                    plan.target().environment
                ),
                Exit::NeedsPerson,
            ),
            _ => (
                format!(
                    "the driver of {} ended unexpectedly: read the log (greenroom doctor shows its path)",
                    plan.target()
                ),
                Exit::NeedsPerson,
            ),
        };
        self.reporter.close(plan, status.outcome(), &message);
        if exit == Exit::Done && status.outcome().is_none() {
            json::add("standby", standby::json(plan));
        }
        let is_left = matches!(status.outcome(), None | Some(Outcome::Superseded { .. }));
        let exit = if self.is_cancelled && (exit != Exit::Done || is_left) {
            Exit::Cancelled
        } else {
            exit
        };
        set_json_error(exit, plan, status.outcome().is_some(), &message);
        exit
    }
}

/// Unless the command ended with success, sets the error in the last line of `--json`: what happened, and what to do
/// next.
fn set_json_error(exit: Exit, plan: &Plan, is_closed: bool, message: &str) {
    let kind = match exit {
        Exit::Done => return,
        Exit::Failed | Exit::Usage => json::Kind::Failed,
        Exit::NeedsPerson => json::Kind::NeedsPerson,
        Exit::Cancelled => json::Kind::Cancelled,
    };
    // A closed release cannot be resumed.
    let hint = if is_closed {
        format!("greenroom show {} --logs", plan.release)
    } else {
        standby::stop_command(plan)
    };
    json::fail(kind, message, Some(&hint));
}

async fn typed_line(consent: &mut Consent) -> Option<String> {
    match consent {
        Consent::Typed(typed) => typed.line().await,
        Consent::Advance | Consent::Gone => std::future::pending().await,
    }
}
