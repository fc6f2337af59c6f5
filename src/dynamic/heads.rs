//! Keras's `MultiHeadAttention` and `GroupQueryAttention`.

use dfdx::{
    prelude::HasShape,
    tensor::{Cpu, NoneTape, PutTape, SplitTape},
};
use kerata_format::GROUPED;
use serde_json::{Value, json};

use super::{
    axes::Axes,
    dense::known_features,
    dropout::dropped,
    flow::{Flow, Flows, Numbers, as_rows, beside, join_tapes},
    merge::{Merging, merged},
    op::Op,
    options::Options,
    places::{all, arranged, inverse, permuted},
    projection::Projection,
    roles::{Roles, VALUES},
    said::{CallWords, Said},
    scores::{CAUSAL, Matrices, SCORES, affordable},
    words::{self, refused},
};
use crate::{
    backend::{
        ActivationKind, AttentionOptions, Backend, IntoShape, Recorder, attention_shares,
        attention_sums, memory::elements,
    },
    error::Error,
    fields::{AnySignal, Config, Initializer, whole},
    parameters::Visitor,
};

/// Attention of several heads: each position of a query gets a mean of values, by how its projection fits those of the
/// keys.
#[derive(Debug, Clone)]
pub(crate) struct Heads {
    heads: usize,
    /// How many heads keys and values have: several heads of queries in a row share one.
    key_heads: usize,
    key_dim: usize,
    value_dim: usize,
    use_bias: bool,
    has_gate: bool,
    /// How much of the shares drops in training.
    dropout: f64,
    /// The sizes of what leaves it at each position; those of the query if there are none.
    output: Vec<usize>,
    /// The axes along which keys are seen, if not along all.
    axes: Option<Vec<i64>>,
    /// Whether it is a `GroupQueryAttention`.
    grouped: bool,
    /// How near keys have to be.
    window: Option<usize>,
    hows: [Initializer; 2],
    said: Said,
    /// The shapes that it was built for.
    built: Option<Roles<Vec<Option<usize>>>>,
    /// Of the query, of the key, perhaps of the gate, of the value, and of what leaves it.
    projections: Vec<Projection>,
}

/// Whole numbers above 0: one, or a list.
fn several(value: &Value) -> Option<Vec<usize>> {
    let size = |one: &Value| usize::try_from(whole(one)?).ok().filter(|&size| size > 0);
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(list) => list.iter().map(size).collect(),
        one => Some(vec![size(one)?]),
    }
}

impl Heads {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let get = |key: &str| options.value(key);
        let sizes = |key: &str, most: usize| {
            let sizes = several(get(key)).filter(|sizes| sizes.len() <= most);
            sizes.ok_or_else(|| {
                let expected = match most {
                    1 => "a whole number above 0, or `null`, is needed",
                    _ => "at most 2 whole numbers above 0, or `null`, are needed",
                };
                options.misfit(key, expected, get(key))
            })
        };
        let axes = match get("attention_axes") {
            Value::Null => Some(Vec::new()),
            Value::Array(list) => list.iter().map(Value::as_i64).collect(),
            one => one.as_i64().map(|axis| vec![axis]),
        };
        let axes = axes.ok_or_else(|| {
            let key = "attention_axes";
            options.misfit(key, "an axis, or several, is needed", get(key))
        })?;
        let activity = get("activity_regularizer");
        if !activity.is_null() {
            let expected = "`null` is needed: in Keras it is one of each projection";
            return Err(options.misfit("activity_regularizer", expected, activity));
        }
        let grouped = options.config.class_name == GROUPED;
        let names = match grouped {
            true => ["num_query_heads", "num_key_value_heads", "head_dim"],
            false => ["num_heads", "num_heads", "key_dim"],
        };
        let [heads, key_heads, key_dim] = names.map(|key| options.size(key));
        let (heads, key_heads, key_dim) = (heads?, key_heads?, key_dim?);
        if !heads.is_multiple_of(key_heads) {
            let expected = format!("a divisor of the {heads} heads of queries is needed");
            return Err(options.misfit(names[1], &expected, get(names[1])));
        }
        Ok(Self {
            heads,
            key_heads,
            key_dim,
            value_dim: sizes("value_dim", 1)?.pop().unwrap_or(key_dim),
            use_bias: options.flag("use_bias")?,
            has_gate: options.flag("use_gate")?,
            dropout: options.number("dropout")?,
            output: sizes("output_shape", 2)?,
            axes: Some(axes).filter(|axes| !axes.is_empty()),
            grouped,
            window: sizes("sliding_window", 1)?.pop(),
            hows: [
                options.initializer("kernel_initializer")?,
                options.initializer("bias_initializer")?,
            ],
            said: Said::default(),
            built: None,
            projections: Vec::new(),
        })
    }

    fn roles<V>(&self, list: Vec<V>) -> Result<Roles<V>, Error> {
        Roles::of(&self.said, list)
    }

    fn axes(&self, rank: usize) -> Result<Axes, Error> {
        Axes::new(self.axes.as_deref(), rank)
    }

    /// Fails unless queries, values and keys fit each other and the weights.
    fn fits(&self, all: &Roles<AnySignal>) -> Result<Axes, Error> {
        let Roles { query, value, key, mask } = all;
        let key = key.as_ref().unwrap_or(value);
        let refuse = |needed: &str| {
            refused(format!(
                "{needed} are needed here, but `{query}` arrives as the query, `{value}` as the \
                 value and `{key}` as the key"
            ))
        };
        [query, value, key].into_iter().chain(mask).try_for_each(words::numbers)?;
        let rank = query.rank();
        let most = if self.grouped { 3 } else { 5 };
        if !(3..=most).contains(&rank) || value.rank() != rank || key.rank() != rank {
            return Err(refuse("sequences of one rank, `(Batch, Length, Features)`,"));
        }
        let axes = self.axes(rank)?;
        let differ = |a: &AnySignal, b: &AnySignal, axis: usize| {
            a.sizes[axis].zip(b.sizes[axis]).is_some_and(|(a, b)| a != b)
        };
        if (0..rank - 1).any(|axis| differ(value, key, axis)) {
            return Err(refuse("a value and a key of one length"));
        }
        if [0].iter().chain(&axes.apart).any(|&axis| differ(query, value, axis)) {
            return Err(refuse("a query and a value of one batch"));
        }
        let all = [Some(query), Some(key), self.has_gate.then_some(query), Some(value)];
        for (projection, one) in self.projections.iter().zip(all.into_iter().flatten()) {
            words::features(one, Some(projection.inputs))?;
        }
        Ok(axes)
    }

    /// What leaves the layer before the last projection: for each position the values of all heads. And the scores.
    fn attend(
        &self,
        all: Roles<Numbers<NoneTape>>,
        tape: Recorder,
        dropout: f64,
    ) -> Result<(Numbers, Option<Flow>), Error> {
        let [of_query, of_key, gate @ .., of_value, _] = self.projections.as_slice() else {
            return Err(Error::Empty("the list of weights"));
        };
        let axes = self.axes(all.query.sizes.len())?;
        let of_scores = axes.scores(&all.query.sizes, &all.value.sizes, self.heads);
        let returned = self.said.has(SCORES);
        let options = AttentionOptions {
            heads: self.heads,
            scale: 1.0 / (self.key_dim as f64).sqrt(),
            visible: all.visible(&of_scores, &axes, self.said.has(CAUSAL), self.window)?,
            // Keras has two ways: in the other of them, a query that sees nothing gets zeros.
            mean_if_blind: self.dropout == 0.0 && !returned && axes.rank == 3,
            dropout,
        };
        let Roles { query, value, key, .. } = all;
        let (batch, mut of_sums) = (query.sizes[0], query.sizes.clone());
        let (more, key) = (query.clone(), key.unwrap_or_else(|| value.clone()));

        let (of_k, of_v, of_gate) = (tape.beside(), tape.beside(), tape.beside());
        let q = of_query.apply(query.put_tape(tape), ActivationKind::Nothing)?;
        let k = of_key.apply(key.put_tape(of_k), ActivationKind::Nothing)?;
        let v = of_value.apply(value.put_tape(of_v), ActivationKind::Nothing)?;
        let (k, v) = (self.shared(k)?, self.shared(v)?);
        let order = axes.steps();
        let (outer, along) = (axes.apart.len() + 1, axes.along.len());
        let q = matrices(q, &order, outer, along)?;
        let k = matrices(k, &order, outer, along)?;
        let v = matrices(v, &order, outer, along)?;

        let mut given = None;
        // What drops is known by the sample, of which there may be several rows.
        let sums = if returned || dropout > 0.0 && outer > 1 {
            let sizes = options.sizes(q.shape(), k.shape(), v.shape())?;
            let mut shares = attention_shares(q, k, &options)?;
            if returned {
                let (x, tape) = shares.split_tape();
                let scores = beside(&x, &tape).into_shape(&as_rows(&of_scores)?)?;
                given = Some(Flow::plain(scores, of_scores)?);
                shares = x.put_tape(tape);
            }
            let shape = *shares.shape();
            let rows = shares.into_shape(&(elements(&[shape.0, shape.1])?, shape.2))?;
            let shares = dropped(rows, batch, None, dropout)?.into_shape(&shape)?;
            attention_sums(shares, v, &sizes)?
        } else {
            Cpu::attention(q, k, v, &options)?
        };
        of_sums.truncate(axes.rank - 1);
        of_sums.extend([self.heads, self.value_dim]);
        let arranged: Vec<usize> = order.iter().map(|&axis| of_sums[axis]).collect();
        let sums = sums.into_shape(&as_rows(&arranged)?)?;
        let (mut sums, mut flat) = permuted(sums, &arranged, &inverse(&order))?;
        if let [gate] = gate {
            let factors = gate.apply(more.put_tape(of_gate), ActivationKind::Logistic)?;
            sums = merged(Merging::Product, sums, factors.x)?;
        }
        flat.truncate(axes.rank - 1);
        flat.push(elements(&[self.heads, self.value_dim])?);
        Ok((Numbers::new(sums, flat, None)?, given))
    }

    /// Keys or values for each head of queries.
    fn shared(&self, x: Numbers) -> Result<Numbers, Error> {
        if self.heads == self.key_heads {
            return Ok(x);
        }
        let (axis, each) = (x.sizes.len() - 2, self.heads / self.key_heads);
        let mut along = all(&x.sizes);
        along[axis].take((0..self.heads).map(|head| Some(head / each)))?;
        let (y, sizes) = arranged(x.x, along)?;
        Ok(Numbers { x: y, sizes, mask: x.mask })
    }

    fn run(&self, x: Flows, dropout: f64) -> Result<Flows, Error> {
        let (x, tape) = join_tapes(x);
        let all = x.into_iter().map(Flow::numbers).collect::<Result<Vec<_>, _>>()?;
        let all = self.roles(all)?;
        let mask = all.query.mask.clone();
        let of_output = self.projections.last().ok_or(Error::Empty("the list of weights"))?;
        let (sums, scores) = self.attend(all, tape, dropout)?;
        let y = of_output.apply(sums, ActivationKind::Nothing)?;
        let mut gives = vec![Flow::Numbers(Numbers { mask, ..y })];
        gives.extend(scores);
        Ok(gives)
    }
}

/// Numbers in another order of their dimensions, as matrices: so many dimensions stand in front of those of a matrix, and
/// so many are of its rows.
fn matrices(x: Numbers, order: &[usize], outer: usize, rows: usize) -> Result<Matrices, Error> {
    let (x, sizes) = permuted(x.x, &x.sizes, order)?;
    let (outer, matrix) = sizes.split_at(outer);
    let (rows, columns) = matrix.split_at(rows);
    x.into_shape(&(elements(outer)?, elements(rows)?, elements(columns)?))
}

impl Op for Heads {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let all = self.roles(arrive.to_vec())?;
        let axes = self.fits(&all)?;
        let Roles { query, value, .. } = all;
        let scores = axes.scores(&query.sizes, &value.sizes, self.heads);
        affordable(&scores)?;
        for (of, features) in [(&query, self.key_dim), (&value, self.key_dim.max(self.value_dim))] {
            let mut sizes = of.sizes.clone();
            sizes[axes.rank - 1] = Some(features);
            sizes.push(Some(self.heads));
            affordable(&sizes)?;
        }
        let mut sizes = query.sizes.clone();
        if !self.output.is_empty() {
            sizes.truncate(axes.rank - 1);
            sizes.extend(self.output.iter().copied().map(Some));
        }
        let mut gives = vec![AnySignal { kind: query.kind, sizes }];
        if self.said.has(SCORES) {
            gives.push(AnySignal::numbers(scores));
        }
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        let all = self.roles(arrive.to_vec())?;
        let key = all.key.as_ref().unwrap_or(&all.value);
        let features =
            [known_features(&all.query)?, known_features(key)?, known_features(&all.value)?];
        let of_values = [self.heads, self.value_dim];
        let output = if self.output.is_empty() { &features[..1] } else { &self.output };
        let of_queries = [self.heads, self.key_dim];
        let (of_keys, seen) = ([self.key_heads, self.key_dim], [self.key_heads, self.value_dim]);
        let wanted = [
            Some(("query", &features[..1], &of_queries[..])),
            Some(("key", &features[1..2], &of_keys)),
            self.has_gate.then_some(("gate", &features[..1], &of_values[..])),
            Some(("value", &features[2..], &seen)),
            Some(("attention_output", &of_values[..], output)),
        ];
        let wanted = wanted.into_iter().flatten();
        let build = |(name, inputs, outputs)| {
            Projection::build(dev, name, (inputs, outputs), self.hows, self.use_bias)
        };
        self.projections = wanted.map(build).collect::<Result<_, Error>>()?;
        let sizes = |one: AnySignal| one.sizes;
        let (query, value) = (sizes(all.query), sizes(all.value));
        self.built = Some(Roles { query, value, key: all.key.map(sizes), mask: None });
        Ok(())
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        self.run(x, 0.0)
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        self.run(x, self.dropout)
    }

    fn words(&self) -> CallWords {
        let bares = !self.grouped;
        CallWords { values: &VALUES, masked: 3, bares, flags: &[CAUSAL, SCORES] }
    }

    fn called(&mut self, said: Said) {
        self.said = said;
    }

    fn call_flags(&self) -> &[&'static str] {
        &self.said.flags
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        self.projections.iter_mut().try_for_each(|projection| projection.visit(visitor))
    }

    fn write(&self, config: &mut Config) {
        if let Some(Roles { query, value, key, .. }) = &self.built {
            let shape = |sizes: &[Option<usize>]| {
                let batch = sizes.first().map(|_| None);
                json!(batch.into_iter().chain(sizes.iter().skip(1).copied()).collect::<Vec<_>>())
            };
            let mut shapes = json!({ "query_shape": shape(query), "value_shape": shape(value) });
            if let Some(key) = key {
                shapes["key_shape"] = shape(key);
            }
            config.build_config = Some(json!({ "shapes_dict": shapes }));
        }
    }
}
