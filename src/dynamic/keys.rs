//! The keys of classes that no type has.

use serde_json::Value;

use crate::fields::Fields;

pub(super) fn functional(fields: &mut Fields) {
    for key in ["layers", "input_layers", "output_layers"] {
        fields.any(key, Value::Null);
    }
}
