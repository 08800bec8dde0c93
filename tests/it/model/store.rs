//! The store that operators share: the lock and the journals of every target. What the store has about the versions
//! that run is in the sides.

use greenroom::ports::FailureKind;

use super::flaws::Flaw;
use super::journal::Journal;
use super::scope::Scope;
use super::side::Side;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Lock {
    pub(crate) by: usize,
    pub(crate) token: i64,
}

#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Store {
    pub(crate) lock: Option<Lock>,
    /// The newest token that was given.
    pub(crate) granted: i64,
    pub(crate) journals: [Journal; 2],
}

impl Store {
    pub(crate) fn is_held_by(&self, operator: usize) -> bool {
        self.lock.is_some_and(|lock| lock.by == operator)
    }

    /// Every write compares the token in its own transaction.
    pub(crate) fn compare<S: Side>(&self, scope: &Scope<S>, token: i64) -> Result<(), FailureKind> {
        let is_ours = self.lock.is_some_and(|lock| lock.token == token);
        if is_ours || scope.has(Flaw::StoreTakesAnyToken) {
            Ok(())
        } else {
            Err(FailureKind::Fenced)
        }
    }

    /// The token under which the lock is taken; `None` when another operator has it.
    pub(crate) fn acquire<S: Side>(&mut self, scope: &Scope<S>, operator: usize) -> Option<i64> {
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
}
