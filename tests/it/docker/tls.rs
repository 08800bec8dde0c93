//! An engine behind TLS with certificates on both sides. An nginx in front of the real engine does
//! the TLS.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use greenroom::adapters::docker::{ContainerHost, DockerAddress, DockerReader, Engine, TlsFiles};
use greenroom::inventory::Slot;
use greenroom::ports::{FailureKind, ProxyHost, RuntimeReader, RuntimeWriter};
use tempfile::TempDir;

use super::fixture::{World, both, engine};
use crate::support::certificates::{authority, certificate};
use crate::support::{docker, eventually, free_port};

struct Front {
    port: u16,
    child: Child,
    directory: TempDir,
}

impl Drop for Front {
    fn drop(&mut self) {
        // When asked to end, the master ends its workers too.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

/// Writes `ca.pem`, and `server.pem` with its key for 127.0.0.1, signed by that authority.
pub(crate) fn certificates(directory: &Path) {
    for name in ["ca", "other"] {
        authority(directory, name);
    }
    for name in ["server", "client"] {
        certificate(directory, name, "ca", "subjectAltName=IP:127.0.0.1");
    }
}

impl Front {
    async fn start() -> Self {
        let directory = TempDir::new().expect("a directory");
        certificates(directory.path());
        let (port, home) = (free_port(), directory.path().display());
        let address = docker();
        let engine = address.strip_prefix("unix://").expect("a unix socket");
        let config = format!(
            "daemon off; user root; pid {home}/pid; error_log {home}/error.log;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;\n\
             fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n\
             server {{ listen 127.0.0.1:{port} ssl;\n\
             ssl_certificate {home}/server.pem; ssl_certificate_key {home}/server.key;\n\
             ssl_client_certificate {home}/ca.pem; ssl_verify_client on;\n\
             location / {{ proxy_pass http://unix:{engine}:; proxy_http_version 1.1; proxy_buffering off;\n\
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection; }} }} }}\n"
        );
        let file = directory.path().join("nginx.conf");
        std::fs::write(&file, config).expect("written");
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx");
        let front = Self {
            port,
            child,
            directory,
        };
        eventually("nginx listens", Duration::from_secs(10), || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        })
        .await;
        front
    }

    fn engine(&self, ca: &str, who: &str) -> std::sync::Arc<Engine> {
        let file = |name: String| self.directory.path().join(name);
        let files = TlsFiles {
            ca: file(format!("{ca}.pem")),
            cert: file(format!("{who}.pem")),
            key: file(format!("{who}.key")),
        };
        let address = format!("tcp://127.0.0.1:{}", self.port);
        Engine::at(DockerAddress::parse(&address, Some(files)).expect("an address"))
    }
}

#[tokio::test]
async fn an_engine_behind_tls_can_be_read_changed_and_executed_in() {
    let world = World::pulled();
    let front = Front::start().await;
    let over_tls = front.engine("ca", "client");
    let (reader, writer) = both(&over_tls);
    let script = "echo up; trap 'exit 0' TERM; while :; do sleep 0.05; done";
    let id = writer
        .start(&world.spec(Slot::Blue, script))
        .await
        .expect("started");
    let mut lines = reader.logs(&id, None, 10).await.expect("logs");
    assert_eq!(
        lines.next().await.expect("a line").expect("good").bytes,
        b"up"
    );
    let host = ContainerHost::new(over_tls.clone(), id.0.clone());
    host.write(Path::new("/run/x"), b"over tls")
        .await
        .expect("written");
    let inside = ContainerHost::new(engine(), id.0.clone())
        .read(Path::new("/run/x"))
        .await;
    assert_eq!(
        inside.expect("an answer").as_deref(),
        Some(&b"over tls"[..])
    );
    writer
        .stop(&id, Duration::from_secs(5))
        .await
        .expect("stopped");
    writer.remove(&id).await.expect("removed");
}

#[tokio::test]
async fn an_engine_with_a_certificate_of_another_authority_is_refused() {
    let front = Front::start().await;
    let reader = DockerReader::new(front.engine("other", "client"));
    let failure = reader.engine().await.expect_err("not trusted");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(failure.to_string().contains("certificate"), "{failure}");
    let reader = DockerReader::new(front.engine("missing", "client"));
    let failure = reader.engine().await.expect_err("no such file");
    assert!(failure.to_string().contains("missing.pem"), "{failure}");
}
