use dfdx::tensor::Cpu;
use serde_json::{Value, json};

use super::{DynamicLayer, flow::Flow, input::input, op::OneToOne, options::Options, wrap::value};
use crate::{
    error::Error,
    fields::{AnySignal, Config},
    layer,
    model::{Row, input_layer},
    parameters::{Parameters, Visitor},
};

/// The error of a layer, with the name that the config gives it.
fn named(error: Error, name: Option<&str>) -> Error {
    match name {
        Some(name) => error.within(name),
        None => error,
    }
}

/// Layers one behind the other.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    layers: Vec<DynamicLayer>,
    built: Option<AnySignal>,
}

/// The keys of a Sequential.
#[layer(class = "Sequential", keys(layers: any(json!([])), build_input_shape: any(Value::Null)))]
pub(crate) struct ChainKeys;

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
                input(config)?;
            } else {
                let name = config.config.get("name").and_then(Value::as_str).map(str::to_owned);
                let layer = DynamicLayer::make(config, options.custom);
                let mut layer = layer.map_err(|e| named(e, name.as_deref()))?;
                // Here Keras applies a `Dense` to each step by itself.
                layer.op.allow_steps(true);
                layers.push(layer);
            }
        }
        Ok(Self { layers, built: None })
    }
}

impl OneToOne for Chain {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        self.layers.iter().try_fold(arrives.clone(), |arrives, layer| layer.gives(&arrives))
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        let mut reaches = arrives.clone();
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.build_inside(dev, &format!("{prefix}{i}."), std::slice::from_ref(&reaches))?;
            reaches = layer.gives(&reaches)?;
        }
        let mut arrives = arrives.clone();
        if !self.layers.iter().any(DynamicLayer::is_stateful) {
            arrives.of_any_batch();
        }
        self.built = Some(arrives);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        self.layers.iter().try_fold(x, |x, layer| layer.apply(x))
    }

    fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        self.layers.iter_mut().try_fold(x, |x, layer| layer.train(x))
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            visitor.enter(&i.to_string());
            layer.visit(visitor)?;
            visitor.leave();
        }
        Ok(())
    }

    fn write(&self, config: &mut Config) {
        let mut list: Vec<Value> = self.layers.iter().map(value).collect();
        if let Some(arrives) = &self.built {
            list.insert(0, input_layer("input_layer", arrives, "float32"));
            config.config.insert("build_input_shape".to_owned(), json!(arrives.sizes));
        }
        config.config.insert("layers".to_owned(), list.into());
    }

    fn asks_for_nothing(&self) -> bool {
        true
    }

    fn takes_ids(&self) -> bool {
        self.layers.first().is_some_and(|layer| layer.op.takes_ids())
    }

    fn own_inputs(&self) -> Option<Vec<AnySignal>> {
        self.layers.first()?.op.own_inputs()
    }

    fn rows(&self) -> Option<Vec<Row>> {
        let last = self.layers.len().saturating_sub(1);
        let row = |(i, layer): (usize, &DynamicLayer)| {
            let before = i.checked_sub(1).and_then(|before| self.layers.get(before));
            let from = before.map_or("input", DynamicLayer::name).to_owned();
            layer.row(vec![from], i == last)
        };
        Some(self.layers.iter().enumerate().map(row).collect())
    }

    fn inside(&self) -> Vec<&DynamicLayer> {
        self.layers.iter().collect()
    }

    fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
        self.layers.iter_mut().collect()
    }
}
