//! Reads and writes amounts: durations, percentages and sizes, each with its unit. A number without a unit is refused,
//! and so is a duration or size of zero, because `0` could mean "now" or "never".

use std::borrow::Cow;
use std::fmt::Write as _;
use std::marker::PhantomData;
use std::time::Duration;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::sanitize::visible;

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

/// Why a text is not an amount, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAmount(String);

/// An amount that is written as text with its unit.
pub trait Unit {
    type Amount: Copy;
    /// The name of the format in the schema of the configuration.
    const FORMAT: &'static str;
    const EXAMPLE: &'static str;

    /// Reads the amount. The error says what to write.
    fn read(text: &str) -> Result<Self::Amount, InvalidAmount>;

    fn write(amount: Self::Amount) -> String;
}

/// A duration, such as `30s`, `1m30s` or `250ms`.
#[derive(Debug)]
pub struct Time;

impl Unit for Time {
    type Amount = Duration;
    const FORMAT: &'static str = "duration";
    const EXAMPLE: &'static str = "1m30s";

    fn read(text: &str) -> Result<Duration, InvalidAmount> {
        let shown = visible(text);
        let zero = "zero is not allowed: write a duration such as \"30s\"";
        let message = if text == "never" {
            "`never` is not allowed for this key: write a duration such as \"1m30s\"".to_owned()
        } else if is_bare(text) {
            // The hint must not lead to the next error.
            match parse_amount(&format!("{text}s"), &TIMES) {
                Some(..=LONGEST) => {
                    format!("`{shown}` has no unit: write \"{shown}s\" if seconds are meant")
                }
                _ => format!("`{shown}` has no unit: write a duration such as \"1m30s\""),
            }
        } else {
            match parse_amount(text, &TIMES) {
                Some(total @ 1..=LONGEST) => return Ok(Duration::from_millis(total)),
                Some(0) => zero.to_owned(),
                Some(_) => format!("`{shown}` is longer than a year: check the unit"),
                None if text.trim() == "0" => zero.to_owned(),
                None => {
                    format!("`{shown}` is not a duration: write \"30s\", \"1m30s\" or \"250ms\"")
                }
            }
        };
        Err(InvalidAmount(message))
    }

    fn write(duration: Duration) -> String {
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
}

/// A whole number of percent, at most 100, such as `5%`.
#[derive(Debug)]
pub struct Percent;

impl Unit for Percent {
    type Amount = u8;
    const FORMAT: &'static str = "percent";
    const EXAMPLE: &'static str = "5%";

    fn read(text: &str) -> Result<u8, InvalidAmount> {
        let shown = visible(text);
        let number = text.strip_suffix('%').map(str::parse::<u8>);
        Err(InvalidAmount(match number {
            Some(Ok(percent @ 0..=100)) => return Ok(percent),
            None if text.parse::<u8>().is_ok_and(|number| number <= 100) => {
                format!("`{shown}` has no unit: write \"{shown}%\" if a percentage is meant")
            }
            _ => format!(
                "`{shown}` is not a percentage: write a whole number from 0 to 100, such as \"5%\""
            ),
        }))
    }

    fn write(percent: u8) -> String {
        format!("{percent}%")
    }
}

/// A size in bytes, such as `256MiB`.
#[derive(Debug)]
pub struct Size;

impl Unit for Size {
    type Amount = u64;
    const FORMAT: &'static str = "size";
    const EXAMPLE: &'static str = "256MiB";

    fn read(text: &str) -> Result<u64, InvalidAmount> {
        let shown = visible(text);
        let zero = "zero is not allowed: write a size such as \"256MiB\"";
        Err(InvalidAmount(match parse_amount(text, &SIZES) {
            Some(0) => zero.to_owned(),
            Some(u64::MAX) => format!("`{shown}` is too large: check the unit"),
            Some(bytes) => return Ok(bytes),
            None if text.trim() == "0" => zero.to_owned(),
            None if is_bare(text) => {
                format!("`{shown}` has no unit: write \"{shown}MiB\" or \"{shown}B\"")
            }
            None => format!(
                "`{shown}` is not a size: write \"256MiB\", \"1GiB\", \"512KiB\" or bytes as \"1024B\""
            ),
        }))
    }

    /// Writes the size in the largest unit that divides it.
    fn write(bytes: u64) -> String {
        let mut units = SIZES.into_iter();
        let found = units.find(|(_, size)| bytes.is_multiple_of(*size));
        let (unit, size) = found.unwrap_or(("B", 1));
        format!("{}{unit}", bytes / size)
    }
}

fn is_bare(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|number| number != 0)
}

/// Parses an amount such as `1m30s`: pairs of digits and a unit, with the units from large to small and each at most
/// once. None if the text has another form. An amount that is too large is [`u64::MAX`].
pub fn parse_amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
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
        if number.is_empty() {
            return None;
        }
        // Digits fail to parse only if they are too many.
        let number = number.parse::<u64>().unwrap_or(u64::MAX);
        total = total.saturating_add(number.saturating_mul(units[index].1));
        next = index + 1;
        rest = after;
    }
    (next > 0).then_some(total)
}

/// Reads and writes a field as text with its unit: `#[serde(with = "Written::<Time>")]`.
#[derive(Debug)]
pub struct Written<U>(PhantomData<U>);

impl<U: Unit> Written<U> {
    pub fn serialize<S: Serializer>(amount: &U::Amount, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&U::write(*amount))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U::Amount, D::Error> {
        U::read(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl<U: Unit> JsonSchema for Written<U> {
    fn schema_name() -> Cow<'static, str> {
        U::FORMAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": U::FORMAT, "examples": [U::EXAMPLE] })
    }
}

/// Like [`Written`], for a field that may be absent.
#[derive(Debug)]
pub struct MaybeWritten<U>(PhantomData<U>);

impl<U: Unit> MaybeWritten<U> {
    pub fn serialize<S: Serializer>(
        amount: &Option<U::Amount>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        amount.map(U::write).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<U::Amount>, D::Error> {
        Written::<U>::deserialize(deserializer).map(Some)
    }
}

impl<U: Unit> JsonSchema for MaybeWritten<U> {
    fn schema_name() -> Cow<'static, str> {
        U::FORMAT.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::<U>::json_schema(generator)
    }
}

/// Reads the entries of a list that can be converted, and leaves out the others. The checks of the settings report the
/// entries that were left out, together with all other errors.
pub fn readable<'de, D: Deserializer<'de>, W: Deserialize<'de>, T: TryFrom<W>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let written = Vec::<W>::deserialize(deserializer)?.into_iter();
    Ok(written.filter_map(|it| it.try_into().ok()).collect())
}

/// A waiting time that may be unlimited. Every duration is less than [`Limit::Never`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Limit {
    /// Until this much time has passed.
    After(Duration),
    /// No limit: an operator must end the wait.
    Never,
}

impl Limit {
    /// When a wait that started at `since` ends; none if an operator must end it.
    pub(crate) fn end(self, since: Timestamp) -> Option<Timestamp> {
        match self {
            Self::After(time) => Some(since.checked_add(time).unwrap_or(Timestamp::MAX)),
            Self::Never => None,
        }
    }
}

/// Reads a duration or `never`.
impl TryFrom<String> for Limit {
    type Error = InvalidAmount;

    fn try_from(text: String) -> Result<Self, InvalidAmount> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let duration = Time::read(&text).map(Self::After);
        duration.map_err(|error| InvalidAmount(format!("{error}, or \"never\"")))
    }
}

/// The limit as it is written in the configuration.
impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::After(time) => Time::write(time),
            Limit::Never => "never".into(),
        }
    }
}

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
            let read = Time::read(text).expect(text);
            assert_eq!(read, Duration::from_millis(milliseconds));
            assert_eq!(Time::write(read), text);
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
            assert!(Time::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_write() {
        let refused = |text: &str| Time::read(text).expect_err(text).to_string();
        assert_eq!(
            refused("30"),
            "`30` has no unit: write \"30s\" if seconds are meant"
        );
        let longer_than_a_year = "40000000";
        assert_eq!(
            refused(longer_than_a_year),
            "`40000000` has no unit: write a duration such as \"1m30s\""
        );
        assert!(refused("0s").contains("not allowed"));
        for long in ["400d", "99999999999999999999s", "18446744073709551615d"] {
            let expected = format!("`{long}` is longer than a year: check the unit");
            assert_eq!(refused(long), expected);
        }
        let limit = |text: &str| Limit::try_from(text.to_owned());
        let refused = limit("0").expect_err("zero").to_string();
        assert!(refused.ends_with("or \"never\""), "{refused}");
        assert_eq!(limit("never"), Ok(Limit::Never));
    }

    #[test]
    fn percentages_are_whole_numbers() {
        for (text, percent_of) in [("0%", 0), ("5%", 5), ("100%", 100)] {
            assert_eq!(Percent::read(text), Ok(percent_of));
            assert_eq!(Percent::write(percent_of), text);
        }
        for bad in ["", "5", "0.5", "101%", "-1%", "5 %", "0.5%", "%"] {
            assert!(Percent::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("256MiB", 268_435_456), ("1GiB", 1 << 30), ("1000B", 1000)] {
            assert_eq!(Size::read(text), Ok(bytes));
            assert_eq!(Size::write(bytes), text);
        }
        for bad in ["", "0", "0MiB", "256", "256MB", "256m", "MiB"] {
            assert!(Size::read(bad).is_err(), "{bad}");
        }
        let large = "99999999999GiB";
        let refused = Size::read(large).expect_err(large).to_string();
        assert_eq!(refused, "`99999999999GiB` is too large: check the unit");
    }
}
