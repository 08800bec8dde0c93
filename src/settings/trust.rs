//! Whether a configuration that was found, and not named, may be read. It can name commands that are run for secrets, so
//! one that another user could have written would let that user act as this one.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{getegid, geteuid};

/// Write access of the group, of everybody, and the bit that keeps others from replacing files in a directory.
const GROUP: u32 = 0o020;
const EVERYBODY: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Why a discovered file is not read, or nothing. One that cannot be looked at is left to the one who opens it.
pub(super) fn objection(file: &Path) -> Option<String> {
    let target = file.canonicalize().ok().filter(|target| target != file);
    target
        .as_deref()
        .and_then(|target| of_one(target, file))
        .or_else(|| of_one(file, file))
}

/// The same of one path to the file: where it is a link, both the link's directory and the file's own count.
fn of_one(file: &Path, named: &Path) -> Option<String> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = fs::metadata(directory).ok();
    let of_directory = directory.and_then(|found| why(&found, "its directory"));
    let of_link = fs::symlink_metadata(file).ok().filter(Metadata::is_symlink);
    let of_link = of_link.and_then(|link| of_another(&link, "the link to it"));
    let why = of_directory
        .or(of_link)
        .or_else(|| why(&fs::metadata(file).ok()?, "it"))?;
    Some(format!(
        "{why}, and it was found here, not named; it may name commands that would run as this user. Name it if it is meant: --config {}",
        named.display()
    ))
}

fn of_another(found: &Metadata, what: &str) -> Option<String> {
    let is_another = found.uid() != geteuid().as_raw() && found.uid() != 0;
    is_another.then(|| format!("{what} belongs to another user (uid {})", found.uid()))
}

fn why(found: &Metadata, what: &str) -> Option<String> {
    let own = geteuid().as_raw();
    if let Some(why) = of_another(found, what) {
        return Some(why);
    }
    let mode = found.mode();
    let is_guarded = found.is_dir() && mode & STICKY != 0;
    if mode & EVERYBODY != 0 && !is_guarded {
        return Some(format!("every user may write to {what}"));
    }
    // Where each user has a group of their own, files are usually writable for it.
    let is_private = found.gid() == getegid().as_raw() && found.gid() == own;
    if mode & GROUP != 0 && !is_private && !is_guarded {
        return Some(format!("a group (gid {}) may write to {what}", found.gid()));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_others_may_write_or_replace_is_named() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("greenroom.toml");
        fs::write(&file, "").unwrap();
        let set =
            |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        set(&file, 0o644);
        assert_eq!(objection(&file), None);
        set(&file, 0o646);
        let said = objection(&file).unwrap();
        assert!(said.starts_with("every user may write to it,"), "{said}");
        assert!(said.contains("--config"), "{said}");
        set(&file, 0o644);
        set(place.path(), 0o777);
        let said = objection(&file).unwrap();
        assert!(
            said.starts_with("every user may write to its directory"),
            "{said}"
        );
        set(place.path(), 0o1777);
        assert_eq!(objection(&file), None);
        set(place.path(), 0o700);
        assert_eq!(objection(&place.path().join("missing")), None);
    }

    #[test]
    fn a_file_of_another_user_is_named() {
        assert!(
            geteuid().is_root(),
            "this test gives files to another user: run the tests by tests/run, as root"
        );
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("greenroom.toml");
        fs::write(&file, "").unwrap();
        let give = |path: &Path, user, group| {
            std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
        };
        give(&file, 4711, 0);
        let said = objection(&file).unwrap();
        assert!(
            said.starts_with("it belongs to another user (uid 4711)"),
            "{said}"
        );
        give(&file, 0, 4711);
        fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        let said = objection(&file).unwrap();
        assert!(
            said.starts_with("a group (gid 4711) may write to it"),
            "{said}"
        );
        give(&file, 0, 0);
        give(place.path(), 4711, 0);
        assert!(
            objection(&file)
                .unwrap()
                .starts_with("its directory belongs to another user")
        );
    }

    #[test]
    fn a_file_behind_the_link_of_another_user_is_named() {
        assert!(
            geteuid().is_root(),
            "this test gives a link to another user: run the tests by tests/run, as root"
        );
        let place = tempfile::tempdir().unwrap();
        let (file, link) = (place.path().join("real"), place.path().join("link"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(objection(&link), None);
        std::os::unix::fs::lchown(&link, Some(4711), Some(0)).unwrap();
        let said = objection(&link).unwrap();
        let wanted = "the link to it belongs to another user (uid 4711)";
        assert!(said.starts_with(wanted), "{said}");
        assert_eq!(objection(&file), None);
    }
}
