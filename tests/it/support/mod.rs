//! Where the real servers are, and small functions that every test needs.

pub(crate) mod certificates;
pub(crate) mod disk;
pub(crate) mod foreign_keys;
pub(crate) mod holds;
pub(crate) mod json_lines;
pub(crate) mod load;
mod load_client;
mod load_report;
pub(crate) mod lossy;
pub(crate) mod middleman;
pub(crate) mod needs;
pub(crate) mod pairs;
pub(crate) mod peer_approvals;
pub(crate) mod presence;
pub(crate) mod pty;
mod pty_tests;
pub(crate) mod reload;
pub(crate) mod takeover;
pub(crate) mod versions;
pub(crate) mod web;

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use greenroom::inventory::{Addresses, Edge, EdgeName, Edges};
use greenroom::port_check;
use greenroom::ports::InstanceSpec;

/// The addresses of a slot whose only member is this one.
pub(crate) fn addresses_of(spec: &InstanceSpec) -> Addresses {
    let endpoint = spec.endpoint.clone();
    endpoint.map_or_else(|| Addresses::counted(1), Addresses::from)
}

/// The only edge of a target.
pub(crate) fn edge(edges: &mut Edges) -> &mut Edge {
    edges.edge_mut(&EdgeName::default())
}

/// An HTTP client that connects without a proxy. `reqwest` needs a TLS provider, also for plain HTTP.
pub(crate) fn http_client() -> reqwest::ClientBuilder {
    // An error means that the process already has a provider.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy()
}

/// A variable that `tests/run` sets. Without it the test fails and says how to run it.
pub(crate) fn from_environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run this test by tests/run, and let tests/lib/needs_servers say so"
        )
    })
}

/// The Docker engine, e.g. `unix:///run/docker.sock`.
pub(crate) fn docker() -> String {
    from_environment("GREENROOM_TEST_DOCKER")
}

/// The image registry, e.g. `127.0.0.1:5000`, plain HTTP, no credentials.
pub(crate) fn registry() -> String {
    from_environment("GREENROOM_TEST_REGISTRY")
}

/// An etcd endpoint, e.g. `http://127.0.0.1:2379`.
pub(crate) fn etcd() -> String {
    from_environment("GREENROOM_TEST_ETCD")
}

/// Whether this is `tests/run --fast`. It runs every test, but property tests with fewer cases and the model checker
/// with only its smaller scopes.
pub(crate) fn is_fast() -> bool {
    std::env::var_os("GREENROOM_TEST_FAST").is_some()
}

/// The number of cases of a property test that has `whole` cases in a whole run.
pub(crate) fn cases(whole: u32) -> u32 {
    if is_fast() { whole.div_ceil(8) } else { whole }
}

/// The first port for tests, and their number: below those of sandboxes, of the servers that
/// `tests/run` starts, and of outgoing connections, of which a load needs many.
const PORTS: (u16, u16) = (11_000, 8_900);

/// A loopback port without a listener that no other test gets.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let (first, count) = PORTS;
    // Two concurrent runs start at different ports, far apart even when they started together.
    let begin = std::process::id().wrapping_mul(997) % u32::from(count);
    let begin = u16::try_from(begin).expect("a small number");
    for _ in 0..count {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        let port = first + (begin + given % count) % count;
        if port_check::check(([127, 0, 0, 1], port).into()).is_ok() {
            return port;
        }
    }
    panic!("no free port from {first} on");
}

/// Waits for a condition, and fails with `what` when it does not hold within `deadline`.
pub(crate) async fn eventually<F>(what: &str, deadline: Duration, mut holds: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let until = Instant::now() + deadline;
    while !holds().await {
        assert!(Instant::now() < until, "{what}: not within {deadline:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
