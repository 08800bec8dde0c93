//! The time limits of a release, as one table. A row defines the key in `[timing]`, its description, its built-in
//! value, and whether a shorter or a longer time protects less. The table is the source of the fields of [`Timing`],
//! the keys of the configuration with their descriptions, the values that `config show` lists, and the rules that a
//! layer above the file cannot loosen.

use std::collections::BTreeMap;
use std::time::Duration;

use super::describe::duration;
use super::rules::{Rule, RuleScope, lacks_nothing};
use crate::inventory::{Limit, ServiceKind, Tier};

/// One time limit: a row of the table.
#[derive(Debug, Clone, Copy)]
pub struct TimingKey {
    pub key: &'static str,
    text: &'static str,
    pub may_be_never: bool,
    pub get: fn(&Timing) -> Limit,
    set: fn(&mut Timing, Limit),
}

impl TimingKey {
    /// The description of the time, from the doc comment of its field.
    pub fn meaning(&self) -> &'static str {
        self.text.trim_start()
    }

    /// The built-in value, and those of a development environment and of a worker if they differ.
    pub fn built_in(&self) -> String {
        let of = |tier, kind| String::from((self.get)(&Timing::built_in(tier, kind)));
        let usual = of(Tier::default(), ServiceKind::Http);
        let others = [
            (
                "in a development environment",
                of(Tier::Development, ServiceKind::Http),
            ),
            ("for a worker", of(Tier::default(), ServiceKind::Worker)),
        ];
        let others = others.into_iter().filter(|(_, value)| *value != usual);
        others.fold(usual.clone(), |text, (whose, value)| {
            format!("{text}, {whose} {value}")
        })
    }
}

/// A type of a time limit.
trait Value: Copy {
    const MAY_BE_NEVER: bool;

    fn limit(self) -> Limit;

    /// None if the limit is not a value of this type.
    fn from_limit(limit: Limit) -> Option<Self>;
}

impl Value for Duration {
    const MAY_BE_NEVER: bool = false;

    fn limit(self) -> Limit {
        Limit::After(self)
    }

    fn from_limit(limit: Limit) -> Option<Self> {
        match limit {
            Limit::After(time) => Some(time),
            Limit::Never => None,
        }
    }
}

impl Value for Limit {
    const MAY_BE_NEVER: bool = true;

    fn limit(self) -> Limit {
        self
    }

    fn from_limit(limit: Limit) -> Option<Self> {
        Some(limit)
    }
}

macro_rules! timing {
    ($(
        $(#[doc = $text:literal])+
        $key:ident: $type:ty = $built_in:expr
            $(, in development $in_development:expr)?
            $(, for a worker $for_worker:expr)?
            $(, protects less if $than:tt)?;
    )+) => {
        /// The time limits of a release.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Timing {
            $($(#[doc = $text])+ pub $key: $type,)+
        }

        impl Timing {
            /// The time limits of a service of this kind in an environment of this tier, if the configuration has none.
            pub fn built_in(tier: Tier, kind: ServiceKind) -> Self {
                let mut timing = Self { $($key: $built_in,)+ };
                if tier == Tier::Development {
                    $($(timing.$key = $in_development;)?)+
                }
                if kind == ServiceKind::Worker {
                    $($(timing.$key = $for_worker;)?)+
                }
                timing
            }
        }

        /// Every time limit.
        pub const TIMING: &[TimingKey] = &[$(TimingKey {
            key: stringify!($key),
            text: concat!($($text),+),
            may_be_never: <$type>::MAY_BE_NEVER,
            get: |timing| timing.$key.limit(),
            set: |timing, limit| {
                if let Some(value) = Value::from_limit(limit) {
                    timing.$key = value;
                }
            },
        },)+];

        /// The time limits that protect something.
        pub(super) const TIMING_RULES: &[Rule] = &[$($(Rule {
            key: stringify!($key),
            scope: RuleScope::Timing,
            value: |it| match it.timing.$key.limit() {
                Limit::After(time) => duration(time),
                Limit::Never => "never".to_owned(),
            },
            is_looser: |now, file| now.timing.$key $than file.timing.$key,
            lacks: lacks_nothing,
            loosened_since: None,
        },)?)+];
    };
}

timing! {
    /// How long a candidate may take to become healthy. Progress extends this time.
    health_deadline: Duration = Duration::from_secs(30);
    /// How long a candidate must be healthy without a break.
    minimum_healthy: Duration = Duration::from_secs(10), in development Duration::from_secs(2),
        protects less if <;
    /// How long *pull* and *verify* may take without progress before they fail. This time also limits the guard of
    /// *stop*, new tries of a failed act while backing out, and tries to write to a store that does not answer.
    progress_deadline: Duration = Duration::from_mins(10);
    /// How long the new version and the public address are watched after the switch.
    watch: Duration = Duration::from_mins(1), protects less if <;
    /// How long the connections of the old slot may take to end.
    drain: Duration = Duration::from_secs(30);
    /// How long the old slot is kept warm before it is stopped. With `never`, a new plan has no *stop*, and an operator
    /// stops the slot. The old version of a worker takes jobs until then. A scheduler has no standby.
    standby: Limit = Limit::After(Duration::from_mins(10)),
        for a worker Limit::After(Duration::from_mins(1)), protects less if <;
    /// How long a container or process may take to end after it was asked to stop.
    stop_grace: Duration = Duration::from_secs(10);
    /// How long an approval is valid.
    approval: Duration = Duration::from_mins(5), protects less if >;
    /// How old passed checks may be at the switch.
    checks_fresh: Duration = Duration::from_mins(15), protects less if >;
}

impl Default for Timing {
    fn default() -> Self {
        Self::built_in(Tier::default(), ServiceKind::default())
    }
}

impl Timing {
    /// Sets the times of a table of the configuration, by key.
    pub fn set(&mut self, written: &BTreeMap<String, Limit>) {
        for row in TIMING {
            if let Some(limit) = written.get(row.key) {
                (row.set)(self, *limit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_sets_its_time_and_no_other() {
        let built_in = Timing::default();
        for row in TIMING {
            let limit = Limit::After(Duration::from_millis(1_234));
            let mut timing = Timing::default();
            timing.set(&BTreeMap::from([(row.key.to_owned(), limit)]));
            for other in TIMING {
                let expected = if other.key == row.key {
                    limit
                } else {
                    (other.get)(&built_in)
                };
                assert_eq!((other.get)(&timing), expected, "{} {}", row.key, other.key);
            }
        }
    }
}
