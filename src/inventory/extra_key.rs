//! Extra keys let other programs read from the store which slot is live. A key and its value are made from templates.
//! This module checks which names a template uses and which keys it may produce; the stores write the keys.

use std::collections::{BTreeSet, HashSet};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Addresses, PerSlot, Route, Slot, Target};
use crate::sanitize::sanitize_line;

/// The longest key that a template may produce, in bytes.
const LONGEST_KEY: usize = 1024;

/// A placeholder, because only a release knows the digest.
const SOME_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The names that a template may use.
const NAMES: [&str; 7] = [
    "service",
    "environment",
    "slot",
    "address",
    "tag",
    "digest",
    "generation",
];

/// An additional etcd key that another program reads, e.g. key `/upstreams/{{ service }}`, value `{{ address }}`. Key
/// and value may use `service`, `environment`, `slot`, `address` (separated by commas if there are several), `tag` (empty if the version was requested by digest),
/// `digest` and `generation`, all of the live slot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraKey {
    /// The template of the key.
    pub key: String,
    /// The template of the value.
    pub value: String,
}

/// A problem in a template, or in the key that the template produces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {message}")]
pub struct BadExtraKey {
    /// The part that is wrong, e.g. `the key of extra key 1 of web`.
    pub part: String,
    pub message: String,
}

/// The extra keys of one service, compiled.
#[derive(Debug)]
pub struct ExtraKeys {
    templates: Environment<'static>,
    count: usize,
    prefix: String,
}

/// The values that fill the templates.
struct Values<'a> {
    slot: Slot,
    addresses: &'a Addresses,
    tag: &'a str,
    digest: &'a str,
    generation: u64,
}

impl ExtraKeys {
    /// Compiles the templates. `prefix` is the prefix of Greenroom's own keys. The error names the template that is
    /// wrong.
    pub fn compile(prefix: &str, service: &str, extra: &[ExtraKey]) -> Result<Self, BadExtraKey> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        // Values are stored unchanged, so nothing is escaped for HTML.
        templates.set_auto_escape_callback(|_| AutoEscape::None);
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        templates.set_syntax(syntax.map_err(|error| bad("extra keys", error_message(&error)))?);
        for (index, extra_key) in extra.iter().enumerate() {
            for (part, source) in [("key", &extra_key.key), ("value", &extra_key.value)] {
                let part_name = format!("the {part} of extra key {} of {service}", index + 1);
                add_template(&mut templates, &format!("{part} {index}"), source)
                    .map_err(|problem| bad(&part_name, problem))?;
            }
        }
        Ok(Self {
            templates,
            count: extra.len(),
            prefix: prefix.to_owned(),
        })
    }

    /// The keys and values that a store writes together with a route.
    pub fn render(
        &self,
        target: &Target,
        route: &Route,
        tag: Option<&str>,
    ) -> Result<Vec<(String, String)>, BadExtraKey> {
        let values = Values {
            slot: route.live,
            addresses: &route.addresses,
            tag: tag.unwrap_or_default(),
            digest: route.digest.as_str(),
            generation: route.generation,
        };
        self.fill(target, &values)
    }

    /// All keys that a target may write with these settings, whichever slot is live. Only a release knows tag, digest
    /// and generation, so placeholders stand for these three values. Therefore, if the keys of two targets differ only
    /// in these values, the result has the same key for both targets.
    pub fn possible_keys(
        &self,
        target: &Target,
        endpoints: &PerSlot<Addresses>,
    ) -> Result<BTreeSet<String>, BadExtraKey> {
        let mut keys = BTreeSet::new();
        for slot in Slot::BOTH {
            let values = Values {
                slot,
                addresses: endpoints.get(slot),
                tag: "1",
                digest: SOME_DIGEST,
                generation: 1,
            };
            keys.extend(self.fill(target, &values)?.into_iter().map(|pair| pair.0));
        }
        Ok(keys)
    }

    fn fill(
        &self,
        target: &Target,
        values: &Values<'_>,
    ) -> Result<Vec<(String, String)>, BadExtraKey> {
        let values = context! {
            service => target.service.as_str(),
            environment => target.environment.as_str(),
            slot => values.slot.as_str(),
            address => values.addresses.listed(),
            tag => values.tag,
            digest => values.digest,
            generation => values.generation,
        };
        let mut pairs: Vec<(String, String)> = Vec::with_capacity(self.count);
        for index in 0..self.count {
            let render = |part: &str| {
                self.templates
                    .get_template(&format!("{part} {index}"))
                    .and_then(|template| template.render(&values))
                    .map_err(|error| {
                        let part_name =
                            format!("the {part} of extra key {} of {target}", index + 1);
                        bad(&part_name, error_message(&error))
                    })
            };
            let (key, value) = (render("key")?, render("value")?);
            self.check(target, index, &key)?;
            if pairs.iter().any(|(other, _)| *other == key) {
                let key_name = format!("extra key {} of {target}", index + 1);
                return Err(bad(
                    &key_name,
                    format!(
                        "an earlier extra key also writes {key}: use another key for one of them"
                    ),
                ));
            }
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    fn check(&self, target: &Target, index: usize, key: &str) -> Result<(), BadExtraKey> {
        let problem = if key.is_empty() {
            "the key is empty".to_owned()
        } else if key.len() > LONGEST_KEY {
            format!("the key is longer than {LONGEST_KEY} bytes")
        } else if sanitize_line(key.as_bytes()) != key {
            "the key has characters that cannot be printed".to_owned()
        } else if is_within(key, &self.prefix) {
            format!(
                "{key} is at or below {}, where Greenroom keeps its own keys: choose another key",
                self.prefix
            )
        } else {
            return Ok(());
        };
        let key_name = format!("extra key {} of {target}", index + 1);
        Err(bad(&key_name, problem))
    }
}

/// Whether a key equals Greenroom's prefix or is below it.
pub fn is_within(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn add_template(
    templates: &mut Environment<'static>,
    name: &str,
    source: &str,
) -> Result<(), String> {
    templates
        .add_template_owned(name.to_owned(), source.to_owned())
        .map_err(|error| error_message(&error))?;
    let template = templates
        .get_template(name)
        .map_err(|error| error_message(&error))?;
    let known: HashSet<&str> = NAMES.into();
    let mut unknown: Vec<String> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|used| !known.contains(used.as_str()) && !is_global(templates, used))
        .collect();
    unknown.sort();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the template uses unknown names: {}; use only {}",
        unknown.join(", "),
        NAMES.join(", ")
    ))
}

fn is_global(templates: &Environment<'_>, name: &str) -> bool {
    templates.globals().any(|(global, _)| global == name)
}

fn error_message(error: &minijinja::Error) -> String {
    let line = error
        .line()
        .map(|line| format!(" (line {line})"))
        .unwrap_or_default();
    let message = match error.detail() {
        Some(detail) => format!("{}: {detail}{line}", error.kind()),
        None => format!("{}{line}", error.kind()),
    };
    crate::sanitize::sanitize(&message)
}

fn bad(part: &str, problem: String) -> BadExtraKey {
    BadExtraKey {
        part: part.to_owned(),
        message: problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{FencingToken, ReleaseId};

    fn extra_key(key: &str, value: &str) -> Vec<ExtraKey> {
        vec![ExtraKey {
            key: key.into(),
            value: value.into(),
        }]
    }

    fn rendered(extra: &[ExtraKey]) -> Result<Vec<(String, String)>, BadExtraKey> {
        let target = Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        );
        let route = Route {
            generation: 7,
            live: Slot::Green,
            addresses: "127.0.0.1:8002".parse().expect("an endpoint"),
            digest: format!("sha256:{}", "a".repeat(64))
                .parse()
                .expect("a digest"),
            release: ReleaseId(ulid::Ulid::nil()),
            token: FencingToken(1),
        };
        ExtraKeys::compile("/greenroom/v1", "web", extra)?.render(&target, &route, Some("<1.9>"))
    }

    #[test]
    fn values_are_written_unchanged() {
        let pairs = rendered(&extra_key(
            "/up/{{ service }}/{{ environment }}",
            "{\"a\": \"{{ address }}\", \"t\": \"{{ tag }}\", \"g\": {{ generation }}}",
        ));
        assert_eq!(
            pairs.expect("a pair"),
            [(
                "/up/web/qa".to_owned(),
                "{\"a\": \"127.0.0.1:8002\", \"t\": \"<1.9>\", \"g\": 7}".to_owned()
            )]
        );
    }

    #[test]
    fn an_unknown_name_is_named_when_templates_are_compiled() {
        let failure = ExtraKeys::compile(
            "/g",
            "web",
            &extra_key("/a", "{% if slot %}{{ port }}{% endif %}"),
        )
        .expect_err("no such name");
        assert!(
            failure
                .to_string()
                .contains("the template uses unknown names: port"),
            "{failure}"
        );
        assert!(failure.to_string().contains("value of extra key 1 of web"));
        assert!(ExtraKeys::compile("/g", "web", &extra_key("/a/{{ slot", "")).is_err());
    }

    #[test]
    fn a_key_must_be_printable_and_outside_the_own_prefix() {
        for bad in [
            "",
            "/a\n",
            "/a\u{1b}[31m",
            "/greenroom/v1",
            "/greenroom/v1/targets/{{ service }}/x",
        ] {
            assert!(rendered(&extra_key(bad, "v")).is_err(), "{bad:?}");
        }
        assert!(rendered(&extra_key("/greenroom/v1-others", "v")).is_ok());
        let twice = [extra_key("/a", "1"), extra_key("/a", "2")].concat();
        assert!(rendered(&twice).is_err());
    }
}
