//! A table of defaults that environments share. Every key may be absent, because an environment can have the key
//! instead.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Accepts any value in the file and stores nothing; `T` is only for the schema. The values of the table are copied into
/// the environments first, and are read and checked there.
#[derive(Debug)]
pub(in crate::settings) struct SharedTable<T>(PhantomData<T>);

impl<T> Serialize for SharedTable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<'de, T> Deserialize<'de> for SharedTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for SharedTable<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Shared{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.remove("required");
        schema
    }
}
