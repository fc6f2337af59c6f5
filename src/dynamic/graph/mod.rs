//! Keras's `Functional`: layers that say themselves what reaches them.

mod arguments;
mod arrange;
mod bare;
mod blocks;
mod calculate;
mod call;
mod function;
mod nodes;
mod numbers;
mod one_hot;
mod order;
mod parts;
mod read;
mod reduce;
mod reshape;
mod table;
mod triangle;
mod wiring;
mod write;

use dfdx::tensor::Cpu;
use serde_json::Value;

use super::{DynamicLayer, flow::Flows, op::Op, options::Options};
use crate::{
    error::Error,
    fields::{AnySignal, Config},
    model::Row,
    parameters::{Parameters, Visitor},
};
use nodes::{Argument, CallArguments};
use wiring::{Source, Wiring};

pub(super) use calculate::angles;
pub(super) use function::{Function, MakeFunction};

/// One entry of `layers`.
#[derive(Debug, Clone)]
struct Entry {
    name: String,
    part: Part,
    /// The place of an input.
    input: Option<usize>,
    /// The calls, in the order of `inbound_nodes`, and the place of what each gives.
    calls: Vec<(CallArguments<Source>, usize)>,
}

#[derive(Debug, Clone)]
enum Part {
    /// An `InputLayer`.
    Entrance(Config),
    /// A layer.
    Called(DynamicLayer),
    /// A function of Keras's, such as `x + y`.
    Function(DynamicLayer),
}

impl Part {
    fn runs(&self) -> Option<&DynamicLayer> {
        match self {
            Self::Entrance(_) => None,
            Self::Called(layer) | Self::Function(layer) => Some(layer),
        }
    }

    fn runs_mut(&mut self) -> Option<&mut DynamicLayer> {
        match self {
            Self::Entrance(_) => None,
            Self::Called(layer) | Self::Function(layer) => Some(layer),
        }
    }
}

/// A model of branches.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    entries: Vec<Entry>,
    wiring: Wiring,
    /// `input_layers` and `output_layers`.
    ends: [Argument<Source>; 2],
    /// What travels at each place, once that is known.
    signals: Vec<Vec<AnySignal>>,
}

impl Graph {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        read::graph(options)
    }
}

fn missing() -> Error {
    Error::Empty("the layer of a call")
}

impl Op for Graph {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let layer = |i: usize| self.entries[i].part.runs().ok_or_else(missing);
        let signals = self.wiring.signals(arrive, |i, call, arrive| {
            let layer = layer(i)?;
            let arrive = call.seen(layer, arrive);
            Ok(call.kept(&arrive, layer.gives_each(&arrive.seen)?))
        })?;
        self.wiring.outputs.iter().map(|end| end.of(&signals).cloned()).collect()
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        let Self { entries, wiring, signals, .. } = self;
        let mut built = vec![false; entries.len()];
        *signals = wiring.signals(arrive, |i, call, arrive| {
            let entry = &mut entries[i];
            let layer = entry.part.runs_mut().ok_or_else(missing)?;
            let arrive = call.seen(layer, arrive);
            if !std::mem::replace(&mut built[i], true) {
                layer.build_inside(dev, &format!("{prefix}{}.", entry.name), &arrive.seen)?;
            }
            Ok(call.kept(&arrive, layer.gives_each(&arrive.seen)?))
        })?;
        Ok(())
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        self.wiring.run(x, |i, call, x| {
            let layer = self.entries[i].part.runs().ok_or_else(missing)?;
            call.with_masks(layer, x, |x| layer.apply_each(x))
        })
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        let Self { entries, wiring, .. } = self;
        wiring.run(x, |i, call, x| {
            let layer = entries[i].part.runs_mut().ok_or_else(missing)?;
            let x = call.coerced(layer, x)?;
            call.under_masks(
                x,
                |x| if call.rests { layer.apply_each(x) } else { layer.train_each(x) },
            )
        })
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        for entry in &mut self.entries {
            if let Part::Called(layer) = &mut entry.part {
                visitor.enter(&entry.name);
                layer.visit(visitor)?;
                visitor.leave();
            }
        }
        Ok(())
    }

    fn write(&self, config: &mut Config) {
        write::graph(self, config);
    }

    fn takes_ids(&self) -> bool {
        matches!(self.wiring.inputs.as_slice(), [one] if one.kind == crate::fields::SignalKind::Tokens)
    }

    fn asks_for_nothing(&self) -> bool {
        true
    }

    fn own_inputs(&self) -> Option<Vec<AnySignal>> {
        Some(self.wiring.inputs.clone())
    }

    fn inside(&self) -> Vec<&DynamicLayer> {
        let layers = self.entries.iter().filter_map(|entry| match &entry.part {
            Part::Called(layer) => Some(layer),
            _ => None,
        });
        layers.collect()
    }

    fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
        let layers = self.entries.iter_mut().filter_map(|entry| match &mut entry.part {
            Part::Called(layer) => Some(layer),
            _ => None,
        });
        layers.collect()
    }

    fn calls(&self) -> usize {
        self.wiring.count
    }

    fn rows(&self) -> Option<Vec<Row>> {
        let makers = write::makers(self);
        let name = |source: &Source| match makers.get(&source.place) {
            Some((entry, _)) if entry.input.is_some() => format!("input `{}`", entry.name),
            Some((entry, _)) => entry.name.clone(),
            None => "input".to_owned(),
        };
        let row = |entry: &Entry| {
            let layer = entry.part.runs()?;
            let arguments = entry.calls.iter().flat_map(|(call, _)| call.all());
            let mut from: Vec<String> = Vec::new();
            for source in arguments.flat_map(Argument::tensors) {
                let name = name(source);
                if !from.contains(&name) {
                    from.push(name);
                }
            }
            let places = || entry.calls.iter().map(|(_, place)| *place);
            let output = self.wiring.outputs.iter().any(|end| places().any(|p| p == end.place));
            Some(layer.row(from, output))
        };
        Some(self.entries.iter().filter_map(row).collect())
    }
}

/// Whether a config is of a function of Keras's, and of no layer. In a legacy file of Keras 3 it has no module; but every
/// layer says whether it is trained. A number type is said by functions too, as by `ZerosLike`.
fn is_function(config: &Config, nodes: &[Value]) -> bool {
    match &config.module {
        Some(module) => module.starts_with("keras.src.ops"),
        None => {
            let of_keras_3 = nodes.iter().any(|node| node.get("args").is_some());
            let is_layer = config.config.contains_key("trainable");
            of_keras_3 && !is_layer && table::is_known(&config.class_name)
        }
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}
