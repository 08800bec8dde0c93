//! Small tar archives (ustar), the format in which Docker copies files to and from containers.

/// The size of a block of an archive.
const BLOCK: usize = 512;

/// What an entry of an archive is.
pub(super) enum Entry<'a> {
    /// A file with this content.
    File(&'a [u8]),
    Directory,
}

/// Adds an entry that belongs to root. The name has at most 100 bytes.
pub(super) fn append(archive: &mut Vec<u8>, name: &str, mode: u32, entry: &Entry<'_>) {
    let (content, kind) = match entry {
        Entry::File(content) => (*content, "0"),
        Entry::Directory => (&[][..], "5"),
    };
    let mut header = [0_u8; BLOCK];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, &format!("{mode:07o}"));
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", content.len()));
    put(136, "00000000000");
    // The checksum counts its own field as spaces.
    put(148, "        ");
    put(156, kind);
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(header);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

pub(super) fn end(archive: &mut Vec<u8>) {
    archive.extend([0; 2 * BLOCK]);
}

/// The content of the first file of an archive, which may be cut. The error says why there is none. Records of the pax
/// and GNU formats before the file are skipped.
pub(super) fn first_file(archive: &[u8]) -> Result<&[u8], String> {
    let mut rest = archive;
    loop {
        let header = rest.get(..BLOCK).ok_or("Docker sent no file")?;
        let size = header[124..136].split(|byte| matches!(byte, 0 | b' '));
        let size = size.into_iter().find(|digits| !digits.is_empty());
        let size = size.and_then(|digits| std::str::from_utf8(digits).ok());
        let size = size.and_then(|digits| usize::from_str_radix(digits, 8).ok());
        let size = size.ok_or("Docker sent an archive that cannot be read")?;
        let content = &rest[BLOCK..];
        match header[156] {
            0 | b'0' => return Ok(content.get(..size).unwrap_or(content)),
            b'x' | b'g' | b'L' | b'K' => {
                let next = size.next_multiple_of(BLOCK);
                rest = content.get(next..).ok_or("Docker sent no file")?;
            }
            _ => return Err("it is no regular file".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_padded_to_whole_blocks() {
        let mut archive = Vec::new();
        append(&mut archive, "db_password", 0o444, &Entry::File(b"hunter2"));
        append(&mut archive, "key", 0o444, &Entry::File(&[b'x'; BLOCK]));
        assert_eq!(archive.len(), 4 * BLOCK);
        assert!(archive.starts_with(b"db_password\0"));
        assert_eq!(&archive[100..108], b"0000444\0");
        assert_eq!(&archive[124..136], b"00000000007\0");
        assert_eq!(&archive[BLOCK..BLOCK + 8], b"hunter2\0");
        assert!(archive[2 * BLOCK..].starts_with(b"key\0"));
        assert_eq!(first_file(&archive), Ok(&b"hunter2"[..]));
        assert_eq!(
            first_file(&archive[..BLOCK + 3]),
            Ok(&b"hun"[..]),
            "a cut archive"
        );
    }

    #[test]
    fn only_a_regular_file_is_read() {
        let mut archive = Vec::new();
        append(&mut archive, "report", 0o1777, &Entry::Directory);
        assert_eq!(&archive[100..108], b"0001777\0");
        assert!(first_file(&archive).is_err());
        assert!(first_file(&[]).is_err());
        assert!(first_file(&[b'x'; BLOCK]).is_err());
        let mut extended = Vec::new();
        append(&mut extended, "pax", 0o444, &Entry::File(b"12 mtime=1.5\n"));
        extended[156] = b'x';
        append(&mut extended, "report.xml", 0o444, &Entry::File(b"<a/>"));
        assert_eq!(first_file(&extended), Ok(&b"<a/>"[..]));
    }
}
