//! The history: handles its keys and the answers of the archive.

use super::history_pages::{of_audit, of_environment, of_releases, proof};
use crate::console::action::Action;
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question, QuestionGroup};
use crate::console::layout;
use crate::console::model::{
    HistoryAnswer, HistoryQuestion, IN_TIMELINE, LISTED, Model, PromptKind, Waiting, Weight,
};
use crate::history::{Filter, Item};
use crate::inventory::ReleaseId;

/// More rows are read when the cursor is fewer than this many rows from the last row.
const NEAR: usize = 50;

/// Opens the history, or closes it if it is open.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    model.notice = None;
    if model.history.is_open {
        close(model);
        return Vec::new();
    }
    model.history.is_open = true;
    list(model)
}

/// Opens the history with the page of one release. The list below the page is read after the page.
pub(in crate::console) fn open_release(model: &mut Model, release: ReleaseId) -> Vec<Effect> {
    model.notice = None;
    forget_page(model);
    model.history.is_open = true;
    ask(
        model,
        Waiting::Releases,
        HistoryQuestion::Releases(vec![release]),
    )
}

fn close(model: &mut Model) {
    forget_page(model);
    model.history.is_open = false;
}

/// Closes the page over the list, and drops the answer to a question about a page.
fn forget_page(model: &mut Model) {
    let history = &mut model.history;
    history.opens = false;
    history.page = None;
    if matches!(
        history.waiting,
        Some(Waiting::Releases | Waiting::Timeline(_) | Waiting::Proof)
    ) {
        history.waiting = None;
        history.request_id += 1;
    }
}

/// Refuses an action of the history while the history is not open.
pub(super) fn not_open(model: &mut Model) -> Vec<Effect> {
    let key = model.keymap.shown(Action::History);
    let text = format!("this action works only in the history: {key} opens the history");
    model.refused(&text)
}

/// Runs an action while the history is open. `None` for an action that does the same with and without the history.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Effect>> {
    match action {
        _ if action.binding().same_in_history => return None,
        Action::Back => back(model),
        Action::Up => scroll(model, -1),
        Action::Down => scroll(model, 1),
        Action::HalfUp => scroll(model, -half(model)),
        Action::HalfDown => scroll(model, half(model)),
        Action::First => scroll(model, isize::MIN),
        Action::Last => last(model),
        Action::Search => {
            forget_page(model);
            let typed = model.history.typed.clone();
            return Some(model.ask_in_prompt(PromptKind::FilterHistory, &typed));
        }
        Action::Open if model.history.page.is_some() => model.history.page = None,
        Action::Open => return Some(details(model)),
        Action::Mark => mark(model),
        Action::Compare => return Some(compare_marked(model)),
        Action::Timeline => return Some(ask_timeline(model)),
        Action::Prove => return Some(ask_proof(model)),
        Action::Copy => return Some(copy(model)),
        _ => {
            let key = model.keymap.shown(Action::History);
            let text =
                format!("this action does nothing in the history: {key} shows the panes again");
            return Some(model.refused(&text));
        }
    }
    Some(read_more(model))
}

/// Closes the page over the list. Without a page, closes the history.
fn back(model: &mut Model) {
    model.notice = None;
    if model.history.page.is_some() {
        forget_page(model);
    } else {
        close(model);
    }
}

/// Moves the cursor, or scrolls the page.
pub(super) fn scroll(model: &mut Model, by: isize) {
    let history = &mut model.history;
    history.opens = false;
    if let Some(page) = &mut history.page {
        let last = page.lines.len().saturating_sub(1);
        page.top = page.top.saturating_add_signed(by).min(last);
    } else {
        let last = history.rows.len().saturating_sub(1);
        history.row = history.row.saturating_add_signed(by).min(last);
    }
}

/// Goes to the last row, or scrolls to the end of the page.
fn last(model: &mut Model) {
    match &mut model.history.page {
        Some(page) => page.top = page.end.get(),
        None => scroll(model, isize::MAX),
    }
}

fn half(model: &Model) -> isize {
    let rows = layout::history_rows(model);
    isize::try_from(rows / 2).unwrap_or(1).max(1)
}

pub(super) fn typed(model: &mut Model, text: &str) -> Vec<Effect> {
    text.clone_into(&mut model.history.typed);
    list(model)
}

fn filter(model: &Model) -> Result<Filter, String> {
    Filter::parse(&model.history.typed, model.now)
}

/// Reads the first part of the list. The old rows stay until the answer arrives.
fn list(model: &mut Model) -> Vec<Effect> {
    list_up_to(model, LISTED)
}

fn list_up_to(model: &mut Model, limit: usize) -> Vec<Effect> {
    model.history.kept.1 = Some(model.history.kept.0);
    match filter(model) {
        Ok(filter) => {
            model.history.filter_error = None;
            let question = HistoryQuestion::List {
                filter,
                before: None,
                limit,
            };
            ask(model, Waiting::List, question)
        }
        Err(error) => {
            model.history.filter_error = Some(error);
            Vec::new()
        }
    }
}

/// Reads the next part of the list if the cursor is near the last row.
pub(super) fn read_more(model: &mut Model) -> Vec<Effect> {
    let history = &model.history;
    let is_near = history.row + NEAR >= history.rows.len();
    if !is_near || history.is_whole || history.waiting.is_some() {
        return Vec::new();
    }
    let mut releases = history.rows.iter().rev().filter_map(Item::release);
    let before = releases.next().map(|last| last.head.id);
    let (Some(before), Ok(filter)) = (before, filter(model)) else {
        return Vec::new();
    };
    let question = HistoryQuestion::List {
        filter,
        before: Some(before),
        limit: LISTED,
    };
    ask(model, Waiting::More, question)
}

fn ask(model: &mut Model, waiting: Waiting, question: HistoryQuestion) -> Vec<Effect> {
    model.history.request_id += 1;
    model.history.waiting = Some(waiting);
    let read = ReadHistory {
        request_id: model.history.request_id,
        question,
    };
    vec![Effect::Cancel(QuestionGroup::History), Effect::ask(read)]
}

/// Reads records from the archive for the list or a page.
#[derive(Debug)]
pub struct ReadHistory {
    /// The number of the request. The answer is dropped if there was a later request.
    pub request_id: u64,
    pub question: HistoryQuestion,
}

impl Question for ReadHistory {
    type Answer = Result<HistoryAnswer, String>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.history(self.question.clone())
    }

    /// After the answer, reads an outdated list again.
    fn answered(&self, model: &mut Model, answer: Self::Answer) -> Vec<Effect> {
        let mut effects = apply_answer(model, self.request_id, answer);
        effects.extend(refresh(model));
        effects
    }

    fn group(&self) -> Option<QuestionGroup> {
        Some(QuestionGroup::History)
    }
}

/// Whether the list is being read. If the filter has changed, the rows belong to the previous filter until the answer
/// arrives.
fn is_listing(model: &Model) -> bool {
    matches!(model.history.waiting, Some(Waiting::List | Waiting::More))
}

const LISTING: &str = "the list is still being read: try again in a moment";

fn details(model: &mut Model) -> Vec<Effect> {
    // An operator who types a filter and presses Enter twice wants the first row of the new list, so that row is opened
    // when the list arrives.
    model.history.opens = is_listing(model);
    if model.history.opens {
        return Vec::new();
    }
    let id = match model.history.under_cursor() {
        None => return model.refused(NO_RELEASE),
        Some(Item::Audit(kept)) => {
            model.history.page = Some(of_audit(kept));
            return Vec::new();
        }
        Some(Item::Release(listed)) => listed.head.id,
    };
    ask(
        model,
        Waiting::Releases,
        HistoryQuestion::Releases(vec![id]),
    )
}

const NO_RELEASE: &str = "no release is under the cursor";

fn id_under_cursor(model: &Model) -> Option<ReleaseId> {
    model.history.under_cursor().map(Item::id)
}

fn mark(model: &mut Model) {
    let under = model.history.under_cursor();
    let release = under.filter(|_| model.history.page.is_none());
    let Some(id) = release.and_then(Item::release).map(|listed| listed.head.id) else {
        let text = "nothing was marked: only a release in the list can be marked";
        model.say(Weight::Prominent, text);
        return;
    };
    let marked = &mut model.history.marked;
    if let Some(place) = marked.iter().position(|marked| *marked == id) {
        marked.remove(place);
        return;
    }
    // At most two releases are marked: a third mark removes the first.
    if marked.len() == 2 {
        marked.remove(0);
    }
    marked.push(id);
    let key = model.keymap.shown(Action::Compare);
    if model.history.marked.len() == 2 {
        let text = format!("two releases are marked: {key} compares them");
        model.say(Weight::Normal, &text);
    }
}

fn compare_marked(model: &mut Model) -> Vec<Effect> {
    let mut marked = model.history.marked.clone();
    if marked.len() != 2 {
        let key = model.keymap.shown(Action::Mark);
        let text = format!("mark two releases with {key} to compare them");
        return model.refused(&text);
    }
    if is_listing(model) {
        return model.refused(LISTING);
    }
    // The older release comes first, although it may have been marked second.
    marked.sort();
    ask(model, Waiting::Releases, HistoryQuestion::Releases(marked))
}

fn ask_timeline(model: &mut Model) -> Vec<Effect> {
    if is_listing(model) {
        return model.refused(LISTING);
    }
    let Some(item) = model.history.under_cursor() else {
        return model.refused(NO_RELEASE);
    };
    let environment = item.target().environment.clone();
    let filter = Filter {
        environment: Some(environment.to_string()),
        ..Filter::default()
    };
    let question = HistoryQuestion::List {
        filter,
        before: None,
        limit: IN_TIMELINE,
    };
    ask(model, Waiting::Timeline(environment), question)
}

/// Starts the verification of the records that match the filter.
fn ask_proof(model: &mut Model) -> Vec<Effect> {
    match filter(model) {
        Ok(filter) => {
            model.say(
                Weight::Normal,
                "verifying the records on this machine and in the stores",
            );
            ask(model, Waiting::Proof, HistoryQuestion::Prove(filter))
        }
        Err(error) => model.refused(&error),
    }
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(item) = model.history.under_cursor() else {
        return model.refused("nothing was copied: no record is under the cursor");
    };
    let (id, kind) = match item {
        Item::Release(listed) => (listed.head.id, "release"),
        Item::Audit(kept) => (kept.record.id(), kept.record.kind()),
    };
    model.say(
        Weight::Normal,
        &format!("copied the id of the {kind}: {id}"),
    );
    vec![Effect::Copy(id.to_string())]
}

/// Counts an update of the archive. If the history is open and no question is unanswered, reads the list again.
pub(super) fn archive_updated(model: &mut Model) -> Vec<Effect> {
    model.history.kept.0 += 1;
    refresh(model)
}

/// Reads the list again if the history is open, no question is unanswered, and the archive was updated since the last
/// reading. Asks for at least as many releases as the current list has.
fn refresh(model: &mut Model) -> Vec<Effect> {
    let history = &model.history;
    let (kept, listed) = history.kept;
    if !history.is_open || history.waiting.is_some() || Some(kept) == listed {
        return Vec::new();
    }
    let releases = history.rows.iter().filter_map(Item::release).count();
    list_up_to(model, releases.max(LISTED))
}

fn apply_answer(
    model: &mut Model,
    request_id: u64,
    answer: Result<HistoryAnswer, String>,
) -> Vec<Effect> {
    let history = &mut model.history;
    if request_id != history.request_id {
        return Vec::new();
    }
    let waiting = history.waiting.take();
    let is_of_list = matches!(waiting, Some(Waiting::List | Waiting::More));
    if is_of_list {
        history.read_error = None;
    }
    match (waiting, answer) {
        // If a page cannot be read, the list stays on the screen.
        (_, Err(why)) if !is_of_list => {
            model.say(Weight::Prominent, &crate::sanitize::sanitize(&why));
        }
        (_, Err(why)) => history.read_error = Some(crate::sanitize::sanitize(&why)),
        (Some(Waiting::List), Ok(HistoryAnswer::Listed { items, is_whole })) => {
            listed(model, items, is_whole);
            return open_chosen(model);
        }
        (Some(Waiting::More), Ok(HistoryAnswer::Listed { items, is_whole })) => {
            history.is_whole = is_whole;
            history.rows.extend(items);
            return open_chosen(model);
        }
        (Some(Waiting::Timeline(environment)), Ok(HistoryAnswer::Listed { items, is_whole })) => {
            history.page = Some(of_environment(&environment, &items, is_whole));
        }
        (Some(Waiting::Proof), Ok(HistoryAnswer::Verification(proven))) => {
            model.notice = None;
            model.history.page = Some(proof(&proven));
        }
        (Some(Waiting::Releases), Ok(HistoryAnswer::Releases(kept))) => {
            history.page = of_releases(&kept);
        }
        _ => {}
    }
    Vec::new()
}

/// Opens the entry under the cursor if the operator pressed Enter before the list arrived.
fn open_chosen(model: &mut Model) -> Vec<Effect> {
    if std::mem::take(&mut model.history.opens) && id_under_cursor(model).is_some() {
        details(model)
    } else {
        Vec::new()
    }
}

/// Replaces the rows. The cursor stays on its entry if the new list has this entry, and otherwise goes to the first
/// row.
fn listed(model: &mut Model, rows: Vec<Item>, is_whole: bool) {
    let before = id_under_cursor(model);
    let history = &mut model.history;
    history.is_whole = is_whole;
    history.rows = rows;
    let place = history.rows.iter().position(|row| Some(row.id()) == before);
    history.row = place.unwrap_or_default();
}
