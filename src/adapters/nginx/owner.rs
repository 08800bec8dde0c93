//! Whose a file is, by the line that Greenroom writes into each of its files. A file that names another target, or none,
//! is never replaced and never removed, whatever its name is. Pure.

use std::path::Path;

use crate::inventory::Target;

/// What begins the line.
const WRITTEN: &str = "# Written by Greenroom for ";

/// The line that says whose a file is. It is the first one of a target's configuration.
pub(super) fn line(target: &Target) -> String {
    format!("{WRITTEN}{target}; a change made here is lost.\n")
}

/// Why a file is not the target's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotOurs {
    /// Whose it is.
    pub(super) said: String,
    /// What to do about it.
    pub(super) hint: String,
}

/// Why the file at `path`, which says `text`, is not that of `target`; none where it is.
pub(super) fn not_ours(path: &Path, text: &str, target: &Target) -> Option<NotOurs> {
    let path = path.display();
    let named = text
        .lines()
        .find_map(|line| line.strip_prefix(WRITTEN))
        .and_then(|rest| rest.split_once(';'))
        .map(|(named, _)| named);
    match named {
        Some(named) if named == target.to_string() => None,
        Some(named) if is_target(named) => Some(NotOurs {
            said: format!(
                "{path} is the file of {named}, as it says itself, so it was left as it is"
            ),
            hint: format!(
                "give {named} its file back under its own name, or remove that file if {named} is no longer released"
            ),
        }),
        _ => Some(NotOurs {
            said: format!("{path} was not written by Greenroom, so it was left as it is"),
            hint: format!("move it away if {target} may have its place"),
        }),
    }
}

/// Whether a text is `service/environment`. The rest of a line that was edited is not repeated.
fn is_target(text: &str) -> bool {
    let Some((service, environment)) = text.split_once('/') else {
        return false;
    };
    service.parse::<crate::inventory::ServiceName>().is_ok()
        && environment
            .parse::<crate::inventory::EnvironmentName>()
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_the_target_it_names_and_of_no_other() {
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
        // The main configuration that is tested has the line at its end.
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
