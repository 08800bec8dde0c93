//! Finds and reads the operator's own themes. The console interprets their text.

use std::fs::File;
use std::path::PathBuf;

use super::files::{Largest, Unreadable};
use super::paths;

/// A complete theme is far smaller.
const LARGEST: Largest = Largest {
    bytes: 64 * 1024,
    size: "64 KiB",
    purpose: "a theme",
};

/// One of the operator's own themes.
#[derive(Debug)]
pub struct ThemeFile {
    /// The name of the theme: the file's name without its extension.
    pub name: String,
    pub path: PathBuf,
    /// The text of the file, or why the file cannot be read.
    pub text: Result<String, Unreadable>,
}

/// The themes in the directory `themes` next to the user's configuration file, sorted by path.
pub fn own_themes() -> Vec<ThemeFile> {
    let read = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let opened = File::open(&path).map_err(Unreadable::from);
        let text = opened.and_then(|file| LARGEST.read(file));
        Some(ThemeFile { name, path, text })
    };
    files().into_iter().filter_map(read).collect()
}

/// The theme files, sorted by path; empty if the directory does not exist.
pub(super) fn files() -> Vec<PathBuf> {
    let Some(directory) = paths::themes_directory() else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}
