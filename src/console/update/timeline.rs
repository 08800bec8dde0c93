//! Reads the past releases of the open target, if the screen has rows for them.

use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question};
use crate::console::layout;
use crate::console::model::{HistoryAnswer, HistoryQuestion, Model};
use crate::history::Filter;
use crate::inventory::Target;
use crate::release::report;

/// How many releases are read. No screen has rows for more.
const LIMIT: usize = 20;

/// Asks the archive each time another target is opened, and again after each update of the archive.
pub(super) fn ask(model: &mut Model) -> Option<Effect> {
    if layout::timeline_rows(model) == 0 {
        return None;
    }
    let target = model.open.clone()?;
    let wanted = Some((target.clone(), model.history.kept.0));
    if model.timeline.requested == wanted {
        return None;
    }
    model.timeline.requested = wanted;
    let filter = Filter {
        service: Some(target.service.to_string()),
        environment: Some(target.environment.to_string()),
        ..Filter::default()
    };
    let question = HistoryQuestion::List {
        filter,
        before: None,
        limit: LIMIT,
    };
    Some(Effect::ask(ReadTimeline { target, question }))
}

/// Reads the past releases of a target from the archive.
#[derive(Debug)]
pub struct ReadTimeline {
    pub target: Target,
    pub question: HistoryQuestion,
}

impl Question for ReadTimeline {
    type Answer = Result<HistoryAnswer, String>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.history(self.question.clone())
    }

    /// If the archive could not be read, the timeline is empty. The history shows the reason when it is opened.
    fn answered(&self, model: &mut Model, answer: Self::Answer) -> Vec<Effect> {
        if model.open.as_ref() == Some(&self.target) {
            model.timeline.target = Some(self.target.clone());
            model.timeline.lines = match answer {
                Ok(HistoryAnswer::Listed { items, .. }) => report::timeline(&items),
                _ => Vec::new(),
            };
        }
        Vec::new()
    }
}
