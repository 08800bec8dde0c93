//! Whether other users could have written a file or directory. A configuration that was found, and not named, can name
//! commands that are run for secrets; a store has the holds and approvals; a directory of state says which slot is
//! live. Users who may write there would act as this one.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, getegid, geteuid, getgroups};

/// Write access of the group, of everybody, and the bit that keeps others from replacing files in a directory.
const GROUP: u32 = 0o020;
const EVERYBODY: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// How many entries of a directory are looked at for their owner.
const MOST_INSIDE: usize = 100;

/// The groups that may write to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Only this user's private group, where each user has one.
    Private,
    /// Each group that this user is in, also where another user of it is the owner: a store and the state of a proxy can
    /// be shared with one. Root also uses what belongs to the user of a service together with its directory.
    OwnGroups,
}

/// Why a path is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Objection {
    /// Who could have written it.
    pub(super) why: String,
    /// The command that ends that.
    pub(super) mend: String,
}

/// Why a discovered file is not read, or nothing. One that cannot be looked at is left to the one who opens it.
pub(super) fn objection(file: &Path) -> Option<String> {
    let Objection { why, .. } = to_existing(file, Sharing::Private)?;
    Some(format!(
        "{why}, and it was found here, not named; it may name commands that would run as this user. Name it if it is meant: --config {}",
        file.display()
    ))
}

/// Who, other than root and this user, could have written a file or directory that is named, or could have put it
/// there. Where it does not exist yet, the directory counts that it would be made in.
pub(super) fn to(path: &Path, sharing: Sharing) -> Option<Objection> {
    if fs::symlink_metadata(path).is_ok() {
        return to_existing(path, sharing);
    }
    let above = path.ancestors().skip(1).find(|above| above.exists())?;
    let what = format!("the directory {} above it", above.display());
    of(&fs::metadata(above).ok()?, above, &what, sharing)
}

fn to_existing(path: &Path, sharing: Sharing) -> Option<Objection> {
    let target = path.canonicalize().ok().filter(|target| target != path);
    target
        .as_deref()
        .and_then(|target| of_one(target, sharing))
        .or_else(|| of_one(path, sharing))
}

/// The same of one path to the file: where it is a link, both the link's directory and the file's own count.
fn of_one(path: &Path, sharing: Sharing) -> Option<Objection> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let in_directory = fs::metadata(directory).ok();
    let of_directory =
        in_directory.and_then(|found| of(&found, directory, "its directory", sharing));
    let of_link = fs::symlink_metadata(path).ok().filter(Metadata::is_symlink);
    let of_link = of_link.and_then(|link| of_another(&link, path, "the link to it"));
    of_directory
        .or(of_link)
        .or_else(|| of(&fs::metadata(path).ok()?, path, "it", sharing))
}

fn of_another(found: &Metadata, path: &Path, what: &str) -> Option<Objection> {
    let own = geteuid().as_raw();
    let is_another = found.uid() != own && found.uid() != 0;
    is_another.then(|| Objection {
        why: format!(
            "{what} belongs to another user (uid {}, mode {:04o})",
            found.uid(),
            found.mode() & 0o7777
        ),
        mend: format!("chown -h {own} {}", path.display()),
    })
}

fn of(found: &Metadata, path: &Path, what: &str, sharing: Sharing) -> Option<Objection> {
    let mode = found.mode();
    if !is_shared(found, path, sharing)
        && let Some(objection) = of_another(found, path, what)
    {
        return Some(objection);
    }
    let is_guarded = found.is_dir() && mode & STICKY != 0;
    let owner = format!("owner uid {}, mode {:04o}", found.uid(), mode & 0o7777);
    if mode & EVERYBODY != 0 && !is_guarded {
        return Some(Objection {
            why: format!("every user may write to {what} ({owner})"),
            mend: format!("chmod o-w {}", path.display()),
        });
    }
    if mode & GROUP != 0 && !is_guarded && !may_write(found.gid(), sharing) {
        let group = found.gid();
        return Some(Objection {
            why: format!("a group (gid {group}) may write to {what} ({owner})"),
            mend: format!("chmod g-w {}", path.display()),
        });
    }
    None
}

/// Whether another user who owns a file shares it with this one: the group they have in common may write to it, or this
/// is root, who looks after what belongs to the user of a service together with its directory.
fn is_shared(found: &Metadata, path: &Path, sharing: Sharing) -> bool {
    if sharing == Sharing::Private {
        return false;
    }
    let is_of_group = found.mode() & GROUP != 0 && may_write(found.gid(), sharing);
    is_of_group || (geteuid().is_root() && has_an_owner_of_its_own(found, path))
}

/// Whether a file belongs to the user whose directory it is in, or a directory to the user whose files are in it alone.
fn has_an_owner_of_its_own(found: &Metadata, path: &Path) -> bool {
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

/// Whether a group may write. Where each user has a group of their own, files are usually writable for it.
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
        let said = objection(&file).unwrap();
        assert!(
            said.starts_with("every user may write to it (owner uid 0, mode 0646),"),
            "{said}"
        );
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
            said.starts_with("it belongs to another user (uid 4711, mode 0644)"),
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
        let wanted = "the link to it belongs to another user (uid 4711, ";
        assert!(said.starts_with(wanted), "{said}");
        assert_eq!(objection(&file), None);
    }

    #[test]
    fn only_a_store_may_be_shared_with_a_group() {
        assert!(
            geteuid().is_root(),
            "this test gives a file to another group: run the tests by tests/run, as root"
        );
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("store.db");
        fs::write(&file, "").unwrap();
        let give = |user, group| std::os::unix::fs::chown(&file, user, Some(group)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o660)).unwrap();
        give(None, 4711);
        let refused = to(&file, Sharing::OwnGroups).unwrap();
        assert_eq!(refused.mend, format!("chmod g-w {}", file.display()));
        // Another user of a group that this one is in has made it.
        give(Some(4711), getegid().as_raw());
        assert_eq!(to(&file, Sharing::OwnGroups), None);
        assert!(to(&file, Sharing::Private).is_some());
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        let refused = to(&file, Sharing::OwnGroups).unwrap();
        assert!(
            refused.why.contains("another user (uid 4711"),
            "{refused:?}"
        );
    }

    #[test]
    fn what_does_not_exist_is_judged_by_the_directory_above() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("state/proxy");
        assert_eq!(to(&file, Sharing::Private), None);
        fs::set_permissions(place.path(), Permissions::from_mode(0o757)).unwrap();
        let refused = to(&file, Sharing::Private).unwrap();
        let said = format!(
            "every user may write to the directory {}",
            place.path().display()
        );
        assert!(refused.why.starts_with(&said), "{refused:?}");
    }
}
