//! PoPs and how much each gets.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::{Name, Whole};
use crate::at::At;

/// PoPs, as a list of names or as a table of weights.
#[derive(Clone, Debug)]
pub(crate) struct PopShares {
    /// Lists in the order of the file, tables by name.
    pub(crate) pops: Vec<(At<Name>, u32)>,
    /// Whether weights were written.
    pub(crate) weighted: bool,
}

type Share = Whole<1, 10_000>;

const EMPTY: &str = "no PoP is here: write at least one, or leave `pops` out for all";

struct SharesVisitor;

impl<'de> Visitor<'de> for SharesVisitor {
    type Value = PopShares;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"PoPs, such as ["fra", "ams"], or with weights { fra = 3, ams = 1 }"#)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PopShares, A::Error> {
        let mut pops = Vec::new();
        while let Some(name) = list.next_element::<At<Name>>()? {
            pops.push((name, 1));
        }
        PopShares::new(pops, false).ok_or_else(|| A::Error::custom(EMPTY))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<PopShares, A::Error> {
        let mut pops = Vec::new();
        while let Some((name, weight)) = table.next_entry::<At<Name>, Share>()? {
            pops.push((name, weight.as_u32()));
        }
        PopShares::new(pops, true).ok_or_else(|| A::Error::custom(EMPTY))
    }
}

impl PopShares {
    fn new(pops: Vec<(At<Name>, u32)>, weighted: bool) -> Option<Self> {
        (!pops.is_empty()).then_some(PopShares { pops, weighted })
    }
}

impl<'de> Deserialize<'de> for PopShares {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SharesVisitor)
    }
}

impl JsonSchema for PopShares {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PopShares".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "array", "items": generator.subschema_for::<Name>(), "minItems": 1 },
                {
                    "type": "object",
                    "additionalProperties": generator.subschema_for::<Share>(),
                    "minProperties": 1,
                },
            ],
        })
    }
}
