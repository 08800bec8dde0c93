//! The sections of the file as written, one module per section. The schema is derived from these types. The search for
//! unknown keys and wrong types, the defaults, and `show` all use the schema, so each key is defined once. The types
//! contain no origins; those are in `tree`.

mod console;
mod docker;
mod environment;
mod etcd;
mod notice;
mod ordered;
mod proxy;
mod root;
mod secret;
mod service;
mod shared;
mod timing;

pub(super) use console::{AsciiAuto, AsciiChoice, BellChoice, ConsoleSection};
pub(super) use docker::{DockerSection, ProcessSection, RegistrySection, TlsSection};
pub(super) use environment::{
    EnvironmentSection, FreezeSection, LockSection, ProxyKind, RuntimeKind, StoreKind, TierSetting,
};
pub(super) use etcd::EtcdSection;
pub(super) use notice::{NoticeKind, NoticeSection};
pub(super) use ordered::Ordered;
pub(super) use proxy::{AskSection, EmbeddedSection, NginxSection, SiteSection, SwitchSetting};
pub(super) use root::{OperatorFrom, Root};
pub(super) use secret::{SecretSection, VariableValue};
pub(super) use service::{
    CheckSection, HealthSection, ListenSection, RestartSetting, ServiceEnvironmentSection,
    ServiceSection,
};
pub(super) use shared::SharedTable;
pub(super) use timing::TimingSection;
