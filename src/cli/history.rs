//! `greenroom history`: lists releases, holds and repairs from the archive, newest first. Unless `--offline` is given,
//! first copies new records from the stores to the archive.

mod arguments;
mod compare;
mod find;
mod prune;
mod seal;
mod table;
mod timeline;
mod verify;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::arguments::{Common, VerbDefinition};
use super::man::Manual;
use super::out::say_bytes;
use super::{Exit, json, names, open};
use crate::history::{Filter, Item, when};
use crate::inventory::{ReleaseId, Target};
use crate::watchers::{Archive, ArchiveProblem};
use crate::wire::App;
use arguments::HistoryVerb;

pub(super) use arguments::History;
pub(super) use find::{Found, find};

impl VerbDefinition for History {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("history", &[("greenroom history web production --since monday", "Lists what was released since Monday."), ("greenroom history --operator ana --csv --limit 100000", "Writes a table of everything ana released.")], &["show", "history compare", "history timeline", "history verify"], &["history"]),
        ("history compare", &[("greenroom history compare 01M8 01M9", "Compares two releases, named by the start of their ids.")], &["history", "show"], &["history"]),
        ("history timeline", &[("greenroom history timeline production", "Shows what became live in production, in order.")], &["history"], &["history"]),
        ("history verify", &[("greenroom history verify", "Recomputes the hashes of all records and compares them with the stores.")], &["history seal", "history"], &["history"]),
        ("history seal", &[("greenroom history seal", "Seals all records that are finished.")], &["history verify"], &["history", "security"]),
        ("history prune", &[("greenroom history prune --dry-run", "Shows which releases would be removed.")], &["history", "config"], &["history"]),
    ];

    fn has_own_format(&self) -> bool {
        self.csv
    }

    async fn run(self, common: &Common) -> Exit {
        run(common, &self).await
    }
}

/// How many releases are read from the archive at a time.
const PAGE: usize = 500;

async fn run(common: &Common, verb: &History) -> Exit {
    let app = match open::app(common) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    match &verb.verb {
        Some(HistoryVerb::Compare(verb)) => return compare::run(common, &app, verb).await,
        Some(HistoryVerb::Timeline(verb)) => return timeline::run(common, &app, verb).await,
        Some(HistoryVerb::Verify(verb)) => return verify::run(common, &app, verb).await,
        Some(HistoryVerb::Seal(verb)) => return seal::run(common, &app, verb).await,
        Some(HistoryVerb::Prune(verb)) => return prune::run(common, &app, verb).await,
        None => {}
    }
    let filter = match filter(verb, app.engine.clock().now()) {
        Ok(filter) => filter,
        Err(message) => {
            warn_line!("greenroom: {message}");
            return Exit::Usage;
        }
    };
    let Some(archive) = archive(&app).await else {
        return Exit::Failed;
    };
    let exit = if verb.offline {
        Exit::Done
    } else {
        catch_up(&app, &archive, |target| is_wanted(verb, target)).await
    };
    let mut table = table::Table::new(common.json, verb.csv);
    let mut left = verb.limit;
    let listing = list(&archive, &filter, verb.limit, |item| {
        if left > 0 && table.can_show(&item) {
            table.row(&item);
            left -= 1;
        }
    });
    if let Err(failure) = listing.await {
        warn_line!("greenroom: {failure}");
        return Exit::Failed;
    }
    let has_listed = left < verb.limit;
    if has_listed {
        return table.end(exit);
    }
    // Releases of targets that are no longer configured are listed too. So the names are checked only if nothing was
    // listed.
    if let Err(exit) = names::check(&app, verb.service.as_ref(), verb.environment.as_ref()) {
        return exit;
    }
    // A failed read does not mean that there are no releases.
    if exit == Exit::Done && !common.json && !verb.csv {
        let message = if verb.offline {
            "no matching release in the archive of this machine; run without --offline to read the stores too"
        } else if filter == Filter::default() {
            "there are no releases yet"
        } else if filter == of_target(verb) {
            "there are no releases of the selected targets yet"
        } else {
            "no release matches"
        };
        say_line!("{message}");
    }
    table.end(exit)
}

fn is_wanted(verb: &History, target: &Target) -> bool {
    target.is_among(verb.service.as_ref(), verb.environment.as_ref())
}

fn of_target(verb: &History) -> Filter {
    Filter {
        service: verb.service.as_ref().map(ToString::to_string),
        environment: verb.environment.as_ref().map(ToString::to_string),
        ..Filter::default()
    }
}

fn filter(verb: &History, now: Timestamp) -> Result<Filter, String> {
    let time = |text: &Option<String>| text.as_deref().map(|text| when(text, now)).transpose();
    Ok(Filter {
        version: verb.version.clone(),
        operator: verb.operator.clone(),
        outcome: verb.outcome,
        since: time(&verb.since)?.map(|when| when.from),
        until: time(&verb.until)?.map(|when| when.to),
        words: verb
            .search
            .iter()
            .flat_map(|text| text.split_whitespace())
            .map(str::to_owned)
            .collect(),
        ..of_target(verb)
    })
}

/// Opens the archive. If that fails, opens an empty archive in memory, so that the stores can still be browsed. Returns
/// `None` if that fails too.
pub(super) async fn archive(app: &App) -> Option<Archive> {
    match app.any_archive().await {
        Ok((archive, None)) => Some(archive),
        Ok((archive, Some(failure))) => {
            warn_line!(
                "greenroom: the archive cannot be opened: {failure}\n  This command keeps no local copy, and shows only what it reads from the stores. With --offline, it reads no store and shows nothing."
            );
            Some(archive)
        }
        Err(failure) => {
            warn_line!("greenroom: {failure}");
            None
        }
    }
}

/// Copies new records from the stores to the archive, and prints what could not be copied. Returns `NeedsPerson` if all
/// stores answered but some records cannot be read, and `Failed` after any other problem.
pub(super) async fn catch_up(
    app: &App,
    archive: &Archive,
    is_wanted: impl Fn(&Target) -> bool,
) -> Exit {
    let sites = app.engine.sites();
    let sites = sites.filter(|site| is_wanted(&site.definition.target));
    let problems: BTreeMap<Target, Vec<ArchiveProblem>> =
        archive.catch_up(sites.cloned().collect()).await;
    for (target, problems) in &problems {
        for problem in problems {
            warn_line!("greenroom: {target}: {problem}");
        }
    }
    if problems.is_empty() {
        Exit::Done
    } else if problems.values().flatten().all(ArchiveProblem::is_partial) {
        Exit::NeedsPerson
    } else {
        Exit::Failed
    }
}

/// Lists the records that match `filter`, newest first: at most `limit` releases, and the holds and repairs between
/// them.
async fn list(
    archive: &Archive,
    filter: &Filter,
    limit: usize,
    mut each: impl FnMut(Item),
) -> crate::ports::Result<()> {
    let mut left = limit;
    let mut before: Option<ReleaseId> = None;
    while left > 0 {
        let page = PAGE.min(left);
        let (items, is_whole) = archive.items(filter, before, page).await?;
        let mut releases = items.iter().rev().filter_map(Item::release);
        before = releases.next().map(|last| last.head.id);
        items.into_iter().for_each(&mut each);
        if is_whole {
            break;
        }
        left -= page;
    }
    Ok(())
}
