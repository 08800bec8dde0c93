//! Clients that open a new connection for each request.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

use super::{AGENT, describe};
use crate::adapters::tls_provider;
use crate::inventory::Endpoint;

/// The time limit to connect.
const CONNECTING: Duration = Duration::from_secs(5);

/// Creates clients. One client serves all TCP addresses; each unix socket needs a client of its own.
#[derive(Default)]
pub(super) struct Fresh {
    over_tcp: OnceLock<Client>,
}

impl Fresh {
    pub(super) fn client(&self, at: &Endpoint) -> Result<Client, String> {
        if let Endpoint::Unix(path) = at {
            return build(plain().unix_socket(path.as_path()));
        }
        if let Some(client) = self.over_tcp.get() {
            return Ok(client.clone());
        }
        let client = build(plain())?;
        Ok(self.over_tcp.get_or_init(|| client).clone())
    }
}

fn build(builder: ClientBuilder) -> Result<Client, String> {
    builder
        .build()
        .map_err(|error| describe::of_any("no HTTP client can be created", &error))
}

fn plain() -> ClientBuilder {
    tls_provider::install();
    Client::builder()
        .http1_only()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .redirect(redirect::Policy::none())
        // A silent retry would hide the failure that the probe has to find.
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECTING)
        .user_agent(AGENT)
        // Checks use only plain HTTP, and reading the machine's certificates takes a while.
        .tls_certs_only([])
}
