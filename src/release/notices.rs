//! Makes the notices about a running release from the status that the user interfaces show. So a notice never says more
//! than the screen. The caller passes the time.

use std::time::Duration;

use jiff::Timestamp;

use super::approval::{approve_command, needs_words};
use super::ladder::AfterFailure;
use super::observation::Stage;
use super::time::after;
use super::{Choice, Plan, Progress, Status, StepState};
use crate::checks::{CaseReport, Verdict};
use crate::history::{ChecksCounted, Direction, Notice, NoticeEvent, Outcome, ReleaseKind, Step};
use crate::inventory::{Operator, Trigger};
use crate::sanitize::sanitize;

/// How long a step waits for the driver's operator before a notice is sent. An operator who is present answers sooner,
/// and then no notice is needed. If the switch needs approvals by other operators, the notice is sent immediately.
const DELAY: Duration = Duration::from_secs(30);
/// How many characters of a text in a notice are sent.
const LONGEST: usize = 500;
/// How many failed checks a notice names.
const MOST_CHECKS: usize = 5;
/// How many characters of a failed check are sent.
const LONGEST_CHECK: usize = 200;

/// Compares each status of a release with the previous one, and makes the new notices.
#[derive(Debug)]
pub struct NoticeSource {
    driver: Operator,
    /// The number of notices so far, so that each notice has its own id.
    number: u32,
    is_started: bool,
    is_switched: bool,
    waiting: Option<Waiting>,
    /// The failures in the previous status. Each was sent.
    failures: Vec<(Step, String)>,
    is_over: bool,
}

/// A step that is waiting for a person.
#[derive(Debug)]
struct Waiting {
    step: Step,
    since: Timestamp,
    is_sent: bool,
}

impl NoticeSource {
    /// A source for a release that `driver` opens.
    pub fn new(driver: Operator) -> Self {
        Self {
            driver,
            number: 0,
            is_started: false,
            is_switched: false,
            waiting: None,
            failures: Vec::new(),
            is_over: false,
        }
    }

    /// A source for a release that `driver` resumes in the status `found`. Notices of its start and of an earlier
    /// switch are not sent again.
    pub fn resumed(driver: Operator, found: &Status) -> Self {
        Self {
            is_started: true,
            is_switched: found.switched,
            ..Self::new(driver)
        }
    }

    /// The new notices since the last call, in the order of the events.
    pub fn new_notices(&mut self, status: &Status, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        if !std::mem::replace(&mut self.is_started, true) {
            notices.push(self.notice(status, now, NoticeEvent::Started, &started(&status.plan)));
        }
        notices.extend(self.failure(status, now));
        notices.extend(self.traffic(status, now));
        notices.extend(self.waits(status, now));
        notices.extend(self.end(status, now));
        notices
    }

    /// When a waiting step has waited long enough for a notice. Then the caller must call [`Self::new_notices`] again,
    /// even if the status has not changed. None if no step waits for its notice.
    pub fn next_check(&self) -> Option<Timestamp> {
        let waiting = self.waiting.as_ref().filter(|waiting| !waiting.is_sent)?;
        Some(after(waiting.since, DELAY))
    }

    fn failure(&mut self, status: &Status, now: Timestamp) -> Option<Notice> {
        let before = std::mem::replace(&mut self.failures, failures(status));
        let mut new = self.failures.iter().filter(|it| !before.contains(it));
        let (step, why) = new.next().cloned()?;
        let message = match &status.progress {
            Progress::Choosing {
                direction, choices, ..
            } => {
                let choices: Vec<&str> = choices
                    .iter()
                    .map(|choice| Choice::as_str(*choice))
                    .collect();
                let undoing = match direction {
                    Direction::Forward => "",
                    Direction::Back => "undoing ",
                };
                format!(
                    "{undoing}{step} failed; an operator must choose: {}",
                    choices.join(", ")
                )
            }
            // The reason belongs to the step or to its undoing. The status does not say to which of them.
            Progress::Back(undone) if *undone == step => {
                format!("{step} failed or was not undone")
            }
            Progress::Back(_) => format!("{step} failed; the release is backing out"),
            Progress::Forward(_)
                if Stage::forward(step).after_failure(0) != AfterFailure::StaysLive =>
            {
                format!("{step} failed; the release backs out if it can")
            }
            _ => format!("{step} failed"),
        };
        let mut notice = self.notice(status, now, NoticeEvent::Failed, &message);
        notice.step = Some(step);
        notice.why = Some(shortened(&why));
        Some(notice)
    }

    fn traffic(&mut self, status: &Status, now: Timestamp) -> Option<Notice> {
        let was_switched = std::mem::replace(&mut self.is_switched, status.switched);
        if was_switched == status.switched {
            return None;
        }
        let plan = &status.plan;
        let is_live = plan.definition.live_phrase();
        let back_on = |version: &str| {
            if plan.definition.is_background() {
                format!("{version} is live again")
            } else {
                format!("traffic is back on {version}")
            }
        };
        let (event, message) = if !status.switched {
            let before = plan.from.as_ref().map(|from| from.version.to_string());
            let before = before.unwrap_or_else(|| "nothing".to_owned());
            (NoticeEvent::RolledBack, back_on(&before))
        } else if plan.kind == ReleaseKind::Promote {
            (
                NoticeEvent::Switched,
                format!("{} {is_live}, in {}", plan.version, plan.slot),
            )
        } else {
            (
                NoticeEvent::RolledBack,
                format!("{}, in {}", back_on(&plan.version.to_string()), plan.slot),
            )
        };
        let mut notice = self.notice(status, now, event, &message);
        notice.step = Some(Step::Switch);
        Some(notice)
    }

    fn waits(&mut self, status: &Status, now: Timestamp) -> Option<Notice> {
        let Progress::Asking { step, since, .. } = &status.progress else {
            self.waiting = None;
            return None;
        };
        // If a step asks again because too few operators have approved, no second notice is sent.
        let waiting = match self.waiting.take() {
            Some(waiting) if waiting.step == *step => waiting,
            _ => Waiting {
                step: *step,
                since: *since,
                is_sent: false,
            },
        };
        let waiting = self.waiting.insert(waiting);
        let approvers = if status.progress.may_need_approvers() {
            status.approvable().approvers_needed()
        } else {
            0
        };
        if waiting.is_sent || (approvers == 0 && now < after(waiting.since, DELAY)) {
            return None;
        }
        waiting.is_sent = true;
        let plan = &status.plan;
        let message = if approvers == 0 {
            format!("{step} waits for {}", self.driver)
        } else {
            format!(
                "{step} {}: {}",
                needs_words(approvers),
                approve_command(plan.target())
            )
        };
        let mut notice = self.notice(status, now, NoticeEvent::Waiting, &message);
        notice.step = Some(*step);
        Some(notice)
    }

    fn end(&mut self, status: &Status, now: Timestamp) -> Option<Notice> {
        if !status.is_over() || std::mem::replace(&mut self.is_over, true) {
            return None;
        }
        let plan = &status.plan;
        let (event, message, why) = match &status.progress {
            Progress::Closed(Outcome::Done | Outcome::Superseded { .. }) => (
                NoticeEvent::Finished,
                format!("done, {} is live in {}", plan.version, plan.slot),
                None,
            ),
            Progress::Closed(Outcome::BackedOut { reason }) => (
                NoticeEvent::BackedOut,
                match &plan.from {
                    Some(from) => format!("backed out, {} is live in {}", from.version, from.slot),
                    None => "backed out, no version was live before".to_owned(),
                },
                Some(reason),
            ),
            Progress::Closed(Outcome::Left { reason }) => (
                NoticeEvent::Failed,
                "the release was left as it is: a person must check the target".to_owned(),
                Some(reason),
            ),
            Progress::Closed(Outcome::NeedsPerson { reason }) => (
                NoticeEvent::Failed,
                "the release needs a person: check the target and repair it".to_owned(),
                Some(reason),
            ),
            Progress::Parked { .. } if status.is_live_with_standby() => (
                NoticeEvent::Finished,
                format!(
                    "{} is live in {}; the old version was left running",
                    plan.version, plan.slot
                ),
                None,
            ),
            Progress::Parked { why } => (
                NoticeEvent::Failed,
                format!(
                    "{} has stopped driving the release, which has not ended",
                    self.driver
                ),
                Some(why),
            ),
            _ => return None,
        };
        let why = why.map(|why| shortened(why));
        let mut notice = self.notice(status, now, event, &message);
        notice.why = why;
        Some(notice)
    }

    fn notice(
        &mut self,
        status: &Status,
        now: Timestamp,
        event: NoticeEvent,
        message: &str,
    ) -> Notice {
        self.number += 1;
        let plan = &status.plan;
        let holds = plan.overridden.iter();
        let holds = holds.map(|it| shortened(&format!("{}: {}", it.hold.reason, it.why)));
        let checks = status.overrides.iter();
        let checks =
            checks.map(|(name, decision)| shortened(&format!("check {name}: {}", decision.why)));
        let overridden = holds.chain(checks);
        Notice {
            id: format!("{}-{}-{}", plan.release, now.as_millisecond(), self.number),
            event,
            at: now,
            target: plan.target().clone(),
            tier: plan.tier(),
            release: Some(plan.release),
            kind: Some(plan.kind),
            from: plan.from.as_ref().map(|from| from.version.clone()),
            to: Some(plan.version.clone()),
            operator: plan.operator.clone(),
            driver: self.driver.clone(),
            push: plan.trigger.clone().map(|trigger| Trigger {
                push: shortened(&trigger.push),
                ..trigger
            }),
            reason: plan.reason.as_deref().map(shortened),
            overridden: overridden.collect(),
            step: None,
            checks: counted(status),
            failed_checks: if event.has_details() {
                failed_checks(status)
            } else {
                Vec::new()
            },
            log: Vec::new(),
            text: shortened(&format!("{}: {message}", plan.target())),
            why: None,
        }
    }
}

/// The steps that failed and were not tried again since then, with the reasons. The first is the one about which an
/// operator must choose.
fn failures(status: &Status) -> Vec<(Step, String)> {
    let chosen = match &status.progress {
        Progress::Choosing { step, why, .. } => Some((*step, why.clone())),
        _ => None,
    };
    let failed = status.steps.iter().filter_map(|it| match &it.state {
        StepState::Failed { why } => Some((it.step, why.clone())),
        _ => None,
    });
    chosen.into_iter().chain(failed).collect()
}

fn started(plan: &Plan) -> String {
    let from = plan.from.as_ref().map(|from| from.version.to_string());
    let from = from.map_or_else(String::new, |from| format!(", {from} is live"));
    format!(
        "{} to {} started by {}{from}",
        plan.kind, plan.version, plan.operator
    )
}

fn counted(status: &Status) -> Option<ChecksCounted> {
    let passed = |case: &&CaseReport| case.verdict == Verdict::Passed;
    Some(ChecksCounted {
        passed: status.cases.iter().filter(passed).count(),
        of: status.cases.len(),
        at: status.checked_at?,
    })
}

/// The failed checks with their reasons. Required checks are first. The reasons have no secrets, because the checker
/// has hidden them.
fn failed_checks(status: &Status) -> Vec<String> {
    let has_failed =
        |case: &&CaseReport| matches!(case.verdict, Verdict::Failed | Verdict::Errored);
    let mut failed: Vec<&CaseReport> = status.cases.iter().filter(has_failed).collect();
    failed.sort_by_key(|case| !case.required);
    let described = failed.iter().take(MOST_CHECKS).map(|case| {
        let optional = if case.required { "" } else { " (optional)" };
        let check = format!("{}{optional}: {}", case.name, case.detail);
        cut(&check, LONGEST_CHECK)
    });
    described.collect()
}

/// A text on one line, sanitized and cut to [`LONGEST`] characters.
pub(super) fn shortened(text: &str) -> String {
    cut(text, LONGEST)
}

fn cut(text: &str, longest: usize) -> String {
    let text = sanitize(text);
    let mut cut: String = text.chars().take(longest).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
