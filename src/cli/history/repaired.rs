//! Repairs between the releases of a list: as the journals have them, for no archive keeps them.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;

use super::table::Table;
use crate::cli::repairs;
use crate::history::RepairRecord;
use crate::inventory::{ReleaseId, Target};
use crate::release::Site;
use crate::wire::App;

/// How long a journal may take; all are asked at the same time.
const PATIENCE: Duration = Duration::from_secs(8);

/// Those that are not shown yet, newest first.
pub(super) struct Repaired {
    rest: VecDeque<RepairRecord>,
    /// Whether all journals could be read.
    pub(super) is_heard: bool,
}

impl Repaired {
    /// None at all.
    pub(super) fn none() -> Self {
        Self {
            rest: VecDeque::new(),
            is_heard: true,
        }
    }

    /// The newest of the targets that are wanted; says what could not be read.
    pub(super) async fn of(app: &App, limit: usize, is_wanted: impl Fn(&Target) -> bool) -> Self {
        let sites = app.engine.sites();
        let sites: Vec<&Site> = sites
            .filter(|site| is_wanted(&site.definition.target))
            .collect();
        let readings = sites.iter().map(|site| repairs::of(site, limit, PATIENCE));
        let mut all = Vec::new();
        let mut is_heard = true;
        for (site, reading) in sites.iter().zip(join_all(readings).await) {
            match reading {
                Ok(repairs) => all.extend(repairs),
                Err(why) => {
                    warn_line!("greenroom: {}: {why}", site.definition.target);
                    is_heard = false;
                }
            }
        }
        all.sort_by_key(|repair| std::cmp::Reverse(repair.id));
        Self {
            rest: all.into(),
            is_heard,
        }
    }

    /// Shows those that are newer than a release, or all that are left; at most `most`. How many.
    pub(super) fn show(
        &mut self,
        table: &mut Table,
        newer_than: Option<ReleaseId>,
        most: usize,
    ) -> usize {
        let mut shown = 0;
        while shown < most {
            let is_next =
                |repair: &RepairRecord| newer_than.is_none_or(|release| repair.id > release);
            if !self.rest.front().is_some_and(is_next) {
                break;
            }
            if let Some(repair) = self.rest.pop_front() {
                table.repair(&repair);
            }
            shown += 1;
        }
        shown
    }
}
