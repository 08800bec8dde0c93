//! Sets the status of the commit that a version was built from, at the code host of its repository. The label
//! `org.opencontainers.image.revision` of the image names the commit.
//!
//! A commit has one status for each target, which says whether the version of the commit became live there. A release
//! sets the status of the commit that it releases. A rollback that has ended also sets the status of the commit from
//! which it rolled back, because that version is no longer live for a reason.
//!
//! The caller sends one notice of a channel after another, and repeats a notice until it is sent or given up. So a late
//! repetition does not replace a newer status of the same process. Another process may drive the release later.

mod forgejo;
mod github;
mod gitlab;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;

use super::Server;
use super::post::{Answer, Request, place};
use crate::history::{Notice, NoticeEvent, ReleaseKind};
use crate::inventory::{SecretSource, Version};
use crate::ports::{Notifier, Result};
use crate::sanitize::sanitize;

/// How many characters a description has at most. GitHub accepts no more.
const LONGEST_DESCRIPTION: usize = 140;

/// The program of a code host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeHost {
    GitHub,
    GitLab,
    Forgejo,
}

/// The API of a code host.
trait Api: Send + Sync {
    fn name(&self) -> &'static str;

    /// The headers of every request.
    fn headers(&self, token: &SecretString) -> Result<HeaderMap>;

    /// The parts of the path of a repository.
    fn repository<'a>(&self, name: &'a str) -> Vec<&'a str>;

    fn body(&self, status: &Status) -> Value;

    /// Whether the commit already has the status, so that the code host refuses to set it again.
    fn is_set_already(&self, answer: &Answer) -> bool {
        let _ = answer;
        false
    }
}

impl CodeHost {
    fn api(self) -> &'static dyn Api {
        match self {
            Self::GitHub => &github::GitHub,
            Self::GitLab => &gitlab::GitLab,
            Self::Forgejo => &forgejo::Forgejo,
        }
    }
}

/// The state of a release, as code hosts have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No release has started.
    Pending,
    Running,
    Success,
    Failure,
}

/// The status of one commit.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    commit: String,
    state: State,
    /// The name of the status. A commit has one status with each name.
    context: String,
    description: String,
}

#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct CommitStatus {
    server: Server,
    host: CodeHost,
    token: SecretSource,
    repository: String,
    /// The last subject without a commit, so that the log names it once.
    without_commit: Mutex<String>,
}

impl CommitStatus {
    pub fn new(server: Server, host: CodeHost, token: SecretSource, repository: String) -> Self {
        Self {
            server,
            host,
            token,
            repository,
            without_commit: Mutex::default(),
        }
    }

    /// A request for a path below the repository.
    async fn request(&self, method: Method, below: &[&str], body: String) -> Result<Request> {
        let api = self.host.api();
        let (token, mask) = self.server.token(&self.token).await?;
        let mut path = api.repository(&self.repository);
        path.extend(below);
        Ok(Request {
            url: self.server.api(&path).await?,
            method,
            headers: api.headers(&token)?,
            body,
            mask,
        })
    }

    fn note_missing_commit(&self, notice: &Notice) {
        let subject = notice.subject();
        let mut last = self
            .without_commit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *last != subject {
            tracing::debug!(
                "{}: the image has no label with the commit it was built from, so no commit status is set",
                notice.target
            );
            *last = subject;
        }
    }
}

#[async_trait]
impl Notifier for CommitStatus {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let api = self.host.api();
        let statuses = statuses(notice);
        if statuses.is_empty() {
            self.note_missing_commit(notice);
        }
        for status in statuses {
            let body = api.body(&status).to_string();
            let below = ["statuses", &status.commit];
            let request = self.request(Method::POST, &below, body).await?;
            let answer = self.server.post.exchange(request).await?;
            if !api.is_set_already(&answer) {
                answer.success()?;
            }
        }
        Ok(())
    }

    async fn ready(&self) -> Result<String> {
        let request = self.request(Method::GET, &[], String::new()).await?;
        let place = place(&request.url);
        self.server.post.send(request).await?;
        let name = self.host.api().name();
        Ok(format!(
            "commit status of {} in {name} at {place}",
            sanitize(&self.repository)
        ))
    }
}

/// The statuses that a notice sets.
fn statuses(notice: &Notice) -> Vec<Status> {
    let is_rollback = notice.kind.is_some_and(ReleaseKind::is_rollback);
    let state = match notice.event {
        NoticeEvent::Offered => State::Pending,
        NoticeEvent::Started | NoticeEvent::Waiting | NoticeEvent::Switched => State::Running,
        // The traffic is on the version of the commit, but the release has not ended.
        NoticeEvent::RolledBack if is_rollback => State::Running,
        NoticeEvent::Finished => State::Success,
        NoticeEvent::Failed
        | NoticeEvent::RolledBack
        | NoticeEvent::BackedOut
        | NoticeEvent::Refused => State::Failure,
    };
    let target = &notice.target;
    let status = |version: &Version, state, description: &str| {
        Some(Status {
            commit: commit(version)?,
            state,
            context: format!("greenroom/{}/{}", target.service, target.environment),
            description: shortened(description),
        })
    };
    let mut statuses = Vec::new();
    if let Some(to) = &notice.to {
        statuses.extend(status(to, state, &description(notice)));
        let left = notice.from.as_ref();
        let left = left.filter(|_| is_rollback && notice.event == NoticeEvent::Finished);
        let left = left.filter(|left| commit(left) != commit(to));
        let rolled_back = format!("rolled back to {to}");
        statuses.extend(left.and_then(|left| status(left, State::Failure, &rolled_back)));
    }
    statuses
}

/// The commit that a version was built from. A label may have any text, so only a full hash is used.
fn commit(version: &Version) -> Option<String> {
    let revision = version.labels.revision.as_deref()?.trim();
    let is_hash =
        matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| revision.to_ascii_lowercase())
}

/// What happened, without the target, which is the name of the status.
fn description(notice: &Notice) -> String {
    let target = format!("{}: ", notice.target);
    let text = notice.text.strip_prefix(&target).unwrap_or(&notice.text);
    let why = notice.failed_checks.first().or(notice.why.as_ref());
    match why {
        Some(why) => format!("{text}: {why}"),
        None => text.to_owned(),
    }
}

fn shortened(text: &str) -> String {
    let text = sanitize(text);
    if text.chars().count() <= LONGEST_DESCRIPTION {
        return text;
    }
    let mut cut: String = text.chars().take(LONGEST_DESCRIPTION - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests;
