//! A private store with all that writes to it, records to write, and a way to its keys without an adapter.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use greenroom::history::{
    Direction, Entry, FORMAT, JournalEvent, ReleaseKind, ReleaseRecord, Step,
};
use greenroom::inventory::{
    Digest, ExtraKey, FencingToken, HoldChange, ImageLabels, InstanceId, LockRecord, Operator,
    OthersKeys, RegisteredMember, Registration, RegistryRecord, ReleaseId, Route, Slot, Target,
    Version,
};
use greenroom::ports::kv::{Call, Kv};
use greenroom::ports::{
    Acquired, Fence, KeyLine, Lease, Locks, RegistryReader, RegistryWriter, RouteChange,
};
use greenroom::store::{
    LockTimes, Store, StoreReader, StoreWriter, StoredHolds, StoredLocks, StoredPeerApprovals,
    StoredPresence, StoredQueue,
};
use tokio::time::Instant;
use ulid::Ulid;

/// How a test reaches a store without its adapter.
pub(crate) trait Raw: Debug + Send + Sync {
    /// Opens the store again, like another process.
    fn open(&self) -> Arc<dyn Kv>;
    /// Writes a pair. Neither part need be UTF-8.
    fn put(&self, key: &[u8], value: &[u8]);
    fn delete(&self, key: &str);
    fn get(&self, key: &str) -> String;
    /// A short lease that does not expire while a slow machine pauses.
    fn brief(&self) -> Duration;
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) store: Store,
    pub(crate) reader: StoreReader,
    pub(crate) writer: StoreWriter,
    pub(crate) locks: StoredLocks,
    pub(crate) target: Target,
    /// The prefix of all keys, without a slash at the end.
    pub(crate) prefix: String,
    pub(crate) raw: Arc<dyn Raw>,
}

impl World {
    pub(crate) fn over(kv: Arc<dyn Kv>, raw: Arc<dyn Raw>, extra: &[ExtraKey]) -> Self {
        let store = Store::new(Arc::clone(&kv));
        let target = target();
        let extra = BTreeMap::from([(target.service.clone(), extra.to_vec())]);
        let times = LockTimes {
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_millis(500),
        };
        Self {
            reader: StoreReader::new(&store),
            writer: StoreWriter::new(&store, &extra).expect("a writer"),
            locks: StoredLocks::new(&store, times),
            prefix: kv.prefix().trim_end_matches('/').to_owned(),
            store,
            kv,
            target,
            raw,
        }
    }

    /// The same store, as another process sees it.
    pub(crate) fn again(&self) -> Self {
        Self::over(self.raw.open(), Arc::clone(&self.raw), &[])
    }

    /// The same store through another value, such as a bad line.
    pub(crate) fn through(&self, kv: Arc<dyn Kv>) -> Self {
        Self::over(kv, Arc::clone(&self.raw), &[])
    }

    /// Locks that expire soon without a renewal. Other tests keep a lock longer than a slow machine may pause.
    pub(crate) fn forgetful(&mut self, lease: Duration) {
        let heartbeat = (lease / 4).min(Duration::from_millis(500));
        self.locks = StoredLocks::new(&self.store, LockTimes { lease, heartbeat });
    }

    pub(crate) fn holds(&self) -> StoredHolds {
        StoredHolds::new(&self.store)
    }

    pub(crate) fn approvals(&self) -> StoredPeerApprovals {
        StoredPeerApprovals::new(&self.store)
    }

    pub(crate) fn queue(&self) -> StoredQueue {
        StoredQueue::new(&self.store)
    }

    pub(crate) fn presence(&self) -> StoredPresence {
        let (lease, beat) = (Duration::from_secs(2), Duration::from_millis(500));
        StoredPresence::with(&self.store, lease, beat)
    }

    pub(crate) async fn locked(&self) -> Lease {
        self.locked_by("console-1").await
    }

    pub(crate) async fn locked_by(&self, console: &str) -> Lease {
        match self.locks.acquire(&self.target, &lock(console)).await {
            Ok(Acquired::Held(lease)) => lease,
            other => panic!("the lock is free: {other:?}"),
        }
    }

    pub(crate) async fn registered(&self, slot: Slot, fence: &Fence) -> Registration {
        let entry = registration(slot, fence.token);
        self.writer
            .register(&self.target, &entry, fence)
            .await
            .expect("registered");
        entry
    }

    pub(crate) async fn record(&self) -> RegistryRecord {
        self.reader.read(&self.target).await.expect("a record")
    }

    pub(crate) async fn lines(&self) -> Vec<KeyLine> {
        let read = self.reader.read_with_keys(&self.target).await;
        read.expect("a record").1
    }

    /// A key below the target.
    pub(crate) fn key(&self, rest: &str) -> String {
        self.under(&format!("targets/web/production/{rest}"))
    }

    /// A key below the prefix.
    pub(crate) fn under(&self, rest: &str) -> String {
        format!("{}{rest}", self.kv.prefix())
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        self.raw.put(key.as_bytes(), value.as_bytes());
    }
}

/// A call that may take long enough for a slow machine.
pub(crate) fn call() -> Call<'static> {
    Call {
        doing: "testing",
        until: Instant::now() + Duration::from_secs(5),
    }
}

pub(crate) fn target() -> Target {
    Target::new(
        "web".parse().expect("a name"),
        "production".parse().expect("a name"),
    )
}

pub(crate) fn digest(fill: char) -> Digest {
    format!("sha256:{}", fill.to_string().repeat(64))
        .parse()
        .expect("a digest")
}

pub(crate) fn operator() -> Operator {
    Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    }
}

pub(crate) fn lock(console: &str) -> LockRecord {
    LockRecord {
        purpose: greenroom::inventory::LockPurpose::Release,
        operator: operator(),
        console: console.into(),
        release: ReleaseId(Ulid::nil()),
        since: "2026-01-01T00:00:00Z".parse().expect("a time"),
        message: "promoting 1.9".into(),
    }
}

pub(crate) fn registration(slot: Slot, token: FencingToken) -> Registration {
    Registration {
        slot,
        members: vec![RegisteredMember {
            endpoint: "127.0.0.1:8002".parse().ok(),
            instance: InstanceId("c0ffee".into()),
        }],
        tag: Some("1.9".into()),
        digest: digest('a'),
        release: ReleaseId(Ulid::nil()),
        registered_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
        token,
    }
}

/// From no route, or from a generation, to the next one.
pub(crate) fn change(from: Option<(u64, Slot)>, to: Slot, token: FencingToken) -> RouteChange {
    RouteChange {
        hold: HoldChange::Keep,
        peer_approvals: Vec::new(),
        others_keys: OthersKeys::Refuse,
        from,
        to: Route {
            generation: from.map_or(1, |(generation, _)| generation + 1),
            live: to,
            addresses: "127.0.0.1:8002".parse().expect("an endpoint"),
            digest: digest('a'),
            release: ReleaseId(Ulid::generate()),
            token,
        },
    }
}

pub(crate) fn head(target: &Target, id: ReleaseId) -> ReleaseRecord {
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id,
        target: target.clone(),
        kind: ReleaseKind::Promote,
        from: None,
        to: (
            Slot::Green,
            Version {
                repository: "r/web".into(),
                tag: Some("1.9".into()),
                digest: digest('a'),
                labels: ImageLabels::default(),
            },
        ),
        operator: operator(),
        reason: None,
        opened_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: None,
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

pub(crate) fn entry(sequence: u32, failure: Option<String>) -> Entry {
    Entry {
        sequence,
        at: "2026-01-01T00:00:01Z".parse().expect("a time"),
        event: JournalEvent::Outcome {
            step: Step::Pull,
            direction: Direction::Forward,
            failure,
            took: Duration::from_millis(1),
        },
        chain: None,
    }
}
