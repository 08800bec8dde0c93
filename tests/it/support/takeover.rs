//! How every kind of lock store treats a takeover.

use std::time::Duration;

use futures_util::future::join_all;
use greenroom::history::{Entry, ReleaseRecord};
use greenroom::inventory::{FencingToken, LockRecord, Registration, Slot, Target};
use greenroom::ports::{
    Acquired, FailureKind, Fence, JournalEnd, JournalWriter, Lease, LeaseState, Locks,
    RegistryWriter,
};

/// A store of locks, and the writes that compare them.
pub(crate) struct Contract<'a, S> {
    pub(crate) locks: &'a S,
    pub(crate) writer: &'a dyn RegistryWriter,
    pub(crate) target: &'a Target,
    pub(crate) record: fn(&str) -> LockRecord,
    pub(crate) entry: fn(Slot, FencingToken) -> Registration,
}

impl<S: Locks> Contract<'_, S> {
    async fn take_over(&self, console: &str, from: &Fence) -> Acquired {
        let record = (self.record)(console);
        let taken = self.locks.take_over(self.target, &record, from.token);
        taken.await.expect("an answer")
    }

    async fn write(&self, fence: &Fence) -> Result<(), FailureKind> {
        let entry = (self.entry)(Slot::Blue, fence.token);
        let written = self.writer.register(self.target, &entry, fence).await;
        written.map_err(|failure| failure.kind)
    }

    async fn is_of(&self, fence: &Fence) -> bool {
        let asked = self.locks.holds(self.target, fence).await;
        asked.expect("an answer")
    }

    /// Checks all of it. The lock is free before.
    pub(crate) async fn holds(&self) {
        let first = self.locks.acquire(self.target, &(self.record)("one")).await;
        let mut first = held(first.expect("an answer"));
        self.write(&first.fence).await.expect("it is held");
        assert!(self.is_of(&first.fence).await);

        let second = held(self.take_over("two", &first.fence).await);
        assert!(second.fence.token > first.fence.token);
        assert_eq!(self.write(&first.fence).await, Err(FailureKind::Fenced));
        self.write(&second.fence).await.expect("it is held");
        assert!(self.is_of(&second.fence).await);
        assert!(
            !self.is_of(&first.fence).await,
            "also before it learns of it"
        );
        let lost = first.state.wait_for(|state| *state != LeaseState::Held);
        let lost = tokio::time::timeout(Duration::from_secs(15), lost).await;
        drop(lost.expect("reported in time").expect("told"));

        // Only from exactly the observed lock.
        let late = self.take_over("three", &first.fence).await;
        let Acquired::Taken(holder) = late else {
            panic!("taken from another: {late:?}");
        };
        assert_eq!(holder.record, (self.record)("two"));
        assert_eq!(holder.token, second.fence.token);
        let given = self.locks.release(self.target, &first.fence).await;
        given.expect("nothing to give back");
        self.write(&second.fence).await.expect("still held");

        let names: Vec<String> = (0..8).map(|number| format!("of-many-{number}")).collect();
        let asked = names.iter().map(|name| self.take_over(name, &second.fence));
        let answers = join_all(asked).await;
        let mut winners: Vec<Lease> = answers
            .into_iter()
            .filter_map(|answer| match answer {
                Acquired::Held(lease) => Some(lease),
                Acquired::Taken(_) => None,
            })
            .collect();
        assert_eq!(winners.len(), 1, "of many exactly one gets it");
        let winner = winners.remove(0);
        self.write(&winner.fence).await.expect("it is held");

        let given = self.locks.release(self.target, &winner.fence).await;
        given.expect("given back");
        assert!(!self.is_of(&winner.fence).await);
        let free = held(self.take_over("last", &winner.fence).await);
        assert!(free.fence.token > winner.fence.token);
        let given = self.locks.release(self.target, &free.fence).await;
        given.expect("given back");
    }
}

impl<S: Locks> Contract<'_, S> {
    /// A lock changes its holder only while the holder's journal ends where it was observed to end.
    /// The lock is free before.
    pub(crate) async fn takes_over_at_rest(
        &self,
        journal: &dyn JournalWriter,
        head: &ReleaseRecord,
        entries: &[Entry; 2],
    ) {
        let seen = JournalEnd {
            release: head.id,
            last_entry: 1,
        };
        let first = self.locks.acquire(self.target, &(self.record)("one")).await;
        let first = held(first.expect("an answer"));
        journal.head(head, &first.fence).await.expect("opened");
        let [resting, beginning] = entries;
        let append = |entry, fence| journal.append(self.target, head.id, entry, fence);
        append(resting, &first.fence).await.expect("written");

        let other = JournalEnd {
            last_entry: 0,
            ..seen
        };
        let refused = self.take_at_rest("two", &first.fence, other).await;
        assert!(matches!(refused, Acquired::Taken(_)), "it wrote since");
        let second = held(self.take_at_rest("two", &first.fence, seen).await);
        assert!(second.fence.token > first.fence.token);
        let late = append(beginning, &first.fence).await;
        assert_eq!(late.map_err(|it| it.kind), Err(FailureKind::Fenced));

        append(beginning, &second.fence).await.expect("written");
        let refused = self.take_at_rest("three", &second.fence, seen).await;
        assert!(matches!(refused, Acquired::Taken(_)), "it has started");
        let given = self.locks.release(self.target, &second.fence).await;
        given.expect("given back");
    }

    async fn take_at_rest(&self, console: &str, from: &Fence, end: JournalEnd) -> Acquired {
        let record = (self.record)(console);
        let taken = self
            .locks
            .take_over_at_rest(self.target, &record, from.token, end);
        taken.await.expect("an answer")
    }
}

fn held(answer: Acquired) -> Lease {
    match answer {
        Acquired::Held(lease) => lease,
        Acquired::Taken(holder) => panic!("it is taken: {holder:?}"),
    }
}
