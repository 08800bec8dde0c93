//! The section of a service: its image, its instances and checks, and its environments.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ordered, TimingSection};
use crate::checks::{Case, HealthCheck};
use crate::inventory::servers::SiteConfig;
use crate::inventory::units::{MaybeWritten, Size, Time, Written};
use crate::inventory::{
    Addresses, ContainerOptions, Cpus, EnvironmentValue, ExtraKey, Mount, PerSlot, Quiet, QuietBy,
    QuietSignal, RestartPolicy, SecretSource, ServiceKind, TagPattern, Task,
};

/// One service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct ServiceSection {
    /// The image's repository, without tag, e.g. `registry.example/team/web`.
    #[schemars(extend("format" = "repository"))]
    pub(in crate::settings) image: String,
    /// Whether the service gets requests (`http`), takes its work from elsewhere, e.g. from a queue (`worker`), or starts
    /// work itself and must never run twice at once (`scheduler`). A worker or scheduler has neither addresses nor a proxy.
    #[serde(default)]
    pub(in crate::settings) kind: ServiceKind,
    /// Where the service listens inside its container or process: a port or a socket. Only for `http`.
    #[serde(default)]
    pub(in crate::settings) listen: ListenSection,
    /// The command to run instead of the image's own command.
    #[serde(default)]
    pub(in crate::settings) command: Option<Vec<String>>,
    /// Environment variables of the containers or processes.
    #[serde(default)]
    pub(in crate::settings) environment: BTreeMap<String, EnvironmentValue>,
    /// Directories of the host, or volumes, that the containers or processes see.
    #[serde(default)]
    pub(in crate::settings) mounts: Vec<Mount>,
    /// The most memory a container or process may use.
    #[serde(default, with = "MaybeWritten::<Size>")]
    pub(in crate::settings) memory: Option<u64>,
    /// When a container or process is restarted automatically.
    #[serde(default)]
    pub(in crate::settings) restart: RestartPolicy,
    /// The network of the containers or processes.
    #[serde(default)]
    pub(in crate::settings) network: Option<String>,
    /// Further labels of the containers or processes.
    #[serde(default)]
    pub(in crate::settings) labels: BTreeMap<String, String>,
    /// What only a container can have.
    #[serde(flatten)]
    pub(in crate::settings) container: ContainerOptions,
    /// The health endpoint. Nothing is released without one, except a worker or scheduler, which must not have it: it is
    /// healthy while it is running and the HEALTHCHECK of its image, if any, passes.
    #[serde(default)]
    pub(in crate::settings) health: Option<HealthCheck>,
    /// The checks of a candidate before it gets traffic.
    #[serde(default)]
    pub(in crate::settings) checks: Vec<Case>,
    /// Only for a worker: how the old version is told to take no more jobs before it is stopped. Absent: it is only asked
    /// to stop.
    #[serde(default)]
    pub(in crate::settings) quiet: Option<QuietSection>,
    /// The tasks of a release: commands that run once in a container of the new version, e.g. database migrations.
    #[serde(default)]
    pub(in crate::settings) tasks: Vec<Task>,
    /// The timing of a release.
    #[serde(default)]
    pub(in crate::settings) timing: TimingSection,
    /// An additional etcd key for other programs, written in the same transaction as the registration.
    #[serde(default)]
    pub(in crate::settings) etcd_key: Option<ExtraKey>,
    /// The environments to which the service can be released.
    #[serde(default)]
    pub(in crate::settings) environments: Ordered<ServiceEnvironmentSection>,
}

impl ServiceSection {
    pub(in crate::settings) fn is_background(&self) -> bool {
        self.kind.is_background()
    }
}

/// How the old version of a worker is told to take no more jobs: exactly one of `signal` and `command`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct QuietSection {
    /// The signal that each member gets. It may be sent again, e.g. after a crash.
    #[serde(default)]
    pub(in crate::settings) signal: Option<QuietSignal>,
    /// The command that runs in the container of each member, instead of a signal. It must end with exit code 0 within 30
    /// seconds. It may run again, e.g. after a crash.
    #[serde(default)]
    pub(in crate::settings) command: Option<Vec<String>>,
    /// The command that runs in the container of each member, every second, and prints how many jobs it still has. It must
    /// end within 30 seconds. Without this command, Greenroom waits until all members have exited, or until `timeout`.
    #[serde(default)]
    pub(in crate::settings) jobs: Option<Vec<String>>,
    /// How long the jobs may take. After that the old version is stopped, whatever it is doing.
    #[serde(with = "Written::<Time>")]
    pub(in crate::settings) timeout: Duration,
}

impl QuietSection {
    /// None if the section is not valid.
    pub(in crate::settings) fn quiet(&self) -> Option<Quiet> {
        let by = match (&self.signal, &self.command) {
            (Some(signal), None) => QuietBy::Signal(*signal),
            (None, Some(command)) => QuietBy::Command(command.clone()),
            _ => return None,
        };
        Some(Quiet {
            by,
            jobs: self.jobs.clone(),
            timeout: self.timeout,
        })
    }
}

/// Where a service that gets requests listens: exactly one of the two.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::settings) struct ListenSection {
    /// The TCP port.
    pub(in crate::settings) port: Option<NonZeroU16>,
    /// The path of a unix socket.
    pub(in crate::settings) socket: Option<PathBuf>,
}

/// A service in an environment. Its values override those of the service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::settings) struct ServiceEnvironmentSection {
    /// The fixed addresses of each slot. Required, and only for `http`.
    #[serde(default)]
    #[schemars(with = "Option<EndpointsSection>")]
    pub(in crate::settings) endpoints: Option<PerSlot<Addresses>>,
    /// Only for a worker: the number of members of each slot, at most 64. Built-in: 1.
    #[serde(default)]
    #[schemars(range(max = 64))]
    pub(in crate::settings) members: Option<NonZeroUsize>,
    /// How clients reach the service.
    #[serde(default)]
    pub(in crate::settings) proxy: Option<SiteConfig>,
    /// Environment variables, added to those of the service.
    #[serde(default)]
    pub(in crate::settings) environment: BTreeMap<String, EnvironmentValue>,
    /// The most memory a container or process may use.
    #[serde(default, with = "MaybeWritten::<Size>")]
    pub(in crate::settings) memory: Option<u64>,
    /// How many CPUs a container may use, e.g. 0.5.
    #[serde(default)]
    pub(in crate::settings) cpus: Option<Cpus>,
    /// Secrets as files, added to those of the service.
    #[serde(default)]
    pub(in crate::settings) secrets: BTreeMap<String, SecretSource>,
    /// The health endpoint, instead of that of the service.
    #[serde(default)]
    pub(in crate::settings) health: Option<HealthCheck>,
    /// The checks, instead of those of the service.
    #[serde(default)]
    pub(in crate::settings) checks: Option<Vec<Case>>,
    /// The tags that this environment follows, e.g. `["develop", "v*"]`; `*` stands for any text. If one of them is
    /// pushed, the agent releases the version here. In a protected environment, it only offers the version.
    #[serde(default)]
    pub(in crate::settings) follow: Vec<TagPattern>,
    /// How often the agent asks the image registry which image the followed tags name, for image registries that report
    /// no pushes. Absent: the agent waits for reports.
    #[serde(default, with = "MaybeWritten::<Time>")]
    pub(in crate::settings) poll: Option<Duration>,
    /// The timing of a release.
    #[serde(default)]
    pub(in crate::settings) timing: TimingSection,
}

impl ServiceEnvironmentSection {
    /// The members of each slot, with their addresses.
    pub(in crate::settings) fn slots(&self) -> PerSlot<Addresses> {
        let counted = Addresses::counted(self.members.map_or(1, NonZeroUsize::get));
        self.endpoints.clone().unwrap_or_else(|| PerSlot {
            blue: counted.clone(),
            green: counted,
        })
    }
}

/// The schema of the fixed address of each slot.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct EndpointsSection {
    /// The address of blue: `127.0.0.1:18081` or `unix:/run/web/blue.sock`. For several members, a list of addresses or a
    /// range of ports, such as `127.0.0.1:18081-18083`.
    blue: Addresses,
    /// The address of green: `127.0.0.1:18082` or `unix:/run/web/green.sock`, and as many addresses as blue has.
    green: Addresses,
}
