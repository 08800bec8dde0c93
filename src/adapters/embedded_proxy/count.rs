//! Counts the requests that are open between the proxy and a slot. A request is open until the last byte of its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use super::recent::RecordedRequest;
use crate::inventory::{PerSlot, Slot};

/// The number of open requests of one target, by slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Open(Arc<PerSlot<AtomicU64>>);

impl Open {
    /// Counts one request until the guard is dropped.
    pub(super) fn begin(&self, slot: Slot) -> Counted {
        self.0.get(slot).fetch_add(1, Ordering::Relaxed);
        Counted {
            open: self.clone(),
            slot,
            recorded: None,
        }
    }

    pub(super) fn now(&self) -> PerSlot<u64> {
        PerSlot::from_fn(|slot| self.0.get(slot).load(Ordering::Relaxed))
    }
}

/// A guard that counts one request. Dropping the guard ends the request.
#[derive(Debug)]
pub(super) struct Counted {
    open: Open,
    slot: Slot,
    recorded: Option<RecordedRequest>,
}

impl Counted {
    /// Adds the guard that records the request as a line when the request ends. None records nothing.
    pub(super) fn recorded(mut self, recorded: Option<RecordedRequest>) -> Self {
        self.recorded = recorded;
        self
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        if let Some(recorded) = &mut self.recorded {
            recorded.answered(status);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.0.get(self.slot).fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, streamed through. The request stays open until the body ends or is dropped.
#[derive(Debug)]
pub(super) struct Streamed {
    body: Incoming,
    _counted: Counted,
}

impl Streamed {
    pub(super) fn new(body: Incoming, counted: Counted) -> Self {
        Self {
            body,
            _counted: counted,
        }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
