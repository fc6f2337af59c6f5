//! Values of JSON: how they are shown, and which are the same.

use serde_json::Value;

/// `the JSON says ..`: the start of a value, if it is long.
pub(crate) fn says(found: &Value) -> String {
    let mut found = found.to_string();
    if let Some((end, _)) = found.char_indices().nth(100) {
        found.truncate(end);
        found.push_str("..");
    }
    format!("the JSON says {found}")
}

/// Whether two values are the same; numbers may differ in how they are written.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Array(list), one) | (one, Value::Array(list)) if list.len() == 1 => {
            same(&list[0], one)
        }
        _ => a == b,
    }
}
