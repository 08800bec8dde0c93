//! The API of GitHub.
//!
//! Source: <https://docs.github.com/en/rest/commits/statuses#create-a-commit-status>.

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::token_header;
use super::{Api, State, Status};
use crate::ports::Result;

const VERSION: HeaderName = HeaderName::from_static("x-github-api-version");

pub(super) struct GitHub;

impl Api for GitHub {
    fn name(&self) -> &'static str {
        "GitHub"
    }

    fn headers(&self, token: &SecretString) -> Result<HeaderMap> {
        let accept = HeaderValue::from_static("application/vnd.github+json");
        let version = HeaderValue::from_static("2022-11-28");
        let authorization = token_header("Bearer ", token)?;
        let headers = [
            (ACCEPT, accept),
            (VERSION, version),
            (AUTHORIZATION, authorization),
        ];
        Ok(HeaderMap::from_iter(headers))
    }

    fn repository<'a>(&self, name: &'a str) -> Vec<&'a str> {
        std::iter::once("repos").chain(name.split('/')).collect()
    }

    fn body(&self, status: &Status) -> Value {
        body(status)
    }
}

/// The body that GitHub and the code hosts with its API expect.
pub(super) fn body(status: &Status) -> Value {
    let state = match status.state {
        State::Pending | State::Running => "pending",
        State::Success => "success",
        State::Failure => "failure",
    };
    json!({
        "state": state,
        "context": status.context,
        "description": status.description,
    })
}
