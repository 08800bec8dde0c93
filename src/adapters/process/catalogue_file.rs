//! The file of a catalogue: a JSON list of programs. The digest of a program is computed from its command line, so
//! the file cannot claim another digest.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use serde::{Deserialize, Serialize};

use super::Program;
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

/// The programs of the file.
pub(super) fn read(path: &Path) -> Result<Vec<Program>, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let lines: Vec<Line> = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let programs = lines
        .into_iter()
        .map(|line| Program::identified(line.repository, line.tag, line.argv, line.labels));
    Ok(programs.collect())
}

/// The content of the file for these programs.
pub fn catalogue_json(programs: &[Program]) -> serde_json::Result<String> {
    let lines: Vec<Line> = programs
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

/// Adds a program to the file. Returns false and changes nothing if the file already has its tag.
pub fn add(path: &Path, program: Program) -> Result<bool, String> {
    // Another process may add a program at the same time. The file itself is replaced, so its directory is locked.
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let directory = File::open(directory).map_err(|error| error.to_string())?;
    directory.lock().map_err(|error| error.to_string())?;
    let mut programs = read(path)?;
    let has = |it: &Program| it.repository == program.repository && it.tag == program.tag;
    if programs.iter().any(has) {
        return Ok(false);
    }
    programs.push(program);
    let text = catalogue_json(&programs).map_err(|error| error.to_string())?;
    // A reader sees the old catalogue or the new one, never a part.
    let mut file = AtomicWriteFile::open(path).map_err(|error| error.to_string())?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.commit());
    written.map(|()| true).map_err(|error| error.to_string())
}
