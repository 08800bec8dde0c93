//! The nouns of the crate: services, environments, targets, slots, versions, instances, registrations, routes, edges,
//! holds, queues of pushes, snapshots of these, and how servers are reached. The module has only data: it uses no client
//! library and no screen, and it waits for nothing. Only [`ReleaseId::after`] reads a clock. Everywhere else the caller
//! passes the time.

mod address;
mod address_range;
mod addresses;
mod change;
mod clocks;
mod container;
mod derived_name;
pub mod drift;
mod edges;
mod endpoint;
pub mod extra_key;
mod fingerprint;
pub mod freeze;
mod hold;
mod host_name;
mod image_reference;
mod instance;
pub mod local_time;
mod lock;
mod mask;
mod members;
mod name;
mod passed;
mod peer_approval;
mod person;
pub mod plain;
mod presence;
mod probe;
mod public_answer;
mod queue;
mod quiet;
mod rate_window;
mod rates;
mod registration;
mod release_id;
mod request_count;
mod route;
mod runtime_kind;
pub mod servers;
mod service_kind;
mod shape;
mod slot;
mod snapshot;
mod stored_key;
mod tag_order;
mod tag_pattern;
mod target;
mod task;
pub mod time_zone;
pub mod units;
mod version;
mod world;

pub use address::{ADDRESS_FORMS, Address, InvalidAddress, NotAnEndpoint};
pub use address_range::{AddressRange, InvalidRange};
pub use addresses::{Addresses, InvalidAddresses, MOST_MEMBERS};
pub use change::{Changes, Difference, changes, commit};
pub use clocks::{ClockReading, Clocks, engine_of, http_date, store_of};
pub use container::{
    ContainerOptions, Cpus, Healthcheck, Logging, SoftAndHard, Tmpfs, Ulimit, WrongOption,
};
pub use derived_name::{instance_name, is_instance_name};
pub use edges::{
    Consensus, Edge, EdgeAnswer, EdgeReport, EdgeSlots, EdgeTraffic, Edges, PublicReport,
    live_phrase,
};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use extra_key::{BadExtraKey, ExtraKey, ExtraKeys};
pub use fingerprint::FingerprintKey;
pub use freeze::Freeze;
pub use hold::{Cleared, Hold, SeenHold};
pub use host_name::HostName;
pub use image_reference::{ImageReference, InvalidImageReference, TagOrDigest};
pub use instance::{
    Exit, Instance, InstanceId, InstanceRun, InstanceState, Occupancy, RuntimeHealth,
};
pub use lock::{FencingToken, LONGEST_LEASE, LockHolder, LockPurpose, LockRecord, Operator};
pub use mask::{HIDDEN, HIDDEN_ANYWHERE, Mask, is_word};
pub use members::{Member, SlotMembers};
pub use name::{EdgeName, EnvironmentName, InvalidName, ServiceName, TaskName};
pub use passed::{Door, PassedRequest};
pub use peer_approval::PeerApproval;
pub use person::{NameRefused, key_part, operator_name};
pub use presence::{Declined, HandoverRequest, Watcher};
pub use probe::Probe;
pub use public_answer::{BodyClass, PublicAnswer};
pub use queue::{
    BadPush, EntryId, EntryState, InvalidEntryId, LONGEST_CLAIM, LONGEST_REPOSITORY, MOST_ENDED,
    MOST_PENDING, Push, PushSource, QueueEntry, Retry, StateKind, Trigger, against_rollout,
    forgotten, newest, newest_first, newest_pending, overtaken, released_after,
};
pub use quiet::{JobCount, Quiet, QuietBy, QuietSignal};
pub use rate_window::RateWindow;
pub use rates::{Began, Rates};
pub use registration::{KeyLine, RegisteredMember, Registration, Revisioned};
pub use release_id::{InvalidReleaseId, ReleaseId};
pub use request_count::{RequestCount, RequestCounts};
pub use route::{
    Connections, HIGHEST_GENERATION, HoldChange, Installation, LAST_PLANNED_GENERATION, LastSwitch,
    OthersKeys, PointerState, ProxyAnswer, RebaseOrder, Route, RouteChange, SwitchOrder,
    generation, is_beyond_any_switch,
};
pub use runtime_kind::RuntimeKind;
pub use service_kind::ServiceKind;
pub use shape::{
    EnvironmentValue, InstanceShape, Listen, Mount, PublicAddress, RestartPolicy, SecretSource,
};
pub use slot::{LiveSlot, PerSlot, Role, Slot, UnknownSlot};
pub use snapshot::{RegistryRecord, SlotSnapshot, Snapshot, SourceState, Sources};
pub use stored_key::{STORED_KEYS, StoredKey, StoredKeyRow};
pub use tag_order::by_version;
pub use tag_pattern::{InvalidTagPattern, TagPattern, is_tag};
pub use target::{Target, Tier};
pub use task::{Task, TaskCall, TaskPoint, TaskRun, Unstarted};
pub use units::Limit;
pub use version::{
    Digest, EngineImage, ImageLabels, ImageTag, InvalidDigest, InvalidVersionRef, Version,
    VersionRef, registry_host,
};
pub use world::World;
