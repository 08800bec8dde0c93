//! Writes the sandbox's versions as the catalogue of the process runtime.

use super::WireError;
use crate::adapters::process::{Catalogue, Program};
use crate::sandbox;

/// The text of the catalogue file.
pub fn catalogue(programs: Vec<sandbox::Program>) -> Result<String, WireError> {
    let wrong = |why: String| WireError::Arrangement(format!("the sandbox's versions: {why}"));
    let programs = programs
        .into_iter()
        .map(|one| Program::identified(one.repository, one.tag, one.argv, one.labels))
        .collect();
    let catalogue = Catalogue {
        programs,
        unread: None,
    };
    catalogue
        .to_json()
        .map_err(|error| wrong(error.to_string()))
}
