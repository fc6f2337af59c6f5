//! Attentions as their types.

use serde_json::Value;

use super::{
    layer::Layer,
    types::{Typed, features, needed},
};
use crate::whole;

/// Attention of several heads.
pub(super) fn heads(layer: &Layer<'_>) -> Result<Typed, String> {
    if layer.ranks().iter().any(|&rank| rank != 3) {
        return Err("what reaches it is not all of three dimensions".to_owned());
    }
    let along = layer.get("attention_axes");
    let one = |axes: &Value| axes.get(0).filter(|_| axes.get(1).is_none()).unwrap_or(axes).as_i64();
    if !along.is_none_or(|axes| matches!(one(axes), Some(1 | -2))) {
        return Err(format!("{}, and not the one of time", layer.says("attention_axes")));
    }
    for key in ["sliding_window", "activity_regularizer"] {
        layer.only(key, Value::Null)?;
    }
    layer.only("use_gate", false)?;
    layer.ignore(&["seed", "flash_attention"]);
    let [heads, key] = [layer.size("num_heads")?, layer.size("key_dim")?];
    let value = layer.get("value_dim").map(|_| layer.size("value_dim")).transpose()?;
    let of = |shape| layer.features_of(shape).map(|features| features.to_string());
    let query = of("query_shape").unwrap_or_default();
    let of_value = of("value_shape").unwrap_or_else(|| query.clone());
    let of_key = of("key_shape").unwrap_or_else(|| of_value.clone());
    let output = match layer.get("output_shape") {
        None => query.clone(),
        Some(one) => {
            let one = one.as_array().filter(|list| list.len() == 1).map_or(one, |list| &list[0]);
            let size = whole(one).filter(|size| *size > 0);
            let wrong = || format!("{}, and not one size", layer.says("output_shape"));
            size.ok_or_else(wrong)?.to_string()
        }
    };
    let parameters = [
        features(),
        needed(&heads),
        needed(&key),
        (value.unwrap_or_else(|| key.clone()), &key),
        (output, &query),
        (of_value.clone(), &query),
        (of_key, &of_value),
    ];
    let mut typed = Typed::with("MultiHeadAttention", &parameters);
    layer.flag_option("use_bias", true, &mut typed.options)?;
    layer.number_option("dropout", 0.0, &mut typed.options)?;
    Ok(typed)
}
