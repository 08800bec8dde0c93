//! The schema of the file: derived from the sections, published for editors, and used by every module of `settings`
//! that needs the keys. The schema is the only list of keys.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Value, json};

use super::model::Root;

/// The schema without references, so that it can be walked as a tree.
pub(super) static INLINE: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<Root>();
    RecursiveTransform(without_null).transform(&mut schema);
    RecursiveTransform(as_enum).transform(&mut schema);
    schema.to_value()
});

/// The definitions of the servers with required keys that environments may share.
const MAY_BE_SHARED: [&str; 2] = ["EtcdConfig", "NginxConfig"];

/// The JSON schema of the configuration file (draft 2020-12), for editors.
pub fn schema() -> String {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Root>();
    RecursiveTransform(without_null).transform(&mut schema);
    let mut schema = schema.to_value();
    // A required key may be in the defaults instead of the environment, and an editor sees only one of the two tables.
    for section in MAY_BE_SHARED {
        if let Some(Value::Object(section)) = schema.pointer_mut(&format!("/$defs/{section}")) {
            section.remove("required");
        }
    }
    format!("{schema:#}\n")
}

/// Removes `null` from a schema: TOML has no null, and an optional key is simply absent.
fn without_null(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(options)) = object.get_mut("anyOf") {
        options.retain(|option| option.get("type").is_none_or(|kind| kind != "null"));
        if options.len() == 1
            && let Some(Value::Object(only)) = options.pop()
        {
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Turns alternatives that are single words into one list of words, in the order of the alternatives. `schemars` writes
/// an enum as alternatives if one of its variants has a description.
fn as_enum(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(options)) = object.get_mut(key) else {
            continue;
        };
        let mut words = Vec::new();
        let mut rest = Vec::new();
        for mut option in std::mem::take(options) {
            if let Some(word) = option.get_mut("const") {
                words.push(word.take());
            } else if let Some(Value::Array(several)) = option.get_mut("enum") {
                words.append(several);
            } else {
                rest.push(option);
            }
        }
        if !words.is_empty() {
            rest.insert(0, json!({ "type": "string", "enum": words }));
        }
        *options = rest;
        if options.len() == 1
            && let Some(Value::Object(only)) = options.pop()
        {
            object.remove(key);
            object.extend(only);
        }
    }
}

/// The shapes a value may have: the schema itself, or each of its alternatives.
pub(super) fn alternatives(schema: &Value) -> Vec<&Value> {
    let options = schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))
        .and_then(Value::as_array);
    options.map_or_else(|| vec![schema], |options| options.iter().collect())
}

/// The alternative that is a table.
pub(super) fn as_table(schema: &Value) -> Option<&Value> {
    alternatives(schema)
        .into_iter()
        .find(|option| kind(option) == Some("object"))
}

/// The JSON type that a schema requires; none if the schema does not name one type.
pub(super) fn kind(schema: &Value) -> Option<&str> {
    schema.get("type").and_then(Value::as_str)
}

/// The schema of a key in a table; `None` for an unknown key.
pub(super) fn property<'a>(table: &'a Value, key: &str) -> Option<&'a Value> {
    table
        .get("properties")
        .and_then(|properties| properties.get(key))
        .or_else(|| {
            table
                .get("additionalProperties")
                .filter(|any| any.as_bool() != Some(false))
        })
}

/// The named keys of a table.
pub(super) fn known(table: &Value) -> impl Iterator<Item = (&str, &Value)> {
    table
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, schema)| (key.as_str(), schema))
}

/// Every key of the schema, with `*` for a name.
#[cfg(test)]
pub(super) fn keys() -> Vec<Vec<String>> {
    fn collect(node: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let Some(table) = as_table(node) else {
            return;
        };
        let known = known(table).map(|(key, inner)| (key.to_owned(), inner));
        let any = table.get("additionalProperties");
        let any = any
            .filter(|it| it.is_object())
            .map(|it| ("*".to_owned(), it));
        for (key, inner) in known.chain(any) {
            path.push(key);
            found.push(path.clone());
            collect(inner, path, found);
            path.pop();
        }
    }
    let mut found = Vec::new();
    collect(&INLINE, &mut Vec::new(), &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_the_keys_and_no_null() {
        let text = schema();
        assert!(text.contains("\"minimum_healthy\""));
        assert!(!text.contains("\"null\""));
        assert!(!INLINE.to_string().contains("$ref"));
    }

    #[test]
    fn a_key_of_a_shared_server_is_not_required_in_an_editor() {
        let schema: Value = serde_json::from_str(&schema()).expect("JSON");
        for name in MAY_BE_SHARED {
            let server = &schema["$defs"][name];
            assert!(server["properties"].is_object(), "{name}");
            assert_eq!(server.get("required"), None, "{name}");
        }
    }
}
