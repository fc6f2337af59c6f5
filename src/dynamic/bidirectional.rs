use dfdx::{
    prelude::{TryAdd, TryConcatAlong, TryDiv, TryMul},
    shapes::{Axis, HasShape},
    tensor::Cpu,
};
use serde_json::Value;

use super::{
    DynamicLayer,
    flow::{Flow, Flows, Numbers, join_tapes, put_first},
    op::{Op, one},
    options::Options,
    words,
    wrap::value,
};
use crate::{
    error::{Error, OrDevice},
    fields::{AnySignal, Config, snake_case},
    layer,
    layers::{Linear, select},
    parameters::{Parameters, Visitor},
};

/// How the two directions become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directions {
    Concatenated,
    Summed,
    Multiplied,
    Averaged,
    /// Both are outputs.
    Apart,
}

impl Directions {
    /// What both directions give, as one, or as two. The steps of the second come in the order in which it saw them.
    fn join(self, a: Flow, b: Flow) -> Result<Flows, Error> {
        let (Numbers { x: a, mut sizes, mask }, Numbers { x: mut b, sizes: mut of_b, .. }) =
            (a.numbers()?, b.numbers()?);
        if let [batch, length, _] = *sizes {
            let steps = |row| (0..length).rev().map(move |time| row * length + time);
            b = select(b, &(0..batch).flat_map(steps).collect::<Vec<_>>())?;
        }
        let joined = match self {
            Self::Concatenated => (a, b).try_concat_along(Axis::<1>),
            Self::Summed => a.try_add(b),
            Self::Multiplied => a.try_mul(b),
            Self::Averaged => a.try_add(b).and_then(|sum| sum.try_div(2.0)),
            Self::Apart => {
                if let Some(last) = of_b.last_mut() {
                    *last = b.shape().1;
                }
                return Ok(vec![
                    Flow::Numbers(Numbers { x: a, sizes, mask: mask.clone() }),
                    Flow::Numbers(Numbers { x: b, sizes: of_b, mask }),
                ]);
            }
        };
        let x = joined.or_device()?;
        if let Some(last) = sizes.last_mut() {
            *last = x.shape().1;
        }
        Ok(vec![Flow::Numbers(Numbers { x, sizes, mask })])
    }
}

const RECURRENT: [&str; 4] = ["LSTM", "GRU", "SimpleRNN", "RNN"];

/// A recurrent layer in both directions.
#[derive(Debug, Clone)]
pub(crate) struct BidirectionalOp {
    forward: DynamicLayer,
    backward: DynamicLayer,
    merge: Directions,
}

/// The keys of a Bidirectional.
#[layer(
    class = "Bidirectional",
    keys(
        layer: layer(&mut Linear, None),
        merge_mode(Some("concat")),
        backward_layer: any(Value::Null),
    ),
)]
pub(crate) struct BidirectionalKeys;

impl BidirectionalOp {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let merge = match options.config.config.get("merge_mode").and_then(Value::as_str) {
            Some("sum") => Directions::Summed,
            Some("mul") => Directions::Multiplied,
            Some("ave") => Directions::Averaged,
            Some(_) => Directions::Concatenated,
            None => Directions::Apart,
        };
        let recurrent = "a recurrent layer is needed, LSTM, GRU, SimpleRNN or RNN";
        let direction =
            |options: &mut Options<'_>, key: &str| match options.inner(key)?.map(Config::usual) {
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

impl BidirectionalOp {
    /// What each direction gets: the sequence, and its half of the states to begin with.
    fn halves<V: Clone>(list: Vec<V>) -> Result<[Vec<V>; 2], Error> {
        let mut list = list.into_iter();
        let first = list.next().ok_or_else(|| words::refused("a sequence is needed here"))?;
        let (mut a, mut b) = (vec![first.clone()], vec![first]);
        let half = list.len() / 2;
        if list.len() != 2 * half {
            return Err(words::refused("each direction needs as many states to begin with"));
        }
        a.extend(list.by_ref().take(half));
        b.extend(list);
        Ok([a, b])
    }

    /// Runs one direction and then the other.
    fn run(
        merge: Directions,
        x: Flows,
        forward: impl FnOnce(Flows) -> Result<Flows, Error>,
        backward: impl FnOnce(Flows) -> Result<Flows, Error>,
    ) -> Result<Flows, Error> {
        let (x, tape) = join_tapes(x);
        let [a, b] = Self::halves(x)?;
        let [of_b, of_states] = [tape.beside(), tape.beside()];
        let (mut a, tape) = join_tapes(forward(put_first(a, tape))?);
        let (mut b, more) = join_tapes(backward(put_first(b, of_b))?);
        let (states, others) = (a.split_off(1), b.split_off(1));
        let mut gives = merge.join(one(put_first(a, tape))?, one(put_first(b, more))?)?;
        let states = states.into_iter().chain(others);
        gives.extend(put_first(states.collect(), of_states));
        Ok(gives)
    }
}

impl Op for BidirectionalOp {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let [a, b] = Self::halves(arrive.to_vec())?;
        let (mut gives, mut others) = (self.forward.gives_each(&a)?, self.backward.gives_each(&b)?);
        let (states, mut of_b) = (gives.split_off(1), others.split_off(1));
        let (Some(mut one), Some(other)) = (gives.pop(), others.pop()) else {
            return Err(words::refused("a recurrent layer has an output"));
        };
        let both = one.features().zip(other.features());
        let apart = [Directions::Concatenated, Directions::Apart].contains(&self.merge);
        if one.rank() != other.rank() || (!apart && one != other) {
            let message = format!("one direction gives `{one}`, the other `{other}`");
            return Err(words::refused(message));
        }
        if let (Directions::Concatenated, Some(last)) = (self.merge, one.sizes.last_mut()) {
            *last = both.and_then(|(a, b)| a.checked_add(b));
        }
        gives.push(one);
        if self.merge == Directions::Apart {
            gives.push(other);
        }
        gives.extend(states);
        gives.append(&mut of_b);
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        let [a, b] = Self::halves(arrive.to_vec())?;
        self.forward.build_inside(dev, &format!("{prefix}forward."), &a)?;
        self.backward.build_inside(dev, &format!("{prefix}backward."), &b)
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        let (forward, backward) = (&self.forward, &self.backward);
        Self::run(self.merge, x, |x| forward.apply_each(x), |x| backward.apply_each(x))
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        let Self { forward, backward, merge } = self;
        Self::run(*merge, x, |x| forward.train_each(x), |x| backward.train_each(x))
    }

    fn takes_states(&self) -> bool {
        true
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        for (name, layer) in [("forward", &mut self.forward), ("backward", &mut self.backward)] {
            visitor.enter(name);
            layer.visit(visitor)?;
            visitor.leave();
        }
        Ok(())
    }

    fn write(&self, config: &mut Config) {
        config.config.insert("layer".to_owned(), value(&self.forward));
        config.config.insert("backward_layer".to_owned(), value(&self.backward));
    }

    fn inside(&self) -> Vec<&DynamicLayer> {
        vec![&self.forward, &self.backward]
    }

    fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
        vec![&mut self.forward, &mut self.backward]
    }
}
