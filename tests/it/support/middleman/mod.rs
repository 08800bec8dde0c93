//! A proxy on the lines to etcd and to the Docker engine. It forwards everything and names the acts
//! that pass. It can stop one of them exactly before it arrives, or before its answer is delivered.
//! It can cut the line without closing connections.

mod engine;
mod grpc;
mod ledger;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;

pub(crate) use ledger::{Ledger, Moment, Passed, Point};

/// What a line forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Everything.
    All,
    /// Nothing: connections are accepted and stay open, and no data passes, as in a network that is
    /// cut.
    Nothing,
}

/// Bytes that are forwarded together.
struct Piece {
    bytes: Vec<u8>,
    /// The call that they complete on the way up, or answer on the way down.
    call: Option<u32>,
    /// The act that they request, on the way up.
    act: Option<String>,
}

/// Knows a protocol well enough to cut its bytes into pieces.
trait Cutter: Send {
    fn cut(&mut self, bytes: &[u8]) -> Vec<Piece>;
}

/// One line.
pub(crate) struct Middleman {
    address: String,
    carries: Arc<watch::Sender<Carries>>,
    _place: Option<TempDir>,
}

#[derive(Clone)]
struct Line {
    ledger: Arc<Ledger>,
    carries: Arc<watch::Sender<Carries>>,
}

impl Line {
    fn new(ledger: &Arc<Ledger>) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            carries: Arc::new(watch::Sender::new(Carries::All)),
        }
    }

    /// Waits until the line forwards.
    async fn carries(&self) {
        let mut carries = self.carries.subscribe();
        let _ = carries.wait_for(|now| *now == Carries::All).await;
    }
}

impl Middleman {
    /// In front of an etcd, e.g. `http://127.0.0.1:2379`.
    pub(crate) async fn to_etcd(url: &str, ledger: &Arc<Ledger>) -> Self {
        let far = url.strip_prefix("http://").expect("plain HTTP").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let line = Line::new(ledger);
        let carries = Arc::clone(&line.carries);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (line, far) = (line.clone(), far.clone());
                tokio::spawn(async move {
                    line.carries().await;
                    let Ok(far) = TcpStream::connect(far).await else {
                        return;
                    };
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    let cutters = (grpc::requests(), grpc::answers());
                    carry(near, far, cutters, line).await;
                });
            }
        });
        Self {
            address,
            carries,
            _place: None,
        }
    }

    /// In front of a Docker engine, e.g. `unix:///run/docker.sock`.
    pub(crate) fn to_engine(engine: &str, ledger: &Arc<Ledger>) -> Self {
        let far = PathBuf::from(engine.strip_prefix("unix://").expect("a unix socket"));
        let place = tempfile::Builder::new()
            .prefix("greenroom-middle")
            .tempdir()
            .expect("a directory");
        let socket = place.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let line = Line::new(ledger);
        let carries = Arc::clone(&line.carries);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (line, far) = (line.clone(), far.clone());
                tokio::spawn(async move {
                    line.carries().await;
                    let Ok(far) = UnixStream::connect(far).await else {
                        return;
                    };
                    let cutters = (engine::requests(), engine::answers());
                    carry(near, far, cutters, line).await;
                });
            }
        });
        Self {
            address: format!("unix://{}", socket.display()),
            carries,
            _place: Some(place),
        }
    }

    /// The address where it listens.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Cuts or restores the line.
    pub(crate) fn set(&self, carries: Carries) {
        self.carries.send_replace(carries);
    }
}

type Cutters = (Box<dyn Cutter>, Box<dyn Cutter>);

async fn carry<N, F>(near: N, far: F, (mut requests, mut answers): Cutters, line: Line)
where
    N: AsyncRead + AsyncWrite,
    F: AsyncRead + AsyncWrite,
{
    let (mut from_near, mut to_near) = tokio::io::split(near);
    let (mut from_far, mut to_far) = tokio::io::split(far);
    // The call whose answer must not be delivered.
    let awaited: Mutex<Option<u32>> = Mutex::new(None);
    let up = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_near.read(&mut buffer).await {
            for piece in requests.cut(&buffer[..count]) {
                let moment = piece.act.as_deref().and_then(|act| line.ledger.meets(act));
                if moment == Some(Moment::Before) && !line.ledger.stop().await {
                    return;
                }
                if moment.is_some() {
                    *awaited.lock().expect("no panic") = piece.call;
                }
                line.carries().await;
                if to_far.write_all(&piece.bytes).await.is_err() {
                    return;
                }
                if moment == Some(Moment::Before) {
                    // It came late: its sender has cancelled it since, and the cancellation would
                    // arrive next. It is stopped again when it is answered.
                    std::future::pending::<()>().await;
                }
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_far.read(&mut buffer).await {
            for piece in answers.cut(&buffer[..count]) {
                let is_awaited =
                    piece.call.is_some() && *awaited.lock().expect("no panic") == piece.call;
                if is_awaited {
                    *awaited.lock().expect("no panic") = None;
                    if !line.ledger.stop().await {
                        return;
                    }
                }
                line.carries().await;
                // A sender that has left is noticed on the way up; a held request is answered all
                // the same.
                let _ = to_near.write_all(&piece.bytes).await;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
