//! The connections to a cluster, with one client for each node. The node that answered last is tried first. Calls that
//! are safe to repeat are repeated until a deadline. This module knows nothing about the stored data.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, KeyValue, Txn, TxnOp, TxnOpResponse};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use super::clock::MemberClocks;
use super::error::{self, Class, EtcdError};
use super::options::{self, Options};
use crate::ports::{Credentials, Failure, FailureKind, Result};

/// The result of one call to one node.
pub(super) type Answer<T> = std::result::Result<T, EtcdError>;

/// The largest answer to a read of ranges (e.g. a long list of release heads) or of a watch, in bytes. For other calls
/// the client library reads up to 4 MiB.
pub(super) const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The hint when a login is configured and etcd requires none.
const AUTH_DISABLED: &str = "authentication is disabled in this etcd: run `etcdctl auth enable`, or remove `user` and `password` from the configuration";

/// The hint for an answer that is larger than its limit.
const LARGE: &str = "another program may write below Greenroom's prefix: list the keys with `etcdctl get --prefix --keys-only`, and see greenroom help limits";

/// The hint for a full cluster.
const FULL: &str = "etcd's quota is used up: compact and defragment it, or raise --quota-backend-bytes, then clear the alarm with `etcdctl alarm disarm`";

/// How many times all nodes are tried if no node accepts a connection.
const ROUNDS: u32 = 3;

/// A cluster. Connections are made when they are needed. Clones share the connections.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    nodes: Vec<Node>,
    /// The index of the node to try first.
    preferred: AtomicUsize,
    name: String,
    prefix: String,
    deadline: Duration,
    options: Options,
    clocks: MemberClocks,
}

struct Node {
    url: String,
    client: Mutex<Option<Client>>,
}

impl Cluster {
    /// Validates the options. Reads no certificate and does not connect yet.
    pub fn new(options: &Options) -> Result<Self> {
        let urls = options::urls(options)?;
        let prefix = format!("{}/", options::prefix(&options.prefix)?);
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
                preferred: AtomicUsize::new(0),
                name,
                prefix,
                deadline: options.deadline,
                options: options.clone(),
                clocks: MemberClocks::default(),
            }),
        })
    }

    /// The user of the login, if there is one.
    pub(super) fn user(&self) -> Option<&str> {
        let login = self.inner.options.credentials.as_ref();
        login.map(|login| login.user.as_str())
    }

    pub(super) async fn clock(&self) -> Result<Option<Timestamp>> {
        let urls = self.inner.nodes.iter().map(|node| node.url.as_str());
        self.inner.clocks.ask(&self.inner.options, urls).await
    }

    /// The name in messages, e.g. `etcd at 10.0.0.7:2379`.
    pub(super) fn name(&self) -> &str {
        &self.inner.name
    }

    /// The prefix of all keys, with a slash at the end.
    pub(super) fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.inner.deadline
    }

    pub(super) fn failure(
        &self,
        kind: FailureKind,
        doing: &str,
        message: impl Into<String>,
    ) -> Failure {
        Failure::new(kind, self.name(), doing, message)
    }

    /// Reads the password if it has not been read yet. Returns the deadline, extended by the time that the read took,
    /// so that a slow source of the password does not shorten the time of the server. If the password cannot be read,
    /// the following call reports the reason.
    async fn with_password(&self, until: Instant) -> Instant {
        let Some(login) = &self.inner.options.credentials else {
            return until;
        };
        let since = Instant::now();
        let _ = login.password.value().await;
        until + since.elapsed()
    }

    /// Makes a call that may be applied twice. Repeats an unanswered call until the deadline, but at most [`ROUNDS`]
    /// times while no node accepts a connection.
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
            let may_repeat = match error.class {
                Class::NotSent => round < ROUNDS,
                Class::Unclear => true,
                Class::Unprepared | Class::OldToken | Class::Refused(_) => false,
            };
            let pause = Duration::from_millis(100) * round;
            if !may_repeat || Instant::now() + pause >= until {
                return Err(self.unanswered(doing, error));
            }
            sleep(pause).await;
        }
    }

    /// Makes a call that must not be repeated blindly. Tries each node in turn until a node receives the call, and
    /// stops at the first node that may have applied the call.
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
        let first = self.inner.preferred.load(Ordering::Relaxed);
        let mut last = EtcdError::not_sent("the deadline passed before the call");
        for offset in 0..count {
            let index = (first + offset) % count;
            let Some(node) = self.inner.nodes.get(index) else {
                continue;
            };
            match self.call_node(node, until, &call).await {
                Err(error) if error.class == Class::NotSent => last = error,
                Err(error) if error.class == Class::Unclear => {
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

    async fn call_node<T, Fut>(
        &self,
        node: &Node,
        until: Instant,
        call: &impl Fn(Client) -> Fut,
    ) -> Answer<T>
    where
        Fut: Future<Output = std::result::Result<T, etcd_client::Error>>,
    {
        // One node gets only a part of the time limit, so that there is time left to ask again or to ask another node.
        let share = if self.inner.nodes.len() == 1 { 2 } else { 3 };
        let left = until.saturating_duration_since(Instant::now());
        let time_limit = left.min(self.inner.deadline / share);
        if time_limit.is_zero() {
            let why = format!("no time was left to ask {}", node.url);
            return Err(EtcdError::not_sent(why));
        }
        let end = Instant::now() + time_limit;
        let login = self.inner.options.credentials.as_ref();
        let client = match timeout_at(end, Box::pin(node.client(&self.inner.options))).await {
            Ok(client) => client?,
            Err(_) => return Err(EtcdError::not_sent(format!("{} did not answer", node.url))),
        };
        // The message shows whole milliseconds, because the exact remaining time could have nine decimal digits.
        let waited =
            Duration::from_millis(u64::try_from(time_limit.as_millis()).unwrap_or(u64::MAX));
        let no_answer = |_| EtcdError::unclear(format!("no answer within {waited:?}"));
        let answer = timeout_at(end, Box::pin(call(client.clone())))
            .await
            .map_err(no_answer)?;
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => EtcdError::from(error),
        };
        let refreshed = match error.class {
            Class::OldToken => {
                let Ok(refreshed) = timeout_at(end, client.refresh_token()).await else {
                    return Err(EtcdError::not_sent(format!("{} did not answer", node.url)));
                };
                refreshed.map_err(EtcdError::from)
            }
            // The client library has already requested a new token, with the old password.
            _ if error.is_login_refused() => Err(error),
            _ => return Err(error),
        };
        let password = match login {
            Some(login) if refreshed.is_err() => login.password.value().await.ok(),
            _ => None,
        };
        let client = match refreshed.map_err(|error| error.without(password.as_ref())) {
            Ok(()) => client,
            // The password may have been changed since the last login.
            Err(error) if error.is_denied() => {
                node.forget().await;
                let made = timeout_at(end, Box::pin(node.client(&self.inner.options))).await;
                let Ok(client) = made else {
                    // The next attempt uses the new password once it has been read.
                    let message = format!("{}; the new login took too long", error.message);
                    return Err(EtcdError::not_sent(message));
                };
                client?
            }
            Err(error) => return Err(error),
        };
        Ok(timeout_at(end, Box::pin(call(client)))
            .await
            .map_err(no_answer)??)
    }

    fn prefer(&self, index: usize) {
        self.inner.preferred.store(index, Ordering::Relaxed);
    }

    /// The failure of a call, with a hint. A call without an answer becomes [`FailureKind::Unreachable`], so this
    /// function is only for calls that can be repeated without harm.
    pub(super) fn unanswered(&self, doing: &str, error: EtcdError) -> Failure {
        let kind = match error.class {
            Class::NotSent | Class::Unclear | Class::Unprepared => FailureKind::Unreachable,
            Class::OldToken => FailureKind::Denied,
            Class::Refused(kind) => kind,
        };
        if error.class == Class::Unprepared {
            return self.failure(kind, doing, error.message).hint(error.hint);
        }
        let certificates = error.message.to_lowercase().contains("certificate");
        let failure = self.failure(kind, doing, error.message);
        match kind {
            _ if error::is_full(&failure.message) => failure.hint(FULL),
            _ if error::is_too_large(&failure.message) => failure.hint(LARGE),
            _ if error::is_auth_disabled(&failure.message) => failure.hint(AUTH_DISABLED),
            _ if certificates => failure.hint("check the certificates on both sides"),
            FailureKind::Denied => failure.hint("check the user, its password and its role"),
            // A server that requires a client certificate may close the connection without a reason.
            FailureKind::Unreachable if self.is_encrypted() => failure.hint(
                "check that etcd is running, has a leader and accepts Greenroom's certificate",
            ),
            FailureKind::Unreachable => failure.hint("check that etcd is running and has a leader"),
            _ => failure,
        }
    }

    /// The failure of a call that may change something. If no answer arrived, the call may have been applied.
    pub(super) fn failed(&self, doing: &str, error: EtcdError) -> Failure {
        if error.class != Class::Unclear {
            return self.unanswered(doing, error);
        }
        self.failure(FailureKind::Ambiguous, doing, error.message)
            .hint("the change may have been made: check before you repeat it")
    }

    fn is_encrypted(&self) -> bool {
        let nodes = &self.inner.nodes;
        nodes.iter().any(|node| node.url.starts_with("https"))
    }

    /// Reads several ranges at one revision. Returns the revision and the pairs of each range.
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
    /// The client of this node. The first caller creates the client and logs in. If etcd refuses the password,
    /// Greenroom reads the password again once.
    async fn client(&self, options: &Options) -> Answer<Client> {
        let mut known = self.client.lock().await;
        if let Some(client) = known.as_ref() {
            return Ok(client.clone());
        }
        let login = options.credentials.as_ref();
        // The certificates are read at each connection, so that renewed ones are used.
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
                // Requesting a token changes nothing, so the caller's own call was not sent.
                if error.class == Class::Unclear {
                    error.class = Class::NotSent;
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

    /// Drops the connection. The next call makes a new one.
    async fn forget(&self) {
        *self.client.lock().await = None;
    }
}

impl fmt::Debug for Cluster {
    /// Leaves out the connection options, because they contain the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.inner.name)
            .field("prefix", &self.inner.prefix)
            .finish_non_exhaustive()
    }
}
