//! Reads the content of a request. Nothing proves who sent a content until its signature is verified, so the memory for
//! such contents is limited: a large one needs a permit, and its sender must keep a rate while it holds the permit.

use std::time::Duration;

use hyper::body::{Body, Bytes};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

/// The largest content that is always read without a proof of its sender, in bytes. Most deliveries are smaller.
const SMALL: usize = 64 * 1024;
/// How many contents may be larger while nothing proves who sent them. The others wait.
pub(super) const LARGE_AT_ONCE: usize = 4;
/// How many bytes of a large content must arrive in a second while nothing proves who sent it.
const RATE: u32 = 128 * 1024;
/// How long a sender may send less than [`RATE`].
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The content of a request. A large one without a proof holds a permit.
#[derive(Debug)]
pub(super) struct Content<'a> {
    pub(super) bytes: Vec<u8>,
    _permit: Option<SemaphorePermit<'a>>,
}

/// Why a content was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    Incomplete,
    TooSlow,
    /// No permit for a large content became free in time.
    NoPermit,
}

/// Reads at most `most` bytes, which must arrive within a time. If there is `large`, a content needs one of its permits
/// to be larger than [`SMALL`]. The wait for a permit has its own time, because it is not the sender's fault.
pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    (most, within): (usize, Duration),
    large: Option<&Semaphore>,
) -> Result<Content<'_>, Unread> {
    let announced = usize::try_from(body.size_hint().lower());
    if announced.is_ok_and(|announced| announced > most) || announced.is_err() {
        return Err(Unread::TooLarge);
    }
    let (mut bytes, mut permit) = (Vec::new(), None);
    let mut end = Instant::now() + within;
    let mut until = end;
    while let Some(data) = next(&mut body, until).await? {
        let size = bytes.len() + data.len();
        if size > most {
            return Err(Unread::TooLarge);
        }
        if permit.is_some() {
            let earned = Duration::from_secs(data.len() as u64) / RATE;
            until = end.min(until + earned).min(Instant::now() + LONGEST_PAUSE);
        } else if let Some(large) = large
            && size > SMALL
        {
            let began = Instant::now();
            let free = timeout(within, large.acquire()).await;
            permit = Some(free.ok().and_then(Result::ok).ok_or(Unread::NoPermit)?);
            end += began.elapsed();
            until = end.min(Instant::now() + LONGEST_PAUSE);
        }
        // Copied, because each frame, however small, would keep a whole buffer.
        bytes.extend_from_slice(&data);
    }
    Ok(Content {
        bytes,
        _permit: permit,
    })
}

/// The next bytes; none at the end of the content. Trailers are ignored.
async fn next<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    until: Instant,
) -> Result<Option<Bytes>, Unread> {
    use http_body_util::BodyExt as _;
    loop {
        let frame = timeout_at(until, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Unread::TooSlow)? else {
            return Ok(None);
        };
        let frame = frame.map_err(|_| Unread::Incomplete)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    const MOST: usize = 1 << 20;

    fn content(size: usize) -> Full<Bytes> {
        Full::from(vec![b'x'; size])
    }

    async fn size(
        size: usize,
        within: Duration,
        large: Option<&Semaphore>,
    ) -> Result<usize, Unread> {
        let read = read(content(size), (MOST, within), large).await;
        read.map(|content| content.bytes.len())
    }

    #[tokio::test]
    async fn a_large_content_without_a_proof_needs_a_permit() {
        let (none, one) = (Semaphore::new(0), Semaphore::new(1));
        let (soon, late) = (Duration::from_millis(50), Duration::from_mins(1));
        let large = SMALL + 1;
        assert_eq!(size(large, soon, Some(&none)).await, Err(Unread::NoPermit));
        assert_eq!(size(large, late, Some(&one)).await, Ok(large));
        assert_eq!(size(SMALL, late, Some(&none)).await, Ok(SMALL));
        assert_eq!(size(large, late, None).await, Ok(large), "with a proof");
        assert_eq!(one.available_permits(), 1);
    }

    #[tokio::test]
    async fn the_wait_for_a_permit_does_not_count_as_the_senders_time() {
        let large = Semaphore::new(0);
        let within = Duration::from_secs(5);
        let reading = size(SMALL + 1, within, Some(&large));
        let freeing = async {
            // Longer than a sender that holds a permit may pause.
            tokio::time::sleep(LONGEST_PAUSE + Duration::from_millis(200)).await;
            large.add_permits(1);
        };
        let (read, ()) = tokio::join!(reading, freeing);
        assert_eq!(read, Ok(SMALL + 1));
    }
}
