//! The API of Forgejo, which Gitea also has.
//!
//! Source: <https://codeberg.org/api/swagger#/repository/repoCreateStatus>.

use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::SecretString;
use serde_json::Value;

use super::super::token_header;
use super::{Api, Status, github};
use crate::ports::Result;

pub(super) struct Forgejo;

impl Api for Forgejo {
    fn name(&self) -> &'static str {
        "Forgejo"
    }

    fn headers(&self, token: &SecretString) -> Result<HeaderMap> {
        let authorization = token_header("token ", token)?;
        Ok(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
    }

    fn repository<'a>(&self, name: &'a str) -> Vec<&'a str> {
        std::iter::once("repos").chain(name.split('/')).collect()
    }

    fn body(&self, status: &Status) -> Value {
        github::body(status)
    }
}
