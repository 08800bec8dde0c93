//! The versions of the sample application, and the past releases that each target has when the sandbox opens.

use std::path::Path;

use super::sample::Fault;
use crate::inventory::ImageLabels;

/// A version of one service that the sandbox can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub repository: String,
    pub tag: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The labels of its image.
    pub labels: ImageLabels,
}

/// One version: service, tag, commit, build time, fault.
type VersionRow = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// The versions, ordered by tag. The last version of a service is the newest.
const VERSIONS: [VersionRow; 6] = [
    ("web", "1.8.2", "4be1f0a", "2026-10-05T08:12:00Z", "none"),
    ("web", "1.9.0", "9c27d31", "2026-11-16T14:40:00Z", "none"),
    (
        "web",
        "1.9.1",
        "e60a4c8",
        "2026-11-18T09:05:00Z",
        "unhealthy",
    ),
    (
        "web",
        "1.9.2",
        "17fb2d5",
        "2026-11-19T16:31:00Z",
        "failing-checks",
    ),
    (
        "wallets",
        "3.1.0",
        "b2d9c07",
        "2026-09-22T11:20:00Z",
        "none",
    ),
    (
        "wallets",
        "3.2.0",
        "5a81ee4",
        "2026-11-17T10:02:00Z",
        "none",
    ),
];

/// The past releases of each target, oldest first. Version 1.9.0 of web is live in qa and can be promoted to
/// production.
pub(super) const PAST_RELEASES: [(&str, &str, &[&str]); 5] = [
    ("web", "dev", &["1.8.2", "1.9.0"]),
    ("web", "qa", &["1.8.2", "1.9.0"]),
    ("web", "production", &["1.8.2"]),
    ("wallets", "qa", &["3.1.0", "3.2.0"]),
    ("wallets", "production", &["3.1.0"]),
];

/// The image repository of a service.
pub(super) fn repository(service: &str) -> String {
    format!("sandbox/{service}")
}

/// All versions. `program` is the Greenroom executable that runs them.
pub fn programs(program: &Path) -> Vec<Program> {
    let program_of = |(service, tag, revision, created, fault): VersionRow| Program {
        repository: repository(service),
        tag: tag.to_owned(),
        argv: [
            &program.display().to_string(),
            "sample-app",
            "--version",
            tag,
            "--fault",
            fault,
        ]
        .map(str::to_owned)
        .into(),
        labels: ImageLabels {
            revision: Some(revision.to_owned()),
            created: Some(created.to_owned()),
            version: Some(tag.to_owned()),
        },
    };
    VERSIONS.into_iter().map(program_of).collect()
}

/// A version that is pushed to an open sandbox.
pub fn pushed_program(program: &Path, service: &str, tag: &str, fault: &str) -> Program {
    let argv = [
        &program.display().to_string(),
        "sample-app",
        "--version",
        tag,
        "--fault",
        fault,
    ];
    Program {
        repository: repository(service),
        tag: tag.to_owned(),
        argv: argv.map(str::to_owned).into(),
        labels: ImageLabels {
            version: Some(tag.to_owned()),
            ..ImageLabels::default()
        },
    }
}

/// The next version of a service in a sandbox with these tags: the patch number after the greatest. The checks of every
/// second one fail, so that an operator also sees a version that is backed out.
pub fn next_push<'t>(tags: impl IntoIterator<Item = &'t str>) -> (String, Fault) {
    let numbers = |tag: &str| {
        let mut parts = tag.split('.').map(|part| part.parse::<u32>().ok());
        let numbers = (parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(numbers)
    };
    let greatest = tags.into_iter().filter_map(numbers).max();
    let (major, minor, patch) = greatest.unwrap_or((1, 0, 0));
    let patch = patch.saturating_add(1);
    let fault = match patch % 2 {
        0 => Fault::FailingChecks,
        _ => Fault::None,
    };
    (format!("{major}.{minor}.{patch}"), fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_of_every_second_push_fail() {
        let mut tags = vec![
            "develop".to_owned(),
            "v2.0.0".to_owned(),
            "1.9.2".to_owned(),
        ];
        let mut pushed = || {
            let next = next_push(tags.iter().map(String::as_str));
            tags.push(next.0.clone());
            next
        };
        assert_eq!(pushed(), ("1.9.3".to_owned(), Fault::None));
        assert_eq!(pushed(), ("1.9.4".to_owned(), Fault::FailingChecks));
        assert_eq!(pushed(), ("1.9.5".to_owned(), Fault::None));
    }

    #[test]
    fn past_releases_use_only_working_versions() {
        let programs = programs(Path::new("/a/greenroom"));
        for (service, _, tags) in PAST_RELEASES {
            for tag in tags {
                let found = programs.iter().find(|program| {
                    program.repository == repository(service) && program.tag == *tag
                });
                let argv = &found.expect("the version").argv;
                assert_eq!(argv.last().map(String::as_str), Some("none"), "{argv:?}");
            }
        }
    }
}
