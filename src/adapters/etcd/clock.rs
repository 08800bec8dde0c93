//! The time of the members of a cluster. The API of etcd has no call for the time. But every member also answers
//! ordinary HTTP requests at the same address, and the answer has a date. The path `/version` needs no login.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::header::DATE;
use reqwest::redirect::Policy;
use reqwest::{Client, tls};

use super::options::{Options, pem};
use crate::adapters::tls_provider;
use crate::inventory::http_date;
use crate::inventory::servers::TlsConfig;
use crate::ports::Result;

/// The time limit for one member. It is short, so that a plan does not wait long for a clock.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Reads the clocks of the members of one cluster. Keeps one client, because reading the certificates for a new client
/// is slow.
#[derive(Default)]
pub(super) struct MemberClocks(Mutex<Option<Client>>);

impl MemberClocks {
    /// Asks all members in parallel and returns the median of their times, so that a single member with a wrong clock
    /// has little influence. None if no member answers with a valid date.
    pub(super) async fn ask(
        &self,
        options: &Options,
        urls: impl Iterator<Item = &str>,
    ) -> Result<Option<Timestamp>> {
        let urls: Vec<&str> = urls.collect();
        let client = self.client(options, &urls)?;
        let mut times: Vec<Timestamp> = join_all(urls.iter().map(|url| time_of(&client, url)))
            .await
            .into_iter()
            .flatten()
            .collect();
        if times.is_empty() {
            // The certificates may have been renewed since the client was created, so the next call creates a new
            // client.
            *self.cached() = None;
        }
        times.sort();
        Ok(times.get(times.len().saturating_sub(1) / 2).copied())
    }

    fn client(&self, options: &Options, urls: &[&str]) -> Result<Client> {
        let mut cached = self.cached();
        if let Some(client) = &*cached {
            return Ok(client.clone());
        }
        let has_tls = urls.iter().any(|url| url.starts_with("https://"));
        let client = client(options.tls.as_ref(), has_tls)?;
        *cached = Some(client.clone());
        Ok(client)
    }

    fn cached(&self) -> MutexGuard<'_, Option<Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn time_of(client: &Client, url: &str) -> Option<Timestamp> {
    let answer = client.get(format!("{url}/version")).send().await.ok()?;
    http_date(answer.headers().get(DATE)?.as_bytes())
}

fn client(files: Option<&TlsConfig>, has_tls: bool) -> Result<Client> {
    let refused = |error: reqwest::Error| super::options::refused(error.without_url().to_string());
    tls_provider::install();
    let mut client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        // Like all other calls to etcd, these do not use a proxy.
        .no_proxy();
    if !has_tls {
        // Without TLS no authority is needed, and reading the authorities of this machine takes long.
        client = client.tls_certs_only([]);
    }
    if let Some(ca) = files.and_then(|files| files.ca.as_ref()) {
        let authorities = tls::Certificate::from_pem_bundle(&pem(ca)?).map_err(refused)?;
        client = client.tls_certs_only(authorities);
    }
    if let Some((certificate, key)) = files.and_then(TlsConfig::identity) {
        let both = [pem(certificate)?, b"\n".to_vec(), pem(key)?].concat();
        client = client.identity(tls::Identity::from_pem(&both).map_err(refused)?);
    }
    client.build().map_err(refused)
}
