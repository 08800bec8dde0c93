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
    approvers_needed, approvers_words, need_back, peer_approved_words,
};
use standby::StandbyWait;

/// The number of a switch's approvals, as reported last.
#[derive(PartialEq)]
enum Said {
    Has(usize),
    Unknown,
}

/// A release being followed to its end.
pub(super) struct Following<'a> {
    engine: &'a Engine,
    handle: Handle,
    consent: Consent,
    reporter: Reporter,
    stop_requests: mpsc::Receiver<StopRequest>,
    is_cancelled: bool,
    /// Whether the operator asked to back out: then that is the wanted result.
    wants_back: bool,
    /// The operator asked to back out and must still type the environment's name.
    confirms_back_out: bool,
    standby: StandbyWait,
    /// What was reported last about the approvals that the switch waits for; none while it waits for none.
    waits: Option<Said>,
}

/// The interval of checks for approvals by others. People take longer: one read a second costs less
/// than following all changes of the store.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

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
            wants_back: false,
            confirms_back_out: false,
            standby: StandbyWait::Waits,
            waits: None,
        }
    }

    /// Ends when the standby starts instead of waiting for its end: the old version stays running.
    pub(super) fn leaving_standby(mut self, is_wanted: bool) -> Self {
        if is_wanted {
            self.standby = StandbyWait::Leaves;
        }
        self
    }

    /// The operator asked to back out before this command drove the release.
    pub(super) fn backing_out(mut self, is_wanted: bool) -> Self {
        self.wants_back = is_wanted;
        self
    }

    pub(super) async fn follow(mut self) -> Exit {
        let mut status = self.handle.status();
        let mut announcements = self.handle.announcements();
        // A question that is asked again is a new one: approvals by others may have expired.
        let mut asked: Option<(Step, Timestamp)> = None;
        loop {
            let now = status.borrow_and_update().clone();
            self.reporter.show(&now);
            if now.is_over() {
                break;
            }
            self.leave_standby(&now).await;
            asked = self.answer(&now, asked).await;
            tokio::select! {
                received = announcements.recv() => match received {
                    Ok(announcement) => self.reporter.announce(&announcement),
                    Err(RecvError::Lagged(missed)) => {
                        warn_line!("({missed} lines were not shown; the journal has them)");
                    }
                    Err(RecvError::Closed) => break,
                },
                changed = status.changed() => if changed.is_err() { break },
                stop = self.stop_requests.recv() => if let Some(stop) = stop { self.stop(stop, &now).await },
                () = tokio::time::sleep(LOOK_AGAIN), if self.waits.is_some() => {}
                line = typed_line(&mut self.consent), if asked.is_some() => {
                    self.typed(&now, line).await;
                    asked = None;
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

    /// Stops driving once only the old version remains to be stopped. Releases the lock, and the journal
    /// says so: the next release of the target closes this one, or `resume` stops the old version.
    async fn leave_standby(&mut self, status: &Status) {
        if self.standby == StandbyWait::Leaves && standby::is_resting(&status.progress) {
            self.standby = StandbyWait::Left;
            let reason = "the old version is left running, as --no-standby-wait says".to_owned();
            self.say(Command::Interrupt { reason }).await;
        }
    }

    /// Asks once about a waiting step, or approves it in advance.
    async fn answer(
        &mut self,
        status: &Status,
        asked: Option<(Step, Timestamp)>,
    ) -> Option<(Step, Timestamp)> {
        let Progress::Asking { step, need, since } = &status.progress else {
            self.waits = None;
            return None;
        };
        if self.standby == StandbyWait::Left {
            return None;
        }
        let question = Some((*step, *since));
        if asked == question {
            return asked;
        }
        if *step == Step::Switch && self.waits_for_others(&status.plan).await {
            return None;
        }
        match &mut self.consent {
            Consent::Gone => {}
            Consent::Advance => {
                let now = self.engine.clock().now();
                let by = self.engine.operator().clone();
                let scope = Scope::Step(*step);
                if let Ok(approval) = Approval::in_advance(&status.plan, scope, by, now) {
                    self.say(Command::Approve(approval)).await;
                }
            }
            Consent::Typed(typed) => {
                let environment = &status.plan.target().environment;
                let next = &status.next;
                let answer = match need {
                    _ if self.confirms_back_out => format!("type {environment} to back out:"),
                    Need::TypedName => format!("type {environment} to continue, or back out:"),
                    _ => "type yes to continue, or back out:".to_owned(),
                };
                self.reporter.aside(|| {
                    warn_line!("{next}");
                    typed.ask(&answer);
                });
            }
        }
        question
    }

    /// Whether the switch still needs approvals by others; reports it when that changes.
    async fn waits_for_others(&mut self, plan: &Plan) -> bool {
        let needed = approvers_needed(plan);
        if needed == 0 {
            return false;
        }
        let driver = self.engine.operator().clone();
        let (has, words) = match self.engine.given(plan, Some(&driver)).await {
            Ok(given) if given.len() >= needed => {
                self.waits = None;
                return false;
            }
            Ok(given) => {
                let now = self.engine.clock().now();
                let words = peer_approved_words(needed, &given.iter().collect::<Vec<_>>(), now);
                let words = format!(
                    "switch {words}\n  {} can approve it: {}   (Ctrl-C backs out)",
                    approvers_words(plan, Some(&driver)),
                    approve_command(plan.target())
                );
                (Some(given.len()), words)
            }
            Err(refused) => (
                None,
                format!("the approvals of switch are unknown: {refused}"),
            ),
        };
        // The remaining time of an approval changes every second: only a changed number is worth a line.
        let said = has.map_or(Said::Unknown, Said::Has);
        if self.waits.as_ref() != Some(&said) {
            self.reporter
                .lacks_approvals(plan.release, needed, has, &words);
        }
        self.waits = Some(said);
        true
    }

    async fn typed(&mut self, status: &Status, line: Option<String>) {
        let Some(line) = line else {
            // There is no terminal any more: asking again would repeat forever.
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
            self.wants_back = true;
            self.say(Command::BackOut { by, reason }).await;
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
            Ok(approval) => self.say(Command::Approve(approval)).await,
            Err(refused) => warn_line!("{refused}"),
        }
    }

    /// Ctrl-C backs out before the switch. After it, the new version stays live and the old one warm. A
    /// second Ctrl-C, or the end of the terminal, leaves the release as it is.
    async fn stop(&mut self, stop: StopRequest, status: &Status) {
        let is_again = self.is_cancelled;
        self.is_cancelled = true;
        let by = self.engine.operator().clone();
        let command = match (stop, &status.progress) {
            (StopRequest::Cancel, progress) if standby::is_resting(progress) => {
                self.standby = StandbyWait::Left;
                Command::Interrupt {
                    reason: "the operator ended the standby; the old version stays running".into(),
                }
            }
            // Without the store nothing can be backed out.
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
        self.say(command).await;
    }

    async fn say(&self, command: Command) {
        if self.handle.command(command).await.is_err() {
            warn_line!("the release has ended already");
        }
    }

    fn end(&self, status: &Status) -> Exit {
        let plan = &status.plan;
        let version = &plan.version;
        let (words, exit) = match &status.progress {
            Progress::Closed(Outcome::Superseded { by: Some(by) }) => (
                format!(
                    "done: {} {version} was live in {}; its standby was ended by {by}",
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
                if self.reporter.has_said(reason) {
                    format!("backed out, {} is as before", plan.target())
                } else {
                    format!("backed out, {} is as before: {reason}", plan.target())
                },
                if self.wants_back {
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
                (standby::words(plan), Exit::Done)
            }
            Progress::Parked { why } => (
                format!(
                    "this command no longer drives {0}: {why}\n{1}\nsee its state: greenroom status {2} {3}\nresume it: greenroom resume {2} {3}   (once the store answers; it says how long to wait for another lock)",
                    plan.target(),
                    standby::who_has_the_traffic(status),
                    plan.target().service,
                    plan.target().environment
                ),
                Exit::NeedsPerson,
            ),
            _ => (
                "the driver ended unexpectedly; see the log".to_owned(),
                Exit::NeedsPerson,
            ),
        };
        self.reporter.close(plan, status.outcome(), &words);
        if exit == Exit::Done && status.outcome().is_none() {
            json::add("standby", standby::json(plan));
        }
        let is_left = matches!(status.outcome(), None | Some(Outcome::Superseded { .. }));
        let exit = if self.is_cancelled && (exit != Exit::Done || is_left) {
            Exit::Cancelled
        } else {
            exit
        };
        fail(exit, plan, status.outcome().is_some(), &words);
        exit
    }
}

/// Sets the error in the last line of `--json`: why a release did not end well, and what to do next.
fn fail(exit: Exit, plan: &Plan, is_closed: bool, words: &str) {
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
    json::fail(kind, words, Some(&hint));
}

async fn typed_line(consent: &mut Consent) -> Option<String> {
    match consent {
        Consent::Typed(typed) => typed.line().await,
        Consent::Advance | Consent::Gone => std::future::pending().await,
    }
}
