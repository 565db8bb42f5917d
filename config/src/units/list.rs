//! Lists with a bound on their length.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// A list of no more than `MAX`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct UpTo<const MAX: usize, T>(pub(crate) Vec<T>);

impl<const MAX: usize, T> Default for UpTo<MAX, T> {
    fn default() -> Self {
        UpTo(Vec::new())
    }
}

impl<'de, const MAX: usize, T: Deserialize<'de>> Deserialize<'de> for UpTo<MAX, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::<T>::deserialize(deserializer)?;
        match all.len() {
            length if length > MAX => Err(D::Error::custom(format!(
                "this list has {length} entries: write at most {MAX}"
            ))),
            _ => Ok(UpTo(all)),
        }
    }
}

impl<const MAX: usize, T: JsonSchema> JsonSchema for UpTo<MAX, T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("UpTo_{MAX}_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": generator.subschema_for::<T>(),
            "maxItems": MAX,
        })
    }
}
