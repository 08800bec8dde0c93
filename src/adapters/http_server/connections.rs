//! The connections of one listener, which has a limited number of places. If all places are in use, a new connection
//! takes the place of the client that has kept the server waiting longest, so idle clients cannot keep other clients
//! out. A connection keeps its place while its request waits for an answer from blue or green. A client that loses its
//! place may just have sent a request. The server waits a moment for that request, and answers it before it closes the
//! connection.
//!
//! Received bytes alone do not keep a place: a client could send one byte from time to time. A complete head does,
//! unless the server still has to verify its sender. So does the content of a request whose sender the server trusts
//! (see [`Client::waits`]).

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a client must have kept the server waiting before it can lose its place. The minimum protects a client that
/// has just connected or has just sent its next request.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// Limits how many connections may be leaving at a time: one for every 16 places, rounded up.
const PLACES_FOR_ONE_LEAVING: usize = 16;

/// How long a connection stays open, and how many bytes are read and discarded, after an answer that left content unread.
/// If the server closed such a connection at once, the client could lose the answer.
const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;

/// How often [`Places::take`] tries again while no connection can lose its place.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    began: Instant,
    next_number: AtomicU64,
    connections: Mutex<Connections>,
    /// Notified when a connection is closed.
    closed: Notify,
}

/// Connections by their numbers. A later connection has a higher number.
#[derive(Debug, Default)]
struct Connections {
    /// The connections that have a place.
    placed: BTreeMap<u64, Arc<Progress>>,
    /// The connections that lost their place and are not closed yet.
    leaving: BTreeMap<u64, Arc<Progress>>,
}

#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    /// When the client last did what keeps its place, in milliseconds since `began`.
    moved_at: AtomicU64,
    /// The number of requests in progress.
    open: AtomicUsize,
    /// Whether the client does not read what the proxy writes.
    is_blocked: AtomicBool,
    /// Whether the server waits for the client although a request is in progress.
    waits_in_request: AtomicBool,
    /// Whether received bytes keep the place.
    trusts_bytes: AtomicBool,
    /// Whether an answer was given without reading the whole content of its request.
    leaves_content: AtomicBool,
    /// Whether everything was answered, and the connection is open only for the client to read the answer.
    lingers: AtomicBool,
    /// Cancelled when the connection loses its place.
    leaving: CancellationToken,
    /// Cancelled when a request arrives after the connection lost its place.
    came_late: CancellationToken,
    /// Cancelled when the connection must be closed immediately.
    cut: CancellationToken,
}

/// A place in use. Dropping it frees the place.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    pub(super) progress: Arc<Progress>,
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            began: Instant::now(),
            next_number: AtomicU64::new(0),
            connections: Mutex::default(),
            closed: Notify::new(),
        })
    }

    /// Waits for a place. If all places are in use, the connection that has waited longest for its client loses its
    /// place. If no connection can lose its place, this call waits until that changes.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.take_free() {
                return place;
            }
            if !self.free_longest_waiting() {
                let _ = timeout(RETRY_INTERVAL, self.closed.notified()).await;
            }
        }
    }

    fn take_free(self: &Arc<Self>) -> Option<Place> {
        let mut connections = self.lock();
        if connections.placed.len() >= self.most {
            return None;
        }
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let progress = Arc::new(Progress {
            began: self.began,
            moved_at: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            is_blocked: AtomicBool::new(false),
            waits_in_request: AtomicBool::new(false),
            trusts_bytes: AtomicBool::new(false),
            leaves_content: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            leaving: CancellationToken::new(),
            came_late: CancellationToken::new(),
            cut: CancellationToken::new(),
        });
        progress.moved();
        connections.placed.insert(number, Arc::clone(&progress));
        Some(Place {
            places: Arc::clone(self),
            number,
            progress,
        })
    }

    /// Takes the place from the connection that has kept the server waiting longest. Returns whether a place became
    /// free. If too many connections are leaving already, no place becomes free: this call cuts a connection that waits
    /// for its client, and the caller tries again later.
    fn free_longest_waiting(&self) -> bool {
        let mut connections = self.lock();
        let Some(number) = longest_waiting(&connections.placed) else {
            return false;
        };
        if connections.leaving.len() >= self.most.div_ceil(PLACES_FOR_ONE_LEAVING) {
            // A leaving connection is cut first. If each of them is still answering a request, the connection that has
            // waited longest is cut.
            if !connections.cut_first_leaving()
                && let Some(progress) = connections.placed.get(&number)
            {
                progress.cut.cancel();
            }
            return false;
        }
        let Some(progress) = connections.placed.remove(&number) else {
            return false;
        };
        progress.leaving.cancel();
        // A client that does not read its answer will not send a request either, and a lingering one cannot.
        if progress.is_blocked.load(Ordering::Relaxed) || progress.lingers.load(Ordering::Relaxed) {
            progress.cut.cancel();
        }
        connections.leaving.insert(number, progress);
        true
    }

    /// Cuts a connection that waits for its client, to free its descriptor: a leaving connection if one can be cut,
    /// otherwise the connection that has waited longest. Cuts nothing while a leaving connection that was cut is still
    /// open.
    pub(super) fn cut_one_waiting(&self) {
        let mut connections = self.lock();
        if connections.cut_first_leaving() {
            return;
        }
        if let Some(number) = longest_waiting(&connections.placed)
            && let Some(progress) = connections.placed.get(&number)
        {
            progress.cut.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection that has kept the server waiting longest, if it has done so for at least [`SHORTEST_WAIT`]. A
/// lingering connection comes first, because its request is answered.
fn longest_waiting(placed: &BTreeMap<u64, Arc<Progress>>) -> Option<u64> {
    let lingers = |it: &Progress| it.lingers.load(Ordering::Relaxed);
    let waiting = placed.iter().filter(|(_, it)| {
        let waits = it.waits_for_client() && it.silent_for() >= SHORTEST_WAIT;
        (waits || lingers(it)) && !it.cut.is_cancelled()
    });
    let longest = waiting.min_by_key(|(_, it)| (!lingers(it), it.moved_at.load(Ordering::Relaxed)));
    longest.map(|(number, _)| *number)
}

impl Connections {
    /// Cuts the first leaving connection that waits for its client. Returns true if a connection was cut, or if a
    /// connection that was cut earlier is not closed yet.
    fn cut_first_leaving(&mut self) -> bool {
        if self.leaving.values().any(|it| it.cut.is_cancelled()) {
            return true;
        }
        let first = self.leaving.values().find(|it| it.waits_for_client());
        if let Some(progress) = first {
            progress.cut.cancel();
        }
        first.is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connections = self.places.lock();
        connections.placed.remove(&self.number);
        connections.leaving.remove(&self.number);
        drop(connections);
        self.places.closed.notify_one();
    }
}

impl Progress {
    /// Waits until the connection has lost its place, and then until a late request arrives or `time_limit` has passed.
    /// After that, the connection must take no further request.
    pub(super) async fn leaves(&self, time_limit: Duration) {
        self.leaving.cancelled().await;
        let _ = timeout(time_limit, self.came_late.cancelled()).await;
    }

    /// Waits until the connection must be closed immediately.
    pub(super) async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// Counts a request until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Request {
        self.open.fetch_add(1, Ordering::Relaxed);
        if self.leaving.is_cancelled() {
            self.came_late.cancel();
        }
        self.moved();
        Request(Arc::clone(self))
    }

    fn moved(&self) {
        let since = self.began.elapsed().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.moved_at.store(since, Ordering::Relaxed);
        self.is_blocked.store(false, Ordering::Relaxed);
    }

    fn silent_for(&self) -> Duration {
        let moved_at = Duration::from_millis(self.moved_at.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(moved_at)
    }

    fn waits_for_client(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
            || self.is_blocked.load(Ordering::Relaxed)
            || self.waits_in_request.load(Ordering::Relaxed)
    }
}

/// The client of a request.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(super) progress: Arc<Progress>,
}

impl Client {
    /// Counts the connection as waiting for its client until the guard is dropped, although its request is in progress.
    /// Received bytes keep the place of a trusted client.
    pub(crate) fn waits(&self, is_trusted: bool) -> Waiting {
        let progress = Arc::clone(&self.progress);
        progress.trusts_bytes.store(is_trusted, Ordering::Relaxed);
        progress.waits_in_request.store(true, Ordering::Relaxed);
        Waiting(progress)
    }

    /// Notes that the answer is given without reading the whole content. The connection must be closed after it.
    pub(crate) fn leave_content(&self) {
        self.progress.leaves_content.store(true, Ordering::Relaxed);
    }
}

/// A guard: the server waits for the content of a request, or does not know yet who sent it.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Progress>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waits_in_request.store(false, Ordering::Relaxed);
        self.0.trusts_bytes.store(false, Ordering::Relaxed);
        self.0.moved();
    }
}

/// A guard that counts one request in progress.
#[derive(Debug)]
pub(super) struct Request(Arc<Progress>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer. The request is in progress until the body ends.
#[derive(Debug)]
pub(super) struct Answered<B> {
    body: B,
    _request: Request,
}

impl<B> Answered<B> {
    pub(super) fn new(body: B, request: Request) -> Self {
        Self {
            body,
            _request: request,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream to a client. It records in `progress` when the client last sent or read something that keeps its place.
/// Writing fails when the client reads nothing for too long.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    progress: Arc<Progress>,
    time_limit: Duration,
    /// The timer that runs while the client reads nothing.
    silence: Option<Pin<Box<Sleep>>>,
    /// Set after the last byte was sent, if the connection lingers.
    linger: Option<Linger>,
}

#[derive(Debug)]
struct Linger {
    timer: Pin<Box<Sleep>>,
    bytes: usize,
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>, time_limit: Duration) -> Self {
        Self {
            stream,
            progress,
            time_limit,
            silence: None,
            linger: None,
        }
    }

    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.silence = None;
            self.progress.moved();
            return written;
        }
        self.progress.is_blocked.store(true, Ordering::Relaxed);
        let time_limit = self.time_limit;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(time_limit)));
        silence.as_mut().poll(context).map(|()| {
            let message = format!("the client read nothing for {time_limit:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // Data from a client that does not read its answer is not progress.
        let is_blocked = self.progress.is_blocked.load(Ordering::Relaxed);
        let counts = self.progress.trusts_bytes.load(Ordering::Relaxed) && !is_blocked;
        if buffer.filled().len() > before && counts {
            self.progress.moved();
        }
        read
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads and discards until the client closes the connection, within limits.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            timer: Box::pin(tokio::time::sleep(LINGER_TIME)),
            bytes: 0,
        });
        let mut discarded = [0; 4096];
        while linger.bytes < LINGER_BYTES && linger.timer.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut discarded);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    linger.bytes += buffer.filled().len();
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if !self.progress.leaves_content.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            self.progress.lingers.store(true, Ordering::Relaxed);
        }
        self.linger(context).map(Ok)
    }
}
