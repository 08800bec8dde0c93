//! Converts the versions of the sandbox to the catalogue of the process runtime.

use std::path::Path;

use super::WireError;
use crate::adapters::process::{Program, add_to_catalogue, catalogue_json};
use crate::sandbox;

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

/// Adds a program to the file of a catalogue. Returns false if the catalogue already has its tag.
pub fn push_program(file: &Path, program: sandbox::Program) -> Result<bool, WireError> {
    let sandbox::Program {
        repository,
        tag,
        argv,
        labels,
    } = program;
    add_to_catalogue(file, Program::identified(repository, tag, argv, labels))
        .map_err(|why| WireError::Settings(format!("{}: {why}", file.display())))
}
