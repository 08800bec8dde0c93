//! Reads and writes amounts: durations, percentages and sizes, each with its unit. A number without a unit is refused,
//! and so is a duration or size of zero, because `0` could mean "now" or "never".

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::problem::visible;
use crate::release::Limit;

/// Units of time, longest first, in milliseconds.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of size, largest first, in bytes. `KB` is refused, because people use `KB` for two different amounts.
const SIZES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// The longest accepted duration, in milliseconds. A longer duration probably has a wrong unit.
const LONGEST: u64 = 366 * 86_400_000;

/// Reads `30s`, `1m30s`, `250ms`. The error says what to write.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let shown = visible(text);
    if text == "never" {
        return Err(
            "`never` is not allowed for this key: write a duration such as \"1m30s\"".into(),
        );
    }
    if text.parse::<u64>().is_ok_and(|number| number != 0) {
        return Err(format!(
            "`{shown}` has no unit: write \"{shown}s\" if seconds are meant"
        ));
    }
    let Some(total) = sum(text, &TIMES) else {
        return if text.trim() == "0" {
            Err(zero())
        } else {
            Err(format!(
                "`{shown}` is not a duration: write \"30s\", \"1m30s\" or \"250ms\""
            ))
        };
    };
    match total {
        0 => Err(zero()),
        1..=LONGEST => Ok(Duration::from_millis(total)),
        _ => Err(format!("`{shown}` is longer than a year: check the unit")),
    }
}

fn zero() -> String {
    "zero is not allowed: write a duration such as \"30s\"".into()
}

/// Reads a duration or `never`.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    if text == "never" {
        return Ok(Limit::Never);
    }
    duration(text)
        .map(Limit::After)
        .map_err(|message| format!("{message}, or \"never\""))
}

/// Reads `5%`: a whole number of percent, at most 100.
pub(super) fn percent(text: &str) -> Result<u8, String> {
    let shown = visible(text);
    let number = text.strip_suffix('%').map(str::parse::<u8>);
    match number {
        Some(Ok(percent @ 0..=100)) => Ok(percent),
        None if text.parse::<u8>().is_ok_and(|number| number <= 100) => Err(format!(
            "`{shown}` has no unit: write \"{shown}%\" if a percentage is meant"
        )),
        _ => Err(format!(
            "`{shown}` is not a percentage: write a whole number from 0 to 100, such as \"5%\""
        )),
    }
}

/// A percentage as it is written in the file.
pub(super) fn write_percent(percent: u8) -> String {
    format!("{percent}%")
}

/// Reads `256MiB` as bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let shown = visible(text);
    if text.parse::<u64>().is_ok_and(|number| number != 0) {
        return Err(format!(
            "`{shown}` has no unit: write \"{shown}MiB\" or \"{shown}B\""
        ));
    }
    match sum(text, &SIZES) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(format!(
            "`{shown}` is not a size: write \"256MiB\", \"1GiB\", \"512KiB\" or bytes as \"1024B\""
        )),
    }
}

/// Adds up `1m30s`: digits and a unit, units from large to small, each at most once.
fn sum(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    let mut next = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let index = units.iter().position(|(name, _)| *name == unit)?;
        if index < next {
            return None;
        }
        let amount = number.parse::<u64>().ok()?.checked_mul(units[index].1)?;
        total = total.checked_add(amount)?;
        next = index + 1;
        rest = after;
    }
    (next > 0).then_some(total)
}

/// A duration as it is written in the file.
pub(super) fn write_duration(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, milliseconds) in TIMES {
        if left >= milliseconds {
            let _ = write!(text, "{}{unit}", left / milliseconds);
            left %= milliseconds;
        }
    }
    text
}

/// A limit as it is written in the file.
pub(super) fn write_limit(limit: Limit) -> String {
    match limit {
        Limit::After(duration) => write_duration(duration),
        Limit::Never => "never".into(),
    }
}

/// A size as it is written in the file: in the largest unit that divides it.
pub(super) fn write_size(bytes: u64) -> String {
    let (unit, size) = SIZES
        .into_iter()
        .find(|(_, size)| bytes.is_multiple_of(*size))
        .unwrap_or(("B", 1));
    format!("{}{unit}", bytes / size)
}

macro_rules! word {
    ($(#[$doc:meta])* $type:ident($inner:ty), $read:ident, $write:ident, $format:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(super) struct $type(pub(super) $inner);

        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                $read(&text).map(Self)
            }
        }

        impl From<$type> for String {
            fn from(word: $type) -> Self {
                $write(word.0)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $format.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "examples": [$example] })
            }
        }
    };
}

word!(
    /// A duration with its unit.
    Time(Duration), duration, write_duration, "duration", "1m30s"
);
word!(
    /// A duration with its unit, or `never`.
    LongTime(Limit), limit, write_limit, "limit", "10m"
);
word!(
    /// A percentage.
    Percent(u8), percent, write_percent, "percent", "5%"
);
word!(
    /// A size with its unit.
    Size(u64), size, write_size, "size", "256MiB"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("250ms", 250),
            ("1d2h3m4s5ms", 93_784_005),
        ] {
            let read = duration(text).expect(text);
            assert_eq!(read, Duration::from_millis(milliseconds));
            assert_eq!(write_duration(read), text);
        }
        for bad in [
            "",
            "0",
            "0s",
            "30",
            "s",
            "1s1m",
            "1.5s",
            "never",
            "-1s",
            "1 s",
            "1s2s",
            "99999999999999999999s",
            "400d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_write() {
        assert_eq!(
            duration("30").expect_err("no unit"),
            "`30` has no unit: write \"30s\" if seconds are meant"
        );
        assert!(duration("0s").expect_err("zero").contains("not allowed"));
        assert!(limit("0").expect_err("zero").ends_with("or \"never\""));
        assert_eq!(limit("never"), Ok(Limit::Never));
    }

    #[test]
    fn percentages_are_whole_numbers() {
        for (text, percent_of) in [("0%", 0), ("5%", 5), ("100%", 100)] {
            assert_eq!(percent(text), Ok(percent_of));
            assert_eq!(write_percent(percent_of), text);
        }
        for bad in ["", "5", "0.5", "101%", "-1%", "5 %", "0.5%", "%"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("256MiB", 268_435_456), ("1GiB", 1 << 30), ("1000B", 1000)] {
            assert_eq!(size(text), Ok(bytes));
            assert_eq!(write_size(bytes), text);
        }
        for bad in ["", "0", "0MiB", "256", "256MB", "256m", "MiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
