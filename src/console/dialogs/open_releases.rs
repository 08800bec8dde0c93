//! Reads a release that this console does not drive, to resume it. If several releases of the target are open, the
//! operator has to choose one.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};

use super::resume::ResumeDialog;
use super::resume_choice::later;
use super::{Refusal, Thinking};
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question};
use crate::console::model::{Dialog, Model, moved};
use crate::console::sheet::{Sheet, Top, row};
use crate::console::theme::{Meaning, Theme};
use crate::console::update::handover_request;
use crate::console::view::text;
use crate::history::ReleaseRecord;
use crate::inventory::{ReleaseId, Target};
use crate::release::{Interrupted, Refused};
use crate::sanitize::sanitize;

/// How titles name the release that is read.
const OPEN_RELEASE: &str = "the open release";

/// Asks which of several open releases of a target to resume.
#[derive(Debug, Clone)]
pub struct OpenReleases {
    /// The open releases, newest first. Never empty.
    pub releases: Vec<ReleaseRecord>,
    pub row: usize,
}

/// Reads `release`. Without it, reads the only open release of the target, or asks which of several to read.
pub(in crate::console) fn read(
    model: &mut Model,
    target: Target,
    release: Option<ReleaseId>,
) -> Vec<Effect> {
    let request_id = Thinking::open(model, target.clone(), OPEN_RELEASE);
    vec![Effect::ask(ReadRelease {
        request_id,
        target,
        release,
    })]
}

/// Reads a release that has not ended, to see how the release can be resumed.
#[derive(Debug)]
pub struct ReadRelease {
    /// The number of the request, which [`Thinking`] waits for.
    pub request_id: u64,
    pub target: Target,
    /// `None` until the operator has chosen one of several open releases.
    pub release: Option<ReleaseId>,
}

#[derive(Debug, Clone)]
pub enum OpenRelease {
    One(Arc<Interrupted>),
    /// Several releases of the target are open, newest first, so the operator has to choose one.
    Several(Vec<ReleaseRecord>),
}

impl Question for ReadRelease {
    type Answer = Result<OpenRelease, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        Box::pin(async {
            if self.release.is_none() {
                let open = backend.open_releases(&self.target).await?;
                if open.len() > 1 {
                    return Ok(OpenRelease::Several(open));
                }
            }
            let found = backend.interrupted(&self.target, self.release).await?;
            Ok(OpenRelease::One(Arc::new(found)))
        })
    }

    fn answered(&self, model: &mut Model, found: Self::Answer) -> Vec<Effect> {
        if Thinking::awaiting(model, self.request_id).is_none() {
            return Vec::new();
        }
        match found {
            Ok(OpenRelease::Several(releases)) => model.show(OpenReleases { releases, row: 0 }),
            Ok(OpenRelease::One(found)) => {
                let has_asked = handover_request::waits_for(model, &found);
                let driver = found.driver();
                let is_by_agent =
                    driver.is_some_and(|holder| model.is_agent(&holder.record.console));
                model.show(ResumeDialog {
                    found,
                    has_asked,
                    is_by_agent,
                    row: 0,
                });
            }
            Err(refused) => {
                let title = format!("reading {OPEN_RELEASE} of {}", self.target);
                model.show(Refusal::new(title, &refused));
            }
        }
        Vec::new()
    }
}

impl Dialog for OpenReleases {
    /// Choosing a release only reads that release.
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if key.code != KeyCode::Enter {
            self.row = moved(self.row, self.releases.len(), key.code);
        } else if let Some(chosen) = self.releases.get(self.row) {
            return read(model, chosen.target.clone(), Some(chosen.id));
        }
        model.keep(self)
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        later(model)
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let target = self.releases.first().map(|head| head.target.to_string());
        let target = target.unwrap_or_default();
        let mut sheet = Sheet::new(format!("Several releases of {target} are open: choose one"));
        sheet.frame = Meaning::Warn;
        for (index, head) in self.releases.iter().enumerate() {
            let label = format!(
                "{} to {}, started {} ago by {}, {}",
                head.kind,
                head.to.1.name(),
                text::age(text::seconds(head.opened_at, model.now)),
                head.operator,
                head.id.short()
            );
            let label = text::cut(&sanitize(&label), columns.saturating_sub(2), theme);
            sheet.body.push(row(theme, index == self.row, label));
        }
        // Keeps the row under the cursor in view.
        sheet.top = Top::At(self.row.saturating_sub(4));
        sheet.keys(
            theme,
            &[
                ("j k", "choose"),
                ("Enter", "show it"),
                ("Esc", "decide later"),
            ],
        );
        sheet
    }
}
