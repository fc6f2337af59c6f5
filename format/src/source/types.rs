//! A layer's config as its type.

use serde_json::{Map, Value};

use super::{
    activations, attention,
    layer::{Layer, Parameter},
    row, rules,
};
use crate::{Config, input_sizes, table::of_class};

/// A type, and the options that stand in `#[with(..)]`.
#[derive(Debug, PartialEq)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) options: Vec<(&'static str, String)>,
}

impl Typed {
    pub(super) fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), options: Vec::new() }
    }

    /// A type with its parameters, without those at the end that need not be written.
    pub(super) fn with(name: &str, parameters: &[Parameter<'_>]) -> Self {
        let is_default = |(value, default): &&Parameter<'_>| value == default;
        let count = parameters.len() - parameters.iter().rev().take_while(is_default).count();
        let values: Vec<&str> =
            parameters[..count].iter().map(|(value, _)| value.as_str()).collect();
        match values.is_empty() {
            true => Self::plain(name),
            false => Self::plain(&format!("{name}<{}>", values.join(", "))),
        }
    }
}

/// A parameter that must be written.
pub(super) fn needed(value: impl Into<String>) -> Parameter<'static> {
    (value.into(), "")
}

/// What reaches a layer, which the compiler fills in.
pub(super) fn features() -> Parameter<'static> {
    needed("_")
}

/// The type of a layer that a signal of so many dimensions reaches.
///
/// # Errors
/// What of it has no form as a type.
pub(super) fn of(class: &str, config: &Map<String, Value>, rank: usize) -> Result<Typed, String> {
    of_layer(class, config, &Layer::new(class, config), rank)
}

/// The same of a layer whose config may say what it was built for, where values of so many dimensions reach it.
///
/// # Errors
/// What of it has no form as a type.
pub(super) fn of_built(config: &Config, ranks: Vec<usize>) -> Result<Typed, String> {
    let (class, built) = (config.class_name.as_str(), config.build_config.as_ref());
    let sizes = input_sizes(class, &config.config, built).unwrap_or_default();
    let rank = ranks.first().copied().unwrap_or(2);
    let layer = Layer::built(class, &config.config, sizes, ranks);
    of_layer(class, &config.config, &layer.with_shapes(built), rank)
}

fn of_layer(
    class: &str,
    config: &Map<String, Value>,
    layer: &Layer<'_>,
    rank: usize,
) -> Result<Typed, String> {
    let mut typed = match class {
        "RNN" => stack(layer)?,
        "Bidirectional" => bidirectional(layer, config, rank)?,
        "Dot" => {
            let [first, second] = [layer.axis_of(0)?, layer.axis_of(1)?];
            let mut typed = Typed::with("Dot", &[needed(&first), (second, &first)]);
            layer.flag_option("normalize", false, &mut typed.options)?;
            typed
        }
        "MultiHeadAttention" => attention::heads(layer)?,
        "Permute" => {
            let axes = layer.get("dims").and_then(Value::as_array).map_or(0, Vec::len);
            if ![2, 3].contains(&axes) {
                return Err(format!("a type permutes two or three axes, not {axes}"));
            }
            let dims = layer.sizes("dims", axes, None)?;
            Typed::with("Permute", &dims.into_iter().map(needed).collect::<Vec<_>>())
        }
        _ => match (activations::of(class, layer, rank)?, of_class(class)) {
            (Some(typed), _) => typed,
            (None, Some(known)) => row::of(known, layer, rank)?,
            (None, None) => return Err(format!("there is no type for the class `{class}`")),
        },
    };
    // Keras applies it to each step of a sequence by itself.
    if class == "Dense" {
        typed = (2..rank).fold(typed, |inner, _| around("TimeDistributed", inner, &[]));
    }
    if ["GRU", "LSTM", "SimpleRNN"].contains(&class) && layer.flag("return_state", false)? {
        typed = around("ReturnState", typed, &[]);
    }
    for key in ["noise_shape", "quantization_config"] {
        layer.only(key, Value::Null)?;
    }
    layer.finish(&mut typed.options)?;
    // What leaves a layer inside of another one has no penalty.
    let around =
        ["TimeDistributed<", "Bidirectional<"].iter().any(|one| typed.name.starts_with(one));
    if around && typed.options.iter().any(|(key, _)| *key == rules::ACTIVITY) {
        return Err(format!("`{}`, the type here, has no `{}`", typed.name, rules::ACTIVITY));
    }
    Ok(typed)
}

/// A layer around another, whose options are those of that one.
fn around(name: &str, inner: Typed, more: &[Parameter<'_>]) -> Typed {
    let typed = Typed::with(name, &[&[needed(inner.name)], more].concat());
    Typed { options: inner.options, ..typed }
}

/// Several cells; what is said of the layer around them counts for the first, the last or all.
fn stack(layer: &Layer<'_>) -> Result<Typed, String> {
    for key in ["return_state", "go_backwards", "stateful", "zero_output_for_mask"] {
        layer.only(key, false)?;
    }
    layer.ignore(&["unroll"]);
    let sequences = layer.flag("return_sequences", false)?;
    let cell = layer.get("cell").unwrap_or(&Value::Null);
    let cells = cell["config"]["cells"].as_array().filter(|cells| (2..=6).contains(&cells.len()));
    let cells = cells.ok_or("only two to six cells in `StackedRNNCells` have a type")?;
    let (mut types, mut features) = (Vec::new(), "_".to_owned());
    for (i, cell) in cells.iter().enumerate() {
        let class = cell["class_name"].as_str().unwrap_or_default();
        let of_layer = ["GRU", "LSTM", "SimpleRNN"];
        let known = of_layer.iter().find(|known| class.strip_suffix("Cell") == Some(known));
        let known = known.ok_or_else(|| format!("there is no type for the cell `{class}`"))?;
        let mut config = cell["config"].as_object().cloned().unwrap_or_default();
        let returns = sequences || i + 1 < cells.len();
        config.insert("return_sequences".to_owned(), returns.into());
        let one = of(known, &config, 3)?;
        if let Some((key, value)) = one.options.first() {
            return Err(format!(
                "`{key}` of a cell is {value}, and is set on the layer in the stack"
            ));
        }
        types.push(one.name.replacen('_', &features, 1));
        features = Layer::new(known, &config).size("units")?;
    }
    Ok(Typed::plain(&format!("StackedRnn<({})>", types.join(", "))))
}

fn bidirectional(
    layer: &Layer<'_>,
    config: &Map<String, Value>,
    rank: usize,
) -> Result<Typed, String> {
    let inner = |key: &'static str| {
        // The direction is given, and what masked steps are, Keras says by itself.
        let mut own = layer.get(key).cloned().unwrap_or_default();
        if let Some(own) = own.get_mut("config").and_then(Value::as_object_mut) {
            own.remove("zero_output_for_mask");
            own.remove("return_state");
            if key == "backward_layer" {
                own.insert("go_backwards".to_owned(), false.into());
            }
        }
        let config = Map::from_iter([(key.to_owned(), own)]);
        Layer::new("Bidirectional", &config).inner(key, rank)
    };
    let forward = inner("layer")?.ok_or("it has no `layer`")?;
    if inner("backward_layer")?.is_some_and(|backward| backward != forward) {
        return Err("its two directions differ in their options".to_owned());
    }
    let merge = match (config.get("merge_mode"), layer.text("merge_mode", "concat")?) {
        (Some(Value::Null), _) => "Separate",
        (_, "concat") => "Concat",
        (_, "sum") => "Sum",
        (_, "ave") => "Average",
        (_, "mul") => "Multiply",
        _ => return Err(format!("{}, which has no type", layer.says("merge_mode"))),
    };
    if forward.options.iter().any(|(key, _)| *key == "go_backwards") {
        return Err("its first layer goes backwards".to_owned());
    }
    let both = around("Bidirectional", forward, &[(merge.to_owned(), "Concat")]);
    let returns_state =
        layer.get("layer").is_some_and(|layer| layer["config"]["return_state"] == true);
    Ok(if returns_state { around("ReturnState", both, &[]) } else { both })
}
