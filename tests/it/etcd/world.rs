//! A private prefix on an etcd with all three adapters, and records to write.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use greenroom::adapters::etcd::{
    EtcdLocks, EtcdReader, EtcdWriter, ExtraKey, LockTimes, Options, Store,
};
use greenroom::inventory::{
    Digest, FencingToken, HoldChange, InstanceId, LockRecord, Operator, OthersKeys, Registration,
    ReleaseId, Route, Slot, Target,
};
use greenroom::ports::{Acquired, Fence, Lease, Locks, RegistryWriter, RouteChange};
use ulid::Ulid;

pub(crate) struct World {
    pub(crate) prefix: String,
    endpoint: String,
    pub(crate) store: Store,
    pub(crate) reader: EtcdReader,
    pub(crate) writer: EtcdWriter,
    pub(crate) locks: EtcdLocks,
    pub(crate) target: Target,
}

impl World {
    /// On the server of the environment.
    pub(crate) fn shared() -> Self {
        Self::at(vec![crate::support::etcd()])
    }

    pub(crate) fn at(endpoints: Vec<String>) -> Self {
        Self::with(Options::new(endpoints), &[])
    }

    /// A world whose locks expire soon without a renewal, for tests of lost locks. Other tests keep
    /// a lock longer than a slow machine may pause.
    pub(crate) fn forgetful(endpoint: String, lease: Duration) -> Self {
        let mut world = Self::at(vec![endpoint]);
        let times = LockTimes {
            lease,
            heartbeat: Duration::from_millis(500),
        };
        world.locks = EtcdLocks::new(&world.store, times);
        world
    }

    pub(crate) fn with(mut options: Options, extra: &[ExtraKey]) -> Self {
        let prefix = format!("/greenroom-test/{}", Ulid::generate());
        let endpoint = options.endpoints.first().expect("an endpoint").clone();
        options.prefix.clone_from(&prefix);
        let store = Store::open(&options).expect("a store");
        let target = target();
        let extra = BTreeMap::from([(target.service.clone(), extra.to_vec())]);
        let times = LockTimes {
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_millis(500),
        };
        Self {
            reader: EtcdReader::new(&store),
            writer: EtcdWriter::new(&store, &extra).expect("a writer"),
            locks: EtcdLocks::new(&store, times),
            prefix,
            endpoint,
            store,
            target,
        }
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

    pub(crate) fn key(&self, rest: &str) -> String {
        format!("{}/targets/web/production/{rest}", self.prefix)
    }

    /// Writes bytes that need not be UTF-8.
    pub(crate) fn put_bytes(&self, key: &str, value: &[u8]) {
        self.put_raw(key.as_bytes(), value);
    }

    /// Writes under a key that need not be UTF-8.
    pub(crate) fn put_raw(&self, key: &[u8], value: &[u8]) {
        use std::os::unix::ffi::OsStrExt;
        let text = std::ffi::OsStr::from_bytes;
        let output = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.endpoint, "put", "--"])
            .args([text(key), text(value)])
            .output()
            .expect("etcdctl runs");
        assert!(output.status.success(), "{output:?}");
    }

    pub(crate) fn etcdctl(&self, arguments: &[&str]) -> String {
        etcdctl(&self.endpoint, arguments)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.endpoint == std::env::var("GREENROOM_TEST_ETCD").unwrap_or_default() {
            etcdctl(&self.endpoint, &["del", "--prefix", &self.prefix]);
        }
    }
}

pub(crate) fn etcdctl(endpoint: &str, arguments: &[&str]) -> String {
    let output = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", endpoint])
        .args(arguments)
        .output()
        .expect("etcdctl runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs etcdctl as this etcd user, whose password is derived from the name. Returns its output,
/// errors included.
pub(super) fn etcdctl_as(endpoint: &str, user: &str, arguments: &[&str]) -> String {
    let output = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", endpoint])
        .args(["--user", &format!("{user}:{user}-password")])
        .args(arguments)
        .output()
        .expect("etcdctl runs");
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
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
        endpoint: "127.0.0.1:8002".parse().expect("an endpoint"),
        tag: Some("1.9".into()),
        digest: digest('a'),
        instance: InstanceId("c0ffee".into()),
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
            endpoint: "127.0.0.1:8002".parse().expect("an endpoint"),
            digest: digest('a'),
            release: ReleaseId(Ulid::generate()),
            token,
        },
    }
}
