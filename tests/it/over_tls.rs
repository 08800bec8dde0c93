//! Probes over TLS to a real server, with certificates that this process trusts or does not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenroom::adapters::embedded_proxy::{EmbeddedProxy, Site};
use greenroom::adapters::http::HttpChecker;
use greenroom::checks::HealthCheck;
use greenroom::inventory::{Address, PerSlot, Probe, PublicAddress, Slot, Target};
use greenroom::ports::{Checker, Connection};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::certificates::{authority, certificate};
use crate::support::free_port;

/// Names the directory of the certificates, in the process that trusts them.
const CERTIFICATES: &str = "GREENROOM_TEST_CERTIFICATES";

/// Writes the authorities `ca.pem` and `other.pem`, and the certificates `good`, `named` (for another name) and
/// `strange` (from `other`).
fn certificates(directory: &Path) {
    for name in ["ca", "other"] {
        authority(directory, name);
    }
    let own = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1";
    certificate(directory, "good", "ca", own);
    certificate(directory, "named", "ca", "subjectAltName=DNS:web.example");
    certificate(directory, "strange", "other", own);
}

/// A server that answers each request with the name in the TLS handshake and the `Host` header.
struct Server {
    at: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(on: &str, directory: &Path, certificate: &str) -> Self {
        let file = |kind: &str| directory.join(format!("{certificate}.{kind}"));
        let chain = CertificateDer::from_pem_file(file("pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(file("key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("a configuration");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(on).await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(acceptor.clone(), stream));
            }
        });
        Self { at, connections }
    }

    fn at(&self, host: &str) -> Address {
        let port = self.at.port();
        format!("https://{host}:{port}")
            .parse()
            .expect("an address")
    }
}

async fn serve(acceptor: TlsAcceptor, stream: tokio::net::TcpStream) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let name = stream
        .get_ref()
        .1
        .server_name()
        .unwrap_or("none")
        .to_owned();
    let mut request = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        request.push(byte);
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let host = text.lines().find_map(|line| line.strip_prefix("host: "));
        let body = format!("{name} {}", host.unwrap_or("none"));
        let answer = format!(
            "HTTP/1.1 200 OK\r\nx-greenroom-slot: green\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        request.clear();
    }
}

async fn probe(at: &Address) -> Probe {
    let check = HealthCheck {
        path: "/health".into(),
        host: None,
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(10),
    };
    HttpChecker::new().health(at, &check).await
}

async fn fails(at: &Address, words: &[&str]) {
    let probe = probe(at).await;
    assert!(!probe.healthy, "{at}: {probe:?}");
    for word in words {
        assert!(probe.detail.contains(word), "{word}: {probe:?}");
    }
}

/// The authorities of a process are read once, from the variable `SSL_CERT_FILE`, so the test runs itself in a process
/// with that variable.
#[tokio::test]
async fn a_server_must_prove_the_host_of_its_address() {
    let Some(directory) = std::env::var_os(CERTIFICATES) else {
        let directory = tempfile::tempdir().expect("a directory");
        certificates(directory.path());
        let own = std::env::current_exe().expect("this program");
        let run = Command::new(own)
            .args([
                "--exact",
                "over_tls::a_server_must_prove_the_host_of_its_address",
            ])
            .env(CERTIFICATES, directory.path())
            .env("SSL_CERT_FILE", directory.path().join("ca.pem"))
            .env_remove("SSL_CERT_DIR")
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        return;
    };
    let directory = Path::new(&directory);
    let good = Server::start("127.0.0.1:0", directory, "good").await;
    let port = good.at.port();
    for (host, name) in [("localhost", "localhost"), ("127.0.0.1", "none")] {
        let probe = probe(&good.at(host)).await;
        let expected = format!("HTTP 200: {name} {host}:{port}");
        assert_eq!((probe.healthy, probe.detail), (true, expected));
    }
    let over_ipv6 = Server::start("[::1]:0", directory, "good").await;
    let probe_of = probe(&over_ipv6.at("[::1]")).await;
    assert!(probe_of.healthy, "{probe_of:?}");
    let named = Server::start("127.0.0.1:0", directory, "named").await;
    for host in ["localhost", "127.0.0.1"] {
        fails(
            &named.at(host),
            &["no TLS with https://", host, "web.example"],
        )
        .await;
    }
    let strange = Server::start("127.0.0.1:0", directory, "strange").await;
    fails(&strange.at("localhost"), &["no TLS", "UnknownIssuer"]).await;
    let plain = Address::from(good.at);
    fails(&plain, &["no answer"]).await;
    kept_connections_are_separate(directory).await;
    the_embedded_proxy_verifies_a_slot(&good, &strange).await;
}

async fn the_embedded_proxy_verifies_a_slot(good: &Server, strange: &Server) {
    let port = || SocketAddr::from(([127, 0, 0, 1], free_port()));
    for (server, status) in [(good, "HTTP 200"), (strange, "HTTP 503")] {
        let site = Site {
            target: Target::new(
                "web".parse().expect("a name"),
                "qa".parse().expect("a name"),
            ),
            public: port(),
            preview: port(),
            preview_allow: Vec::new(),
            slots: PerSlot::from_fn(|_| server.at("127.0.0.1").into()),
        };
        let preview = Address::from(site.preview);
        let state = tempfile::tempdir().expect("a directory");
        let proxy = EmbeddedProxy::start(vec![site], port(), state.path()).await;
        let _proxy = proxy.expect("a proxy");
        let probe = probe(&preview).await;
        assert!(probe.detail.starts_with(status), "{probe:?}");
    }
}

async fn kept_connections_are_separate(directory: &Path) {
    let server = Server::start("127.0.0.1:0", directory, "good").await;
    let checker = HttpChecker::new();
    for _ in 0..3 {
        for host in ["localhost", "127.0.0.1"] {
            let address = PublicAddress {
                endpoint: server.at(host),
                host: "web.example".into(),
                path: "/".into(),
            };
            let answer = checker.public(&address, Connection::Kept).await;
            assert_eq!(answer.slot, Some(Slot::Green), "{host}: {answer:?}");
        }
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}
