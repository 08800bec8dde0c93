//! The store that operators share: route, registrations, lock and journal, with the comparisons
//! that `ports::registry` promises.

use greenroom::inventory::Slot;
use greenroom::ports::FailureKind;

use super::engine::index;
use super::flaws::Flaw;
use super::journal::Journal;
use super::scope::Scope;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) generation: u64,
    pub(crate) live: Slot,
    pub(crate) digest: char,
    pub(crate) release: u8,
    pub(crate) token: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entered {
    pub(crate) digest: char,
    pub(crate) release: u8,
    pub(crate) token: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Lock {
    pub(crate) by: usize,
    pub(crate) token: i64,
}

#[derive(Debug, Clone, Hash)]
pub(crate) struct Store {
    pub(crate) route: Option<Route>,
    pub(crate) slots: [Option<Entered>; 2],
    pub(crate) lock: Option<Lock>,
    /// The newest token that was given.
    pub(crate) granted: i64,
    pub(crate) journals: [Journal; 2],
}

impl Store {
    pub(crate) fn route_key(&self) -> Option<(u64, Slot)> {
        self.route.map(|route| (route.generation, route.live))
    }

    pub(crate) fn is_held_by(&self, operator: usize) -> bool {
        self.lock.is_some_and(|lock| lock.by == operator)
    }

    /// Every write compares the token in its own transaction.
    pub(crate) fn compare(&self, scope: &Scope, token: i64) -> Result<(), FailureKind> {
        let is_ours = self.lock.is_some_and(|lock| lock.token == token);
        if is_ours || scope.has(Flaw::StoreTakesAnyToken) {
            Ok(())
        } else {
            Err(FailureKind::Fenced)
        }
    }

    /// The token under which the lock is taken; `None` when another operator has it.
    pub(crate) fn acquire(&mut self, scope: &Scope, operator: usize) -> Option<i64> {
        let token = match self.lock {
            Some(lock) if scope.has(Flaw::LockIsGivenTwice) => lock.token,
            Some(_) => return None,
            None => {
                self.granted += 1;
                self.granted
            }
        };
        self.lock = Some(Lock {
            by: operator,
            token,
        });
        Some(token)
    }

    /// The token under which the lock is taken from its holder.
    pub(crate) fn take_over(&mut self, operator: usize) -> i64 {
        self.granted += 1;
        self.lock = Some(Lock {
            by: operator,
            token: self.granted,
        });
        self.granted
    }

    pub(crate) fn swap(
        &mut self,
        scope: &Scope,
        from: Option<(u64, Slot)>,
        to: Route,
        needed: bool,
    ) -> Result<(), FailureKind> {
        self.compare(scope, to.token)?;
        if self.route == Some(to) {
            return Ok(());
        }
        if self.route_key() != from && !scope.has(Flaw::StoreTakesAnyFrom) {
            return Err(FailureKind::Conflict);
        }
        let is_registered = self.slots[index(to.live)].is_some();
        if !is_registered && !scope.has(Flaw::StoreRoutesToUnregistered) {
            return Err(FailureKind::Conflict);
        }
        if !needed && !scope.has(Flaw::StoreTakesAnyNeeds) {
            return Err(FailureKind::Changed);
        }
        self.route = Some(to);
        Ok(())
    }

    pub(crate) fn deregister(
        &mut self,
        scope: &Scope,
        slot: Slot,
        token: i64,
    ) -> Result<(), FailureKind> {
        self.compare(scope, token)?;
        let is_live = self.route.is_some_and(|route| route.live == slot);
        if is_live && !scope.has(Flaw::StoreDeregistersLive) {
            return Err(FailureKind::Conflict);
        }
        self.slots[index(slot)] = None;
        Ok(())
    }
}
