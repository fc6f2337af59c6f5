use dfdx::{
    prelude::{TryAdd, TryConcatAlong, TryDiv, TryMul},
    shapes::{Axis, HasShape},
    tensor::Cpu,
};
use serde_json::{Value, json};

use super::{
    DynamicLayer,
    custom::Options,
    flow::{Flow, Flows, Numbers, join_tapes, put_first},
    op::{Flat, OneToOne, Op, Pass, Show, one},
    words,
};
use crate::{
    backend::{Backend, IntoShape},
    error::{Error, OrDevice},
    fields::{AnySignal, Config, SignalKind, sizes, snake_case},
    layer,
    layers::{Linear, Part, by_parts, parts, select},
    model::input_layer,
};

fn value(layer: &DynamicLayer) -> Value {
    serde_json::to_value(layer.config()).unwrap_or_default()
}

/// A layer at each step of a sequence.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    layer: DynamicLayer,
}

impl Steps {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        Ok(Self { layer: options.layer("layer")? })
    }
}

impl OneToOne for Steps {
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
        self.layer.build_inside(dev, prefix, &[arrives.step()])
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        each_step(x, |_| whole(), |x, _| self.layer.apply(x))
    }

    fn train<T: Pass>(&mut self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let statistics = has_statistics(&mut self.layer)?;
        let all = |x: &Numbers<T>| match statistics {
            true => parts(x.sizes[0], x.sizes[1], x.mask.as_ref()),
            false => whole(),
        };
        each_step(
            x,
            all,
            |x, training| {
                if training { self.layer.train(x) } else { self.layer.apply(x) }
            },
        )
    }

    fn visit(&mut self, show: &mut dyn Show) -> Result<(), Error> {
        self.layer.show(show)
    }

    fn write(&self, config: &mut Config) {
        config.config.insert("layer".to_owned(), value(&self.layer));
    }

    fn inside(&self) -> Vec<&DynamicLayer> {
        vec![&self.layer]
    }

    fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
        vec![&mut self.layer]
    }
}

/// All steps at once, by the training pass if there are two.
fn whole() -> Vec<Part> {
    vec![(Vec::new(), true)]
}

/// Applies a layer to the steps as samples, in parts.
fn each_step<T: Pass>(
    x: Flow<T>,
    parts: impl FnOnce(&Numbers<T>) -> Vec<Part>,
    mut layer: impl FnMut(Flow<T>, bool) -> Result<Flow<T>, Error>,
) -> Result<Flow<T>, Error> {
    let x = x.numbers()?;
    let parts = parts(&x);
    let Numbers { x, mut sizes, mask } = x;
    let (steps, width) = (sizes[0] * sizes[1], sizes[2..].iter().product());
    let x = Cpu::bounded_padding(x, mask.as_ref())?.into_shape(&(steps, width))?;
    let mut inside = Vec::new();
    let y = by_parts(x, &parts, |x, training| {
        let rows = x.shape().0;
        let step: Vec<usize> = [&[rows], &sizes[2..]].concat();
        let Numbers { x: y, sizes, .. } = layer(Flow::plain(x, step)?, training)?.numbers()?;
        inside = sizes[1..].to_vec();
        y.into_shape(&(rows, inside.iter().product()))
    })?;
    sizes.truncate(2);
    sizes.extend(inside);
    Ok(Flow::Numbers(Numbers::new(y, sizes, mask)?))
}

/// Whether the training pass changes weights.
fn has_statistics(layer: &mut DynamicLayer) -> Result<bool, Error> {
    struct Any(bool);

    impl Show for Any {
        fn weight(
            &mut self,
            _: &str,
            trainable: bool,
            _: &[usize],
            _: &mut Flat,
        ) -> Result<(), Error> {
            self.0 |= !trainable;
            Ok(())
        }
    }

    let mut any = Any(false);
    layer.op.visit(&mut any)?;
    Ok(any.0)
}

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
    fn join<T: Pass>(self, a: Flow<T>, b: Flow<T>) -> Result<Flows<T>, Error> {
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

const RECURRENT: [&str; 3] = ["LSTM", "GRU", "SimpleRNN"];

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
        directions_word(),
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
    fn run<T: Pass>(
        merge: Directions,
        x: Flows<T>,
        forward: impl FnOnce(Flows<T>) -> Result<Flows<T>, Error>,
        backward: impl FnOnce(Flows<T>) -> Result<Flows<T>, Error>,
    ) -> Result<Flows<T>, Error> {
        let (x, tape) = join_tapes(x);
        let [a, b] = Self::halves(x)?;
        let (mut a, tape) = join_tapes(forward(put_first(a, tape))?);
        let (mut b, more) = join_tapes(backward(put_first(b, T::default()))?);
        let (states, others) = (a.split_off(1), b.split_off(1));
        let mut gives = merge.join(one(put_first(a, tape))?, one(put_first(b, more))?)?;
        let states = states.into_iter().chain(others);
        gives.extend(states.map(|state| state.put_tape(T::default())));
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

    fn apply<T: Pass>(&self, x: Flows<T>) -> Result<Flows<T>, Error> {
        let (forward, backward) = (&self.forward, &self.backward);
        Self::run(self.merge, x, |x| forward.apply_each(x), |x| backward.apply_each(x))
    }

    fn train<T: Pass>(&mut self, x: Flows<T>) -> Result<Flows<T>, Error> {
        let Self { forward, backward, merge } = self;
        Self::run(*merge, x, |x| forward.train_each(x), |x| backward.train_each(x))
    }

    fn takes_states(&self) -> bool {
        true
    }

    fn visit(&mut self, show: &mut dyn Show) -> Result<(), Error> {
        for (name, layer) in [("forward", &mut self.forward), ("backward", &mut self.backward)] {
            show.enter(name);
            layer.show(show)?;
            show.leave();
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
        if let Some(batch) = arrives.sizes.first_mut() {
            *batch = None;
        }
        self.built = Some(arrives);
        Ok(())
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        self.layers.iter().try_fold(x, |x, layer| layer.apply(x))
    }

    fn train<T: Pass>(&mut self, x: Flow<T>) -> Result<Flow<T>, Error> {
        self.layers.iter_mut().try_fold(x, |x, layer| layer.train(x))
    }

    fn visit(&mut self, show: &mut dyn Show) -> Result<(), Error> {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            show.enter(&i.to_string());
            layer.show(show)?;
            show.leave();
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

    fn inside(&self) -> Vec<&DynamicLayer> {
        self.layers.iter().collect()
    }

    fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
        self.layers.iter_mut().collect()
    }
}
