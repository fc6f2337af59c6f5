//! A layer's config as its type.

use serde_json::{Map, Value};

use crate::fields::{NamedActivation, whole};

/// A type, and the options that stand in `#[with(..)]`.
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) options: Vec<(&'static str, String)>,
}

/// The parameters of a type, each with what it is if nothing is written.
type Parameters<'a> = &'a [(String, &'a str)];

/// The type of a layer that gets a signal of so many dimensions.
///
/// # Errors
/// What of it has no form as a type.
pub(super) fn of(class: &str, config: &Map<String, Value>, rank: usize) -> Result<Typed, String> {
    let layer = Layer { config };
    let plain = |name: &str| -> Result<Typed, String> {
        Ok(Typed { name: name.to_owned(), options: Vec::new() })
    };
    let typed = |name: &str, parameters: Parameters<'_>| plain(&written(name, parameters));
    let features = || ("_".to_owned(), "");
    let mut typed = match class {
        "Dense" => {
            let parameters = [features(), (layer.size("units")?, ""), layer.activation()?];
            let dense = written("Dense", &parameters);
            let steps = rank.saturating_sub(2);
            let name = format!("{}{dense}{}", "TimeDistributed<".repeat(steps), ">".repeat(steps));
            // Options are those of the layer itself, which is inside here.
            if steps > 0 && !layer.flag("use_bias", true) {
                return Err("a `Dense` on a sequence without a bias".to_owned());
            }
            plain(&name)?
        }
        "Embedding" => {
            let mask = if layer.flag("mask_zero", false) { "MaskZero" } else { "NoMask" };
            let sizes = [(layer.size("input_dim")?, ""), (layer.size("output_dim")?, "")];
            let [ids, width] = sizes;
            typed("Embedding", &[ids, width, (mask.to_owned(), "NoMask")])?
        }
        "LSTM" | "GRU" | "SimpleRNN" => layer.recurrent(class)?,
        "Bidirectional" => {
            let forward = layer.inner("layer", rank)?;
            if let Ok(backward) = layer.inner("backward_layer", rank)
                && backward.name != forward.name
            {
                return Err("two directions of different types".to_owned());
            }
            let merge = match layer.text("merge_mode").unwrap_or("concat") {
                "concat" => "Concat",
                "sum" => "Sum",
                "ave" => "Average",
                "mul" => "Multiply",
                other => return Err(format!("the merge mode `{other}`")),
            };
            typed("Bidirectional", &[(forward.name, ""), (merge.to_owned(), "Concat")])?
        }
        "TimeDistributed" => {
            let inner = layer.inner("layer", rank.saturating_sub(1))?;
            if !inner.options.is_empty() {
                return Err("options of a layer inside of another".to_owned());
            }
            typed("TimeDistributed", &[(inner.name, "")])?
        }
        "Dropout" => {
            let percent = layer.number("rate").unwrap_or_default() * 100.0;
            if (percent - percent.round()).abs() > 1e-9 {
                return Err(format!("a rate of {percent} percent, which is no whole number"));
            }
            typed("Dropout", &[(format!("{percent:.0}"), "")])?
        }
        "Activation" => plain(&layer.activation()?.0)?,
        "ReLU"
            if ["max_value", "threshold", "negative_slope"]
                .iter()
                .all(|key| layer.is_zero(key)) =>
        {
            plain("Relu")?
        }
        "Softmax" | "Identity" | "Masking" | "Add" | "Subtract" | "Multiply" | "Average"
        | "Maximum" | "Minimum" => plain(class)?,
        "Concatenate" => plain("Concatenate<_>")?,
        "BatchNormalization" => plain("BatchNorm<_>")?,
        "LayerNormalization" => plain("LayerNorm<_>")?,
        "Flatten" => plain("Flatten<_>")?,
        "RepeatVector" => typed("RepeatVector", &[(layer.size("n")?, "")])?,
        "Reshape" => {
            let sizes = layer.sizes("target_shape")?.join(">, Const<");
            let comma = if sizes.contains(',') { "" } else { "," };
            plain(&format!("Reshape<(Const<{sizes}>{comma})>"))?
        }
        "Permute" => plain(&format!("Permute<{}>", layer.sizes("dims")?.join(", ")))?,
        "Conv1D" => layer.convolution("Conv1d", 1)?,
        "Conv2D" => layer.convolution("Conv2d", 2)?,
        "MaxPooling1D" => layer.pool("MaxPool1d", 1)?,
        "MaxPooling2D" => layer.pool("MaxPool2d", 2)?,
        "AveragePooling1D" => layer.pool("AvgPool1d", 1)?,
        "AveragePooling2D" => layer.pool("AvgPool2d", 2)?,
        "GlobalAveragePooling1D" => plain("GlobalAveragePooling1d")?,
        "GlobalAveragePooling2D" => plain("GlobalAveragePooling2d")?,
        "GlobalMaxPooling1D" => plain("GlobalMaxPooling1d")?,
        "GlobalMaxPooling2D" => plain("GlobalMaxPooling2d")?,
        other => return Err(format!("the class `{other}`")),
    };
    typed.options.extend(layer.options(class));
    Ok(typed)
}

/// A type with its parameters, without those at the end that need not be written.
fn written(name: &str, parameters: Parameters<'_>) -> String {
    let is_default = |(value, default): &&(String, &str)| value == default;
    let count = parameters.len() - parameters.iter().rev().take_while(is_default).count();
    let values: Vec<&str> = parameters[..count].iter().map(|(value, _)| value.as_str()).collect();
    if values.is_empty() { name.to_owned() } else { format!("{name}<{}>", values.join(", ")) }
}

struct Layer<'a> {
    config: &'a Map<String, Value>,
}

impl Layer<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.config.get(key).and_then(Value::as_str)
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.config.get(key).and_then(Value::as_f64)
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.config.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    fn is_zero(&self, key: &str) -> bool {
        self.number(key).unwrap_or_default() == 0.0
    }

    fn size(&self, key: &str) -> Result<String, String> {
        let size = self.config.get(key).and_then(whole);
        size.map(|size| size.to_string()).ok_or_else(|| format!("no size `{key}`"))
    }

    fn sizes(&self, key: &str) -> Result<Vec<String>, String> {
        let list = self.config.get(key).and_then(Value::as_array);
        let sizes =
            list.and_then(|list| list.iter().map(|n| Some(whole(n)?.to_string())).collect());
        sizes.ok_or_else(|| format!("sizes in `{key}` that are not known"))
    }

    fn activation(&self) -> Result<(String, &'static str), String> {
        let said = self.config.get("activation").unwrap_or(&Value::Null);
        let named = NamedActivation::parse(said);
        let name = match named.as_ref().map(|named| (named.name.as_str(), named.options.is_some()))
        {
            Ok(("linear", false)) => "Linear",
            Ok(("relu", false)) => "Relu",
            Ok(("sigmoid", false)) => "Sigmoid",
            Ok(("softmax", false)) => "Softmax",
            Ok(("tanh", false)) => "Tanh",
            _ => return Err(format!("the activation {said}")),
        };
        Ok((name.to_owned(), "Linear"))
    }

    fn inner(&self, key: &str, rank: usize) -> Result<Typed, String> {
        let layer = self.config.get(key).unwrap_or(&Value::Null);
        let config = layer["config"].as_object().ok_or_else(|| format!("no layer in `{key}`"))?;
        of(layer["class_name"].as_str().unwrap_or_default(), config, rank)
    }

    fn recurrent(&self, class: &str) -> Result<Typed, String> {
        let usual = |key: &str, value: &str| self.text(key).is_none_or(|found| found == value);
        if !usual("activation", "tanh") || !usual("recurrent_activation", "sigmoid") {
            return Err(format!("another activation of a `{class}`"));
        }
        if let Some(key) =
            ["return_state", "stateful"].into_iter().find(|key| self.flag(key, false))
        {
            return Err(format!("`{key}=True`"));
        }
        if let Some(key) =
            ["dropout", "recurrent_dropout"].into_iter().find(|key| !self.is_zero(key))
        {
            return Err(format!("`{key}`"));
        }
        let returns = if self.flag("return_sequences", false) { "Sequences" } else { "LastState" };
        let mut parameters = vec![
            ("_".to_owned(), ""),
            (self.size("units")?, ""),
            (returns.to_owned(), "LastState"),
        ];
        let name = match class {
            "LSTM" => "Lstm",
            "GRU" => {
                let reset =
                    if self.flag("reset_after", true) { "ResetAfter" } else { "ResetBefore" };
                parameters.push((reset.to_owned(), "ResetAfter"));
                "Gru"
            }
            _ => "SimpleRnn",
        };
        Ok(Typed { name: written(name, &parameters), options: Vec::new() })
    }

    /// The value that all axes share.
    fn square(&self, key: &str) -> Result<String, String> {
        let mut sizes = self.sizes(key)?;
        sizes.dedup();
        match sizes.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(format!("`{key}` that differ in height and width")),
        }
    }

    fn padding(&self) -> Result<(String, &'static str), String> {
        let name = match self.text("padding").unwrap_or("valid") {
            "valid" => "Valid",
            "same" => "Same",
            "causal" => "Causal",
            other => return Err(format!("the padding `{other}`")),
        };
        Ok((name.to_owned(), "Valid"))
    }

    fn convolution(&self, name: &str, axes: usize) -> Result<Typed, String> {
        let kernel = self.sizes("kernel_size")?;
        let mut parameters = vec![("_".to_owned(), ""), (self.size("filters")?, "")];
        let [height, width] = [kernel.first(), kernel.get(axes - 1)].map(|size| size.cloned());
        let (Some(height), Some(width)) = (height, width) else {
            return Err("a kernel without a size".to_owned());
        };
        parameters.push((height.clone(), ""));
        if axes == 2 {
            parameters.push((width, &height));
        }
        let bias = if self.flag("use_bias", true) { "WithBias" } else { "NoBias" };
        parameters.extend([
            self.activation()?,
            self.padding()?,
            (self.square("strides")?, "1"),
            (self.square("dilation_rate")?, "1"),
            (bias.to_owned(), "WithBias"),
        ]);
        Ok(Typed { name: written(name, &parameters), options: Vec::new() })
    }

    fn pool(&self, name: &str, axes: usize) -> Result<Typed, String> {
        let sizes = self.sizes("pool_size")?;
        let strides = self.sizes("strides").unwrap_or_else(|_| sizes.clone());
        if sizes.len() != axes || strides.len() != axes {
            return Err("a window without a size".to_owned());
        }
        let padding = self.padding()?;
        let parameters: Vec<(String, &str)> = match (sizes.as_slice(), strides.as_slice()) {
            ([k], [s]) => vec![(k.clone(), ""), (s.clone(), k), padding],
            ([h, w], [sh, sw]) => {
                vec![(h.clone(), ""), (w.clone(), h), (sh.clone(), h), (sw.clone(), w), padding]
            }
            _ => Vec::new(),
        };
        Ok(Typed { name: written(name, &parameters), options: Vec::new() })
    }

    /// What is not as usual, of the options that a layer has as a value.
    fn options(&self, class: &str) -> Vec<(&'static str, String)> {
        let numbers: &[(&'static str, f64)] = match class {
            "BatchNormalization" => &[("momentum", 0.99), ("epsilon", 1e-3)],
            "LayerNormalization" => &[("epsilon", 1e-3)],
            "Masking" => &[("mask_value", 0.0)],
            _ => &[],
        };
        let flags: &[(&'static str, bool)] = match class {
            "BatchNormalization" | "LayerNormalization" => &[("center", true), ("scale", true)],
            "LSTM" | "GRU" | "SimpleRNN" => &[("use_bias", true), ("go_backwards", false)],
            "Dense" => &[("use_bias", true)],
            _ => &[],
        };
        let number = |&(key, usual): &(&'static str, f64)| {
            let found = self.number(key).filter(|found| *found != usual)?;
            Some((key, format!("{found:?}")))
        };
        let flag = |&(key, usual): &(&'static str, bool)| {
            (self.flag(key, usual) != usual).then(|| (key, (!usual).to_string()))
        };
        let frozen = (!self.flag("trainable", true)).then(|| ("trainable", "false".to_owned()));
        numbers
            .iter()
            .filter_map(number)
            .chain(flags.iter().filter_map(flag))
            .chain(frozen)
            .collect()
    }
}
