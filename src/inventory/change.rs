//! Compares two instances of the same target: what their images say about themselves, and how the instances were
//! created.

use std::fmt;

use super::Instance;

/// How many characters of a commit hash are shown.
const COMMIT: usize = 7;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs, e.g. `memory`, `env TZ` or `commit`.
    pub name: String,
    /// The value in the first instance; none if that instance has no such value.
    pub from: Option<String>,
    /// The value in the second instance; none if that instance has no such value.
    pub to: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{name}: {from} → {to}"),
            (None, Some(to)) => write!(f, "{name}: added, {to}"),
            (Some(from), None) => write!(f, "{name}: removed, was {from}"),
            (None, None) => f.write_str(name),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Differences in what the images say about themselves: `commit` and `version`.
    pub image: Vec<Difference>,
    /// How many seconds after the first image the second image was built; negative if the second image is older. None
    /// if one of the build times is not known.
    pub built_later: Option<i64>,
    /// Differences in how the instances were created.
    pub configuration: Vec<Difference>,
}

/// Compares `to` with `from`, the instance that is live.
pub fn changes(from: &Instance, to: &Instance) -> Changes {
    let (old, new) = (&from.labels, &to.labels);
    let image = [
        (
            "commit",
            old.revision.as_deref().map(commit),
            new.revision.as_deref().map(commit),
        ),
        ("version", old.version.clone(), new.version.clone()),
    ]
    .into_iter()
    .filter(|(_, from, to)| from != to)
    .map(|(name, from, to)| Difference {
        name: name.to_owned(),
        from,
        to,
    })
    .collect();
    let built_later = old
        .built_at()
        .zip(new.built_at())
        .map(|(old, new)| new.as_second() - old.as_second());
    Changes {
        image,
        built_later,
        configuration: configuration(from, to),
    }
}

fn configuration(from: &Instance, to: &Instance) -> Vec<Difference> {
    // An older Greenroom recorded no configuration. If one of the two is missing, no difference is known.
    if from.configuration.is_empty() || to.configuration.is_empty() {
        return Vec::new();
    }
    let (old, new) = (&from.configuration, &to.configuration);
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| Difference {
            name: name.clone(),
            from: old.get(name).cloned(),
            to: new.get(name).cloned(),
        })
        .collect()
}

/// The short form of a commit hash. Any other text stays unchanged.
pub fn commit(revision: &str) -> String {
    let is_hash = revision.len() >= 12 && revision.bytes().all(|b| b.is_ascii_hexdigit());
    match revision.get(..COMMIT).filter(|_| is_hash) {
        Some(short) => short.to_owned(),
        None => revision.to_owned(),
    }
}

impl Changes {
    /// The build time of the second image relative to the first, e.g. `built 2d 4h later`. None if a build time is
    /// unknown.
    pub fn built(&self) -> Option<String> {
        let later = self.built_later?;
        let time = roughly(later.unsigned_abs());
        Some(match later {
            0 => "built at the same time".to_owned(),
            1.. => format!("built {time} later"),
            _ => format!("built {time} earlier"),
        })
    }

    /// The short form of [`Changes::built`] for narrow columns, e.g. `2d newer`. None if a build time is unknown, or if
    /// both images were built at the same time.
    pub fn newer(&self) -> Option<String> {
        let later = self.built_later.filter(|later| *later != 0)?;
        let time = roughly(later.unsigned_abs());
        let first = time.split(' ').next().unwrap_or_default();
        let word = if later > 0 { "newer" } else { "older" };
        Some(format!("{first} {word}"))
    }

    /// `1 config change`, `2 config changes`, or `configured as live` if no difference is known. The caller must make
    /// sure that both configurations are known: otherwise `configured as live` may be false.
    pub fn counted(&self) -> String {
        match self.configuration.len() {
            0 => "configured as live".to_owned(),
            1 => "1 config change".to_owned(),
            many => format!("{many} config changes"),
        }
    }
}

fn roughly(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::inventory::{
        Digest, ImageLabels, InstanceId, InstanceState, RuntimeHealth, Slot, Target,
    };

    fn instance(labels: [Option<&str>; 3], configuration: &[(&str, &str)]) -> Instance {
        let [revision, created, version] = labels.map(|text| text.map(str::to_owned));
        let digest: Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        Instance {
            id: InstanceId("one".into()),
            name: "one".into(),
            target: Target::new("web".parse().unwrap(), "qa".parse().unwrap()),
            slot: Slot::Blue,
            number: 1,
            of: 1,
            endpoint: None,
            digest,
            tag: None,
            release: None,
            state: InstanceState::Running,
            health: RuntimeHealth::Unchecked,
            started_at: None,
            restarts: 0,
            last_exit: None,
            pid: None,
            labels: ImageLabels {
                revision,
                created,
                version,
            },
            configuration: configuration
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn a_difference_is_named_with_both_values() {
        let old = instance(
            [
                Some("abc1234def567890"),
                Some("2026-11-18T10:00:00Z"),
                Some("1.8.2"),
            ],
            &[
                ("memory", "128 MiB"),
                ("env OLD", "#111111"),
                ("user", "web"),
            ],
        );
        let new = instance(
            [
                Some("def5678abc123400"),
                Some("2026-11-20T14:00:00Z"),
                Some("1.8.2"),
            ],
            &[
                ("memory", "256 MiB"),
                ("env NEW", "#222222"),
                ("user", "web"),
            ],
        );
        let found = changes(&old, &new);
        let shown =
            |list: &[Difference]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
        assert_eq!(shown(&found.image), ["commit: abc1234 → def5678"]);
        assert_eq!(found.built().as_deref(), Some("built 2d 4h later"));
        assert_eq!(
            shown(&found.configuration),
            [
                "env NEW: added, #222222",
                "env OLD: removed, was #111111",
                "memory: 128 MiB → 256 MiB",
            ]
        );
        assert_eq!(found.counted(), "3 config changes");
        let back = changes(&new, &old);
        assert_eq!(back.built().as_deref(), Some("built 2d 4h earlier"));
        assert_eq!(back.newer().as_deref(), Some("2d older"));
        assert_eq!(changes(&old, &old).counted(), "configured as live");
    }

    #[test]
    fn an_unset_build_time_is_no_age() {
        let unset = instance([None, Some("1970-01-01T00:00:00Z"), None], &[]);
        let built = instance([None, Some("2026-11-20T14:00:00Z"), None], &[]);
        for found in [changes(&unset, &built), changes(&built, &unset)] {
            assert_eq!((found.built(), found.newer()), (None, None));
        }
    }

    #[test]
    fn a_value_that_was_not_read_is_no_difference() {
        let unknown = instance([None; 3], &[]);
        let known = instance([None, Some("yesterday"), None], &[("memory", "1 GiB")]);
        let found = changes(&unknown, &known);
        assert_eq!((found.configuration.len(), found.built()), (0, None));
    }
}
