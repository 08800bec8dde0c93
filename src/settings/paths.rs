//! The paths of the configuration file and of the files that Greenroom writes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use directories::ProjectDirs;

/// The name of the configuration file in a directory.
pub const FILE_NAME: &str = "greenroom.toml";

/// The variable that names the configuration file.
pub const FILE_VARIABLE: &str = "GREENROOM_CONFIG";

/// Why there is no directory for Greenroom's files, and what to do. Greenroom never uses the working directory instead,
/// because a second command that starts in another directory would not find the files of the first.
pub const NO_HOME: &str = "Greenroom cannot find your home directory: set HOME to an absolute path";

/// A directory of the user, unless its path would be relative.
fn directory(choose: impl FnOnce(&ProjectDirs) -> &Path) -> Option<PathBuf> {
    let project = ProjectDirs::from("", "", "greenroom")?;
    let directory = choose(&project);
    directory.is_absolute().then(|| directory.to_owned())
}

/// The configuration file in the user's configuration directory.
pub fn user_file() -> Option<PathBuf> {
    directory(ProjectDirs::config_dir).map(|directory| directory.join(FILE_NAME))
}

/// The directory of the user's own themes, next to the user's configuration file.
pub(super) fn themes_directory() -> Option<PathBuf> {
    directory(ProjectDirs::config_dir).map(|directory| directory.join("themes"))
}

/// The archive of releases; none if the home directory is unknown.
pub(super) fn archive() -> Option<PathBuf> {
    state_directory().map(|directory| directory.join("archive.db"))
}

/// The database that operators of this machine share; none if the home directory is unknown.
pub(super) fn store() -> Option<PathBuf> {
    directory(ProjectDirs::data_dir).map(|directory| directory.join("greenroom.db"))
}

/// The directory of the files that Greenroom writes for itself: log, saved logs, archive. None if the home directory is
/// unknown.
pub fn state_directory() -> Option<PathBuf> {
    directory(|project| {
        project
            .state_dir()
            .unwrap_or_else(|| project.data_local_dir())
    })
}

/// The program with this name, searched in the directories of a `PATH` variable; none if no directory has it.
pub fn program(name: &Path, search_path: Option<&str>) -> Option<PathBuf> {
    let mut directories = std::env::split_paths(search_path?);
    directories.find_map(|directory| {
        let place = absolute(&directory).join(name);
        let found = place.metadata().ok()?;
        let is_program = found.is_file() && found.permissions().mode() & 0o111 != 0;
        is_program.then_some(place)
    })
}

/// A directory as an absolute path. An empty path means the working directory.
pub(super) fn absolute(directory: &Path) -> PathBuf {
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}

/// The base of the configuration's relative paths: the directory of the file itself. Several symbolic links to
/// one file, in different directories, then lead to the same stores and sockets.
pub(super) fn base_of(file: &Path) -> PathBuf {
    let itself = if file.is_symlink() {
        file.canonicalize().ok()
    } else {
        None
    };
    let itself = itself.as_deref().unwrap_or(file);
    itself.parent().unwrap_or(Path::new("")).to_owned()
}

/// The directory of the symbolic link that leads to a file, if relative paths do not start at that directory.
pub(super) fn directory_of_link(file: &Path) -> Option<PathBuf> {
    if !file.is_symlink() {
        return None;
    }
    let directory = absolute(file.parent().unwrap_or(Path::new("")));
    let directory = directory.canonicalize().ok()?;
    (directory != base_of(file)).then_some(directory)
}

/// The directory that contains a relative path, if the next update of the configuration in `base` replaces that
/// directory. Kubernetes mounts a `ConfigMap` as `..data`, a link to a directory such as
/// `..2026_11_27_09_12_44.123456789`, and removes that directory at the next update.
pub(super) fn replaced_at_updates(base: &Path, relative: &Path) -> Option<PathBuf> {
    let base = absolute(base);
    let mut place = base.canonicalize().unwrap_or(base);
    for component in relative.components() {
        match component {
            Component::Normal(name) => place.push(name),
            Component::ParentDir => {
                place.pop();
            }
            _ => {}
        }
    }
    let is_replaced = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        name.len() > 2 && name.starts_with(b"..")
    };
    // A path such as `.` is itself a directory, so the search starts there and not at its parent.
    let is_directory = !matches!(
        relative.components().next_back(),
        Some(Component::Normal(_))
    );
    let mut directories = place.ancestors().skip(usize::from(!is_directory));
    let found = directories.find(|it| it.file_name().is_some_and(is_replaced))?;
    Some(found.to_owned())
}

/// How a file was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// The command line or a variable named the file.
    Named,
    /// The file was found in one of the default places.
    Found,
}

/// The file to load, and how it was chosen: the named file, otherwise the file that `GREENROOM_CONFIG` names, otherwise
/// `./greenroom.toml`, otherwise the user's file. If a named file does not exist, no other file is used. If no file is
/// named and no default place has a file, the error lists the default places.
pub(super) fn discover(
    named: Option<&Path>,
    environment: &BTreeMap<String, String>,
) -> Result<(PathBuf, Chosen), Vec<PathBuf>> {
    if let Some(path) = named {
        return Ok((path.to_owned(), Chosen::Named));
    }
    if let Some(path) = environment
        .get(FILE_VARIABLE)
        .filter(|path| !path.is_empty())
    {
        return Ok((PathBuf::from(path), Chosen::Named));
    }
    let places: Vec<PathBuf> = [Some(PathBuf::from(FILE_NAME)), user_file()]
        .into_iter()
        .flatten()
        .collect();
    places
        .iter()
        .find(|path| path.exists())
        .map(|path| (path.clone(), Chosen::Found))
        .ok_or(places.clone())
}
