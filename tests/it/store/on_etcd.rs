//! The contracts over etcd.

use std::sync::Arc;

use greenroom::adapters::etcd::{Cluster, Options};
use greenroom::ports::FailureKind;
use greenroom::ports::kv::Kv;
use ulid::Ulid;

use super::contract::{self, Place};
use super::every_contract;
use super::world::World;
use crate::etcd::server::{Carries, Line, Server};
use crate::etcd::world::etcdctl;

/// Removes the keys of a test from a server that others use.
struct Swept(String, String);

impl Drop for Swept {
    fn drop(&mut self) {
        etcdctl(&self.0, &["del", "--prefix", &self.1]);
    }
}

fn options(endpoint: &str, prefix: &str) -> Options {
    let mut options = Options::new(vec![endpoint.to_owned()]);
    prefix.clone_into(&mut options.prefix);
    options
}

fn open(endpoint: &str, prefix: &str) -> Arc<dyn Kv> {
    Arc::new(Cluster::new(&options(endpoint, prefix)).expect("a cluster"))
}

fn at(endpoint: &str) -> Place {
    let prefix = format!("/greenroom-test/{}", Ulid::generate());
    let (server, below) = (endpoint.to_owned(), prefix.clone());
    let compacted = endpoint.to_owned();
    Place {
        kv: open(endpoint, &prefix),
        open: Box::new(move || open(&server, &below)),
        compact: Box::new(move |key| {
            let said = etcdctl(&compacted, &["put", key, "1", "--write-out=json"]);
            let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
            let revision = said["header"]["revision"].to_string();
            etcdctl(&compacted, &["compact", &revision]);
        }),
        _kept: Box::new(Swept(endpoint.to_owned(), prefix)),
    }
}

fn shared() -> Place {
    at(&crate::support::etcd())
}

every_contract!(shared(), World::shared());

#[tokio::test]
async fn a_watch_of_forgotten_changes_says_so() {
    // Other tests watch on the shared server.
    let server = Server::start().await;
    contract::a_watch_of_forgotten_changes_says_so(&at(&server.endpoint())).await;
}

#[tokio::test]
async fn a_store_that_hangs_is_reported_in_time() {
    let server = Server::start().await;
    let place = at(&server.endpoint());
    let line = Line::to(server.port).await;
    let prefix = place.kv.prefix().trim_end_matches('/');
    let hanging = open(&line.endpoint, prefix);
    line.set(Carries::Requests);
    let end = async || line.set(Carries::All);
    // Requests arrive, so the change may be made.
    let kind = FailureKind::Ambiguous;
    contract::a_store_that_hangs_is_reported_in_time(&place, &hanging, kind, end).await;
}
