//! What an operator does: promotes, rolls back, holds, dismisses, retries, takes a release over and leaves it.

use greenroom::inventory::{EntryState, Retry};

use super::engine::{Opener, operator};
use super::scope::{Deed, FAILING, Scope};
use super::state::{CONSOLE, Lock, Person, Phase, Release, State, moment};
use super::turns::Request;

const OPENER: Opener<'static> = Opener {
    process: CONSOLE,
    entry: None,
};

impl State {
    pub(crate) fn requests(&self, scope: &Scope, turns: &mut Vec<Request>) {
        if self.operator.is_some() {
            turns.push(Request::Opens);
        }
        let driven = self.driven();
        let is_open = driven.is_some_and(|it| it.phase == Phase::Open);
        if is_open && self.lock.is_some_and(|lock| lock.process == CONSOLE) {
            turns.push(Request::Leaves);
        }
        if self.left.requests == 0 {
            return;
        }
        let can_plan = self.operator.is_none() && !self.releases.iter().any(is_unfinished);
        for deed in scope.allowed {
            match deed {
                Deed::Promote if can_plan => turns.push(Request::Promotes(FAILING)),
                Deed::RollBack if can_plan && self.before().is_some() => {
                    turns.push(Request::RollsBack);
                }
                Deed::Hold => turns.push(Request::Holds),
                Deed::Dismiss => {
                    let all = self.queue.iter().enumerate();
                    let all = all.filter(|(_, entry)| entry.state.is_dismissable());
                    turns.extend(all.map(|(at, _)| Request::Dismisses(at)));
                }
                Deed::Retry => {
                    let all = self.queue.iter().enumerate();
                    let all = all.filter(|(_, entry)| entry.state.is_retryable());
                    turns.extend(all.map(|(at, _)| Request::Retries(at)));
                }
                Deed::TakeOver => {
                    let is_agents = self.lock.is_none_or(|lock| lock.process != CONSOLE);
                    let newest = self.releases.last().is_some_and(is_unfinished);
                    if is_agents && newest {
                        turns.push(Request::TakesOver);
                    }
                }
                Deed::Promote | Deed::RollBack => {}
            }
        }
    }

    /// The version that was live before the live one.
    fn before(&self) -> Option<char> {
        let made_live = |it: &&Release| it.phase.is_success() && it.version == self.live;
        let release = self.releases.iter().rev().find(made_live)?;
        (release.from != self.live).then_some(release.from)
    }

    pub(crate) fn requested(&mut self, scope: &Scope, request: Request) -> bool {
        let is_free = matches!(request, Request::Opens | Request::Leaves);
        self.left.requests -= u8::from(!is_free);
        match request {
            Request::Promotes(version) => {
                self.operator = self.plan(scope, OPENER, version, false).ok();
                return self.operator.is_some();
            }
            Request::RollsBack => {
                let version = self.before().unwrap_or(self.live);
                self.operator = self.plan(scope, OPENER, version, true).ok();
                return self.operator.is_some();
            }
            Request::Opens => {
                if let Some(plan) = self.operator.take() {
                    // A refusal is shown to the operator.
                    drop(self.open(scope, OPENER, plan));
                }
            }
            Request::Holds => self.is_held = !self.is_held,
            Request::Dismisses(at) => {
                let entry = &self.queue[at];
                let state = EntryState::Dismissed {
                    by: operator(Person::Operator),
                    reason: None,
                };
                self.dismissed.insert(entry.id.clone());
                self.queue[at] = entry.becomes(state, moment(self.now));
            }
            Request::Retries(at) => {
                self.now += 1;
                let retry = Retry {
                    by: operator(Person::Operator),
                    at: moment(self.now),
                };
                self.dismissed.remove(&self.queue[at].id);
                self.queue[at] = self.queue[at].retry(retry);
            }
            Request::TakesOver => {
                let Some(release) = self.releases.last_mut() else {
                    return false;
                };
                release.driven_last_by = Person::Operator;
                self.lock = Some(Lock {
                    process: CONSOLE,
                    release: release.id,
                });
            }
            Request::Leaves => self.lock = None,
        }
        true
    }
}

fn is_unfinished(release: &Release) -> bool {
    release.phase == Phase::Open
}
