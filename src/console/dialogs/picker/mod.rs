//! The picker: the dialog that asks for the version of a promote or a rollback.

mod best_version;
mod choose;
mod look_ups;
mod questions;
mod sheet;
mod version_row;
mod version_rows;

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};

pub use questions::{FindImage, ListVersions, LookUpTag, ReadTerms};
pub use version_row::{Knowledge, VersionRow};

use crate::console::effect::{Effect, QuestionGroup};
use crate::console::layout;
use crate::console::model::{Dialog, Model, TextLine, Weight};
use crate::console::sheet::Sheet;
use crate::console::theme::Theme;
use crate::inventory::{Digest, SourceState, Target};
use crate::release::{ImageAt, Intent, Refusal, Resolved, Terms};

/// The tags in the image registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionList {
    Loading,
    /// The sanitized tags, the newest by name first, without duplicates.
    Listed(Vec<String>),
    /// Why the tags could not be listed.
    Failed(String),
    /// The picker is for a rollback, which offers only versions that were live in this target.
    NotAsked,
}

/// The look-up of a tag in the image registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The image registry has not answered yet.
    Asked,
    Answered(Resolved),
}

/// Whether the environments that come before the picker's target in promotion order were observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// An earlier environment was not observed yet. The cursor is not placed, because the cursor may have to start on
    /// the version of that environment.
    NotObserved,
    /// Every earlier environment was observed, or does not answer.
    Observed,
}

/// Asks for the version of a promote or a rollback.
#[derive(Debug, Clone)]
pub struct Picker {
    pub target: Target,
    pub intent: Intent,
    pub list: VersionList,
    /// The look-ups, by tag.
    pub looked_up: BTreeMap<String, LookUp>,
    /// Where the image of each earlier version is. `None` while the search is running.
    pub images: BTreeMap<Digest, Option<ImageAt>>,
    /// The rules and the past releases of the target, or why these could not be read. `None` until the backend has
    /// answered.
    pub terms: Option<Result<Terms, String>>,
    /// The filter. If no row has this name, the typed text itself can be chosen as a tag or digest.
    pub line: TextLine,
    /// The rows, as they were last computed.
    pub version_rows: Vec<VersionRow>,
    pub before: Before,
    /// The refusals that apply to all versions.
    pub against_all: Vec<Refusal>,
    /// The row of the cursor. Without a cursor, the row on which an arrow key puts the cursor. When the rows change,
    /// the cursor stays on its version.
    pub row: usize,
    /// Whether the cursor is on a row. There is no cursor until the list is complete or the operator presses an arrow
    /// key. There is also no cursor after the version under the cursor has left the list. So Enter never chooses a row
    /// that the operator has not seen under the cursor.
    pub has_cursor: bool,
    /// Whether the list has been complete at least once. From then on, only a key moves the cursor to another version.
    pub is_settled: bool,
    /// Whether the screen has shown the cursor after it was placed on the complete list.
    pub is_seen: bool,
}

impl Picker {
    /// A picker for which no answer has arrived yet.
    pub fn new(target: Target, intent: Intent) -> Self {
        let list = match intent {
            Intent::Promote => VersionList::Loading,
            Intent::GoBack => VersionList::NotAsked,
        };
        Self {
            target,
            intent,
            list,
            looked_up: BTreeMap::new(),
            images: BTreeMap::new(),
            terms: None,
            line: TextLine::default(),
            version_rows: Vec::new(),
            before: match intent {
                Intent::Promote => Before::NotObserved,
                Intent::GoBack => Before::Observed,
            },
            against_all: Vec::new(),
            row: 0,
            has_cursor: false,
            is_settled: false,
            is_seen: true,
        }
    }

    /// Whether no known reason forbids the version of this row. Reasons that apply to all versions, such as a hold, are
    /// not considered.
    pub fn is_choosable(&self, version_row: &VersionRow) -> bool {
        version_row.against.is_empty() && version_row.knowledge != Knowledge::Gone
    }

    /// Moves the cursor by `rows`. Without a cursor, puts it on `row`.
    pub fn go_by(&mut self, rows: isize) {
        let last = self.version_rows.len().saturating_sub(1);
        if self.has_cursor {
            self.row = self.row.saturating_add_signed(rows).min(last);
        }
        self.has_cursor = !self.version_rows.is_empty();
        self.is_seen = true;
    }

    /// The version under the cursor.
    pub fn version_row(&self) -> Option<&VersionRow> {
        self.version_rows.get(self.row).filter(|_| self.has_cursor)
    }

    /// Whether the tags, the terms and the earlier environments have all answered or failed.
    pub fn is_whole(&self) -> bool {
        self.list != VersionList::Loading && self.terms.is_some() && self.before == Before::Observed
    }

    /// The rules and the past releases of the target, if they could be read.
    pub fn known_terms(&self) -> Option<&Terms> {
        self.terms.as_ref()?.as_ref().ok()
    }

    /// Computes the rows again. The cursor stays on its version. If the list has just become complete and there is no
    /// cursor yet, the cursor goes to the version that the operator most likely wants.
    fn arrange(&mut self, model: &Model) {
        let under = self.version_row().cloned();
        if is_before_observed(model, &self.target) {
            self.before = Before::Observed;
        }
        (self.version_rows, self.against_all) = version_rows::version_rows(model, self);
        let row_of = |under: &VersionRow| {
            self.version_rows
                .iter()
                .position(|version_row| version_row.is_same(under))
        };
        let row = under.as_ref().and_then(row_of);
        self.has_cursor = row.is_some();
        let last = self.version_rows.len().saturating_sub(1);
        self.row = row.unwrap_or(self.row).min(last);
        // If the list could not be read, the console tries again. Until there is a row, the cursor is not placed.
        let has_failed = matches!(self.list, VersionList::Failed(_));
        let is_empty_by_failure = has_failed && self.version_rows.is_empty();
        if self.is_whole() && !is_empty_by_failure && !self.is_settled {
            self.is_settled = true;
            if !self.has_cursor {
                self.place(model);
                self.is_seen = false;
            }
        }
    }

    /// Puts the cursor on the version that the operator most likely wants.
    fn place(&mut self, model: &Model) {
        self.row = best_version::best_version(model, self).unwrap_or(0);
        self.has_cursor = !self.version_rows.is_empty();
    }

    /// The operator has changed the text. If the list is complete, the cursor goes to the best match that can be
    /// chosen. If no match can be chosen, the cursor goes to the first row.
    fn text_changed(&mut self, model: &Model) {
        self.version_rows.clear();
        self.row = 0;
        self.has_cursor = false;
        self.arrange(model);
        if self.is_settled {
            self.place(model);
            self.is_seen = true;
        }
    }
}

/// Opens the picker with the versions that are already known, and asks for the versions that are not.
pub(in crate::console) fn open(model: &mut Model, target: Target, intent: Intent) -> Vec<Effect> {
    let mut picker = Picker::new(target.clone(), intent);
    picker.arrange(model);
    model.show(picker);
    // The picker may replace an open picker.
    let mut effects = vec![Effect::Cancel(QuestionGroup::Picker)];
    if intent == Intent::Promote {
        let target = target.clone();
        effects.push(Effect::ask(ListVersions { target }));
    }
    effects.push(Effect::ask(ReadTerms { target }));
    effects
}

/// Computes the rows of the open picker again, after a new observation.
pub(in crate::console) fn arrange(model: &mut Model) {
    model.with_shown(|picker: &mut Picker, model| picker.arrange(model));
}

impl Dialog for Picker {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        let page = layout::picker_rows(model.size).saturating_sub(1).max(1);
        let page = isize::try_from(page).unwrap_or(1);
        match key.code {
            KeyCode::Up => self.go_by(-1),
            KeyCode::Down => self.go_by(1),
            KeyCode::PageUp => self.go_by(-page),
            KeyCode::PageDown => self.go_by(page),
            KeyCode::Enter => return choose::choose(model, self),
            _ => {
                if self.line.pressed(key) {
                    self.text_changed(model);
                }
            }
        }
        let effects = self.look_ups(model);
        model.keep(self);
        effects
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        model.say(Weight::Normal, "no version was chosen");
        Vec::new()
    }

    fn pasted(&mut self, model: &Model, text: &str) -> Result<Vec<Effect>, &'static str> {
        self.line.paste(text.trim());
        self.text_changed(model);
        Ok(self.look_ups(model))
    }

    /// The rows of the list are long.
    fn widest(&self) -> u16 {
        112
    }

    fn was_drawn(&mut self) {
        self.is_seen = true;
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        sheet::sheet(model, theme, self, columns)
    }
}

/// Whether the sources of this service's targets in all earlier environments (in promotion order) have answered or
/// failed. An environment without a target of this service is skipped.
fn is_before_observed(model: &Model, target: &Target) -> bool {
    let names = model.world.environments.iter().map(|(name, _)| name);
    let before = names.take_while(|name| **name != target.environment);
    let mut targets = before.map(|name| Target::new(target.service.clone(), name.clone()));
    targets.all(|before| {
        let sources = model.world.get(&before).map(|snapshot| &snapshot.sources);
        sources.is_none_or(|sources| {
            let mut sources = sources.named().into_iter();
            sources.all(|(_, state)| *state != SourceState::Connecting)
        })
    })
}
