//! Keys that several layers have in common.

use serde_json::{Value, json};

use super::{Configured, Fields, Initializer, Mode, whole};

/// An axis, as a number or as a list of one.
fn one_axis(v: &Value) -> Option<i64> {
    match v {
        Value::Array(axes) if axes.len() == 1 => axes[0].as_i64(),
        one => one.as_i64(),
    }
}

impl Fields {
    /// What the recurrent layers have in common and leave at Keras's defaults.
    pub(crate) fn recurrent(&mut self) {
        self.walk();
        self.none(&["activity_regularizer"]);
        self.ignored(&["implementation", "use_cudnn"]);
    }

    /// What an `RNN` has of that: Keras knows no other keys there.
    pub(crate) fn walk(&mut self) {
        self.flag("return_state", self.returns_state, false);
        self.any_flag("unroll", false);
    }

    /// How the two directions of a Bidirectional become one; `null` leaves them apart.
    pub(crate) fn merge_mode(&mut self, says: Option<&str>) {
        let words = ["concat", "sum", "mul", "ave"];
        self.key("merge_mode", says.into(), Some("concat".into()), true, &|v| match v {
            Value::Null => Ok(Value::Null),
            Value::String(word) if words.contains(&word.as_str()) => Ok(v.clone()),
            _ => Err(format!("one of {} or null is needed", json!(words))),
        });
    }

    /// The two layers of a Bidirectional. As in Keras, the second is the first the other way around if nothing is said of
    /// it, and both give 0 at masked steps if they return sequences.
    pub(crate) fn directions<L: Configured>(&mut self, forward: &mut L, backward: &mut L) {
        let (first, second) = ("layer", "backward_layer");
        if let Some(layer) = self.given.get(first).cloned() {
            let given = self.given.get(second).filter(|given| !given.is_null()).cloned();
            let mut both = [layer.clone(), given.unwrap_or(layer)];
            let flag = |layer: &Value, key: &str| layer["config"][key] == true;
            let backwards = !flag(&both[0], "go_backwards");
            if backwards != flag(&both[1], "go_backwards")
                && let Some(config) = both[1].get_mut("config").and_then(Value::as_object_mut)
            {
                config.insert("go_backwards".to_owned(), backwards.into());
            }
            for (key, mut layer) in [first, second].into_iter().zip(both) {
                let sequences = flag(&layer, "return_sequences");
                if let Some(config) = layer.get_mut("config").and_then(Value::as_object_mut) {
                    config.insert("zero_output_for_mask".to_owned(), sequences.into());
                }
                self.given.insert(key.to_owned(), layer);
            }
        }
        // Rules are those of both layers; the first one takes them.
        let rules = self.rules.clone();
        self.layer_inside(first, forward, None, "forward.");
        self.rules = rules;
        self.layer_inside(second, backward, None, "backward.");
    }

    /// Whether the bias of an LSTM starts with ones at the forget gate.
    pub(crate) fn unit_forget_bias(&mut self) {
        let key = "unit_forget_bias";
        let ones = self.given.remove(key).unwrap_or(Value::Bool(true));
        let other = self.initial.iter().any(|(name, _)| name == "bias");
        match (&ones, other) {
            (Value::Bool(false), false) => self.initial.push(("bias".into(), Initializer::ZEROS)),
            (Value::Bool(true), true) if self.mode == Mode::Read => {
                self.differ(key, "only false is possible with this `bias_initializer`", &ones);
            }
            (Value::Bool(_), _) => {}
            _ => self.differ(key, "true or false is needed", &ones),
        }
        self.out.insert(key.to_owned(), ones);
    }

    /// What convolutions have in common, behind the `dilation_rate`.
    pub(crate) fn convolution(&mut self, groups: usize) {
        self.size_or("groups", groups, 1);
        self.none(&["activity_regularizer"]);
        self.one_step();
    }

    /// That a convolution moves on by one, or has its taps one apart.
    fn one_step(&mut self) {
        let moves = |key: &str| {
            let sizes = self.out.get(key).and_then(Value::as_array);
            sizes.is_some_and(|sizes| sizes.iter().any(|size| *size != json!(1)))
        };
        if self.mode != Mode::Write && moves("strides") && moves("dilation_rate") {
            let found = self.out.get("strides").cloned().unwrap_or_default();
            self.differ("strides", "it is 1 where the `dilation_rate` is more", &found);
        }
    }

    /// The groups of a normalisation; -1 is one for each of so many channels.
    pub(crate) fn norm_groups(&mut self, key: &str, groups: usize, channels: usize) {
        self.key(key, groups.into(), Some(32.into()), true, &|v| match whole(v) {
            Some(groups @ 1..) => Ok(groups.into()),
            _ if v.as_i64() == Some(-1) => Ok(channels.into()),
            _ => Err("a whole number above 0, or -1, is needed".to_owned()),
        });
    }

    /// What convolutions of single channels have besides. Older ones say what is that of others.
    pub(crate) fn depthwise(&mut self) {
        self.none(&["activity_regularizer"]);
        self.ignored(&["rank", "groups"]);
        self.ignored(&["kernel_initializer", "kernel_regularizer", "kernel_constraint"]);
        if self.class().starts_with("Depthwise") {
            self.ignored(&["filters"]);
        }
    }

    /// What convolutions the other way around have besides. Of a larger output no type is.
    pub(crate) fn transposed(&mut self) {
        match self.mode {
            Mode::Any => self.any("output_padding", Value::Null),
            _ => self.none(&["output_padding"]),
        }
        self.none(&["activity_regularizer"]);
        self.one_step();
        self.ignored(&["rank", "groups"]);
    }

    /// What attentions have beside their heads and features: their output, and what only has one value here.
    pub(crate) fn attention(&mut self, [features, output]: [usize; 2]) {
        let says = if features == output { Value::Null } else { json!([output]) };
        self.key("output_shape", says, Some(Value::Null), true, &|v| match v {
            Value::Null => Ok(Value::Null),
            Value::Array(sizes) if sizes.len() != 1 => Err("one size is needed".to_owned()),
            one => match whole(one.get(0).unwrap_or(one)) {
                Some(size) if size == features as u64 => Ok(Value::Null),
                Some(size @ 1..) => Ok(json!([size])),
                _ => Err("a whole number above 0 is needed".to_owned()),
            },
        });
        self.key("attention_axes", Value::Null, Some(Value::Null), false, &|v| {
            // A layer that is built says so of sequences.
            let axes = v.as_array().filter(|axes| axes.len() == 1).map_or(v, |axes| &axes[0]);
            Ok(if matches!(axes.as_i64(), Some(1 | -2)) { Value::Null } else { v.clone() })
        });
        self.none(&["sliding_window", "activity_regularizer"]);
        self.flag("use_gate", false, false);
        // Keras 2 says there what the layer was built for.
        self.ignored(&["query_shape", "value_shape", "key_shape", "flash_attention"]);
    }

    /// A whole number above 0; `null` is another one.
    pub(crate) fn size_or_null(&mut self, key: &str, says: usize, other: usize) {
        if self.given.get(key).is_some_and(Value::is_null) {
            self.given.remove(key);
        }
        self.size_or(key, says, other);
    }

    pub(crate) fn pooling(&mut self, size: &[usize], stride: &[usize], padding: &str) {
        self.sizes("pool_size", size, Some(&vec![2; size.len()]));
        self.given.retain(|key, value| key != "strides" || !value.is_null());
        let of_the_window = self.out.get("pool_size").cloned();
        self.sizes_or("strides", stride, of_the_window);
        self.any_case("padding", padding, &["valid", "same"]);
        self.data_format();
    }

    pub(crate) fn global_pooling(&mut self) {
        self.data_format();
        self.flag("keepdims", false, false);
    }

    /// The axis of the features, which is the last one, as a number or as a list of one.
    ///
    /// A number from 1 on is the last one if so many dimensions reach the layer. Where nobody says how many these
    /// are, it may be any; a layer without a type looks when something does reach it.
    pub(crate) fn last_axis(&mut self, key: &str, list: bool) {
        let written = |axis: Value| if list { json!([axis]) } else { axis };
        let one = match self.given.get(key) {
            Some(Value::Array(axes)) if axes.len() == 1 => axes.first(),
            other => other,
        };
        if let Some(axis) = one.and_then(whole).filter(|&axis| axis > 0) {
            match self.rank.or_else(|| self.wire().map(|wire| wire.sizes.len())) {
                Some(rank) if axis as usize == rank.saturating_sub(1) => {
                    drop(self.given.remove(key))
                }
                None => {
                    self.given.remove(key);
                    self.out.insert(key.to_owned(), written(axis.into()));
                    return;
                }
                Some(_) => {}
            }
        }
        let last = written(json!(-1));
        let given = self.given.get(key).cloned().unwrap_or_else(|| last.clone());
        let axes = given.as_array().map_or(std::slice::from_ref(&given), Vec::as_slice);
        // Without a type, it may be another one, or several.
        if self.mode == Mode::Any && axes != [json!(-1)] && axes.iter().all(Value::is_i64) {
            self.any(key, last);
            return;
        }
        self.fixed(key, last);
    }

    /// A number of at least 0, and Keras's default.
    pub(crate) fn positive(&mut self, key: &str, default: f64) {
        self.key(key, default.into(), Some(default.into()), true, &|v| match v.as_f64() {
            Some(0.0..) => Ok(v.clone()),
            _ => Err("a number of at least 0 is needed".to_owned()),
        });
    }

    /// The slope of a `LeakyReLU`, which Keras 2 calls `alpha`.
    pub(crate) fn leaky_relu(&mut self) {
        if let Some(alpha) = self.given.remove("alpha") {
            self.given.entry("negative_slope").or_insert(alpha);
        }
        self.positive("negative_slope", 0.3);
    }

    /// The axis of a softmax along another one than the last. Of the last, a negative number is counted from the end.
    pub(crate) fn softmax_along(&mut self, axis: usize) {
        let rank = self.wire().map(|wire| wire.sizes.len()).or(self.rank);
        self.key("axis", axis.into(), Some(json!(-1)), true, &|v| {
            let one = one_axis(v).ok_or("one axis is needed")?;
            Ok(json!(if one < 0 { rank.map_or(one, |rank| one + rank as i64) } else { one }))
        });
    }

    /// The axis of a softmax: that of a type is the last one, which may be counted from the front too.
    pub(crate) fn softmax_axis(&mut self) {
        let rank = self.rank.or_else(|| self.wire().map(|wire| wire.sizes.len()));
        let is_last = |axis: i64| axis > 0 && rank.is_some_and(|rank| rank as i64 - 1 == axis);
        self.key("axis", json!(-1), Some(json!(-1)), true, &|v| {
            let one = one_axis(v).ok_or("one axis is needed")?;
            Ok(json!(if is_last(one) { -1 } else { one }))
        });
    }

    /// The options of a `ReLU`, of which the activation as a type has none.
    pub(crate) fn relu(&mut self) {
        let number = |v: &Value| match v.as_f64() {
            Some(0.0..) => Ok(v.clone()),
            _ => Err("a number of at least 0 is needed".to_owned()),
        };
        let open = |v: &Value| if v.is_null() { Ok(Value::Null) } else { number(v) };
        self.key("max_value", Value::Null, Some(Value::Null), true, &open);
        self.key("negative_slope", json!(0.0), Some(json!(0.0)), true, &number);
        self.key("threshold", json!(0.0), Some(json!(0.0)), true, &number);
    }

    /// The axes of a `Dot`. A negative one is counted from the end.
    pub(crate) fn dot_axes(&mut self, says: [usize; 2]) {
        let ranks: Vec<usize> = self.wires.iter().map(|wire| wire.sizes.len()).collect();
        self.key("axes", json!(says), None, true, &|v| {
            let axes = match v {
                Value::Array(axes) => axes.iter().map(Value::as_i64).collect(),
                one => one.as_i64().map(|axis| vec![axis; 2]),
            };
            let axes = axes.filter(|axes: &Vec<i64>| axes.len() == 2);
            let axes = axes.ok_or("an axis, or two, is needed")?;
            let from_front = |(i, axis): (usize, i64)| match ranks.get(i) {
                Some(&rank) if axis < 0 => axis + rank as i64,
                _ => axis,
            };
            Ok(json!(axes.into_iter().enumerate().map(from_front).collect::<Vec<_>>()))
        });
    }

    /// The axes along which there is one slope of a `PReLU`: those of size 1 behind the batch, as far as more values arrive.
    pub(crate) fn shared_axes(&mut self, sizes: &[usize]) {
        let arrives = self.wire().map(|wire| wire.sizes.clone()).or_else(|| self.built.clone());
        let one =
            |axis: usize| arrives.as_ref().is_some_and(|sizes| sizes.get(axis) == Some(&Some(1)));
        let shared = |axis: usize| sizes.get(axis.wrapping_sub(1)) == Some(&1) && !one(axis);
        let value = |axes: Vec<usize>| if axes.is_empty() { Value::Null } else { axes.into() };
        let says = value((1..=sizes.len()).filter(|&axis| shared(axis)).collect());
        self.key("shared_axes", says, Some(Value::Null), true, &|v| {
            let axis = |v: &Value| whole(v).and_then(|axis| usize::try_from(axis).ok());
            let axes: Option<Vec<usize>> = match v {
                Value::Null => Some(Vec::new()),
                Value::Array(list) => list.iter().map(axis).collect(),
                one => axis(one).map(|axis| vec![axis]),
            };
            let mut axes = axes.filter(|axes| !axes.contains(&0));
            let axes = axes.as_mut().ok_or("axes behind the batch are needed")?;
            axes.retain(|&axis| !one(axis));
            axes.sort_unstable();
            Ok(value(std::mem::take(axes)))
        });
    }

    /// The shape behind the batch. A size that the type leaves open is written as -1.
    pub(crate) fn target_shape(&mut self, says: &[Option<usize>]) {
        let open = |size: &Option<usize>| size.filter(|&n| n > 0).map_or(json!(-1), Value::from);
        let says: Vec<Value> = says.iter().map(open).collect();
        self.key("target_shape", says.into(), None, true, &|v| {
            let size = |n: &Value| match whole(n) {
                Some(size @ 1..) => Some(json!(size)),
                _ => (n.is_null() || n.as_f64() == Some(-1.0)).then_some(json!(-1)),
            };
            let list: Option<Vec<Value>> = v.as_array().and_then(|l| l.iter().map(size).collect());
            match list {
                Some(list) if list.iter().filter(|n| **n == json!(-1)).count() < 2 => {
                    Ok(list.into())
                }
                _ => Err("a list of sizes is needed, one of which may be -1".to_owned()),
            }
        });
    }

    /// So much before and after each axis; one number stands for both, or for all. What is usual is one number.
    pub(crate) fn pairs<const N: usize>(
        &mut self,
        key: &str,
        says: [[usize; 2]; N],
        default: usize,
    ) {
        let written = |pairs: Vec<Value>| if N == 1 { pairs[0].clone() } else { pairs.into() };
        let of = |pairs: [[usize; 2]; N]| written(pairs.iter().map(|pair| json!(pair)).collect());
        self.key(key, of(says), Some(of([[default; 2]; N])), true, &|value| {
            let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
                Some([one]) => whole(one).map(|n| json!([n, n])),
                Some([a, b]) => Some(json!([whole(a)?, whole(b)?])),
                Some(_) => None,
                None => whole(value).map(|n| json!([n, n])),
            };
            let pairs: Option<Vec<Value>> = match value {
                Value::Array(list) if N > 1 && list.len() == N => list.iter().map(pair).collect(),
                Value::Array(_) if N > 1 => None,
                one => pair(one).map(|one| vec![one; N]),
            };
            pairs.map(written).ok_or_else(|| "a size, or two for each axis, is needed".to_owned())
        });
    }
}
