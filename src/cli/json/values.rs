//! Durations in JSON: numbers of milliseconds, in fields whose names end in `_ms`. The records in the store keep their
//! own format: only the printed values are converted.

use std::time::Duration;

use serde_json::{Map, Number, Value};

/// The suffixes of field names whose values are milliseconds or seconds.
const MILLISECONDS: &str = "_ms";
const SECONDS: &str = "_seconds";

/// Converts the durations in the fields of a value to milliseconds, and renames these fields. A field `took` with
/// `secs` and `nanos` becomes `took_ms`. A field `took_seconds` with a number or `null` becomes `took_ms` too.
pub(in crate::cli) fn in_milliseconds(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(in_milliseconds).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| field(name, value))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

fn field(name: String, value: Value) -> (String, Value) {
    if let Some(milliseconds) = duration(&value) {
        return (name + MILLISECONDS, milliseconds);
    }
    let is_amount = value.is_number() || value.is_null();
    match name.strip_suffix(SECONDS).filter(|_| is_amount) {
        Some(stem) => {
            let name = format!("{stem}{MILLISECONDS}");
            let milliseconds = value.as_i64().map(|seconds| seconds.saturating_mul(1000));
            (name, milliseconds.into())
        }
        None => (name, in_milliseconds(value)),
    }
}

/// The milliseconds of a value, if the value is a [`Duration`] as serde writes it.
fn duration(value: &Value) -> Option<Value> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    let seconds = fields.get("secs")?.as_u64()?;
    let nanoseconds = u32::try_from(fields.get("nanos")?.as_u64()?).ok()?;
    Some(milliseconds(Duration::new(seconds, nanoseconds)))
}

/// A duration as a number of milliseconds, with up to three decimal places.
pub(in crate::cli) fn milliseconds(time: Duration) -> Value {
    let whole = time.as_millis();
    let rest = time.subsec_micros() % 1000;
    let fraction = (rest > 0)
        // The number is made from text, because arithmetic on fractions would round.
        .then(|| format!("{whole}.{rest:03}").parse().ok())
        .flatten();
    match fraction.and_then(Number::from_f64) {
        Some(fraction) => Value::Number(fraction),
        None => u64::try_from(whole).unwrap_or(u64::MAX).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_milliseconds_everywhere() {
        let rates = json!({ "rates": [{
            "p50": Duration::from_micros(1500),
            "window": Duration::from_mins(1),
            "ttl_seconds": 7,
            "lease_seconds": null,
            "text_seconds": "7",
        }] });
        let expected = json!({ "rates": [{
            "p50_ms": 1.5,
            "window_ms": 60000,
            "ttl_ms": 7000,
            "lease_ms": null,
            "text_seconds": "7",
        }] });
        assert_eq!(in_milliseconds(rates), expected);
    }
}
