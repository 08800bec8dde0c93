//! The body of a request, which ends with an error when its client stays silent for too long. A slot that waits for the
//! rest would be busy for as long as the client likes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// See the module.
pub(super) struct Arriving {
    body: Incoming,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    /// Whether the client is waited for. A slot that takes its time is not the client's silence.
    is_awaited: bool,
}

/// Why a body is given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum GivenUp {
    #[error("the body of the request broke off")]
    Broken(#[from] hyper::Error),
    #[error("the body of the request has not gone on for {0:?}")]
    Silent(Duration),
}

impl Arriving {
    pub(super) fn new(body: Incoming, idle: Duration) -> Self {
        Self {
            body,
            idle,
            silence: Box::pin(tokio::time::sleep(idle)),
            is_awaited: false,
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.is_awaited = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(GivenUp::from)));
        }
        if !this.is_awaited {
            this.is_awaited = true;
            this.silence.as_mut().reset(Instant::now() + this.idle);
        }
        match this.silence.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(GivenUp::Silent(this.idle)))),
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
