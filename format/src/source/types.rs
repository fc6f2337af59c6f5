//! A layer's config as its type.

use serde_json::{Map, Value};

use super::{
    activations, attention,
    layer::{Layer, Parameter},
    preprocessing, rules,
};
use crate::{Config, input_sizes, whole};

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
        "Dense" => dense(layer, rank)?,
        "Embedding" => {
            let mask = if layer.flag("mask_zero", false)? { "MaskZero" } else { "NoMask" };
            layer.ignore(&["input_length", "input_dim"]);
            let sizes = [layer.size("input_dim")?, layer.size("output_dim")?];
            let [ids, width] = sizes.map(needed);
            Typed::with("Embedding", &[ids, width, (mask.to_owned(), "NoMask")])
        }
        "LSTM" | "GRU" | "SimpleRNN" => recurrent(class, layer)?,
        "RNN" => stack(layer)?,
        "Bidirectional" => bidirectional(layer, config, rank)?,
        "TimeDistributed" => {
            let inner = layer.inner("layer", rank.saturating_sub(1))?.ok_or("it has no `layer`")?;
            around("TimeDistributed", inner, &[])
        }
        "Dropout" => {
            let rate = layer.number("rate", 0.0)?;
            let percent = (rate * 100.0).round();
            if (rate * 100.0 - percent).abs() > 1e-9 || !(0.0..100.0).contains(&percent) {
                let percent = rate * 100.0;
                return Err(format!(
                    "its rate is {percent} percent, and no whole number below 100"
                ));
            }
            layer.ignore(&["seed"]);
            Typed::with("Dropout", &[needed(format!("{percent}"))])
        }
        "Masking" => {
            let mut typed = Typed::plain("Masking");
            layer.number_option("mask_value", 0.0, &mut typed.options)?;
            typed
        }
        "Identity" | "Add" | "Subtract" | "Multiply" | "Average" | "Maximum" | "Minimum" => {
            Typed::plain(class)
        }
        "Dot" => {
            let [first, second] = [layer.axis_of(0)?, layer.axis_of(1)?];
            let mut typed = Typed::with("Dot", &[needed(&first), (second, &first)]);
            layer.flag_option("normalize", false, &mut typed.options)?;
            typed
        }
        "Concatenate" => {
            layer.last_axis(rank)?;
            Typed::with("Concatenate", &[features()])
        }
        "BatchNormalization" | "LayerNormalization" => norm(class, layer, rank)?,
        "MultiHeadAttention" => attention::heads(layer)?,
        "RMSNormalization" => {
            layer.last_axis(rank)?;
            let mut typed = Typed::with("RmsNorm", &[features()]);
            layer.number_option("epsilon", 1e-6, &mut typed.options)?;
            typed
        }
        "Flatten" => {
            layer.channels_last()?;
            Typed::with("Flatten", &[features()])
        }
        "RepeatVector" => Typed::with("RepeatVector", &[needed(layer.size("n")?)]),
        "Reshape" => {
            let list = layer.get("target_shape").and_then(Value::as_array);
            let sizes: Option<Vec<_>> = list.and_then(|list| list.iter().map(whole).collect());
            let sizes = sizes.filter(|sizes| !sizes.is_empty() && !sizes.contains(&0));
            let sizes = sizes.ok_or_else(|| {
                format!("{}, and not all known sizes", layer.says("target_shape"))
            })?;
            let sizes: String = sizes.iter().map(|size| format!("Const<{size}>, ")).collect();
            let several = sizes.matches(',').count() > 1;
            let end = if several { ", " } else { " " };
            Typed::with("Reshape", &[needed(format!("({})", sizes.trim_end_matches(end)))])
        }
        "Permute" => {
            let axes = layer.get("dims").and_then(Value::as_array).map_or(0, Vec::len);
            let dims = layer.sizes("dims", axes, None)?;
            Typed::with("Permute", &dims.into_iter().map(needed).collect::<Vec<_>>())
        }
        "ZeroPadding2D" => zero_padding(layer)?,
        "Conv1D" => convolution(layer, "Conv1d", 1)?,
        "Conv2D" => convolution(layer, "Conv2d", 2)?,
        "MaxPooling1D" => pool(layer, "MaxPool1d", 1)?,
        "MaxPooling2D" => pool(layer, "MaxPool2d", 2)?,
        "AveragePooling1D" => pool(layer, "AvgPool1d", 1)?,
        "AveragePooling2D" => pool(layer, "AvgPool2d", 2)?,
        "GlobalAveragePooling1D"
        | "GlobalAveragePooling2D"
        | "GlobalMaxPooling1D"
        | "GlobalMaxPooling2D" => {
            layer.channels_last()?;
            layer.only("keepdims", false)?;
            Typed::plain(&format!("{}d", class.trim_end_matches('D')))
        }
        other => match activations::of(other, layer, rank)? {
            Some(typed) => typed,
            None => preprocessing::of(other, layer, rank)?
                .ok_or_else(|| format!("there is no type for the class `{other}`"))?,
        },
    };
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

/// Keras applies it to each step of a sequence by itself.
fn dense(layer: &Layer<'_>, rank: usize) -> Result<Typed, String> {
    let parameters = [features(), needed(layer.size("units")?), layer.activation()?];
    let mut typed = Typed::with("Dense", &parameters);
    layer.flag_option("use_bias", true, &mut typed.options)?;
    Ok((2..rank).fold(typed, |inner, _| around("TimeDistributed", inner, &[])))
}

fn recurrent(class: &str, layer: &Layer<'_>) -> Result<Typed, String> {
    let returns_state = layer.flag("return_state", false)?;
    layer.ignore(&["seed", "unroll", "implementation", "use_cudnn"]);
    let returns = if layer.flag("return_sequences", false)? { "Sequences" } else { "LastState" };
    let mut parameters =
        vec![features(), needed(layer.size("units")?), (returns.to_owned(), "LastState")];
    let name = match class {
        "LSTM" => {
            layer.ignore(&["unit_forget_bias"]);
            "Lstm"
        }
        "GRU" => {
            let reset = if layer.flag("reset_after", true)? { "ResetAfter" } else { "ResetBefore" };
            parameters.push((reset.to_owned(), "ResetAfter"));
            "Gru"
        }
        _ => "SimpleRnn",
    };
    let mut typed = Typed::with(name, &parameters);
    let options = &mut typed.options;
    layer.function_option("activation", "tanh", options)?;
    if class != "SimpleRNN" {
        layer.function_option("recurrent_activation", "sigmoid", options)?;
    }
    layer.number_option("dropout", 0.0, options)?;
    layer.number_option("recurrent_dropout", 0.0, options)?;
    layer.flag_option("use_bias", true, options)?;
    layer.flag_option("go_backwards", false, options)?;
    layer.flag_option("zero_output_for_mask", false, options)?;
    layer.flag_option("stateful", false, options)?;
    Ok(if returns_state { around("ReturnState", typed, &[]) } else { typed })
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

fn norm(class: &str, layer: &Layer<'_>, rank: usize) -> Result<Typed, String> {
    layer.last_axis(rank)?;
    let batch = class == "BatchNormalization";
    let mut typed = Typed::with(if batch { "BatchNorm" } else { "LayerNorm" }, &[features()]);
    if batch {
        layer.number_option("momentum", 0.99, &mut typed.options)?;
        layer.only("synchronized", false)?;
        layer.only("renorm", false)?;
        layer.ignore(&["renorm_clipping", "renorm_momentum"]);
    } else {
        layer.only("rms_scaling", false)?;
    }
    layer.number_option("epsilon", 1e-3, &mut typed.options)?;
    layer.flag_option("center", true, &mut typed.options)?;
    layer.flag_option("scale", true, &mut typed.options)?;
    Ok(typed)
}

fn convolution(layer: &Layer<'_>, name: &str, axes: usize) -> Result<Typed, String> {
    let kernel = layer.sizes("kernel_size", axes, None)?;
    let mut parameters = vec![features(), needed(layer.size("filters")?)];
    parameters.push(needed(kernel[0].clone()));
    if axes == 2 {
        parameters.push((kernel[1].clone(), &kernel[0]));
    }
    layer.channels_last()?;
    let groups = match layer.get("groups").map(|_| layer.size("groups")).transpose()? {
        Some(groups) if groups != "1" => format!("Groups<{groups}>"),
        _ => "OneGroup".to_owned(),
    };
    let words: &[&str] = if axes == 1 { &["valid", "same", "causal"] } else { &["valid", "same"] };
    parameters.extend([
        layer.activation()?,
        layer.padding(words)?,
        (layer.same_sizes("strides", axes)?, "1"),
        (layer.same_sizes("dilation_rate", axes)?, "1"),
        (groups, "OneGroup"),
    ]);
    let mut typed = Typed::with(name, &parameters);
    layer.flag_option("use_bias", true, &mut typed.options)?;
    Ok(typed)
}

fn pool(layer: &Layer<'_>, name: &str, axes: usize) -> Result<Typed, String> {
    let usual = vec!["2".to_owned(); axes];
    let sizes = layer.sizes("pool_size", axes, Some(&usual))?;
    let strides = layer.sizes("strides", axes, Some(&sizes))?;
    layer.channels_last()?;
    let padding = layer.padding(&["valid", "same"])?;
    let parameters: Vec<Parameter<'_>> = match (sizes.as_slice(), strides.as_slice()) {
        ([k], [s]) => vec![needed(k), (s.clone(), k), padding],
        ([h, w], [sh, sw]) => {
            vec![needed(h), (w.clone(), h), (sh.clone(), h), (sw.clone(), w), padding]
        }
        _ => return Err(format!("{}, and no window", layer.says("pool_size"))),
    };
    Ok(Typed::with(name, &parameters))
}

fn zero_padding(layer: &Layer<'_>) -> Result<Typed, String> {
    layer.channels_last()?;
    let wrong = || format!("{}, and not as much on either side of an axis", layer.says("padding"));
    let both = |value: &Value| match value {
        Value::Array(pair) => {
            let pair: Vec<u64> = pair.iter().map(whole).collect::<Option<_>>()?;
            pair.first().copied().filter(|first| pair == [*first; 2])
        }
        one => whole(one),
    };
    let sizes: Option<Vec<u64>> = match layer.get("padding") {
        None => Some(vec![1, 1]),
        Some(Value::Array(list)) => list.iter().map(both).collect(),
        Some(one) => both(one).map(|one| vec![one; 2]),
    };
    match sizes.as_deref() {
        Some([rows, columns]) => {
            let rows = rows.to_string();
            Ok(Typed::with("ZeroPadding2d", &[needed(&rows), (columns.to_string(), &rows)]))
        }
        _ => Err(wrong()),
    }
}
