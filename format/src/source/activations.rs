//! Activations, as types and as layers.

use serde_json::{Map, Value};

use super::{
    layer::Layer,
    row,
    types::{self, Typed, features, needed},
};
use crate::{
    table::{ACTIVATIONS, of_class},
    whole,
};

/// The activation that a layer without options is, where it stands for one.
pub(super) fn activation_layer(class: &str, config: &Map<String, Value>) -> Option<&'static str> {
    let typed = types::of(class, config, 2).ok().filter(|typed| typed.options.is_empty())?;
    let name = if typed.name == "Identity" { "Linear" } else { typed.name.as_str() };
    ACTIVATIONS.iter().map(|one| one.name).find(|activation| *activation == name)
}

/// The type of a layer that is an activation; none for other classes.
///
/// # Errors
/// What of it has no form as a type.
pub(super) fn of(class: &str, layer: &Layer<'_>, rank: usize) -> Result<Option<Typed>, String> {
    Ok(Some(match class {
        "Activation" => Typed::plain(&layer.activation()?.0),
        "ReLU" | "ELU" => {
            let typed = of_class(class).map(|known| row::of(known, layer, rank)).transpose()?;
            let plain = if class == "ELU" { "Elu" } else { "Relu" };
            typed.filter(|typed| !typed.options.is_empty()).unwrap_or(Typed::plain(plain))
        }
        "Softmax" => {
            let axis = layer.one_axis()?.unwrap_or(-1);
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            if axis < 1 || axis >= rank as i64 {
                return Err(format!("{}, which is none behind the batch", layer.says("axis")));
            }
            match axis + 1 == rank as i64 {
                true => Typed::plain("Softmax"),
                false => Typed::plain(&format!("SoftmaxAlong<{axis}>")),
            }
        }
        "PReLU" => prelu(layer, rank)?,
        _ => return Ok(None),
    }))
}

/// The slopes of each axis: 1 where it shares them, else as many as the layer was built for.
fn prelu(layer: &Layer<'_>, rank: usize) -> Result<Typed, String> {
    let shared: Option<Vec<u64>> = match layer.get("shared_axes") {
        None => Some(Vec::new()),
        Some(Value::Array(axes)) => axes.iter().map(whole).collect(),
        Some(one) => whole(one).map(|one| vec![one]),
    };
    let shared = shared.ok_or_else(|| format!("{}, and no axes", layer.says("shared_axes")))?;
    let own = |axis: usize| match (shared.contains(&(axis as u64)), layer.size_of_axis(axis)) {
        (true, _) => Ok("1".to_owned()),
        (false, Some(size)) => Ok(size.to_string()),
        _ => Err(format!("its slopes along axis {axis} are as many as arrive, which nothing says")),
    };
    let last = match shared.contains(&(rank.saturating_sub(1) as u64)) {
        true => needed("1"),
        false => features(),
    };
    Ok(match rank {
        2 => Typed::with("PRelu", &[last]),
        3 => Typed::with("PRelu1d", &[last, (own(1)?, "1")]),
        4 => Typed::with("PRelu2d", &[last, (own(1)?, "1"), (own(2)?, "1")]),
        _ => return Err(format!("no type has slopes for {rank} dimensions")),
    })
}
