//! The file of a catalogue: a JSON list of programs. The digest of a program is computed from its command line, so
//! the file cannot claim another digest.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Catalogue, Program};
use crate::inventory::ImageLabels;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    repository: String,
    tag: String,
    argv: Vec<String>,
    #[serde(default)]
    labels: ImageLabels,
}

impl Catalogue {
    /// Reads the file of a catalogue. If the file cannot be read, the calls that need the catalogue fail with an error
    /// that names `setting`, the key that configures the file.
    pub fn read(path: &Path, setting: &str) -> Self {
        Self::from_file(path).unwrap_or_else(|why| Self {
            programs: Vec::new(),
            unread: Some(format!("{setting}: {}: {why}", path.display())),
        })
    }

    fn from_file(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let lines: Vec<Line> = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let programs = lines
            .into_iter()
            .map(|line| Program::identified(line.repository, line.tag, line.argv, line.labels))
            .collect();
        Ok(Self {
            programs,
            unread: None,
        })
    }

    /// The content of the file of this catalogue.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let lines: Vec<Line> = self
            .programs
            .iter()
            .map(|program| Line {
                repository: program.repository.clone(),
                tag: program.tag.clone(),
                argv: program.argv.clone(),
                labels: program.labels.clone(),
            })
            .collect();
        serde_json::to_string_pretty(&lines)
    }
}
