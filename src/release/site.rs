//! A target of this console, with the ports that read and change it.

use std::sync::Arc;

use super::Definition;
use crate::ports::{
    CheckContainers, Checker, CommandChecks, Images, JournalReader, RegistryReader, RouterReader,
    RouterWriter, RuntimeReader, RuntimeWriter, StoreWriting,
};

/// A target with its ports.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Site {
    pub definition: Definition,
    pub read: Reading,
    /// The writers; none if this console may only read.
    pub write: Option<Writing>,
}

/// The readers of a target.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Reading {
    pub runtime: Arc<dyn RuntimeReader>,
    pub registry: Arc<dyn RegistryReader>,
    /// None for a target that gets no requests, such as a worker or scheduler.
    pub router: Option<Arc<dyn RouterReader>>,
    pub checker: Arc<dyn Checker>,
    pub command_checks: Arc<dyn CommandChecks>,
    pub journal: Arc<dyn JournalReader>,
    pub images: Arc<dyn Images>,
}

/// The writers of a target. They are not built if this console may only read.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Writing {
    pub runtime: Arc<dyn RuntimeWriter>,
    /// None if the runtime has no containers.
    pub check_containers: Option<Arc<dyn CheckContainers>>,
    /// None for a target that gets no requests, such as a worker or scheduler.
    pub router: Option<Arc<dyn RouterWriter>>,
    pub store: StoreWriting,
}
