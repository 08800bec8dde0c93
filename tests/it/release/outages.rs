//! Servers that become unreachable during a release: a private etcd, and a connection to Docker
//! that can be cut.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::support::{eventually, free_port, http_client};

/// An etcd that can be stopped and started again with its data.
pub(super) struct OwnEtcd {
    place: TempDir,
    client: SocketAddr,
    peer: u16,
    process: Option<Child>,
    /// The limit of stored bytes; `None` is etcd's default.
    quota: Option<u64>,
}

impl OwnEtcd {
    pub(super) async fn start() -> Self {
        Self::with(None).await
    }

    pub(super) async fn with_quota(bytes: u64) -> Self {
        Self::with(Some(bytes)).await
    }

    async fn with(quota: Option<u64>) -> Self {
        let mut etcd = Self {
            place: tempfile::Builder::new()
                .prefix("greenroom-etcd")
                .tempdir()
                .expect("a directory"),
            client: SocketAddr::from(([127, 0, 0, 1], free_port())),
            peer: free_port(),
            process: None,
            quota,
        };
        etcd.run().await;
        etcd
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.client)
    }

    pub(super) async fn run(&mut self) {
        let url = self.url();
        let peer = format!("http://127.0.0.1:{}", self.peer);
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(self.place.path())
            .args([
                "--listen-client-urls",
                &url,
                "--advertise-client-urls",
                &url,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("default={peer}")])
            .args(
                self.quota
                    .map(|bytes| format!("--quota-backend-bytes={bytes}")),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd is installed");
        self.process = Some(process);
        let health = format!("{url}/health");
        let client = http_client().build().expect("a client");
        eventually("etcd is healthy", Duration::from_secs(30), || async {
            match client.get(&health).send().await {
                Ok(answer) => answer.text().await.is_ok_and(|text| text.contains("true")),
                Err(_) => false,
            }
        })
        .await;
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for OwnEtcd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passing {
    /// It forwards everything.
    Whole,
    /// Connections stay open, and no data passes.
    Frozen,
    /// There are no connections.
    Cut,
}

/// A unix socket that forwards to another one, until it is cut or frozen.
pub(super) struct Line {
    place: TempDir,
    passing: watch::Sender<Passing>,
}

impl Line {
    pub(super) fn to(engine: &str) -> Self {
        let engine = PathBuf::from(engine.strip_prefix("unix://").expect("a unix socket"));
        let place = tempfile::Builder::new()
            .prefix("greenroom-line")
            .tempdir()
            .expect("a directory");
        let listener = UnixListener::bind(place.path().join("engine.sock")).expect("a socket");
        let (passing, now) = watch::channel(Passing::Whole);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass(near, engine.clone(), now.clone()));
            }
        });
        Self { place, passing }
    }

    pub(super) fn address(&self) -> String {
        format!("unix://{}", socket(self.place.path()).display())
    }

    pub(super) fn cut(&self) {
        self.passing.send_replace(Passing::Cut);
    }

    /// Like an engine that hangs.
    pub(super) fn freeze(&self) {
        self.passing.send_replace(Passing::Frozen);
    }

    pub(super) fn mend(&self) {
        self.passing.send_replace(Passing::Whole);
    }
}

fn socket(place: &Path) -> PathBuf {
    place.join("engine.sock")
}

async fn pass(mut near: UnixStream, engine: PathBuf, mut now: watch::Receiver<Passing>) {
    if *now.borrow_and_update() == Passing::Cut {
        return;
    }
    let Ok(mut far) = UnixStream::connect(engine).await else {
        return;
    };
    let mut copying = std::pin::pin!(tokio::io::copy_bidirectional(&mut near, &mut far));
    loop {
        let passing = *now.borrow_and_update();
        tokio::select! {
            _ = &mut copying, if passing == Passing::Whole => return,
            changed = now.changed() => if changed.is_err() || *now.borrow() == Passing::Cut { return },
        }
    }
}
