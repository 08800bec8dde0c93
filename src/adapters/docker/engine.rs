//! The connection to Docker at one address. The first call connects and agrees with Docker on an API version. If Docker
//! later refuses that version, e.g. after a downgrade, Greenroom agrees on a version again. If Docker is unreachable,
//! the call fails; the console starts nevertheless.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::SystemVersion;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::DockerAddress;
use super::api_version::ApiVersion;
use super::connection::{self, Meter, Reading};
use super::failure::{Act, failure, refuses_version, timed_out};
use super::mend::mend;
use crate::inventory::FingerprintKey;
use crate::ports::{EngineInfo, Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// The time limit of a quick call.
pub(super) const QUICK: Duration = Duration::from_secs(10);
/// The oldest API version that Greenroom supports: the version of Docker 20.10.
const OLDEST: ApiVersion = ApiVersion {
    major: 1,
    minor: 41,
};
/// The newest API version that Greenroom supports.
const NEWEST: ApiVersion = ApiVersion {
    major: 1,
    minor: 53,
};

/// The agreed API version, shared by all clients for one address.
#[derive(Debug, Clone)]
struct Agreed(Arc<AtomicU32>);

impl Agreed {
    fn on(version: ApiVersion) -> Self {
        Self(Arc::new(AtomicU32::new(version.packed())))
    }

    fn version(&self) -> ApiVersion {
        ApiVersion::unpacked(self.0.load(Ordering::Relaxed))
    }

    fn change_to(&self, version: ApiVersion) {
        self.0.store(version.packed(), Ordering::Relaxed);
    }
}

pub struct Engine {
    address: DockerAddress,
    connected: OnceCell<Connected>,
    pub(super) fingerprints: FingerprintKey,
}

#[derive(Clone)]
struct Connected {
    raw: Docker,
    docker: Docker,
    agreed: Agreed,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.address).finish()
    }
}

impl Engine {
    /// Docker at `address`. Sends nothing before the first call.
    pub fn at(address: DockerAddress) -> Arc<Self> {
        Arc::new(Self {
            address,
            connected: OnceCell::new(),
            fingerprints: FingerprintKey::default(),
        })
    }

    pub(super) fn is_local(&self) -> bool {
        self.address.is_local()
    }

    /// The name of Docker in errors.
    pub(super) fn target(&self) -> String {
        format!("docker at {}", self.address)
    }

    /// A failure that Greenroom detected itself.
    pub(super) fn refuse(
        &self,
        kind: FailureKind,
        doing: impl Into<String>,
        message: impl Into<String>,
    ) -> Failure {
        Failure::new(kind, self.target(), doing, message)
    }

    /// The client. The first call connects and agrees with Docker on an API version.
    pub(super) async fn docker(&self) -> Result<&Docker> {
        Ok(&self.connected().await?.docker)
    }

    /// A client for one call with an endless stream as its answer, and the meter that limits the bytes of each item of
    /// that stream.
    pub(super) async fn streaming(&self) -> Result<(Docker, Meter)> {
        let agreed = self.connected().await?.agreed.clone();
        let meter = Meter::of_a_stream();
        let opened = connection::client(&self.address, Reading::Stream(meter.clone()));
        let docker =
            opened.map_err(|error| self.describe_error(&error, Act::Read, "connecting"))?;
        let modifier = move |request| mend(request, agreed.version());
        Ok((docker.with_request_modifier(modifier), meter))
    }

    /// A request for a stream that the client library cannot read, and the meter that limits the bytes of each item of
    /// that stream. The request is sent when the future is first awaited.
    pub(super) async fn raw_stream(
        &self,
        path: &str,
    ) -> Result<(
        impl Future<Output = std::result::Result<Incoming, Error>> + Send + use<>,
        Meter,
    )> {
        let version = self.connected().await?.agreed.version();
        let meter = Meter::of_a_stream();
        let path = format!("/v{version}{path}");
        let request = connection::get(self.address.clone(), meter.clone(), path);
        Ok((request, meter))
    }

    /// Runs a quick call, and describes an error.
    pub(super) async fn quick<T, F>(&self, act: Act, doing: &str, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, Error>>,
    {
        self.within(QUICK, act, doing, call).await
    }

    /// Runs a call with a deadline, and describes an error. If Docker refuses the API version, the call has changed
    /// nothing. Then Greenroom agrees on an API version again, and repeats the call if the version has changed.
    pub(super) async fn within<T, F>(
        &self,
        deadline: Duration,
        act: Act,
        doing: &str,
        call: impl Fn() -> F,
    ) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, Error>>,
    {
        let before = self.connected().await?.agreed.version();
        let mut answer = self.in_time(deadline, act, doing, call()).await?;
        if answer.as_ref().is_err_and(refuses_version) && self.agree_again().await? != before {
            answer = self.in_time(deadline, act, doing, call()).await?;
        }
        answer.map_err(|error| self.describe_error(&error, act, doing))
    }

    async fn in_time<T>(
        &self,
        deadline: Duration,
        act: Act,
        doing: &str,
        call: impl Future<Output = T>,
    ) -> Result<T> {
        let answer = timeout(deadline, call).await;
        answer.map_err(|_| timed_out(act, self.target(), doing, deadline))
    }

    /// Describes an error of the client library.
    pub(super) fn describe_error(&self, error: &Error, act: Act, doing: &str) -> Failure {
        let failure = failure(error, act, self.target(), doing);
        // Docker answered, so its address is right, and `DOCKER_HOST` does not matter.
        if matches!(error, Error::DockerResponseServerError { .. }) {
            return failure;
        }
        let docker_host = std::env::var("DOCKER_HOST").ok();
        match docker_host.and_then(|docker_host| self.address.docker_host_hint(&docker_host)) {
            Some(hint) if failure.kind == FailureKind::Unreachable => failure.hint(hint),
            _ => failure,
        }
    }

    pub(super) async fn info(&self) -> Result<EngineInfo> {
        let connected = self.connected().await?;
        let doing = "reading the version of Docker";
        let reply = self
            .quick(Act::Read, doing, || connected.docker.version())
            .await?;
        let version = reply.version.unwrap_or_default();
        connected
            .agreed
            .change_to(self.agree(&reply.api_version.unwrap_or_default())?);
        Ok(EngineInfo {
            name: sanitize(&format!("Docker {version}")).trim_end().to_owned(),
            api: connected.agreed.version().to_string(),
        })
    }

    /// The time of Docker's machine; none if the answer has no valid time.
    pub(super) async fn clock(&self) -> Result<Option<Timestamp>> {
        let doing = "reading the time of Docker's host";
        let request = connection::date(&self.address);
        let date = self.in_time(QUICK, Act::Read, doing, request).await?;
        date.map_err(|error| self.describe_error(&error, Act::Read, doing))
    }

    /// Agrees again on an API version, with the Docker that answers now.
    async fn agree_again(&self) -> Result<ApiVersion> {
        let Connected { raw, agreed, .. } = self.connected().await?;
        let reply = self
            .ask_version(raw, "agreeing on an API version again")
            .await?;
        let version = self.agree(&reply.api_version.unwrap_or_default())?;
        if version != agreed.version() {
            tracing::info!("{} now uses API version {version}", self.target());
        }
        agreed.change_to(version);
        Ok(version)
    }

    async fn ask_version(&self, raw: &Docker, doing: &str) -> Result<SystemVersion> {
        let reply = self.in_time(QUICK, Act::Read, doing, raw.version()).await?;
        reply.map_err(|error| self.describe_error(&error, Act::Read, doing))
    }

    async fn connected(&self) -> Result<&Connected> {
        self.connected.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Connected> {
        let doing = "connecting";
        let raw = connection::client(&self.address, Reading::Answers)
            .map_err(|error| self.describe_error(&error, Act::Read, doing))?;
        let reply = self.ask_version(&raw, doing).await?;
        let theirs = reply.api_version.unwrap_or_default();
        let agreed = Agreed::on(self.agree(&theirs)?);
        let of_requests = agreed.clone();
        let docker = raw
            .clone()
            .with_request_modifier(move |request| mend(request, of_requests.version()));
        Ok(Connected {
            raw,
            docker,
            agreed,
        })
    }

    fn agree(&self, theirs: &str) -> Result<ApiVersion> {
        let doing = "agreeing on an API version";
        let Ok(version) = theirs.parse::<ApiVersion>() else {
            let message = format!(
                "Docker reports the API version {:?}, which Greenroom cannot read",
                sanitize(theirs)
            );
            let refused = self.refuse(FailureKind::Garbled, doing, message);
            return Err(refused.hint("check that Docker answers at this address"));
        };
        if version < OLDEST {
            let message = format!(
                "Docker supports API versions up to {version}, but Greenroom needs at least {OLDEST}"
            );
            let refused = self.refuse(FailureKind::Unsupported, doing, message);
            return Err(refused.hint("use Docker 20.10 or later"));
        }
        Ok(version.min(NEWEST))
    }
}
