//! The sections of the file. Most of them are the plain types that the engine and the adapters take, and are defined
//! there; the other sections have a module here. The schema is derived from these types. The search for unknown keys
//! and wrong types, the defaults, and `show` all use the schema, so each key is defined once. The types contain no
//! origins; those are in `tree`.

mod agent;
mod console;
mod environment;
mod notice;
mod ordered;
mod root;
mod service;
mod shared;
mod timing;

pub(super) use agent::AgentSection;
pub use console::{AsciiSetting, BellSetting, ConsoleSettings};
pub(super) use environment::{EnvironmentSection, ProxyKind, RuntimeKind, StoreKind};
pub use notice::{NoticeKind, NoticeSettings};
pub(super) use ordered::Ordered;
pub use root::OperatorSettings;
pub(super) use root::{OperatorFrom, Root};
pub(super) use service::{QuietSection, ServiceEnvironmentSection, ServiceSection};
pub(super) use timing::TimingSection;
