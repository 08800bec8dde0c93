//! Finds out whether other users could have written a file or directory. A configuration that was found in a default
//! place can contain commands that are run to read secrets. A store contains the holds and approvals. A state directory
//! says which slot is live. A user who can write to one of these could act as this user.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, getegid, geteuid, getgroups};

/// The mode bit that lets the group of a file write to it.
const GROUP_WRITES: u32 = 0o020;
/// The mode bit that lets other users write to a file: users who are neither its owner nor in its group.
const OTHERS_WRITE: u32 = 0o002;
/// The mode bit of a directory in which users cannot remove or replace files of other users.
const STICKY: u32 = 0o1000;

/// How many entries of a directory are examined for their owner.
const MOST_INSIDE: usize = 100;

/// The groups that may write to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Only this user's private group, on systems where each user has a private group.
    Private,
    /// Every group of this user, so that operators can share a store or the state of a proxy. The file may then belong
    /// to another user of the group. Root may also use a file that has the same owner as its directory, such as the
    /// user of a service.
    OwnGroups,
}

/// Why a path is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Objection {
    /// Who could have written the file or directory.
    pub(super) why: String,
    /// The command that removes the access.
    pub(super) fix: String,
}

/// Why a configuration that was found in a default place is not read; `None` if it may be read. Also `None` if the file
/// cannot be examined: opening the file will report that error.
pub(super) fn objection(file: &Path) -> Option<String> {
    let Objection { why, fix } = objection_to_existing(file, Sharing::Private)?;
    Some(format!(
        "{why}. A configuration can run commands as you, so Greenroom does not read this one. If its content is correct, run {fix}, or name the file: --config {}",
        file.display()
    ))
}

/// The objection to a named file or directory: other users can write to it although `sharing` does not allow that.
/// `None` if no other user can. If the path does not exist yet, the nearest existing directory above it is examined.
pub(super) fn objection_to(path: &Path, sharing: Sharing) -> Option<Objection> {
    if fs::symlink_metadata(path).is_ok() {
        return objection_to_existing(path, sharing);
    }
    let above = path.ancestors().skip(1).find(|above| above.exists())?;
    let name = format!("the directory {} above this path", above.display());
    objection_to_metadata(&fs::metadata(above).ok()?, above, &name, sharing)
}

fn objection_to_existing(path: &Path, sharing: Sharing) -> Option<Objection> {
    let target = path.canonicalize().ok().filter(|target| target != path);
    target
        .as_deref()
        .and_then(|target| objection_to_entry(target, sharing))
        .or_else(|| objection_to_entry(path, sharing))
}

/// The objection to one path: to its directory, to the path itself if it is a symbolic link, or to the file.
fn objection_to_entry(path: &Path, sharing: Sharing) -> Option<Objection> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let in_directory = fs::metadata(directory).ok();
    let of_directory = in_directory.and_then(|found| {
        objection_to_metadata(&found, directory, "the directory of this path", sharing)
    });
    let of_link = fs::symlink_metadata(path).ok().filter(Metadata::is_symlink);
    let of_link = of_link.and_then(|link| belongs_to_another(&link, path, "the link at this path"));
    of_directory
        .or(of_link)
        .or_else(|| objection_to_metadata(&fs::metadata(path).ok()?, path, "this path", sharing))
}

fn belongs_to_another(found: &Metadata, path: &Path, name: &str) -> Option<Objection> {
    let own = geteuid().as_raw();
    let is_another = found.uid() != own && found.uid() != 0;
    is_another.then(|| Objection {
        why: format!(
            "{name} belongs to another user (uid {}, mode {:04o})",
            found.uid(),
            found.mode() & 0o7777
        ),
        fix: format!("chown -h {own} {}", path.display()),
    })
}

fn objection_to_metadata(
    found: &Metadata,
    path: &Path,
    name: &str,
    sharing: Sharing,
) -> Option<Objection> {
    let mode = found.mode();
    if !is_shared(found, path, sharing)
        && let Some(objection) = belongs_to_another(found, path, name)
    {
        return Some(objection);
    }
    let is_guarded = found.is_dir() && mode & STICKY != 0;
    let owner = format!("owner uid {}, mode {:04o}", found.uid(), mode & 0o7777);
    if mode & OTHERS_WRITE != 0 && !is_guarded {
        return Some(Objection {
            why: format!("every user may write to {name} ({owner})"),
            fix: format!("chmod o-w {}", path.display()),
        });
    }
    if mode & GROUP_WRITES != 0 && !is_guarded && !may_write(found.gid(), sharing) {
        let group = found.gid();
        return Some(Objection {
            why: format!("a group (gid {group}) may write to {name} ({owner})"),
            fix: format!("chmod g-w {}", path.display()),
        });
    }
    None
}

/// Whether a file of another user is shared with this user: a group of this user may write to the file, or this user is
/// root and the file is in a directory of its owner.
fn is_shared(found: &Metadata, path: &Path, sharing: Sharing) -> bool {
    if sharing == Sharing::Private {
        return false;
    }
    let is_of_group = found.mode() & GROUP_WRITES != 0 && may_write(found.gid(), sharing);
    is_of_group || (geteuid().is_root() && is_of_one_owner(found, path))
}

/// Whether a file has the same owner as its directory. For a directory: whether it is not empty, and its first
/// [`MOST_INSIDE`] entries have the same owner as the directory.
fn is_of_one_owner(found: &Metadata, path: &Path) -> bool {
    let is_theirs = |other: Metadata| other.uid() == found.uid();
    if !found.is_dir() {
        let directory = path.parent().and_then(|it| fs::metadata(it).ok());
        return directory.is_some_and(is_theirs);
    }
    let Ok(inside) = fs::read_dir(path) else {
        return false;
    };
    let mut inside = inside.take(MOST_INSIDE).peekable();
    inside.peek().is_some() && inside.all(|it| it.and_then(|it| it.metadata()).is_ok_and(is_theirs))
}

/// Whether `sharing` allows a group to write. On systems where each user has a private group, files are usually
/// writable for that group.
fn may_write(group: u32, sharing: Sharing) -> bool {
    let own = getegid().as_raw();
    let is_private = group == own && group == geteuid().as_raw();
    let is_member = || {
        let groups = getgroups().unwrap_or_default();
        group == own || groups.contains(&Gid::from_raw(group))
    };
    is_private || (sharing == Sharing::OwnGroups && is_member())
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
        let message = objection(&file).unwrap();
        assert!(
            message.starts_with("every user may write to this path (owner uid 0, mode 0646)"),
            "{message}"
        );
        assert!(message.contains("--config"), "{message}");
        set(&file, 0o644);
        set(place.path(), 0o777);
        let message = objection(&file).unwrap();
        assert!(
            message.starts_with("every user may write to the directory of this path"),
            "{message}"
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
            "this test changes the owner of files: run the tests with tests/run, as root"
        );
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("greenroom.toml");
        fs::write(&file, "").unwrap();
        let give = |path: &Path, user, group| {
            std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
        };
        give(&file, 4711, 0);
        let message = objection(&file).unwrap();
        assert!(
            message.starts_with("this path belongs to another user (uid 4711, mode 0644)"),
            "{message}"
        );
        give(&file, 0, 4711);
        fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        let message = objection(&file).unwrap();
        assert!(
            message.starts_with("a group (gid 4711) may write to this path"),
            "{message}"
        );
        give(&file, 0, 0);
        give(place.path(), 4711, 0);
        assert!(
            objection(&file)
                .unwrap()
                .starts_with("the directory of this path belongs to another user")
        );
    }

    #[test]
    fn a_file_behind_the_link_of_another_user_is_named() {
        assert!(
            geteuid().is_root(),
            "this test changes the owner of a link: run the tests with tests/run, as root"
        );
        let place = tempfile::tempdir().unwrap();
        let (file, link) = (place.path().join("real"), place.path().join("link"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(objection(&link), None);
        std::os::unix::fs::lchown(&link, Some(4711), Some(0)).unwrap();
        let message = objection(&link).unwrap();
        let wanted = "the link at this path belongs to another user (uid 4711, ";
        assert!(message.starts_with(wanted), "{message}");
        assert_eq!(objection(&file), None);
    }

    #[test]
    fn only_a_store_may_be_shared_with_a_group() {
        assert!(
            geteuid().is_root(),
            "this test changes the group of a file: run the tests with tests/run, as root"
        );
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("store.db");
        fs::write(&file, "").unwrap();
        let give = |user, group| std::os::unix::fs::chown(&file, user, Some(group)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o660)).unwrap();
        give(None, 4711);
        let refused = objection_to(&file, Sharing::OwnGroups).unwrap();
        assert_eq!(refused.fix, format!("chmod g-w {}", file.display()));
        // The state after another user of this user's group has created the file.
        give(Some(4711), getegid().as_raw());
        assert_eq!(objection_to(&file, Sharing::OwnGroups), None);
        assert!(objection_to(&file, Sharing::Private).is_some());
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        let refused = objection_to(&file, Sharing::OwnGroups).unwrap();
        assert!(
            refused.why.contains("another user (uid 4711"),
            "{refused:?}"
        );
    }

    #[test]
    fn for_a_missing_file_its_parent_directory_is_examined() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("state/proxy");
        assert_eq!(objection_to(&file, Sharing::Private), None);
        fs::set_permissions(place.path(), Permissions::from_mode(0o757)).unwrap();
        let refused = objection_to(&file, Sharing::Private).unwrap();
        let message = format!(
            "every user may write to the directory {}",
            place.path().display()
        );
        assert!(refused.why.starts_with(&message), "{refused:?}");
    }
}
