//! The log file of a day, readable by this user only. Greenroom does not use the appender of the logging library,
//! because that appender follows links and leaves the mode of the file to the umask.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::private_files;

/// How many daily files are kept, including the newest.
const KEPT: usize = 7;
const FILE_PREFIX: &str = "greenroom.";
const FILE_SUFFIX: &str = ".log";

/// Writes to the file of the day. The first line after midnight, UTC, starts a new file.
pub(super) struct DailyFile {
    directory: PathBuf,
    open: Option<(String, File)>,
}

impl DailyFile {
    /// Logs to a directory that exists. The first line creates the file.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            open: None,
        }
    }

    /// Appends a line to the file of `day`, e.g. `2026-11-29`.
    pub(super) fn write(&mut self, day: &str, line: &[u8]) -> io::Result<usize> {
        match &mut self.open {
            Some((open_day, file)) if open_day == day => file.write(line),
            _ => {
                let file = open(&self.directory, day)?;
                remove_old(&self.directory);
                let (_, file) = self.open.insert((day.to_owned(), file));
                file.write(line)
            }
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |(_, file)| file.flush())
    }
}

fn open(directory: &Path, day: &str) -> io::Result<File> {
    let path = directory.join(format!("{FILE_PREFIX}{day}{FILE_SUFFIX}"));
    let with_path =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    // An existing file may be readable by other users, so their access is removed first.
    private_files::remove_access_of_others(&path).map_err(with_path)?;
    private_files::options()
        .append(true)
        .open(&path)
        .map_err(with_path)
}

/// Removes all but the newest files. If a file cannot be removed, Greenroom tries again when it opens the next log
/// file.
fn remove_old(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(FILE_PREFIX) && name.ends_with(FILE_SUFFIX))
        .collect();
    names.sort();
    let old = names.len().saturating_sub(KEPT);
    for name in names.iter().take(old) {
        let _ = fs::remove_file(directory.join(name));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_daily_log_is_for_its_user_only_and_the_oldest_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let mut log = DailyFile::new(place.path().to_owned());
        for day in 1..=9 {
            log.write(&format!("2026-11-{day:02}"), b"one\n").unwrap();
        }
        log.write("2026-11-09", b"two\n").unwrap();
        let last = place.path().join("greenroom.2026-11-09.log");
        assert_eq!(fs::read(&last).unwrap(), b"one\ntwo\n");
        assert_eq!(
            fs::metadata(&last).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let mut kept: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
        assert_eq!(kept.len(), KEPT);
        kept.retain(|entry| entry.as_ref().unwrap().file_name() == "greenroom.2026-11-02.log");
        assert!(kept.is_empty());
    }

    #[test]
    fn a_link_in_the_place_of_a_log_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let other = place.path().join("other");
        fs::write(&other, "as it was").unwrap();
        symlink(&other, place.path().join("greenroom.2026-11-29.log")).unwrap();
        let mut log = DailyFile::new(place.path().to_owned());
        assert!(log.write("2026-11-29", b"one\n").is_err());
        assert_eq!(fs::read(&other).unwrap(), b"as it was");
    }
}
