//! Stores on an etcd, and etcdctl.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use greenroom::adapters::etcd::{Cluster, Options};
use greenroom::inventory::ExtraKey;
use greenroom::ports::kv::Kv;
use ulid::Ulid;

pub(crate) use crate::store::world::{Raw, World, change, lock, registration};

/// An etcd, as etcdctl reaches it.
#[derive(Debug)]
struct Etcd {
    options: Options,
}

impl Etcd {
    fn endpoint(&self) -> &str {
        self.options.endpoints.first().expect("an endpoint")
    }
}

impl Raw for Etcd {
    fn open(&self) -> Arc<dyn Kv> {
        Arc::new(Cluster::new(&self.options).expect("a cluster"))
    }

    fn put(&self, key: &[u8], value: &[u8]) {
        use std::os::unix::ffi::OsStrExt;
        let text = std::ffi::OsStr::from_bytes;
        let output = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", self.endpoint(), "put", "--"])
            .args([text(key), text(value)])
            .output()
            .expect("etcdctl runs");
        assert!(output.status.success(), "{output:?}");
    }

    fn delete(&self, key: &str) {
        etcdctl(self.endpoint(), &["del", key]);
    }

    fn get(&self, key: &str) -> String {
        etcdctl(self.endpoint(), &["get", key, "--print-value-only"])
    }

    fn brief(&self) -> Duration {
        Duration::from_secs(6)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if self.endpoint() == std::env::var("GREENROOM_TEST_ETCD").unwrap_or_default() {
            etcdctl(self.endpoint(), &["del", "--prefix", &self.options.prefix]);
        }
    }
}

impl World {
    /// On the server of the environment.
    pub(crate) fn shared() -> Self {
        Self::at(vec![crate::support::etcd()])
    }

    pub(crate) fn at(endpoints: Vec<String>) -> Self {
        Self::with(Options::new(endpoints), &[])
    }

    pub(crate) fn with(mut options: Options, extra: &[ExtraKey]) -> Self {
        options.prefix = format!("/greenroom-test/{}", Ulid::generate());
        let raw = Etcd { options };
        Self::over(raw.open(), Arc::new(raw), extra)
    }

    /// The same keys through another server, user or line.
    pub(crate) fn reached(&self, mut options: Options) -> Self {
        options.prefix.clone_from(&self.prefix);
        let cluster = Cluster::new(&options).expect("a cluster");
        self.through(Arc::new(cluster))
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
