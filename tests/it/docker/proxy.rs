//! A proxy on a unix socket before the engine: writes down what is asked, and can lose answers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::support;

/// A proxy; it ends with the test.
pub(crate) struct Proxy {
    socket: PathBuf,
    heads: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
    _directory: TempDir,
}

impl Proxy {
    /// Stands before the real engine; answers to requests whose path contains `lose` are lost.
    pub(crate) fn start(lose: Option<&'static str>) -> Self {
        let directory = TempDir::new().expect("a directory");
        let socket = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        let serving = tokio::spawn(async move {
            let mut served = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                served.spawn(serve(client, seen.clone(), lose));
            }
        });
        Self {
            socket,
            heads,
            serving,
            _directory: directory,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The heads of all requests until now.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("not poisoned").clone()
    }

    /// The engine is gone: connections break, and new ones are refused.
    pub(crate) fn stop(&self) {
        self.serving.abort();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut client: UnixStream, heads: Arc<Mutex<Vec<String>>>, lose: Option<&str>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let mut bytes = [0; 4096];
        match client.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(n) => head.extend_from_slice(&bytes[..n]),
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let is_lost = lose.is_some_and(|part| text.lines().next().is_some_and(|l| l.contains(part)));
    heads.lock().expect("not poisoned").push(text);
    let address = support::docker();
    let path = address.strip_prefix("unix://").expect("a unix socket");
    let mut engine = UnixStream::connect(path).await.expect("the engine");
    engine.write_all(&head).await.expect("written");
    if is_lost {
        let mut answer = [0; 1];
        let _ = engine.read(&mut answer).await;
        return;
    }
    let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
}
