//! `greenroom promote` and `greenroom rollback`: plan, show, ask, drive, say how it ended.

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::arguments::{Common, Promote, Rollback};
use super::out::say_json;
use super::prompt::Typed;
use super::reporter::Reporter;
use super::signals::{self, Wish};
use super::{Exit, open, plan_text};
use crate::harmless::harmless;
use crate::history::{Outcome, Step};
use crate::inventory::Target;
use crate::release::{
    Approval, Command, Definition, Engine, Handle, Need, OnFailure, Plan, PlanRequest, Progress,
    Refusal, Scope, Status, Wanted, need_back, need_to_begin,
};

pub(super) async fn promote(common: &Common, verb: Promote) -> Exit {
    let wanted = match (verb.version, verb.from) {
        (Some(version), _) => Wanted::Version(version),
        (None, Some(environment)) => Wanted::From(environment),
        (None, None) => return Exit::Usage,
    };
    let target = Target::new(verb.service, verb.environment);
    release(common, target, wanted, verb.reason, verb.yes).await
}

pub(super) async fn rollback(common: &Common, verb: Rollback) -> Exit {
    let wanted = verb.to.map_or(Wanted::Standby, Wanted::Back);
    let target = Target::new(verb.service, verb.environment);
    release(common, target, wanted, verb.reason, verb.yes).await
}

async fn release(
    common: &Common,
    target: Target,
    wanted: Wanted,
    reason: Option<String>,
    yes: bool,
) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let engine = &app.engine;
    let mut wishes = signals::listen();
    let request = PlanRequest {
        target,
        wanted,
        reason,
        operator: engine.operator().clone(),
    };
    let mut consent = match Consent::find(yes, engine.definition(&request.target)) {
        Ok(consent) => consent,
        Err(exit) => return exit,
    };
    let plan = match engine.plan(&request).await {
        Ok(plan) => plan,
        Err(refused) => return refuse(common, &refused),
    };
    if common.json {
        say_json(&plan_text::json(&plan));
    } else {
        say_line!("{}", plan_text::text(&plan));
    }
    let Some(approval) = consent.begin(&plan, engine, &mut wishes).await else {
        warn_line!("nothing was done");
        return Exit::Cancelled;
    };
    match engine.open(plan, &approval, OnFailure::BackOut).await {
        Ok(handle) => {
            Following {
                engine,
                handle,
                consent,
                reporter: Reporter::new(common.json),
                wishes,
                is_cancelled: false,
                confirms_back_out: false,
            }
            .follow()
            .await
        }
        Err(refused) => refuse(common, &refused),
    }
}

fn refuse(common: &Common, refused: &crate::release::Refused) -> Exit {
    if common.json {
        let reasons: Vec<String> = refused.0.iter().map(ToString::to_string).collect();
        say_json(&serde_json::json!({ "event": "refused", "reasons": reasons }));
    }
    warn_line!("refused, nothing was done:");
    for reason in &refused.0 {
        // One line each, whatever a lock that stands in the way says.
        warn_line!("  - {}", harmless(&reason.to_string()));
    }
    let is_unknown = |reason: &Refusal| matches!(reason, Refusal::UnknownTarget(_));
    if refused.0.iter().any(is_unknown) {
        return Exit::Usage;
    }
    Exit::Failed
}

/// Where the operator's yes comes from.
enum Consent {
    /// It was given in advance.
    Advance,
    /// It is typed when it is asked for.
    Typed(Typed),
    /// Whoever typed has gone: Ctrl-D, or the terminal was closed.
    Gone,
}

impl Consent {
    /// Before anything is looked at: a yes that may not be given in advance is wrong usage.
    fn find(yes: bool, definition: Option<&Definition>) -> Result<Self, Exit> {
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
            warn_line!("greenroom: nobody is here to say yes: run it at a terminal, or with --yes");
            Exit::Usage
        })
    }

    async fn begin(
        &mut self,
        plan: &Plan,
        engine: &Engine,
        wishes: &mut mpsc::Receiver<Wish>,
    ) -> Option<Approval> {
        match self {
            Self::Gone => None,
            Self::Advance => Approval::in_advance(plan, Scope::Plan, engine.clock().now()).ok(),
            Self::Typed(typed) => {
                let environment = plan.target().environment.as_str();
                let asks_name = need_to_begin(plan) == Need::TypedName;
                let wanted = if asks_name { environment } else { "yes" };
                typed.ask(&format!("begin? type {wanted}:"));
                let line = tokio::select! {
                    line = typed.line() => line?,
                    _ = wishes.recv() => return None,
                };
                if line != wanted {
                    return None;
                }
                let by = engine.operator().clone();
                Approval::give(plan, Scope::Plan, by, Some(&line), engine.clock().now()).ok()
            }
        }
    }
}

/// A release being followed to its end.
struct Following<'a> {
    engine: &'a Engine,
    handle: Handle,
    consent: Consent,
    reporter: Reporter,
    wishes: mpsc::Receiver<Wish>,
    is_cancelled: bool,
    /// The way back was asked for and waits for the environment's name.
    confirms_back_out: bool,
}

impl Following<'_> {
    async fn follow(mut self) -> Exit {
        let mut status = self.handle.status();
        let mut announcements = self.handle.announcements();
        let mut asked: Option<Step> = None;
        loop {
            let now = status.borrow_and_update().clone();
            self.reporter.show(&now);
            if now.is_over() {
                break;
            }
            asked = self.answer(&now, asked).await;
            tokio::select! {
                heard = announcements.recv() => match heard {
                    Ok(announcement) => self.reporter.announce(&announcement),
                    Err(RecvError::Lagged(missed)) => {
                        warn_line!("({missed} lines were not shown; the journal has them)");
                    }
                    Err(RecvError::Closed) => break,
                },
                changed = status.changed() => if changed.is_err() { break },
                wish = self.wishes.recv() => if let Some(wish) = wish { self.wish(wish, &now).await },
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

    /// A step that waits is asked about once, or approved in advance.
    async fn answer(&mut self, status: &Status, asked: Option<Step>) -> Option<Step> {
        let Progress::Asking { step, need, .. } = &status.progress else {
            return None;
        };
        if asked == Some(*step) {
            return asked;
        }
        match &mut self.consent {
            Consent::Gone => {}
            Consent::Advance => {
                let now = self.engine.clock().now();
                if let Ok(approval) = Approval::in_advance(&status.plan, Scope::Step(*step), now) {
                    self.say(Command::Approve(approval)).await;
                }
            }
            Consent::Typed(typed) => {
                let environment = &status.plan.target().environment;
                let next = &status.next;
                let answer = match need {
                    _ if self.confirms_back_out => format!("type {environment} to back out:"),
                    Need::TypedName => format!("type {environment} to go on, or back out:"),
                    _ => "type yes to go on, or back out:".to_owned(),
                };
                self.reporter.aside(|| {
                    warn_line!("{next}");
                    typed.ask(&answer);
                });
            }
        }
        Some(*step)
    }

    async fn typed(&mut self, status: &Status, line: Option<String>) {
        let Some(line) = line else {
            // Nobody can answer any more: asking again would go round for ever.
            self.consent = Consent::Gone;
            self.wish(Wish::Cancel, status).await;
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
            let reason = "the operator said so".to_owned();
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

    /// Ctrl-C backs out before the switch; after it the new version stays, and the old one warm. A
    /// second Ctrl-C, or the end of the terminal, leaves the release as it stands.
    async fn wish(&mut self, wish: Wish, status: &Status) {
        let is_again = self.is_cancelled;
        self.is_cancelled = true;
        let by = self.engine.operator().clone();
        let command = match (wish, &status.progress) {
            (
                Wish::Cancel,
                Progress::Standby { .. }
                | Progress::Asking {
                    step: Step::Stop, ..
                },
            ) => Command::Supersede,
            (Wish::Cancel, _) if !is_again && !status.may_have_switched => Command::BackOut {
                by,
                reason: "cancelled at the terminal".into(),
            },
            _ => Command::Interrupt {
                reason: "the command was ended".into(),
            },
        };
        self.say(command).await;
    }

    async fn say(&self, command: Command) {
        if self.handle.command(command).await.is_err() {
            warn_line!("the release is over already");
        }
    }

    fn end(&self, status: &Status) -> Exit {
        let plan = &status.plan;
        let version = &plan.version;
        let (words, exit) = match &status.progress {
            Progress::Closed(Outcome::Done | Outcome::Superseded) => (
                format!(
                    "done: {} {} is live in {}",
                    plan.target(),
                    version,
                    plan.slot
                ),
                Exit::Done,
            ),
            Progress::Closed(Outcome::BackedOut { reason }) => (
                format!("backed out, {} is as before: {reason}", plan.target()),
                Exit::Failed,
            ),
            Progress::Closed(Outcome::Left { reason } | Outcome::NeedsPerson { reason }) => (
                format!("a person has to look at {}: {reason}", plan.target()),
                Exit::NeedsPerson,
            ),
            Progress::Parked { why } => (
                format!(
                    "not driven any more, {} stands as it was: {why}\nlook with: greenroom status {} {}",
                    plan.target(),
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
        self.reporter.close(status.outcome(), &words);
        if self.is_cancelled && exit != Exit::Done {
            return Exit::Cancelled;
        }
        if self.is_cancelled && status.outcome() == Some(&Outcome::Superseded) {
            return Exit::Cancelled;
        }
        exit
    }
}

async fn typed_line(consent: &mut Consent) -> Option<String> {
    match consent {
        Consent::Typed(typed) => typed.line().await,
        Consent::Advance | Consent::Gone => std::future::pending().await,
    }
}
