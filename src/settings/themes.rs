//! Finds and reads the operator's own themes. The console interprets their text.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::paths;
use crate::sanitize::sanitize;

/// The size of the largest file that is read, in bytes. A complete theme is far smaller.
const LARGEST: u64 = 64 * 1024;

/// One of the operator's own themes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThemeFile {
    /// The name of the theme: the file's name without its extension.
    pub name: String,
    pub path: PathBuf,
    /// The text of the file, or why the file cannot be read.
    pub text: Result<String, String>,
}

/// The themes in the directory `themes` next to the user's configuration file, sorted by path.
pub fn own_themes() -> Vec<ThemeFile> {
    let read = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let text = text(&path);
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

fn text(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| sanitize(&format!("the file cannot be read: {error}"));
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .map_err(unreadable)?
        .take(LARGEST + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if read as u64 > LARGEST {
        return Err("the file is larger than 64 KiB, which is too large for a theme".into());
    }
    Ok(text)
}
