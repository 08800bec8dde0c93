//! One connection for each address, kept open between requests as a browser does. A pool would open a second connection
//! while the first is in use, and then Greenroom would not know which connection an answer used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::describe;
use super::request::{LONGEST, OutgoingRequest, Sender, read};
use crate::checks::Answer;
use crate::inventory::{Address, PublicAddress};

/// Holds a connection between two requests.
type Place = Arc<Mutex<Option<Sender>>>;

/// The kept connections. A request takes the connection out, and puts it back only after the answer has been read to
/// the end.
#[derive(Default)]
pub(super) struct Kept {
    /// The connections by address and `Host` header, so that a target that hangs does not delay another target behind
    /// the same proxy. The address includes the host name and TLS, so no connection has another host's certificate.
    by_address: Mutex<BTreeMap<(Address, String), Place>>,
}

impl Kept {
    /// Requests the path of the address. Opens a connection if none is open.
    pub(super) async fn ask(
        &self,
        address: &PublicAddress,
        time_limit: Duration,
    ) -> Result<Answer, String> {
        let key = (address.endpoint.clone(), address.host.clone());
        let place = self.by_address.lock().await.entry(key).or_default().clone();
        let outgoing = OutgoingRequest::public(address, time_limit);
        // The lock allows one request at a time, as HTTP/1 requires on one connection.
        let asking = async {
            let mut place = place.lock().await;
            let (answer, sender) = exchange(place.take(), &outgoing).await?;
            *place = Some(sender);
            Ok(answer)
        };
        match tokio::time::timeout(time_limit, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(describe::too_late(time_limit)),
        }
    }
}

async fn exchange(
    kept: Option<Sender>,
    outgoing: &OutgoingRequest<'_>,
) -> Result<(Answer, Sender), String> {
    if let Some(mut sender) = kept
        && sender.ready().await.is_ok()
    {
        let began = Instant::now();
        if let Some(response) = outgoing.send(&mut sender).await? {
            return Ok((whole(read(response, began).await?)?, sender));
        }
    }
    let began = Instant::now();
    let mut sender = outgoing.connect().await?;
    let response = outgoing.send(&mut sender).await?;
    let response = response.ok_or("no answer: the connection was closed")?;
    Ok((whole(read(response, began).await?)?, sender))
}

/// The answer, if its body was read to the end. Otherwise the connection cannot be used again.
fn whole((answer, is_complete): (Answer, bool)) -> Result<Answer, String> {
    if is_complete {
        return Ok(answer);
    }
    Err(format!(
        "the answer has more than {} MiB; see greenroom help limits",
        LONGEST / (1024 * 1024)
    ))
}
