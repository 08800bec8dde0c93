//! Converts the versions of the sandbox to the catalogue of the process runtime, and pushes versions to a sandbox.

use std::path::Path;

use jiff::Timestamp;

use super::{WireError, report_push};
use crate::adapters::process::{Program, add_to_catalogue, catalogue_json};
use crate::inventory::{Push, PushSource, ServiceName};
use crate::sandbox::{self, Place};
use crate::settings::Settings;

/// The text of the catalogue file.
pub fn catalogue(programs: Vec<sandbox::Program>) -> Result<String, WireError> {
    let invalid = |why: String| {
        WireError::Settings(format!(
            "the catalogue of the sandbox's versions cannot be written: {why}"
        ))
    };
    let programs: Vec<Program> = programs
        .into_iter()
        .map(|it| Program::identified(it.repository, it.tag, it.argv, it.labels))
        .collect();
    catalogue_json(&programs).map_err(|error| invalid(error.to_string()))
}

/// A version for a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct SamplePush<'a> {
    pub service: &'a ServiceName,
    pub tag: &'a str,
    /// The name of a fault, or `none`.
    pub fault: &'a str,
}

/// Adds a version to the sandbox in a directory, and reports it to the sandbox's agent as an image registry reports a
/// push. Returns the repository, and whether the version is new there.
pub async fn push_sample(
    directory: &Path,
    settings: &Settings,
    pushed: SamplePush<'_>,
) -> Result<(String, bool), WireError> {
    let program = Place::program_in(directory);
    let SamplePush {
        service,
        tag,
        fault,
    } = pushed;
    let sandbox::Program {
        repository,
        tag,
        argv,
        labels,
    } = sandbox::pushed_program(&program, service.as_str(), tag, fault);
    let source = PushSource::Inbox("sandbox".to_owned());
    let delivery = ulid::Ulid::generate().to_string();
    let push = Push::new(&repository, &tag, source, &delivery, Timestamp::now())
        .map_err(|error| WireError::Settings(error.to_string()))?
        .by(Some("sandbox push"));
    let file = Place::catalogue_in(directory);
    let program = Program::identified(repository.clone(), tag, argv, labels);
    let is_new = add_to_catalogue(&file, program)
        .map_err(|why| WireError::Settings(format!("{}: {why}", file.display())))?;
    let reported = report_push(settings, &push).await;
    reported.map_err(|error| {
        WireError::Settings(format!(
            "{repository}:{} is in the sandbox now, but its agent was not told: {error}\n  Check that the sandbox is open and was started without --no-agent.",
            push.tag
        ))
    })?;
    Ok((repository, is_new))
}
