//! A watch of all keys of Greenroom in etcd. The stream ends after its first failure, and the caller must then open a
//! new watch.

use std::collections::BTreeSet;

use etcd_client::{Client, WatchOptions, WatchResponse, WatchStream};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::timeout_at;

use super::cluster::{Cluster, LARGEST_ANSWER};
use super::error::{Class, EtcdError};
use crate::ports::kv::{Call, Change};
use crate::ports::{FailureKind, Result};
use crate::sanitize::sanitize;

struct Watch {
    cluster: Cluster,
    doing: String,
    client: Client,
    stream: WatchStream,
    /// The answer that confirmed the watch. This answer may already have changes.
    first: Option<WatchResponse>,
    /// The revision of the last change that was received.
    revision: i64,
}

/// Opens a watch. Returns after etcd has confirmed the watch.
pub(super) async fn start(
    cluster: &Cluster,
    call: Call<'_>,
    from: i64,
) -> Result<BoxStream<'static, Result<Change>>> {
    let failed = |error| cluster.unanswered(call.doing, error);
    let opened = cluster
        .attempt(call.until, |client| {
            open(client, Cluster::prefix(cluster).to_owned(), from)
        })
        .await;
    let (client, stream) = opened.map_err(failed)?;
    let mut watch = Watch {
        cluster: cluster.clone(),
        doing: call.doing.to_owned(),
        client,
        stream,
        first: None,
        revision: from.saturating_sub(1),
    };
    let first = match timeout_at(call.until, watch.answer()).await {
        Ok(first) => first.map_err(failed)?,
        Err(_) => return Err(failed(EtcdError::unclear("the watch was not confirmed"))),
    };
    watch.first = Some(first);
    Ok(stream::unfold(Some(watch), |watch| async move {
        let mut watch = watch?;
        match watch.change().await {
            Ok(Change::Compacted) => Some((Ok(Change::Compacted), None)),
            Ok(change) => Some((Ok(change), Some(watch))),
            Err(error) => {
                let failure = watch.cluster.unanswered(&watch.doing, error);
                Some((Err(failure), None))
            }
        }
    })
    .boxed())
}

/// Opens the stream. Returns the client as well, because [`Watch::answer`] renews the client's token.
async fn open(
    client: Client,
    prefix: String,
    from: i64,
) -> std::result::Result<(Client, WatchStream), etcd_client::Error> {
    let options = WatchOptions::new().with_prefix().with_start_revision(from);
    let mut watching = client
        .watch_client()
        .max_decoding_message_size(LARGEST_ANSWER);
    let stream = watching.watch(prefix, Some(options)).await?;
    Ok((client, stream))
}

impl Watch {
    async fn answer(&mut self) -> std::result::Result<WatchResponse, EtcdError> {
        match self.stream.message().await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(EtcdError::unclear("the watch ended")),
            Err(error) => {
                let error = EtcdError::from(error);
                // The client library does not log in again for a stream.
                if matches!(
                    error.class,
                    Class::OldToken | Class::Refused(FailureKind::Denied)
                ) {
                    self.client.refresh_token().await?;
                }
                Err(error)
            }
        }
    }

    /// The next change. One answer may have the changes of several transactions, which become one change.
    async fn change(&mut self) -> std::result::Result<Change, EtcdError> {
        loop {
            let answer = match self.first.take() {
                Some(first) => first,
                None => self.answer().await?,
            };
            if answer.compact_revision() > 0 {
                return Ok(Change::Compacted);
            }
            if answer.canceled() {
                let why = sanitize(answer.cancel_reason());
                let kind = if why.contains("permission denied") {
                    FailureKind::Denied
                } else {
                    FailureKind::Rejected
                };
                return Err(EtcdError::refused(kind, why));
            }
            let pairs = answer.events().iter().filter_map(|event| event.kv());
            let mut keys = BTreeSet::new();
            for pair in pairs {
                self.revision = self.revision.max(pair.mod_revision());
                keys.insert(pair.key().to_vec());
            }
            if !keys.is_empty() {
                return Ok(Change::Changed {
                    revision: self.revision,
                    keys: keys.into_iter().collect(),
                });
            }
        }
    }
}
