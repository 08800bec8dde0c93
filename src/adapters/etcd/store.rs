//! The way to a cluster: one client per node, the one that answered last tried first. Repeats what
//! is safe to repeat until a deadline, and knows nothing of what it carries.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, GetOptions, KeyValue, Txn, TxnOp, TxnOpResponse};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use super::clock::MemberClocks;
use super::error::{self, EtcdError, Sort};
use super::keys::Keys;
use super::options::{self, Options};
use crate::ports::{Credentials, Failure, FailureKind, Result};

/// What came back from one call at one node.
pub(super) type Answer<T> = std::result::Result<T, EtcdError>;

/// The largest answer that is read: a long list of release heads. Of other calls the client library reads 4 MiB.
pub(super) const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// What to do where a login is configured and etcd asks for none.
const NO_USERS: &str = "this etcd has its users switched off: run `etcdctl auth enable`, or remove `user` and `password` from the configuration";

/// What to do about an answer that is larger.
const LARGE: &str = "something else may write below Greenroom's prefix: look with `etcdctl get --prefix --keys-only`, and see greenroom help limits";

/// What to do about a full cluster.
const FULL: &str = "etcd's quota is used up: compact and defragment it, or raise --quota-backend-bytes, then clear the alarm with `etcdctl alarm disarm`";

/// How often all nodes are tried when none of them takes a connection.
const ROUNDS: u32 = 3;

/// A cluster. Connections are made when they are needed; clones share them.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    nodes: Vec<Node>,
    /// The node that answered last.
    good: AtomicUsize,
    name: String,
    keys: Keys,
    deadline: Duration,
    options: Options,
    clocks: MemberClocks,
}

struct Node {
    url: String,
    client: Mutex<Option<Client>>,
}

impl Store {
    /// Checks what was given; reads no certificate and connects to nothing yet.
    pub fn open(options: &Options) -> Result<Self> {
        let urls = options::urls(options)?;
        let keys = Keys::new(options::prefix(&options.prefix)?);
        let addresses: Vec<&str> = urls
            .iter()
            .map(|url| url.split_once("://").map_or(url.as_str(), |(_, it)| it))
            .collect();
        let name = format!("etcd at {}", addresses.join(", "));
        let nodes = urls
            .iter()
            .map(|url| Node {
                url: url.clone(),
                client: Mutex::new(None),
            })
            .collect();
        Ok(Self {
            inner: Arc::new(Inner {
                nodes,
                good: AtomicUsize::new(0),
                name,
                keys,
                deadline: options.deadline,
                options: options.clone(),
                clocks: MemberClocks::default(),
            }),
        })
    }

    /// The user that etcd knows us as, if it asks.
    pub(super) fn user(&self) -> Option<&str> {
        let login = self.inner.options.credentials.as_ref();
        login.map(|login| login.user.as_str())
    }

    /// What time the members say it is.
    pub(super) async fn clock(&self) -> Result<Option<Timestamp>> {
        let urls = self.inner.nodes.iter().map(|node| node.url.as_str());
        self.inner.clocks.ask(&self.inner.options, urls).await
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// `etcd at 10.0.0.7:2379`.
    pub(super) fn name(&self) -> &str {
        &self.inner.name
    }

    /// When a call that begins now has to be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.inner.deadline
    }

    /// The failure of a call that is over.
    pub(super) fn failure(
        &self,
        kind: FailureKind,
        doing: &str,
        said: impl Into<String>,
    ) -> Failure {
        Failure::new(kind, self.name(), doing, said)
    }

    /// Waits for the password where it was not read yet. That is no time of the server: the deadline moves by it. A
    /// password that cannot be read is the failure of the call that follows.
    async fn with_password(&self, until: Instant) -> Instant {
        let Some(login) = &self.inner.options.credentials else {
            return until;
        };
        let since = Instant::now();
        let _ = login.password.value().await;
        until + since.elapsed()
    }

    /// A call that changes nothing, or nothing that matters when it is done twice: repeated until
    /// it is answered or the deadline is over.
    pub(super) async fn ask<T, Fut>(
        &self,
        doing: &str,
        until: Instant,
        call: impl Fn(Client) -> Fut,
    ) -> Result<T>
    where
        Fut: Future<Output = std::result::Result<T, etcd_client::Error>>,
    {
        let until = self.with_password(until).await;
        let mut round = 0;
        loop {
            round += 1;
            let error = match self.attempt(until, &call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = match error.sort {
                Sort::NotSent => round < ROUNDS,
                Sort::Unclear => true,
                Sort::Unprepared | Sort::OldToken | Sort::Refused(_) => false,
            };
            let pause = Duration::from_millis(100) * round;
            if !again || Instant::now() + pause >= until {
                return Err(self.unanswered(doing, error));
            }
            sleep(pause).await;
        }
    }

    /// A call that must not be repeated unseen: goes from node to node while none was reached, and
    /// stops at the first that may have done it.
    pub(super) async fn attempt<T, Fut>(
        &self,
        until: Instant,
        call: impl Fn(Client) -> Fut,
    ) -> Answer<T>
    where
        Fut: Future<Output = std::result::Result<T, etcd_client::Error>>,
    {
        let until = self.with_password(until).await;
        let count = self.inner.nodes.len();
        let first = self.inner.good.load(Ordering::Relaxed);
        let mut last = EtcdError::not_sent("no time was left");
        for offset in 0..count {
            let index = (first + offset) % count;
            let Some(node) = self.inner.nodes.get(index) else {
                continue;
            };
            match self.at(node, until, &call).await {
                Err(error) if error.sort == Sort::NotSent => last = error,
                Err(error) if error.sort == Sort::Unclear => {
                    self.prefer((index + 1) % count);
                    return Err(error);
                }
                other => {
                    self.prefer(index);
                    return other;
                }
            }
        }
        Err(last)
    }

    async fn at<T, Fut>(
        &self,
        node: &Node,
        until: Instant,
        call: &impl Fn(Client) -> Fut,
    ) -> Answer<T>
    where
        Fut: Future<Output = std::result::Result<T, etcd_client::Error>>,
    {
        let share = if self.inner.nodes.len() == 1 { 2 } else { 3 };
        let left = until.saturating_duration_since(Instant::now());
        let time_limit = left.min(self.inner.deadline / share);
        if time_limit.is_zero() {
            return Err(EtcdError::not_sent("no time was left"));
        }
        let end = Instant::now() + time_limit;
        let login = self.inner.options.credentials.as_ref();
        let client = match timeout_at(end, Box::pin(node.client(&self.inner.options))).await {
            Ok(client) => client?,
            Err(_) => return Err(EtcdError::not_sent(format!("{} did not answer", node.url))),
        };
        // In whole milliseconds: what is left of a deadline has nine digits.
        let waited =
            Duration::from_millis(u64::try_from(time_limit.as_millis()).unwrap_or(u64::MAX));
        let silence = |_| EtcdError::unclear(format!("no answer within {waited:?}"));
        let answer = timeout_at(end, Box::pin(call(client.clone())))
            .await
            .map_err(silence)?;
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => EtcdError::from(error),
        };
        let refreshed = match error.sort {
            Sort::OldToken => {
                let Ok(refreshed) = timeout_at(end, client.refresh_token()).await else {
                    return Err(EtcdError::not_sent(format!("{} did not answer", node.url)));
                };
                refreshed.map_err(EtcdError::from)
            }
            // The client library asked for a new token by itself, with the password that it was made with.
            _ if error.is_login_refused() => Err(error),
            _ => return Err(error),
        };
        let password = match login {
            Some(login) if refreshed.is_err() => login.password.value().await.ok(),
            _ => None,
        };
        let client = match refreshed.map_err(|error| error.without(password.as_ref())) {
            Ok(()) => client,
            // The password was changed in the meantime.
            Err(error) if error.is_denied() => {
                node.forget().await;
                let made = timeout_at(end, Box::pin(node.client(&self.inner.options))).await;
                let Ok(client) = made else {
                    // The next attempt has what is still being read.
                    let said = format!("{}; a new login took too long", error.said);
                    return Err(EtcdError::not_sent(said));
                };
                client?
            }
            Err(error) => return Err(error),
        };
        Ok(timeout_at(end, Box::pin(call(client)))
            .await
            .map_err(silence)??)
    }

    fn prefer(&self, index: usize) {
        self.inner.good.store(index, Ordering::Relaxed);
    }

    /// The failure of a call that changed nothing.
    pub(super) fn unanswered(&self, doing: &str, error: EtcdError) -> Failure {
        let kind = match error.sort {
            Sort::NotSent | Sort::Unclear | Sort::Unprepared => FailureKind::Unreachable,
            Sort::OldToken => FailureKind::Denied,
            Sort::Refused(kind) => kind,
        };
        if error.sort == Sort::Unprepared {
            return self.failure(kind, doing, error.said).hint(error.hint);
        }
        let certificates = error.said.to_lowercase().contains("certificate");
        let failure = self.failure(kind, doing, error.said);
        match kind {
            _ if error::is_full(&failure.said) => failure.hint(FULL),
            _ if error::is_too_large(&failure.said) => failure.hint(LARGE),
            _ if error::has_no_users(&failure.said) => failure.hint(NO_USERS),
            _ if certificates => failure.hint("check the certificates on both sides"),
            FailureKind::Denied => failure.hint("check the user, the password and its role"),
            // A server that misses our certificate may just hang up.
            FailureKind::Unreachable if self.is_encrypted() => {
                failure.hint("is etcd running, has it a leader, and does it take our certificate?")
            }
            FailureKind::Unreachable => failure.hint("is etcd running, and has it a leader?"),
            _ => failure,
        }
    }

    fn is_encrypted(&self) -> bool {
        let nodes = &self.inner.nodes;
        nodes.iter().any(|node| node.url.starts_with("https"))
    }

    /// Several ranges at one revision: the revision, and the pairs of each range.
    pub(super) async fn ranges(
        &self,
        doing: &str,
        until: Instant,
        ranges: Vec<TxnOp>,
    ) -> Result<(i64, Vec<Vec<KeyValue>>)> {
        let answer = self
            .ask(doing, until, |client| {
                let txn = Txn::new().and_then(ranges.clone());
                async move {
                    client
                        .kv_client()
                        .max_decoding_message_size(LARGEST_ANSWER)
                        .txn(txn)
                        .await
                }
            })
            .await?;
        let revision = answer
            .header()
            .map_or(0, etcd_client::ResponseHeader::revision);
        let pairs = answer
            .op_responses()
            .into_iter()
            .map(|answer| match answer {
                TxnOpResponse::Get(mut range) => range.take_kvs(),
                _ => Vec::new(),
            })
            .collect();
        Ok((revision, pairs))
    }
}

impl Node {
    /// The client of this node; made, and its user authenticated, by the first caller who needs it. A password that is
    /// refused is read again once.
    async fn client(&self, options: &Options) -> Answer<Client> {
        let mut known = self.client.lock().await;
        if let Some(client) = known.as_ref() {
            return Ok(client.clone());
        }
        let login = options.credentials.as_ref();
        // Read at each connection, so that renewed certificates are used.
        let connect =
            options::connect_options(options, &self.url).map_err(EtcdError::unprepared)?;
        let password = match login {
            Some(login) => Some(
                login
                    .password
                    .value()
                    .await
                    .map_err(EtcdError::unprepared)?,
            ),
            None => None,
        };
        let mut made = self
            .connect(connect.clone(), login, password.as_ref())
            .await;
        if let (Err(error), Some(login), Some(refused)) = (&made, login, &password)
            && error.is_denied()
            && let Some(other) = login.password.renewed(refused).await
        {
            made = self.connect(connect, Some(login), Some(&other)).await;
        }
        match made {
            Ok(client) => Ok(known.insert(client).clone()),
            Err(mut error) => {
                // Asking for a token does nothing; whatever was to be done was not sent.
                if error.sort == Sort::Unclear {
                    error.sort = Sort::NotSent;
                }
                Err(error)
            }
        }
    }

    async fn connect(
        &self,
        mut options: ConnectOptions,
        login: Option<&Credentials>,
        password: Option<&SecretString>,
    ) -> Answer<Client> {
        if let (Some(login), Some(password)) = (login, password) {
            options = options::with_user(options, &login.user, password);
        }
        let made = Client::connect([&self.url], Some(options)).await;
        made.map_err(|error| EtcdError::from(error).without(password))
    }

    /// Forgets the connection: the next call makes another.
    async fn forget(&self) {
        *self.client.lock().await = None;
    }
}

/// One key, to be read.
pub(super) fn one(key: &str) -> TxnOp {
    TxnOp::get(key, None)
}

/// `[from, to)`, to be read.
pub(super) fn range(from: &str, to: &str) -> TxnOp {
    TxnOp::get(from, Some(GetOptions::new().with_range(to)))
}

/// Everything that begins with `prefix`, to be read.
pub(super) fn below(prefix: &str) -> TxnOp {
    TxnOp::get(prefix, Some(GetOptions::new().with_prefix()))
}

impl fmt::Debug for Store {
    /// Without the connection's options: they hold the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("name", &self.inner.name)
            .field("prefix", &self.inner.keys.prefix())
            .finish_non_exhaustive()
    }
}
