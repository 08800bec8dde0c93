//! The table `timing`. Every key may be absent, because the nearest table with the key decides (target, service,
//! environment, defaults, built-in).

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::inventory::Limit;
use crate::release::TIMING;

/// The keys that one table `timing` has.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::settings) struct TimingSection(pub(in crate::settings) BTreeMap<String, Limit>);

impl JsonSchema for TimingSection {
    fn schema_name() -> Cow<'static, str> {
        "Timing".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let keys: Map<String, Value> = TIMING
            .iter()
            .map(|row| {
                let schema = json_schema!({
                    "type": "string",
                    "format": if row.may_be_never { "limit" } else { "duration" },
                    "examples": ["1m30s"],
                    "description": format!("{} Built-in: {}.", row.meaning(), row.built_in()),
                });
                (row.key.to_owned(), schema.to_value())
            })
            .collect();
        json_schema!({
            "type": "object",
            "description": "The timing of a release. If a key is absent, the next table decides: target, service, environment, defaults.",
            "properties": keys,
            "additionalProperties": false,
        })
    }
}
