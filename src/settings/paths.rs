//! Where the configuration file is looked for, and where Greenroom keeps what it writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

/// The name of the file in a directory.
pub const FILE_NAME: &str = "greenroom.toml";

/// The variable that names the file.
pub const FILE_VARIABLE: &str = "GREENROOM_CONFIG";

fn project() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "greenroom")
}

/// The file in the user's configuration directory.
pub fn user_file() -> Option<PathBuf> {
    project().map(|dirs| dirs.config_dir().join(FILE_NAME))
}

/// The directory of the user's own themes, beside the user's configuration file.
pub(super) fn themes_directory() -> Option<PathBuf> {
    project().map(|dirs| dirs.config_dir().join("themes"))
}

/// The copy of every release that was seen; its name when the user has no home.
pub(super) fn archive() -> PathBuf {
    state_directory().map_or_else(
        || PathBuf::from("archive.db"),
        |directory| directory.join("archive.db"),
    )
}

/// The database that is the shared truth of one machine; its name when the user has no home.
pub(super) fn store() -> PathBuf {
    project().map_or_else(
        || PathBuf::from("greenroom.db"),
        |dirs| dirs.data_dir().join("greenroom.db"),
    )
}

/// The directory of what Greenroom writes for itself: log file, saved logs, archive.
pub fn state_directory() -> Option<PathBuf> {
    project().map(|dirs| {
        dirs.state_dir()
            .unwrap_or_else(|| dirs.data_local_dir())
            .to_owned()
    })
}

/// The file to load: the one that was named, that of `GREENROOM_CONFIG`, `./greenroom.toml`,
/// or the user's. A file that was named is never passed over for another one. The error names
/// the places where none was found.
pub(super) fn discover(
    named: Option<&Path>,
    environment: &BTreeMap<String, String>,
) -> Result<PathBuf, Vec<PathBuf>> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    if let Some(path) = environment
        .get(FILE_VARIABLE)
        .filter(|path| !path.is_empty())
    {
        return Ok(PathBuf::from(path));
    }
    let places: Vec<PathBuf> = [Some(PathBuf::from(FILE_NAME)), user_file()]
        .into_iter()
        .flatten()
        .collect();
    places
        .iter()
        .find(|path| path.exists())
        .cloned()
        .ok_or(places)
}
