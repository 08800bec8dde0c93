//! The turns of an agent: it looks at its target and decides, and then performs what it has decided.

use greenroom::agent::decide::{self, EntryChange, Next, Planned};
use greenroom::inventory::QueueEntry;
use greenroom::release::{Refused, Resolved};

use super::super::names::{self, number_of, version};
use super::engine::Opener;
use super::scope::{Flaw, Scope};
use super::state::{Doing, State, ThePlan, moment};

/// The version that the tag of a push names.
fn letter(entry: &QueueEntry) -> char {
    entry.push.tag.chars().next().expect("a tag")
}

/// Whether performing this changes anything.
fn changes_something(next: &Next) -> bool {
    match next {
        Next::Rest(_) => false,
        Next::Wait { change, .. } => change.from != change.to,
        Next::Change(changes) => changes.iter().any(|change| change.from != change.to),
        Next::Resume(_) | Next::LookUp(_) | Next::Plan(_) | Next::RollOut(_) => true,
    }
}

impl State {
    /// The agent reads and decides; returns whether something is due.
    pub(crate) fn looks(&mut self, scope: &Scope, at: usize) -> bool {
        let (process, name) = (self.agents[at].process, self.agents[at].name());
        let next = decide::next(&self.see(scope, process, &name));
        let is_due = changes_something(&next);
        if is_due {
            self.agents[at].doing = Doing::Decided(next);
        }
        is_due
    }

    pub(crate) fn acts(&mut self, scope: &Scope, at: usize) {
        let doing = std::mem::replace(&mut self.agents[at].doing, Doing::Nothing);
        self.agents[at].doing = match doing {
            Doing::Nothing => Doing::Nothing,
            Doing::Decided(next) => self.performs(scope, at, next),
            Doing::Planned(entry, planned) => self.identifies(scope, at, entry, planned),
            Doing::Identified(entry, planned) => self.decides(scope, at, &entry, planned),
            Doing::Names(change, plan) => self.names(scope, at, &change, plan),
            Doing::Opens(named, plan) => self.opens(scope, at, &named, plan),
        };
    }

    fn performs(&mut self, scope: &Scope, at: usize, next: Next) -> Doing {
        let process = self.agents[at].process;
        match next {
            Next::Rest(_) | Next::RollOut(_) => Doing::Nothing,
            Next::Change(changes) => {
                for change in &changes {
                    self.change(scope, change);
                }
                Doing::Nothing
            }
            Next::Wait { change, .. } => {
                self.change(scope, &change);
                Doing::Nothing
            }
            Next::Resume(release) => {
                self.resume(scope, process, number_of(release));
                Doing::Nothing
            }
            Next::LookUp(entry) => {
                let name = self.agents[at].name();
                let seen = self.see(scope, process, &name);
                let resolved = Resolved::Version(Box::new(version(letter(&entry))));
                Doing::Decided(decide::offered(&seen, &entry, resolved))
            }
            Next::Plan(entry) => {
                let opener = Opener {
                    process,
                    entry: Some(&entry),
                };
                let planned = self.plan(scope, opener, letter(&entry), false);
                Doing::Planned(*entry, planned)
            }
        }
    }

    /// Writes the version of the entry, as production's follower does after planning.
    fn identifies(
        &mut self,
        scope: &Scope,
        at: usize,
        entry: QueueEntry,
        planned: Result<ThePlan, Refused>,
    ) -> Doing {
        let name = self.agents[at].name();
        let is_wanted = match &planned {
            Ok(_) => true,
            Err(refused) => {
                let seen = self.see(scope, self.agents[at].process, &name);
                entry.version.is_none() && decide::waits_after(&seen, &entry, refused)
            }
        };
        let resolved = version(letter(&entry));
        let to = is_wanted.then(|| decide::identified(&entry, &resolved));
        let Some(to) = to.flatten() else {
            return Doing::Identified(entry, planned);
        };
        let change = EntryChange { from: entry, to };
        if self.change(scope, &change) {
            Doing::Identified(change.to, planned)
        } else {
            Doing::Nothing
        }
    }

    /// Reads the earlier releases, and decides.
    fn decides(
        &self,
        scope: &Scope,
        at: usize,
        entry: &QueueEntry,
        planned: Result<ThePlan, Refused>,
    ) -> Doing {
        let name = self.agents[at].name();
        let seen = self.see(scope, self.agents[at].process, &name);
        let (past, open) = (self.past(scope), self.open_release(scope));
        let made = match &planned {
            Ok(plan) => Planned::Made {
                release: names::release(plan.release),
                is_approved: true,
                open: &open,
            },
            Err(refused) => Planned::Refused(refused),
        };
        match (decide::planned(&seen, entry, made, &past), planned) {
            (Next::RollOut(change), Ok(plan)) => Doing::Names(change, plan),
            (next, _) if changes_something(&next) => Doing::Decided(next),
            _ => Doing::Nothing,
        }
    }

    fn names(&mut self, scope: &Scope, at: usize, change: &EntryChange, plan: ThePlan) -> Doing {
        if scope.has(Flaw::OpensBeforeNaming) {
            let opener = Opener {
                process: self.agents[at].process,
                entry: Some(&change.from),
            };
            return match self.open(scope, opener, plan) {
                Ok(()) => Doing::Decided(Next::Change(vec![change.clone()])),
                Err(refused) => {
                    Doing::Decided(decide::not_opened(&change.from, &refused, moment(self.now)))
                }
            };
        }
        if self.change(scope, change) {
            Doing::Opens(change.to.clone(), plan)
        } else {
            Doing::Nothing
        }
    }

    fn opens(&mut self, scope: &Scope, at: usize, named: &QueueEntry, plan: ThePlan) -> Doing {
        let opener = Opener {
            process: self.agents[at].process,
            entry: Some(named),
        };
        match self.open(scope, opener, plan) {
            Ok(()) => Doing::Nothing,
            Err(refused) => Doing::Decided(decide::not_opened(named, &refused, moment(self.now))),
        }
    }
}
