//! One request to an image registry or its token server, and its answer. An answer above the size limit is a failure.

use reqwest::header::{ACCEPT, HeaderMap};
use reqwest::{Method, StatusCode, Url};
use secrecy::ExposeSecret;

use super::Lookup;
use super::failure::{of_request, of_status};
use crate::inventory::Mask;
use crate::ports::{Failure, FailureKind, Result};

/// The authorization of a request.
pub(super) enum Permit {
    Nothing,
    Password,
    Token(String),
}

/// A kind of request, and the size limit of its answer.
pub(super) struct Kind {
    /// The name in messages, e.g. `manifest`.
    pub(super) name: &'static str,
    /// The accepted media types; empty for any type.
    pub(super) accept: &'static str,
    /// The size limit in bytes.
    pub(super) largest: usize,
}

/// An answer with any status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The credentials of the request, which an error answer may repeat.
    pub(super) mask: Mask,
}

impl Lookup<'_> {
    /// The URL of `/v2/`. The answer of the registry shows whether the registry requires a login.
    pub(super) fn root(&self) -> Result<Url> {
        self.address("")
    }

    /// The URL of a path in the repository.
    pub(super) fn url(&self, path: &str) -> Result<Url> {
        self.address(&format!("{}/{path}", self.repository.path))
    }

    fn address(&self, path: &str) -> Result<Url> {
        let text = format!(
            "{}://{}/v2/{path}",
            self.access.scheme, self.repository.host
        );
        Url::parse(&text).map_err(|error| self.failure(FailureKind::Rejected, &error.to_string()))
    }

    /// Sends one request and returns its answer. An answer above the size limit of its kind is a failure.
    pub(super) async fn get(&self, url: &Url, permit: &Permit, kind: &Kind) -> Result<Answer> {
        self.send(Method::GET, url, permit, kind).await
    }

    /// Like [`Self::get`], without the body.
    pub(super) async fn head(&self, url: &Url, permit: &Permit, kind: &Kind) -> Result<Answer> {
        self.send(Method::HEAD, url, permit, kind).await
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        permit: &Permit,
        kind: &Kind,
    ) -> Result<Answer> {
        let mut request = self.access.http.request(method, url.clone());
        if !kind.accept.is_empty() {
            request = request.header(ACCEPT, kind.accept);
        }
        request = match (permit, &self.login) {
            (Permit::Token(token), _) => request.bearer_auth(token),
            (Permit::Password, Some((user, password))) => {
                request.basic_auth(user, Some(password.expose_secret()))
            }
            (Permit::Nothing | Permit::Password, _) => request,
        };
        let mut response = request
            .send()
            .await
            .map_err(|error| self.request_failure(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.request_failure(&error))?
        {
            if body.len() + chunk.len() > kind.largest {
                let message = format!("the {} has more than {} bytes", kind.name, kind.largest);
                return Err(self.failure(FailureKind::Unsupported, &message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers,
            body,
            mask: self.mask(permit),
        })
    }

    /// A mask for the credentials of the request, because an error answer may repeat the credentials.
    fn mask(&self, permit: &Permit) -> Mask {
        let password = self
            .login
            .iter()
            .map(|(_, password)| password.expose_secret());
        let token = match permit {
            Permit::Token(token) => Some(token.as_str()),
            Permit::Nothing | Permit::Password => None,
        };
        Mask::of(password.chain(token))
    }

    /// The body of a successful answer. Any other answer becomes a failure.
    pub(super) fn successful_body(&self, answer: Answer) -> Result<Vec<u8>> {
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(self.failure_with_hint(of_status(
            answer.status.as_u16(),
            &answer.body,
            &answer.mask,
        )))
    }

    fn request_failure(&self, error: &reqwest::Error) -> Failure {
        self.failure_with_hint(of_request(error))
    }
}
