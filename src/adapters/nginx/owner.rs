//! Finds the target that owns a file, from the line that Greenroom writes into each of its files. A file that names
//! another target or no target is never replaced or removed, even if it has the name of a target's file.

use std::path::Path;

use crate::inventory::Target;

/// The start of the line that names the owner.
const WRITTEN: &str = "# Written by Greenroom for ";

/// The line that names the owner. It is the first line of the configuration file of a target.
pub(super) fn line(target: &Target) -> String {
    format!("{WRITTEN}{target}; Greenroom overwrites changes to this file.\n")
}

/// Why a file does not belong to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotOurs {
    /// Names the file, and the target that owns it if there is one.
    pub(super) message: String,
    pub(super) hint: String,
}

/// Why the file at `path` with the content `text` does not belong to `target`. None if the file belongs to `target`.
pub(super) fn not_ours(path: &Path, text: &str, target: &Target) -> Option<NotOurs> {
    let owner = owner(text);
    if owner.as_ref() == Some(target) {
        return None;
    }
    let path_text = path.display();
    Some(match owner {
        Some(other) => NotOurs {
            message: format!("{path_text} is the file of {other}, as a line in it says"),
            hint: format!(
                "rename it for {other} (mv {path_text} {}), or remove it if {other} is no longer released",
                path.with_file_name(file_name(&other)).display()
            ),
        },
        None => NotOurs {
            message: format!(
                "{path_text} was not written by Greenroom as the file of a target. Greenroom did not change it"
            ),
            hint: format!("move the file away if Greenroom may use this path for {target}"),
        },
    })
}

/// Describes the file at `old`, which belongs to `target` but has another name than `new`.
pub(super) fn renamed(old: &Path, new: &Path, target: &Target) -> NotOurs {
    let (old, new) = (old.display(), new.display());
    NotOurs {
        message: format!(
            "{old} is the file of {target} under another name, and nginx cannot load two files of one target"
        ),
        hint: format!("mv {old} {new}"),
    }
}

/// The name of the file with a target's configuration.
pub(super) fn file_name(target: &Target) -> String {
    format!("{}.conf", target.own_name())
}

/// The target that Greenroom's line in the file names. Only the target is parsed, so other text of an edited line is
/// never shown.
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
        // The main configuration for a test has the line at its end.
        assert_eq!(of(&format!("events {{}}\n{}", line(&web))), None);
        let message = of(&line(&other)).expect("another's").message;
        assert!(message.contains("is the file of web-qa/eu"), "{message}");
        for other_text in [
            "",
            "server {}\n",
            "# Written by Greenroom",
            "# Written by Greenroom for \u{1b}[31m/qa; x",
            "# Written by Greenroom's doctor to test whether nginx reads this file.",
        ] {
            let message = of(other_text).expect("of no target").message;
            assert!(
                message.contains("was not written by Greenroom"),
                "{message}"
            );
        }
    }
}
