//! `[services.request_fields]`: which fields of a client's request go to the origin.

use perigee_edge::RequestFields as Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{FieldName, UpTo};

/// Which fields of a client's request go to the origin. What a client could shape an answer by that
/// others are served is dropped by default: see docs/messages.md.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RequestFields {
    /// Fields that go on although they are dropped by default, such as `["X-Wap-Profile"]`; at most
    /// 64. The answers should name them in Vary.
    pub(crate) keep: UpTo<64, FieldName>,
    /// If set, no other field goes on than these, those of `keep`, and what HTTP itself needs
    /// (framing, credentials, conditions, ranges, the content's type); at most 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<UpTo<256, FieldName>>,
}

impl RequestFields {
    /// As an edge takes it.
    pub(crate) fn build(&self) -> Fields {
        let names = |fields: &[FieldName]| fields.iter().map(|field| field.0.clone()).collect();
        Fields {
            keep: names(&self.keep.0),
            only: self.only.as_ref().map(|only| names(&only.0)),
        }
    }
}
