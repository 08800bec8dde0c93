//! The API of GitLab.
//!
//! Source: <https://docs.gitlab.com/api/commits/#set-commit-pipeline-status>.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::token_header;
use super::{Answer, Api, State, Status};
use crate::ports::Result;

const TOKEN: HeaderName = HeaderName::from_static("private-token");
/// The beginning of the message with which GitLab refuses a state.
const SAME_STATE: &str = "Cannot transition status";

pub(super) struct GitLab;

impl Api for GitLab {
    fn name(&self) -> &'static str {
        "GitLab"
    }

    fn headers(&self, token: &SecretString) -> Result<HeaderMap> {
        Ok(HeaderMap::from_iter([(TOKEN, token_header("", token)?)]))
    }

    /// The path of a project is one part of the path, so its slashes are escaped.
    fn repository<'a>(&self, name: &'a str) -> Vec<&'a str> {
        vec!["projects", name]
    }

    fn body(&self, status: &Status) -> Value {
        let state = match status.state {
            State::Pending => "pending",
            State::Running => "running",
            State::Success => "success",
            State::Failure => "failed",
        };
        json!({
            "state": state,
            "name": status.context,
            "description": status.description,
        })
    }

    /// GitLab refuses a state that the commit already has, and `pending` after `running`. So its status does not change
    /// between the start and the end of a release.
    fn is_set_already(&self, answer: &Answer) -> bool {
        let says = String::from_utf8_lossy(&answer.body);
        answer.status() == StatusCode::BAD_REQUEST && says.contains(SAME_STATE)
    }
}
