//! How one value is read: text or a number in, a typed value or a sentence out.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// A value of the file that is text or a number.
pub(crate) trait Scalar: Sized {
    /// What is expected, as the end of a sentence: `a duration, such as "20s"`.
    const EXPECTED: &'static str;

    /// From text.
    fn from_text(text: &str) -> Result<Self, String>;

    /// From a whole number.
    fn from_whole(number: i128) -> Result<Self, String> {
        Err(format!("{number} is a number: write {}", Self::EXPECTED))
    }

    /// From a number with a fraction.
    fn from_fraction(number: f64) -> Result<Self, String> {
        Err(format!("{number} is a number: write {}", Self::EXPECTED))
    }
}

/// Reads a [`Scalar`].
pub(crate) fn read<'de, T: Scalar, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(ScalarVisitor(PhantomData))
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: Scalar> Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_i128(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_i128(number.into())
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<T, E> {
        T::from_whole(number).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        T::from_fraction(number).map_err(E::custom)
    }
}

/// Makes a [`Scalar`] readable, and describes it in the JSON Schema.
macro_rules! scalar {
    (impl [$($generic:tt)*] $name:ty, $schema:tt) => {
        impl<'de, $($generic)*> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::units::scalar::read(deserializer)
            }
        }

        impl<$($generic)*> schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
    ($name:ty, $schema:tt) => {
        $crate::units::scalar::scalar!(impl [] $name, $schema);
    };
}
pub(crate) use scalar;

/// A list that is not empty.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMore<T> {
    /// The first one.
    pub(crate) first: T,
    /// The others.
    pub(crate) others: Vec<T>,
}

impl<T> OneOrMore<T> {
    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all = Vec::<T>::deserialize(deserializer)?.into_iter();
        let first = all
            .next()
            .ok_or_else(|| D::Error::custom("this list is empty: write at least one"))?;
        Ok(OneOrMore {
            first,
            others: all.collect(),
        })
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({ "type": "array", "items": items, "minItems": 1 })
    }
}
