//! A proxy on a unix socket in front of the engine. It records requests, can lose answers, and can
//! pretend to be an engine of another version.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::support;

/// A proxy that ends with the test.
pub(crate) struct Proxy {
    socket: PathBuf,
    heads: Arc<Mutex<Vec<String>>>,
    spoken: Arc<Mutex<Option<String>>>,
    serving: JoinHandle<()>,
    _directory: TempDir,
}

impl Proxy {
    /// Starts a proxy in front of the real engine that loses answers to requests whose path
    /// contains `lose`.
    pub(crate) fn start(lose: Option<&'static str>) -> Self {
        Self::serving(move |client, heads, _| serve(client, heads, lose))
    }

    /// Starts a proxy in front of the real engine that `replace_by` can change to another version.
    pub(crate) fn replaceable() -> Self {
        Self::serving(serve_once)
    }

    /// From now on the engine accepts only this version of the protocol. Requests to the real
    /// engine have no version.
    pub(crate) fn replace_by(&self, version: &str) {
        *self.spoken.lock().expect("not poisoned") = Some(version.to_owned());
    }

    fn serving<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(UnixStream, Heads, Spoken) -> F + Send + 'static,
    ) -> Self {
        let directory = TempDir::new().expect("a directory");
        let socket = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        let heads = Heads::default();
        let spoken = Spoken::default();
        let (seen, speaks) = (heads.clone(), spoken.clone());
        let serving = tokio::spawn(async move {
            let mut served = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                served.spawn(serve(client, seen.clone(), speaks.clone()));
            }
        });
        Self {
            socket,
            heads,
            spoken,
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

    /// Stops the engine: connections break, and new ones are refused.
    pub(crate) fn stop(&self) {
        self.serving.abort();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The requests until now.
type Heads = Arc<Mutex<Vec<String>>>;

/// The only accepted version; without one, that of the real engine.
type Spoken = Arc<Mutex<Option<String>>>;

/// Reads up to the end of a request's head; a part of its body may follow.
async fn read_head(client: &mut UnixStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let mut bytes = [0; 4096];
        match client.read(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => head.extend_from_slice(&bytes[..n]),
        }
    }
    Some(head)
}

async fn real_engine() -> UnixStream {
    let address = support::docker();
    let path = address.strip_prefix("unix://").expect("a unix socket");
    UnixStream::connect(path).await.expect("the engine")
}

/// Serves one request per connection, so that the next one is recorded too.
async fn serve_once(mut client: UnixStream, heads: Heads, spoken: Spoken) {
    let Some(mut head) = read_head(&mut client).await else {
        return;
    };
    let text = String::from_utf8_lossy(&head).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.lock().expect("not poisoned").push(text);
    let spoken = spoken.lock().expect("not poisoned").clone();
    let answer = spoken.as_deref().and_then(|spoken| {
        if path == "/version" || path == format!("/v{spoken}/version") {
            let body = format!(r#"{{"Version":"of a test","ApiVersion":"{spoken}"}}"#);
            return Some(("200 OK", body));
        }
        let (theirs, _) = path.strip_prefix("/v")?.split_once('/')?;
        (theirs != spoken).then(|| {
            let how = if theirs > spoken {
                "new. Maximum"
            } else {
                "old. Minimum"
            };
            let said =
                format!("client version {theirs} is too {how} supported API version is {spoken}");
            ("400 Bad Request", format!(r#"{{"message":"{said}"}}"#))
        })
    });
    if let Some((status, body)) = answer {
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let _ = client.write_all(text.as_bytes()).await;
        return;
    }
    let line = head.windows(2).position(|w| w == b"\r\n").expect("a line") + 2;
    head.splice(line..line, *b"Connection: close\r\n");
    if let Some(spoken) = spoken {
        let version = format!(" /v{spoken}/");
        let at = head
            .windows(version.len())
            .position(|w| w == version.as_bytes());
        let at = at.expect("a version");
        head.splice(at..at + version.len(), *b" /");
    }
    let mut engine = real_engine().await;
    engine.write_all(&head).await.expect("written");
    let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
}

async fn serve(mut client: UnixStream, heads: Heads, lose: Option<&str>) {
    let Some(head) = read_head(&mut client).await else {
        return;
    };
    let text = String::from_utf8_lossy(&head).into_owned();
    let is_lost = lose.is_some_and(|part| text.lines().next().is_some_and(|l| l.contains(part)));
    heads.lock().expect("not poisoned").push(text);
    let mut engine = real_engine().await;
    engine.write_all(&head).await.expect("written");
    if is_lost {
        let mut answer = [0; 1];
        let _ = engine.read(&mut answer).await;
        return;
    }
    let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
}
