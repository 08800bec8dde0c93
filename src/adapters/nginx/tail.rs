//! Reads the new part of a growing log, with a limit for each read. If the log was rotated (the name now belongs to
//! another file) or emptied, reads it from its start.

use std::path::{Path, PathBuf};

use crate::ports::{FilePart, ProxyHost, Result};

/// The longest line that is read, in bytes. Longer lines are skipped.
const LONGEST: usize = 64 * 1024;

/// The reading position in a log.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    /// The number by which the host identifies the file that is being read.
    file: Option<u64>,
    at: u64,
    /// The start of an unfinished line.
    open: Vec<u8>,
    /// Whether the next bytes continue a skipped line.
    is_skipping: bool,
}

/// The new part of the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Complete lines without their line ends.
    pub(super) lines: Vec<Vec<u8>>,
    /// How many bytes before `lines` were skipped because of the limit of a read. 0 for the first read.
    pub(super) skipped: u64,
    /// Whether no bytes were skipped because of the limit of a read. This is exact even for the first read, for which
    /// `skipped` is always 0.
    pub(super) is_whole: bool,
}

impl Tail {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            at: 0,
            open: Vec::new(),
            is_skipping: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what was added since the last call. The first call reads the end of the file. None if the file does not
    /// exist.
    pub(super) async fn read(&mut self, host: &dyn ProxyHost, most: usize) -> Result<Option<News>> {
        let Some(part) = host.read_part(&self.path, self.at, most).await? else {
            return Ok(None);
        };
        let is_first = self.file.is_none();
        let is_same = self.file == Some(part.file) && part.length >= self.at;
        self.file = Some(part.file);
        let part = if is_same || is_first {
            part
        } else {
            self.begin_at(0);
            match host.read_part(&self.path, 0, most).await? {
                Some(part) => part,
                None => return Ok(None),
            }
        };
        let pending = part.length.saturating_sub(self.at);
        if pending <= most as u64 {
            let lines = self.take(&part);
            return Ok(Some(News {
                lines,
                skipped: 0,
                is_whole: true,
            }));
        }
        let from = part.length - most as u64;
        let skipped = from - self.at;
        self.begin_at(from);
        let Some(part) = host.read_part(&self.path, from, most).await? else {
            return Ok(None);
        };
        let lines = self.take(&part);
        Ok(Some(News {
            lines,
            skipped: if is_first { 0 } else { skipped },
            is_whole: false,
        }))
    }

    fn begin_at(&mut self, at: u64) {
        self.at = at;
        self.open.clear();
        self.is_skipping = at > 0;
    }

    fn take(&mut self, part: &FilePart) -> Vec<Vec<u8>> {
        self.at += part.bytes.len() as u64;
        let mut lines = Vec::new();
        for piece in part.bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(end) = piece.strip_suffix(b"\n") else {
                self.keep(piece);
                break;
            };
            self.keep(end);
            let line = std::mem::take(&mut self.open);
            if !std::mem::take(&mut self.is_skipping) {
                lines.push(line);
            }
        }
        lines
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.open.len() + piece.len() > LONGEST {
            self.open.clear();
            self.is_skipping = true;
        }
        if !self.is_skipping {
            self.open.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::ports::CommandOutput;

    /// A host with one log file.
    #[derive(Default)]
    struct OneFileHost(Mutex<(u64, Vec<u8>)>);

    impl OneFileHost {
        fn append(&self, text: &str) {
            self.0.lock().unwrap().1.extend_from_slice(text.as_bytes());
        }

        fn replace(&self, text: &str) {
            let mut log = self.0.lock().unwrap();
            *log = (log.0 + 1, text.as_bytes().to_vec());
        }
    }

    #[async_trait]
    impl ProxyHost for OneFileHost {
        fn place(&self) -> String {
            "a test".into()
        }

        async fn read(&self, _: &Path) -> Result<Option<Vec<u8>>> {
            Ok(None)
        }

        async fn list(&self, _: &Path) -> Result<Vec<String>> {
            Ok(Vec::new())
        }

        async fn is_directory(&self, _: &Path) -> Result<bool> {
            Ok(false)
        }

        async fn write(&self, _: &Path, _: &[u8]) -> Result<()> {
            Ok(())
        }

        async fn remove(&self, _: &Path) -> Result<()> {
            Ok(())
        }

        async fn read_link(&self, _: &Path) -> Result<Option<PathBuf>> {
            Ok(None)
        }

        async fn stage(&self, link: &Path, _: &Path) -> Result<PathBuf> {
            Ok(link.to_owned())
        }

        async fn put(&self, _: &Path, _: &Path) -> Result<()> {
            Ok(())
        }

        async fn run(&self, _: &[String]) -> Result<CommandOutput> {
            Ok(CommandOutput {
                code: None,
                output: String::new(),
            })
        }

        async fn socket_table(&self, _: &str) -> Result<Option<String>> {
            Ok(None)
        }

        async fn read_part(&self, _: &Path, from: u64, most: usize) -> Result<Option<FilePart>> {
            let log = self.0.lock().unwrap();
            if log.0 == 0 {
                return Ok(None);
            }
            let start = usize::try_from(from).unwrap().min(log.1.len());
            let end = (start + most).min(log.1.len());
            Ok(Some(FilePart {
                file: log.0,
                length: log.1.len() as u64,
                bytes: log.1[start..end].to_vec(),
            }))
        }
    }

    async fn lines(tail: &mut Tail, host: &OneFileHost) -> Vec<String> {
        let news = tail.read(host, 32).await.unwrap().unwrap();
        let text = |line: Vec<u8>| String::from_utf8(line).unwrap();
        news.lines.into_iter().map(text).collect()
    }

    #[tokio::test]
    async fn only_new_complete_lines_are_read() {
        let (host, mut tail) = (OneFileHost::default(), Tail::new("/log".into()));
        assert_eq!(tail.read(&host, 32).await.unwrap(), None);
        host.replace("one\ntwo\nth");
        assert_eq!(lines(&mut tail, &host).await, ["one", "two"]);
        assert!(lines(&mut tail, &host).await.is_empty());
        host.append("ree\n");
        assert_eq!(lines(&mut tail, &host).await, ["three"]);
    }

    #[tokio::test]
    async fn a_rotated_or_emptied_log_is_read_from_its_start() {
        let (host, mut tail) = (OneFileHost::default(), Tail::new("/log".into()));
        host.replace("one\ntwo\nhalf");
        lines(&mut tail, &host).await;
        host.replace("a new file, and a long one\n");
        assert_eq!(
            lines(&mut tail, &host).await,
            ["a new file, and a long one"]
        );
        host.0.lock().unwrap().1 = b"less\n".to_vec();
        assert_eq!(lines(&mut tail, &host).await, ["less"]);
    }

    #[tokio::test]
    async fn reads_are_limited_and_skipped_bytes_are_counted() {
        let (host, mut tail) = (OneFileHost::default(), Tail::new("/log".into()));
        host.replace(&"0123456\n".repeat(100));
        let first = tail.read(&host, 32).await.unwrap().unwrap();
        assert_eq!((first.lines.len(), first.skipped), (3, 0), "{first:?}");
        assert!(!first.is_whole);
        host.append(&"abcdefg\n".repeat(100));
        let next = tail.read(&host, 32).await.unwrap().unwrap();
        assert_eq!((next.lines.len(), next.skipped), (3, 768), "{next:?}");
        host.append("after\n");
        assert_eq!(lines(&mut tail, &host).await, ["after"]);
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_bounded() {
        let (host, mut tail) = (OneFileHost::default(), Tail::new("/log".into()));
        host.replace("x");
        for _ in 0..5000 {
            host.append(&"x".repeat(32));
            tail.read(&host, 32).await.unwrap();
        }
        assert!(tail.open.len() <= LONGEST);
        host.append("\nnext\n");
        assert_eq!(lines(&mut tail, &host).await, ["next"]);
    }
}
