//! Asks for the reason of a promote, then requests its plan. A rollback is planned first. If the rules require a
//! reason, the dialog asks for it afterwards. The rollback can start without a reason, because a rollback is urgent.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};

use super::{Refusal, Thinking, confirm};
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question};
use crate::console::model::{Dialog, Model, Scrolling, TextLine, Weight};
use crate::console::sheet::Sheet;
use crate::console::theme::{Meaning, Theme};
use crate::history::{NO_REASON_YET, ReleaseKind};
use crate::inventory::{Hold, Target, VersionRef};
use crate::release::{Plan, PlanRequest, Refused, Terms, Wanted};
use crate::sanitize::sanitize;

/// Asks for the reason of a release, or for the reason to override a hold.
#[derive(Debug, Clone)]
pub struct Reason {
    pub target: Target,
    pub wanted: Wanted,
    /// The version, as the screen shows it.
    pub name: String,
    pub line: TextLine,
    /// Whether the rules require a reason. `None` if the rules were not read yet, or if they could not be read.
    pub required: Option<bool>,
    /// The holds that the release overrides. If there are holds, the dialog first asks why the release overrides them.
    pub overridden_holds: Vec<Hold>,
    /// The reason for overriding the holds, after it was typed.
    pub override_holds: Option<String>,
    /// The plan of a rollback for which the rules require a reason. A rollback can start without a reason.
    pub planned: Option<Arc<Plan>>,
}

impl Reason {
    /// Whether the dialog now asks why the holds are overridden, and not for the reason of the release.
    pub fn overrides(&self) -> bool {
        !self.overridden_holds.is_empty() && self.override_holds.is_none()
    }
}

/// Asks for the reason of a promote. `required` says whether the rules require a reason. It is `None` if the rules were
/// not read yet or could not be read.
pub(in crate::console) fn ask(
    model: &mut Model,
    target: Target,
    wanted: Wanted,
    name: String,
    required: Option<bool>,
    overridden_holds: Vec<Hold>,
) -> Vec<Effect> {
    let read_rules = required.is_none().then(|| {
        let target = target.clone();
        Effect::ask(ReadRules { target })
    });
    model.show(Reason {
        target,
        wanted,
        name,
        line: TextLine::default(),
        required,
        overridden_holds,
        override_holds: None,
        planned: None,
    });
    read_rules.into_iter().collect()
}

/// Requests the plan of a rollback without asking for a reason first.
pub(in crate::console) fn go_back(
    model: &mut Model,
    target: Target,
    wanted: Wanted,
    name: String,
) -> Vec<Effect> {
    let reason = Reason {
        target,
        wanted,
        name,
        line: TextLine::default(),
        required: None,
        overridden_holds: Vec::new(),
        override_holds: None,
        planned: None,
    };
    ask_for_plan(model, reason, None)
}

/// Asks for the reason of a rollback that was planned without a reason, although the rules require a reason.
fn ask_of_rollback(model: &mut Model, plan: Arc<Plan>, name: String) {
    model.show(Reason {
        target: plan.target().clone(),
        wanted: match plan.kind {
            ReleaseKind::WarmRollback => Wanted::Standby,
            _ => Wanted::Back(VersionRef::Digest(plan.version.digest.clone())),
        },
        name,
        line: TextLine::default(),
        required: Some(true),
        overridden_holds: Vec::new(),
        override_holds: None,
        planned: Some(plan),
    });
}

impl Dialog for Reason {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if key.code == KeyCode::Enter {
            return plan(model, self);
        }
        self.line.pressed(key);
        model.keep(self)
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        model.say(Weight::Normal, "no release was started");
        Vec::new()
    }

    fn line(&mut self) -> Option<&mut TextLine> {
        Some(&mut self.line)
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Pages
    }

    fn sheet(&self, _: &Model, theme: &Theme, columns: usize) -> Sheet {
        let mut sheet = Sheet::new(format!("{} to {}: why?", self.name, self.target));
        let environment = &self.target.environment;
        if self.overrides() {
            return self.override_sheet(theme, columns);
        }
        let (message, meaning) = match self.required {
            Some(true) if self.planned.is_some() => (
                format!(
                    "The rules of {environment} require a reason, but a rollback can start without one. If you leave it empty, the history says \"{NO_REASON_YET}\"."
                ),
                Meaning::Warn,
            ),
            Some(true) => (
                format!("The rules of {environment} require a reason. It is kept in the history."),
                Meaning::Warn,
            ),
            Some(false) => (
                "Reason (optional). It is kept in the history.".to_owned(),
                Meaning::Muted,
            ),
            None => (
                "Reason (optional if the rules allow it). It is kept in the history.".to_owned(),
                Meaning::Muted,
            ),
        };
        sheet.say(theme, &message, columns, meaning);
        let names = [
            ("Enter", "plan it (changes nothing yet)"),
            ("Esc", "cancel"),
        ];
        sheet.ask_in_line(theme, &self.line, columns, &names);
        sheet
    }
}

impl Reason {
    /// Asks for the reason to override the holds of the target.
    fn override_sheet(&self, theme: &Theme, columns: usize) -> Sheet {
        let mut sheet = Sheet::new(format!("{} is held: override it?", self.target));
        sheet.frame = Meaning::Warn;
        for hold in &self.overridden_holds {
            let message = sanitize(&hold.to_string());
            sheet.say(theme, &message, columns, Meaning::Warn);
        }
        let message = format!(
            "To promote {} despite the hold, type a reason. In a protected environment, another operator must approve the override before the switch.",
            self.name
        );
        sheet.say(theme, &message, columns, Meaning::Muted);
        let names = [
            ("Enter", "override it (changes nothing yet)"),
            ("Esc", "cancel"),
        ];
        sheet.ask_in_line(theme, &self.line, columns, &names);
        sheet
    }
}

fn plan(model: &mut Model, mut reason: Box<Reason>) -> Vec<Effect> {
    let text = sanitize(reason.line.text().trim());
    if reason.overrides() {
        if text.is_empty() {
            let text = "type why you override the hold: the reason is recorded with your name";
            model.say(Weight::Prominent, text);
        } else {
            reason.override_holds = Some(text);
            reason.line = TextLine::default();
        }
        model.keep(reason);
        return Vec::new();
    }
    if text.is_empty()
        && let Some(plan) = reason.planned.take()
    {
        confirm::ask_to_begin(model, plan);
        return Vec::new();
    }
    if text.is_empty() && reason.required == Some(true) {
        let target = &reason.target;
        let text = format!(
            "the rules of {} require a reason: type a reason",
            target.environment
        );
        model.say(Weight::Prominent, &text);
        model.keep(reason);
        return Vec::new();
    }
    ask_for_plan(model, *reason, (!text.is_empty()).then_some(text))
}

fn ask_for_plan(model: &mut Model, reason: Reason, text: Option<String>) -> Vec<Effect> {
    let request_id = Thinking::open(model, reason.target.clone(), &reason.name);
    vec![Effect::ask(MakePlan {
        request_id,
        request: PlanRequest {
            target: reason.target,
            wanted: reason.wanted,
            reason: text,
            override_holds: reason.override_holds,
            operator: model.operator.clone(),
            trigger: None,
            skipped_tasks: Vec::new(),
            overridden_checks: Vec::new(),
        },
    })]
}

/// Reads whether the rules of a target require a reason.
#[derive(Debug)]
pub struct ReadRules {
    pub target: Target,
}

impl Question for ReadRules {
    type Answer = Result<Terms, String>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.terms(&self.target)
    }

    fn answered(&self, model: &mut Model, terms: Self::Answer) -> Vec<Effect> {
        if let Some(reason) = model.shown_mut::<Reason>()
            && reason.target == self.target
        {
            reason.required = terms.ok().map(|terms| terms.rules.require_reason);
        }
        Vec::new()
    }
}

/// Plans a release.
#[derive(Debug)]
pub struct MakePlan {
    /// The number of the request, which [`Thinking`] waits for.
    pub request_id: u64,
    pub request: PlanRequest,
}

impl Question for MakePlan {
    type Answer = Result<Arc<Plan>, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.plan(self.request.clone())
    }

    fn answered(&self, model: &mut Model, plan: Self::Answer) -> Vec<Effect> {
        let Some(thinking) = Thinking::awaiting(model, self.request_id) else {
            return Vec::new();
        };
        let (name, target) = (thinking.name.clone(), &thinking.target);
        let title = format!("{name} to {target}");
        match plan {
            Ok(plan) if plan.lacks_reason() => ask_of_rollback(model, plan, name),
            Ok(plan) => confirm::ask_to_begin(model, plan),
            Err(refused) => model.show(Refusal::new(title, &refused)),
        }
        Vec::new()
    }
}
