//! Pushes versions to a sandbox, for `greenroom sandbox push` and for the console of a sandbox.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::inventory::{Push, PushSource, ServiceName};
use crate::sandbox::{self, Place, sample::Fault};
use crate::settings::Settings;
use crate::wire::{self, PushSample, WireError};

/// A version for a sandbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct SamplePush<'a> {
    pub(super) service: &'a ServiceName,
    pub(super) tag: &'a str,
    /// The name of a fault, or `none`.
    pub(super) fault: &'a str,
}

/// Adds a version to the sandbox in a directory, and reports it to the sandbox's agent. Returns the repository, and
/// whether the version is new there.
pub(super) async fn push(
    directory: &Path,
    settings: &Settings,
    SamplePush {
        service,
        tag,
        fault,
    }: SamplePush<'_>,
) -> Result<(String, bool), WireError> {
    let program = Place::program_in(directory);
    let program = sandbox::pushed_program(&program, service.as_str(), tag, fault);
    let repository = program.repository.clone();
    let source = PushSource::Inbox("sandbox".to_owned());
    let delivery = ulid::Ulid::generate().to_string();
    let push = Push::new(&repository, tag, source, &delivery, Timestamp::now());
    let push = push.map_err(|error| WireError::Settings(error.to_string()))?;
    let is_new = wire::push_program(&Place::catalogue_in(directory), program)?;
    let reported = wire::report_push(settings, &push.by(Some("sandbox push"))).await;
    reported.map_err(|error| {
        WireError::Settings(format!(
            "{repository}:{tag} is in the sandbox now, but its agent was not told: {error}\n  Check that the sandbox is open and was started without --no-agent."
        ))
    })?;
    Ok((repository, is_new))
}

/// Pushes the next version of a service for the console. None if these settings belong to no sandbox.
pub(super) fn next_push(settings: &Settings) -> Option<PushSample> {
    let directory = Place::check(settings.file.parent()?).ok()?;
    let shared = Arc::new((directory, settings.clone()));
    Some(Box::new(move |service, tags| {
        let shared = Arc::clone(&shared);
        Box::pin(async move {
            let (directory, settings) = &*shared;
            let (tag, fault) = sandbox::next_push(tags.iter().map(String::as_str));
            let pushed = SamplePush {
                service: &service,
                tag: &tag,
                fault: fault.as_str(),
            };
            let pushed = push(directory, settings, pushed).await;
            let (repository, _) = pushed.map_err(|error| error.to_string())?;
            Ok(match fault {
                Fault::None => format!("{repository}:{tag} was pushed"),
                _ => format!("{repository}:{tag}, whose checks fail, was pushed"),
            })
        })
    }))
}
