//! Private servers: an etcd that can be stopped and started again, and a connection to it that can
//! be cut or can lose answers.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{eventually, free_port};

pub(crate) struct Server {
    child: Option<Child>,
    arguments: Vec<String>,
    pub(crate) port: u16,
    scheme: &'static str,
    _directory: TempDir,
}

impl Server {
    /// A cluster of one, without TLS and passwords.
    pub(crate) async fn start() -> Self {
        Self::start_with("http", &[]).await
    }

    pub(crate) async fn start_with(scheme: &'static str, more: &[String]) -> Self {
        let ports = [(free_port(), free_port())];
        let mut server = Self::member(0, &ports, scheme, more);
        server.run();
        server.answers().await;
        server
    }

    pub(crate) async fn three() -> Vec<Self> {
        let ports = [0; 3].map(|_| (free_port(), free_port()));
        let mut servers: Vec<Self> = (0..3)
            .map(|index| Self::member(index, &ports, "http", &[]))
            .collect();
        for server in &mut servers {
            server.run();
        }
        for server in &servers {
            server.answers().await;
        }
        servers
    }

    fn member(index: usize, ports: &[(u16, u16)], scheme: &'static str, more: &[String]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let cluster: Vec<String> = ports
            .iter()
            .enumerate()
            .map(|(at, (_, peer))| format!("n{at}=http://127.0.0.1:{peer}"))
            .collect();
        let (port, peer) = ports[index];
        let mut arguments: Vec<String> = [
            ("--name", format!("n{index}")),
            ("--data-dir", directory.path().display().to_string()),
            (
                "--listen-client-urls",
                format!("{scheme}://127.0.0.1:{port}"),
            ),
            (
                "--advertise-client-urls",
                format!("{scheme}://127.0.0.1:{port}"),
            ),
            ("--listen-peer-urls", format!("http://127.0.0.1:{peer}")),
            (
                "--initial-advertise-peer-urls",
                format!("http://127.0.0.1:{peer}"),
            ),
            ("--initial-cluster", cluster.join(",")),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
        arguments.extend_from_slice(more);
        Self {
            child: None,
            arguments,
            port,
            scheme,
            _directory: directory,
        }
    }

    fn run(&mut self) {
        let child = Command::new("etcd")
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd runs");
        self.child = Some(child);
    }

    async fn answers(&self) {
        let port = self.port;
        eventually("etcd listens", Duration::from_secs(20), || async move {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("etcd is killed");
            child.wait().expect("etcd ends");
        }
    }

    /// Makes it accept connections and answer nothing.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub(crate) async fn start_again(&mut self) {
        self.run();
        self.answers().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a line forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Both directions.
    All,
    /// Requests only: answers are discarded.
    Requests,
    /// Answers only.
    Answers,
    /// Nothing: connections are closed.
    Nothing,
}

/// What happens to the one request that contains a certain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trap {
    /// It arrives, and the connection is cut before the answer. The next connection works.
    LoseAnswer,
    /// It does not arrive, and the connection is cut. The next connection works.
    LoseRequest,
    /// It arrives, and no answer is forwarded from then on.
    LoseLine,
    /// It waits on the line until the line is set to forward both directions again.
    Hold,
}

type Traps = Arc<Mutex<Option<(String, Trap)>>>;

/// A line to a server.
pub(crate) struct Line {
    pub(crate) endpoint: String,
    carries: Arc<watch::Sender<Carries>>,
    traps: Traps,
}

impl Line {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let carries = Arc::new(watch::Sender::new(Carries::All));
        let state = Arc::clone(&carries);
        let traps = Traps::default();
        let set = Arc::clone(&traps);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, port, Arc::clone(&state), Arc::clone(&set)));
            }
        });
        Self {
            endpoint,
            carries,
            traps,
        }
    }

    /// Sets a trap for the next request that contains `text`.
    pub(crate) fn trap(&self, text: &str, trap: Trap) {
        *self.traps.lock().expect("no panic") = Some((text.to_owned(), trap));
    }

    /// Whether the trap has caught a request.
    pub(crate) fn sprung(&self) -> bool {
        self.traps.lock().expect("no panic").is_none()
    }

    pub(crate) fn set(&self, carries: Carries) {
        self.carries.send_replace(carries);
    }
}

async fn carry(client: TcpStream, port: u16, set: Arc<watch::Sender<Carries>>, traps: Traps) {
    let mut state = set.subscribe();
    let cut = {
        let mut state = state.clone();
        async move {
            let _ = state.wait_for(|now| *now == Carries::Nothing).await;
        }
    };
    if *state.borrow_and_update() == Carries::Nothing {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let lost = AtomicBool::new(false);
    let up = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            let sprung = spring(&traps, &buffer[..count]);
            if sprung == Some(Trap::LoseRequest) {
                return;
            }
            if sprung == Some(Trap::Hold) {
                set.send_replace(Carries::Answers);
                let mut state = set.subscribe();
                let _ = state.wait_for(|now| *now == Carries::All).await;
            }
            if sprung == Some(Trap::LoseLine) {
                set.send_replace(Carries::Requests);
            }
            lost.fetch_or(sprung == Some(Trap::LoseAnswer), Ordering::SeqCst);
            if to_server.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match from_server.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) if lost.load(Ordering::SeqCst) => return,
                Ok(_) if *state.borrow() == Carries::Requests => {}
                Ok(count) => {
                    if to_client.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
        () = cut => {}
    }
}

/// The trap that these bytes trigger, if any.
fn spring(traps: &Traps, bytes: &[u8]) -> Option<Trap> {
    let mut set = traps.lock().expect("no panic");
    let holds = set
        .as_ref()
        .is_some_and(|(text, _)| bytes.windows(text.len()).any(|it| it == text.as_bytes()));
    if holds {
        set.take().map(|(_, trap)| trap)
    } else {
        None
    }
}
