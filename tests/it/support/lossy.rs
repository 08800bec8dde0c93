//! A store that loses some answers or requests, or answers nothing any more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use greenroom::ports::kv::{
    Call, Change, Command, Committed, Granted, Kv, LeaseId, Range, Read, Txn, Write,
};
use greenroom::ports::{Failure, FailureKind, Result};

/// What happens to one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It is carried out, and its answer is lost.
    Answer,
    /// It does not arrive, and the sender does not know.
    Request,
    /// It is not sent, and the sender knows.
    NotSent,
    /// It is carried out and its answer is lost, and no later call is answered.
    AnswerAndLine,
}

/// A store behind a bad line.
#[derive(Debug, Clone)]
pub(crate) struct Lossy {
    kv: Arc<dyn Kv>,
    losses: Arc<Mutex<VecDeque<Loss>>>,
    hangs: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
    grants: Arc<AtomicUsize>,
    /// Carried out after the next lost transaction.
    next: Arc<Mutex<Option<Txn>>>,
    time_limit: Duration,
}

impl Lossy {
    pub(crate) fn new(kv: &Arc<dyn Kv>) -> Self {
        Self {
            kv: Arc::clone(kv),
            losses: Arc::default(),
            hangs: Arc::default(),
            reads: Arc::default(),
            grants: Arc::default(),
            next: Arc::default(),
            time_limit: Duration::from_millis(500),
        }
    }

    /// Loses the next transaction.
    pub(crate) fn lose(&self, loss: Loss) {
        self.losses.lock().expect("no panic").push_back(loss);
    }

    /// Loses the next transaction. Then another process carries out `next`.
    pub(crate) fn lose_before(&self, loss: Loss, next: Vec<Write>) {
        self.lose(loss);
        *self.next.lock().expect("no panic") = Some(Txn {
            when: Vec::new(),
            then: next,
        });
    }

    /// Whether every loss has happened.
    pub(crate) fn is_done(&self) -> bool {
        self.losses.lock().expect("no panic").is_empty()
    }

    /// Answers nothing any more, or everything again.
    pub(crate) fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::SeqCst);
    }

    /// The number of reads since the last call of this.
    pub(crate) fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// The number of granted leases since the last call of this.
    pub(crate) fn grants(&self) -> usize {
        self.grants.swap(0, Ordering::SeqCst)
    }

    async fn line(&self, kind: FailureKind, call: Call<'_>) -> Result<()> {
        if self.hangs.load(Ordering::SeqCst) {
            tokio::time::sleep_until(call.until).await;
            return Err(self.failure(kind, call));
        }
        Ok(())
    }

    fn failure(&self, kind: FailureKind, call: Call<'_>) -> Failure {
        Failure::new(kind, self.kv.name(), call.doing, "lost on the line")
    }
}

#[async_trait]
impl Kv for Lossy {
    fn name(&self) -> &str {
        self.kv.name()
    }

    fn prefix(&self) -> &str {
        self.kv.prefix()
    }

    fn time_limit(&self) -> Duration {
        self.time_limit
    }

    fn user(&self) -> Option<&str> {
        self.kv.user()
    }

    fn has_roles(&self) -> bool {
        self.kv.has_roles()
    }

    fn command(&self, what: Command<'_>) -> String {
        self.kv.command(what)
    }

    async fn version(&self, call: Call<'_>) -> Result<String> {
        self.line(FailureKind::Unreachable, call).await?;
        self.kv.version(call).await
    }

    async fn revision(&self, call: Call<'_>) -> Result<i64> {
        self.line(FailureKind::Unreachable, call).await?;
        self.kv.revision(call).await
    }

    async fn read(&self, call: Call<'_>, ranges: &[Range]) -> Result<Read> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.line(FailureKind::Unreachable, call).await?;
        self.kv.read(call, ranges).await
    }

    async fn commit(&self, call: Call<'_>, txn: &Txn) -> Result<Committed> {
        self.line(FailureKind::Ambiguous, call).await?;
        let loss = self.losses.lock().expect("no panic").pop_front();
        let Some(loss) = loss else {
            return self.kv.commit(call, txn).await;
        };
        if matches!(loss, Loss::Answer | Loss::AnswerAndLine) {
            self.kv.commit(call, txn).await?;
        }
        let next = self.next.lock().expect("no panic").take();
        if let Some(next) = next {
            self.kv.commit(call, &next).await?;
        }
        self.hang(loss == Loss::AnswerAndLine);
        let kind = match loss {
            Loss::NotSent => FailureKind::Unreachable,
            _ => FailureKind::Ambiguous,
        };
        Err(self.failure(kind, call))
    }

    async fn grant(&self, call: Call<'_>, ttl: Duration) -> Result<Granted> {
        self.grants.fetch_add(1, Ordering::SeqCst);
        self.line(FailureKind::Unreachable, call).await?;
        self.kv.grant(call, ttl).await
    }

    async fn renew(&self, call: Call<'_>, lease: LeaseId) -> Result<Duration> {
        self.line(FailureKind::Unreachable, call).await?;
        self.kv.renew(call, lease).await
    }

    async fn revoke(&self, call: Call<'_>, lease: LeaseId) -> Result<()> {
        self.line(FailureKind::Ambiguous, call).await?;
        self.kv.revoke(call, lease).await
    }

    async fn time_left(&self, call: Call<'_>, lease: LeaseId) -> Result<Option<Duration>> {
        self.line(FailureKind::Unreachable, call).await?;
        self.kv.time_left(call, lease).await
    }

    async fn watch(&self, call: Call<'_>, from: i64) -> Result<BoxStream<'static, Result<Change>>> {
        self.line(FailureKind::Unreachable, call).await?;
        self.kv.watch(call, from).await
    }
}
