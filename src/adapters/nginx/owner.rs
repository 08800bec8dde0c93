//! The owner of a file, from the line that Greenroom writes into each of its files. A file that names another target,
//! or none, is never replaced or removed, whatever its name is. Pure.

use std::path::Path;

use crate::inventory::Target;

/// The start of the line.
const WRITTEN: &str = "# Written by Greenroom for ";

/// The line that names the owner. It is the first line of a target's configuration.
pub(super) fn line(target: &Target) -> String {
    format!("{WRITTEN}{target}; a change made here is lost.\n")
}

/// A file that is not the target's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotOurs {
    /// Whose file it is.
    pub(super) said: String,
    /// What to do about it.
    pub(super) hint: String,
}

/// Why the file at `path` with the content `text` does not belong to `target`. None when it does.
pub(super) fn not_ours(path: &Path, text: &str, target: &Target) -> Option<NotOurs> {
    let owner = owner(text);
    if owner.as_ref() == Some(target) {
        return None;
    }
    let shown = path.display();
    Some(match owner {
        Some(other) => NotOurs {
            said: format!("{shown} is the file of {other}, as its first line says"),
            hint: format!(
                "rename it for {other} (mv {shown} {}), or remove it if {other} is no longer released",
                path.with_file_name(file_name(&other)).display()
            ),
        },
        None => NotOurs {
            said: format!("{shown} was not written by Greenroom, so Greenroom did not change it"),
            hint: format!("move it away if {target} may use this path"),
        },
    })
}

/// Describes the file at `old`, which belongs to `target` but has another name than `new`.
pub(super) fn renamed(old: &Path, new: &Path, target: &Target) -> NotOurs {
    let (old, new) = (old.display(), new.display());
    NotOurs {
        said: format!(
            "{old} is the file of {target} under another name, and nginx cannot read two"
        ),
        hint: format!("mv {old} {new}"),
    }
}

/// The name of the file with a target's configuration.
pub(super) fn file_name(target: &Target) -> String {
    format!("{}.conf", target.own_name())
}

/// The target that the line names. The rest of an edited line is not repeated.
pub(super) fn owner(text: &str) -> Option<Target> {
    let line = text.lines().find_map(|line| line.strip_prefix(WRITTEN))?;
    let (named, _) = line.split_once(';')?;
    let (service, environment) = named.split_once('/')?;
    Some(Target::new(
        service.parse().ok()?,
        environment.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_only_to_the_target_it_names() {
        let target = |service: &str, environment: &str| {
            Target::new(
                service.parse().expect("a name"),
                environment.parse().expect("a name"),
            )
        };
        let (web, other) = (target("web", "qa-eu"), target("web-qa", "eu"));
        let path = Path::new("/etc/nginx/conf.d/a.conf");
        let of = |text: &str| not_ours(path, text, &web);
        assert_eq!(of(&format!("{}server {{}}\n", line(&web))), None);
        // The main configuration under test has the line at its end.
        assert_eq!(of(&format!("events {{}}\n{}", line(&web))), None);
        let said = of(&line(&other)).expect("another's").said;
        assert!(said.contains("is the file of web-qa/eu"), "{said}");
        for by_hand in [
            "",
            "server {}\n",
            "# Written by Greenroom",
            "# Written by Greenroom for \u{1b}[31m/qa; x",
            "# Written by Greenroom's doctor, to see whether nginx reads it.",
        ] {
            let said = of(by_hand).expect("of no target").said;
            assert!(said.contains("was not written by Greenroom"), "{said}");
        }
    }
}
