use dfdx::tensor::Cpu;
use serde_json::{Value, json};

use super::{
    Dynamic, DynamicLayer, DynamicValue, LayerWeight, custom::Options, recurrent::keys, words,
};
use crate::{
    error::Error,
    fields::{AnySignal, Config, Configured, Fields, SignalKind, sizes, snake_case},
    layers::Linear,
    model::input_layer,
    parameters::Build,
};

/// The weights of the layers inside.
macro_rules! inner_weights {
    ($($layer:ident),*) => {
        fn weights(&self) -> Vec<&LayerWeight> {
            let mut weights = Vec::new();
            $(weights.extend(self.$layer.op.weights());)*
            weights
        }

        fn set_weights(&mut self, values: &mut dyn Iterator<Item = Vec<f32>>) -> Result<(), Error> {
            $(self.$layer.op.set_weights(values)?;)*
            Ok(())
        }
    };
}

fn value(layer: &DynamicLayer) -> Value {
    serde_json::to_value(layer.config()).unwrap_or_default()
}

/// A layer at each step of a sequence.
#[derive(Debug)]
pub(crate) struct Steps {
    layer: DynamicLayer,
}

impl Steps {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self { layer: options.layer("layer")? })
    }
}

impl Dynamic for Steps {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::each_step(arrives)?;
        let step = self.layer.gives(&arrives.step())?;
        if step.kind != SignalKind::Numbers || step.sizes.is_empty() {
            let message =
                format!("the layer inside gives `{step}` for each step, which makes no sequence");
            return Err(words::refused(message));
        }
        let mut sizes = vec![arrives.sizes[0], arrives.sizes[1]];
        sizes.extend(&step.sizes[1..]);
        Ok(arrives.with(sizes))
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        self.layer.build_inside(dev, prefix, &arrives.step())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let DynamicValue::Numbers { sizes, values, mask } = x else { return Ok(x) };
        let mut step = vec![sizes[0] * sizes[1]];
        step.extend(&sizes[2..]);
        let y = self.layer.run_built(DynamicValue::numbers(step, values)?)?;
        let mut all = vec![sizes[0], sizes[1]];
        all.extend(&y.sizes()[1..]);
        Ok(DynamicValue::Numbers { sizes: all, values: y.into_values(), mask })
    }

    fn write(&self, config: &mut Config) {
        config.config.insert("layer".to_owned(), value(&self.layer));
    }

    inner_weights!(layer);
}

/// How the two directions become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merge {
    Concatenate,
    Sum,
    Multiply,
    Average,
}

const RECURRENT: [&str; 3] = ["LSTM", "GRU", "SimpleRNN"];

/// A recurrent layer in both directions.
#[derive(Debug)]
pub(crate) struct Bidirectional {
    forward: DynamicLayer,
    backward: DynamicLayer,
    merge: Merge,
}

keys! {
    /// The keys of a Bidirectional.
    BidirectionalKeys, "Bidirectional", fields =>
    fields.layer("layer", &mut Linear, None);
    fields.choice("merge_mode", "concat", &["concat", "sum", "mul", "ave"]);
    fields.any("backward_layer", Value::Null);
}

impl Bidirectional {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let merge = match options.text("merge_mode")?.as_str() {
            "sum" => Merge::Sum,
            "mul" => Merge::Multiply,
            "ave" => Merge::Average,
            _ => Merge::Concatenate,
        };
        let recurrent = "a recurrent layer is needed, LSTM, GRU or SimpleRNN";
        let direction = |options: &mut Options<'_>, key: &str| match options.inner(key)? {
            Some(layer) if !RECURRENT.contains(&layer.class_name.as_str()) => {
                Err(options.misfit(key, recurrent, &layer.class_name.into()))
            }
            layer => Ok(layer),
        };
        let forward = direction(options, "layer")?;
        let mut forward =
            forward.ok_or_else(|| options.misfit("layer", recurrent, &Value::Null))?;
        let flag = |config: &Config, key: &str| config.config.get(key) == Some(&Value::Bool(true));
        let name = forward.config.get("name").and_then(Value::as_str);
        let name = name.map_or_else(|| snake_case(&forward.class_name), str::to_owned);
        let turned = !flag(&forward, "go_backwards");
        let mut backward = match direction(options, "backward_layer")? {
            Some(backward) if flag(&backward, "go_backwards") != turned => {
                let expected = format!("{turned} is needed, as `layer` goes the other way");
                let key = "backward_layer.go_backwards";
                return Err(options.misfit(key, &expected, &(!turned).into()));
            }
            Some(backward) => backward,
            None => {
                let mut backward = forward.clone();
                let name = name.strip_prefix("backward_").unwrap_or(&name);
                let name = name.strip_prefix("forward_").unwrap_or(name);
                backward.config.insert("go_backwards".to_owned(), turned.into());
                backward.config.insert("name".to_owned(), format!("backward_{name}").into());
                backward
            }
        };
        let name = name.strip_prefix("forward_").unwrap_or(&name);
        forward.config.insert("name".to_owned(), format!("forward_{name}").into());
        // Masked steps are zeros, where sequences are returned.
        for config in [&mut forward, &mut backward] {
            let sequences = flag(config, "return_sequences");
            config.config.insert("zero_output_for_mask".to_owned(), sequences.into());
        }
        Ok(Self {
            forward: DynamicLayer::make(forward, options.custom)?,
            backward: DynamicLayer::make(backward, options.custom)?,
            merge,
        })
    }
}

impl Dynamic for Bidirectional {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        let (mut gives, other) = (self.forward.gives(arrives)?, self.backward.gives(arrives)?);
        let both = gives.features().zip(other.features());
        if gives.rank() != other.rank() || (self.merge != Merge::Concatenate && gives != other) {
            let message = format!("one direction gives `{gives}`, the other `{other}`");
            return Err(words::refused(message));
        }
        if let (Merge::Concatenate, Some(last)) = (self.merge, gives.sizes.last_mut()) {
            *last = both.and_then(|(a, b)| a.checked_add(b));
        }
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        self.forward.build_inside(dev, &format!("{prefix}forward."), arrives)?;
        self.backward.build_inside(dev, &format!("{prefix}backward."), arrives)
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let a = self.forward.run_built(x.clone())?;
        let b = self.backward.run_built(x)?;
        let (mut sizes, mask) = (a.sizes().to_vec(), a.mask().cloned());
        let features = |value: &DynamicValue| value.sizes().last().copied().unwrap_or(0);
        let (m, n) = (features(&a), features(&b));
        let mut b: Vec<&[f32]> = b.values().chunks(n.max(1)).collect();
        if let [_, length, _] = sizes[..] {
            b.chunks_mut(length.max(1)).for_each(<[&[f32]]>::reverse);
        }
        let rows = a.values().chunks(m.max(1)).zip(b);
        let each = |f: fn(f32, f32) -> f32| {
            let pairs = rows.clone().flat_map(|(a, b)| a.iter().zip(b));
            pairs.map(|(a, b)| f(*a, *b)).collect()
        };
        let values = match self.merge {
            Merge::Concatenate => rows.flat_map(|(a, b)| [a, b].concat()).collect(),
            Merge::Sum => each(|a, b| a + b),
            Merge::Multiply => each(|a, b| a * b),
            Merge::Average => each(|a, b| (a + b) / 2.0),
        };
        if let (Merge::Concatenate, Some(last)) = (self.merge, sizes.last_mut()) {
            *last = m + n;
        }
        Ok(DynamicValue::Numbers { sizes, values, mask })
    }

    fn write(&self, config: &mut Config) {
        config.config.insert("layer".to_owned(), value(&self.forward));
        config.config.insert("backward_layer".to_owned(), value(&self.backward));
    }

    inner_weights!(forward, backward);
}

/// Layers one behind the other.
#[derive(Debug)]
pub(crate) struct Chain {
    layers: Vec<DynamicLayer>,
    built: Option<AnySignal>,
}

keys! {
    /// The keys of a Sequential.
    ChainKeys, "Sequential", fields =>
    fields.any("layers", json!([]));
    fields.any("build_input_shape", Value::Null);
}

impl Chain {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let list = match options.config.config.remove("layers") {
            Some(Value::Array(list)) => list,
            other => {
                let found = other.unwrap_or_default();
                return Err(options.misfit("layers", "a list of layers is needed", &found));
            }
        };
        let mut layers = Vec::new();
        for value in list {
            let config = Config::try_from(value)?;
            if config.class_name == "InputLayer" {
                let shapes = ["batch_shape", "batch_input_shape", "shape"].into_iter();
                for (key, shape) in shapes.filter_map(|key| config.config.get_key_value(key)) {
                    if !shape.is_null() && sizes(shape).is_none() {
                        let key = format!("InputLayer.{key}");
                        return Err(options.misfit(&key, "a list of sizes is needed", shape));
                    }
                }
            } else {
                let mut layer = DynamicLayer::make(config, options.custom)?;
                // Here Keras applies a `Dense` to each step by itself.
                layer.op.allow_steps(true);
                layers.push(layer);
            }
        }
        Ok(Self { layers, built: None })
    }
}

impl Dynamic for Chain {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        self.layers.iter().try_fold(arrives.clone(), |arrives, layer| layer.gives(&arrives))
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        let mut reaches = arrives.clone();
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.build_inside(dev, &format!("{prefix}{i}."), &reaches)?;
            reaches = layer.gives(&reaches)?;
        }
        let mut arrives = arrives.clone();
        if let Some(batch) = arrives.sizes.first_mut() {
            *batch = None;
        }
        self.built = Some(arrives);
        Ok(())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        self.layers.iter().try_fold(x, |x, layer| layer.run_built(x))
    }

    fn weights(&self) -> Vec<&LayerWeight> {
        self.layers.iter().flat_map(DynamicLayer::weights).collect()
    }

    fn set_weights(&mut self, values: &mut dyn Iterator<Item = Vec<f32>>) -> Result<(), Error> {
        self.layers.iter_mut().try_for_each(|layer| layer.op.set_weights(values))
    }

    fn write(&self, config: &mut Config) {
        let mut list: Vec<Value> = self.layers.iter().map(value).collect();
        if let Some(arrives) = &self.built {
            list.insert(0, input_layer("input_layer", arrives, "float32"));
            config.config.insert("build_input_shape".to_owned(), json!(arrives.sizes));
        }
        config.config.insert("layers".to_owned(), list.into());
    }

    fn takes_ids(&self) -> bool {
        self.layers.first().is_some_and(|layer| layer.op.takes_ids())
    }
}
