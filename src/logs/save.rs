//! Writes lines to a file, completely or not at all.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;

use super::NewLine;

/// Writes lines to a file. Each line starts with its time if the time is known.
pub fn write(path: &Path, lines: &[NewLine]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut file = BufWriter::new(AtomicWriteFile::open(path)?);
    for line in lines {
        match line.at {
            Some(at) => writeln!(file, "{at:.3} {}", line.text)?,
            None => writeln!(file, "{}", line.text)?,
        }
    }
    file.into_inner()?.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_every_line_with_its_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("saved").join("web.log");
        let at = "2026-11-20T14:02:11.25Z".parse().unwrap();
        let lines = [NewLine::notice("one").at(at), NewLine::notice("two")];
        write(&path, &lines).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "2026-11-20T14:02:11.250Z one\ntwo\n");
        assert!(write(&path.join("below-a-file"), &lines).is_err());
    }
}
