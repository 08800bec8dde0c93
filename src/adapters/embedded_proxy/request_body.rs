//! The body of a request. Reading it fails when the client sends nothing for too long, so a silent client cannot keep a
//! slot busy.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

pub(super) struct RequestBody {
    body: Incoming,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    /// Whether the proxy waits for the client. While the slot has not read everything that the client has sent, the
    /// client is not silent.
    is_awaited: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the request body could not be read to its end: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the client sent nothing of the request body for {0:?}")]
    Silent(Duration),
}

impl RequestBody {
    pub(super) fn new(body: Incoming, idle: Duration) -> Self {
        Self {
            body,
            idle,
            silence: Box::pin(tokio::time::sleep(idle)),
            is_awaited: false,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.is_awaited = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        if !this.is_awaited {
            this.is_awaited = true;
            this.silence.as_mut().reset(Instant::now() + this.idle);
        }
        match this.silence.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::Silent(this.idle)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
