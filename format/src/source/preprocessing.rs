//! The layers that prepare numbers and images.

use serde_json::Value;

use super::{layer::Layer, types::Typed};

type Options = Vec<(&'static str, String)>;

/// The type of such a layer; none for other classes.
///
/// # Errors
/// What of it has no form as a type.
pub(super) fn of(class: &str, layer: &Layer<'_>, rank: usize) -> Result<Option<Typed>, String> {
    let mut options = Options::new();
    let name = match class {
        "Normalization" => {
            layer.last_axis(rank)?;
            // Those that are given are weights in no file.
            layer.only("mean", Value::Null)?;
            layer.only("variance", Value::Null)?;
            layer.flag_option("invert", false, &mut options)?;
            "Normalization<_>".to_owned()
        }
        "Rescaling" => {
            layer.number_option("scale", 1.0, &mut options)?;
            layer.number_option("offset", 0.0, &mut options)?;
            class.to_owned()
        }
        "RandomFlip" => {
            let usual = "horizontal_and_vertical";
            let words = [("horizontal", "Horizontal"), ("vertical", "Vertical"), (usual, "")];
            word(layer, "mode", "FlipMode", &words, usual, &mut options)?;
            class.to_owned()
        }
        "RandomRotation" => {
            factor(layer, "factor", "", &mut options)?;
            filled(layer, &mut options)?;
            class.to_owned()
        }
        "RandomZoom" => {
            factor(layer, "height_factor", "", &mut options)?;
            factor(layer, "width_factor", "kerata::WidthFactor::Own", &mut options)?;
            filled(layer, &mut options)?;
            class.to_owned()
        }
        "RandomCrop" => {
            format!("RandomCrop<{}, {}>", layer.size("height")?, layer.size("width")?)
        }
        _ => return Ok(None),
    };
    if class.starts_with("Random") {
        layer.channels_last()?;
        layer.ignore(&["seed", "rng_type"]);
    }
    Ok(Some(Typed { name, options }))
}

/// What stands around an image that was moved.
fn filled(layer: &Layer<'_>, options: &mut Options) -> Result<(), String> {
    let modes = [
        ("reflect", "Reflect"),
        ("wrap", "Wrap"),
        ("constant", "Constant"),
        ("nearest", "Nearest"),
    ];
    word(layer, "fill_mode", "FillMode", &modes, "reflect", options)?;
    let between = [("bilinear", "Bilinear"), ("nearest", "Nearest")];
    word(layer, "interpolation", "Interpolation", &between, "bilinear", options)?;
    layer.number_option("fill_value", 0.0, options)
}

/// One of some words, which are values of an enum of the crate.
fn word(
    layer: &Layer<'_>,
    key: &'static str,
    of: &str,
    words: &[(&str, &str)],
    usual: &str,
    options: &mut Options,
) -> Result<(), String> {
    let said = layer.text(key, "")?;
    let said = if said.is_empty() { usual } else { said };
    let found = words.iter().find(|(word, _)| *word == said);
    let (_, value) = found.ok_or_else(|| format!("{}, which has no type", layer.says(key)))?;
    if said != usual {
        options.push((key, format!("kerata::{of}::{value}")));
    }
    Ok(())
}

/// A number for both directions, or the two ends.
fn factor(
    layer: &Layer<'_>,
    key: &'static str,
    around: &str,
    options: &mut Options,
) -> Result<(), String> {
    let Some(said) = layer.get(key) else { return Ok(()) };
    let ends = match said {
        Value::Array(ends) => ends.iter().map(Value::as_f64).collect(),
        one => one.as_f64().map(|end| vec![-end.abs(), end.abs()]),
    };
    let value = match ends.as_deref() {
        Some([lower, upper]) if -lower == *upper && *upper >= 0.0 => {
            format!("kerata::Factor::of({upper:?})")
        }
        Some([lower, upper]) => format!("kerata::Factor::between({lower:?}, {upper:?})"),
        _ => return Err(format!("{}, and neither a number nor two", layer.says(key))),
    };
    options.push((key, if around.is_empty() { value } else { format!("{around}({value})") }));
    Ok(())
}
