//! The traits through which Greenroom uses outside systems. Reading and writing are separate traits, so that in
//! read-only mode no adapter that writes is built. A port describes outside systems with the crate's own types; no type
//! of a client library appears in a port.

mod archive;
mod bound;
mod check_containers;
mod check_output;
mod checker;
mod clock;
mod command_checks;
mod doctor_test;
mod failure;
mod holds;
mod images;
mod journal;
pub mod kv;
mod lock;
mod notifier;
mod peer_approvals;
mod presence;
mod proxy_host;
mod push_receiver;
mod queue;
mod registry;
mod router;
mod runtime;
mod seals;
mod secrets;
mod target_secrets;

use std::sync::Arc;

pub use crate::inventory::{
    Connections, Installation, KeyLine, Occupancy, PointerState, RebaseOrder, RouteChange,
    SwitchOrder, instance_name,
};
pub use archive::{ArchiveReader, ArchiveWriter, Within};
pub use bound::{Bound, TimeLimit};
pub use check_containers::{
    CheckContainer, CheckContainers, CheckNotStarted, CheckSpec, RemainingContainer,
};
pub use check_output::{CheckLine, CheckLines, CheckOutput, OutputRecorder};
pub use checker::{Checker, Connection};
pub use clock::{Clock, Steady, SystemClock};
pub use command_checks::{CheckedCandidate, CommandChecks};
pub use doctor_test::{DoctorResult, DoctorTest};
pub use failure::{Failure, FailureKind, Result, innermost_cause};
pub use holds::Holds;
pub use images::Images;
pub use journal::{JournalReader, JournalWriter};
pub use lock::{Acquired, JournalEnd, Lease, LeaseState, Locks};
pub use notifier::Notifier;
pub use peer_approvals::PeerApprovals;
pub use presence::PresenceStore;
pub use proxy_host::{CommandOutput, FilePart, ProxyHost, STAGED, Writable};
pub use push_receiver::{PushReceiver, Received};
pub use queue::{QueueStore, Queued};
pub use registry::{Fence, Hint, RegistryReader, RegistryWriter};
pub use router::{RouterReader, RouterWriter};
pub use runtime::{
    EngineInfo, InstanceSpec, LogChunk, LogStream, PullProgress, RuntimeReader, RuntimeWriter,
    TaskSpec,
};
pub use seals::Seals;
pub use secrets::{Credentials, Password, Renewal, Secrets, same_secret};
pub use target_secrets::TargetSecrets;

/// The ports that write to the store of a target. A new port is added here, and callers pass all of them on unchanged.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct StoreWriting {
    pub registry: Arc<dyn RegistryWriter>,
    pub journal: Arc<dyn JournalWriter>,
    pub locks: Arc<dyn Locks>,
    /// Writes which targets this console shows, and the operator's requests for a handover.
    pub presence: Arc<dyn PresenceStore>,
    pub holds: Arc<dyn Holds>,
    pub queue: Arc<dyn QueueStore>,
    pub peer_approvals: Arc<dyn PeerApprovals>,
    /// Seals finished records. Drivers do not use this port.
    pub seals: Arc<dyn Seals>,
}
