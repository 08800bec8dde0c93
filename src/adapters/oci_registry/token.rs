//! The authorization of a registry: none, a password, or a token that another server returns for the password
//! (<https://distribution.github.io/distribution/spec/auth/token/>).
//!
//! The registry names the token server. The password is sent to that server only if it is on the registry's own host,
//! is Docker Hub's own token server, or is configured. If the registry uses TLS, the token server must use TLS too.

use http_auth::parser::ChallengeParser;
use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;

use super::Lookup;
use super::get::{Kind, Permit};
use crate::ports::{Failure, FailureKind, Result};

/// Docker Hub, and its token server, which is on another host.
const DOCKER_HUB: (&str, &str) = ("docker.io", "auth.docker.io");

const VERSION: Kind = Kind {
    name: "answer",
    accept: "",
    largest: 64 * 1024,
};
pub(super) const TOKEN: Kind = Kind {
    name: "token",
    accept: "application/json",
    largest: 64 * 1024,
};

/// A server may send the token in one of these fields or in both, and one of the fields may be empty.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

/// The challenge with which a registry names its token server.
struct Challenge {
    realm: String,
    service: Option<String>,
}

impl Lookup<'_> {
    /// The authorization that the registry requires to read this image.
    pub(super) async fn permit(&self) -> Result<Permit> {
        let first = self.get(&self.root()?, &Permit::Nothing, &VERSION).await?;
        match challenge(&first.headers) {
            Some(challenge) => self.token(&challenge).await.map(Permit::Token),
            None if self.login.is_some() => Ok(Permit::Password),
            None => Ok(Permit::Nothing),
        }
    }

    async fn token(&self, challenge: &Challenge) -> Result<String> {
        let server = self.token_server(&challenge.realm)?;
        let mut url = server;
        let scope = format!("repository:{}:pull", self.repository.path);
        url.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = &challenge.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let answer = self.get(&url, &Permit::Password, &TOKEN).await?;
        if matches!(answer.status.as_u16(), 400 | 401 | 403) {
            let message = super::failure::refusal(&answer.body, &answer.mask);
            return Err(self.failure_with_hint((FailureKind::Denied, message)));
        }
        let answer = self.successful_body(answer)?;
        let body: Body = serde_json::from_slice(&answer).map_err(|_| {
            self.failure(
                FailureKind::Garbled,
                "the answer of the token server is not JSON",
            )
        })?;
        let tokens = [body.token, body.access_token].into_iter().flatten();
        let token = tokens.into_iter().find(|token| !token.is_empty());
        let token = token.unwrap_or_default();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.failure(
                FailureKind::Garbled,
                "the token is empty, or has characters that are not allowed in a token",
            ));
        }
        Ok(token)
    }

    /// The URL of the token server. Fails if that server must not get the password, or has no TLS although the registry
    /// uses TLS.
    fn token_server(&self, realm: &str) -> Result<Url> {
        let url = Url::parse(realm)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
            .ok_or_else(|| {
                self.failure(
                    FailureKind::Garbled,
                    &format!("{realm:?} is not the URL of a token server"),
                )
            })?;
        if self.access.scheme == "https" && url.scheme() != "https" {
            let message = format!(
                "the image registry names a token server without TLS, which Greenroom does not use: {}",
                place(&url)
            );
            return Err(self.failure(FailureKind::Denied, &message));
        }
        if self.login.is_some() && !self.is_trusted(&url) {
            return Err(self.untrusted_server(&url));
        }
        Ok(url)
    }

    fn is_trusted(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let (registry, server) = DOCKER_HUB;
        let own = super::access::name_of(self.host);
        let is_named = |named: &str| host == named || place(url) == named;
        host == own
            || (self.host == registry && host == server)
            || self.token_server.is_some_and(is_named)
    }

    fn untrusted_server(&self, url: &Url) -> Failure {
        let place = place(url);
        let message = format!(
            "the image registry names a token server on another host, which would get the password: {place}"
        );
        self.failure(FailureKind::Denied, &message).hint(format!(
            "if you trust that server, set token_server = \"{place}\" next to user and password"
        ))
    }
}

/// The server of a URL, as `host` or `host:port`.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The first `Bearer` challenge in the headers of an answer.
fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let headers = headers.get_all(WWW_AUTHENTICATE).iter();
    let text = headers.filter_map(|header| header.to_str().ok());
    let mut challenges = text.flat_map(|text| ChallengeParser::new(text).flatten());
    challenges.find_map(|challenge| {
        if !challenge.scheme.eq_ignore_ascii_case("Bearer") {
            return None;
        }
        let parameter = |name: &str| {
            let mut parameters = challenge.params.iter();
            let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            Some(found.1.to_unescaped())
        };
        Some(Challenge {
            realm: parameter("realm")?,
            service: parameter("service"),
        })
    })
}
