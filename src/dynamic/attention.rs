//! Keras's `Attention` and `AdditiveAttention`: lists of a query, a value and perhaps a key.

use dfdx::{
    prelude::{HasShape, TryAdd},
    tensor::{Cpu, NoneTape, PutTape, SplitTape, TensorFromVec},
};

use super::{
    dense::known_features,
    dropout::dropped,
    flow::{Flow, Flows, Numbers, Rows, as_rows, beside, join_tapes},
    is_padded,
    op::Op,
    options::Options,
    places::permuted,
    said::{CallWords, Said},
    scores::{CAUSAL, Matrices, SCORES, Seen, affordable, hidden, shares},
    visit,
    weights::{Role, Weights, tensor},
    words::{self, refused},
};
use crate::{
    backend::{
        ActivationKind, Backend, DenseWeights, IntoShape, WeightCache, memory::elements, products,
    },
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer},
};

/// Each position of a query gets a mean of values, by how it fits their keys.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    fit: Fit,
    use_scale: bool,
    /// How much of the shares drops in training.
    dropout: f64,
    said: Said,
    features: Option<usize>,
    weights: Weights,
}

/// How well a key fits a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// By their product.
    Dot,
    /// By the sum of the `tanh` of what both sum to.
    Concat,
    /// The same, with a weight of each feature.
    Additive,
}

impl Attention {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let fit = match options.config.class_name.as_str() {
            "AdditiveAttention" => Fit::Additive,
            _ if options.text("score_mode")? == "concat" => Fit::Concat,
            _ => Fit::Dot,
        };
        Ok(Self {
            fit,
            use_scale: options.flag("use_scale")?,
            dropout: options.number("dropout")?,
            said: Said::default(),
            features: None,
            weights: Weights::default(),
        })
    }

    /// The sizes of the scores, and of what leaves the layer.
    fn sizes(&self, arrive: &[AnySignal]) -> Result<[Vec<Option<usize>>; 2], Error> {
        let (query, value, key) = match arrive {
            [query, value] => (query, value, value),
            [query, value, key] => (query, value, key),
            _ => {
                return Err(refused(format!(
                    "a query and a value are needed here, and perhaps a key, but {} inputs arrive",
                    arrive.len()
                )));
            }
        };
        let refuse = |needed: &str| {
            refused(format!(
                "{needed} are needed here, but `{query}` arrives as the query, `{value}` as the \
                 value and `{key}` as the key"
            ))
        };
        [query, value, key].into_iter().try_for_each(words::numbers)?;
        let rank = query.rank();
        if !(3..=5).contains(&rank) || value.rank() != rank || key.rank() != rank {
            return Err(refuse("sequences of one rank, `(Batch, Length, Features)`,"));
        }
        if rank != 3 && arrive.iter().any(is_padded) {
            return Err(refuse("masks of `(Batch, Length, Features)`"));
        }
        let differ = |a: &AnySignal, b: &AnySignal, axis: usize| {
            a.sizes[axis].zip(b.sizes[axis]).is_some_and(|(a, b)| a != b)
        };
        if differ(query, key, rank - 1) {
            return Err(refuse("a query and a key of as many features"));
        }
        if (0..rank - 1).any(|axis| differ(value, key, axis)) {
            return Err(refuse("a value and a key of one length"));
        }
        if (0..rank - 2).any(|axis| differ(query, value, axis)) {
            return Err(refuse("a query and a value of one batch"));
        }
        words::features(query, self.features)?;
        let (mut scores, mut gives) = (query.sizes.clone(), query.sizes.clone());
        scores[rank - 1] = value.sizes[rank - 2];
        gives[rank - 1] = value.sizes[rank - 1];
        affordable(&scores)?;
        if self.fit != Fit::Dot {
            let mut sums = scores.clone();
            sums.push(query.sizes[rank - 1]);
            affordable(&sums)?;
        }
        Ok([scores, gives])
    }

    /// The numbers of each row, each times a weight, summed.
    fn weighted(x: Rows, weights: Rows<NoneTape>) -> Result<Rows, Error> {
        let cache = WeightCache::default();
        let weights = DenseWeights { kernel: weights, bias: None, cache: &cache };
        Cpu::dense(x, weights, ActivationKind::Nothing)
    }

    /// All numbers times a weight of one.
    fn scaled(&self, x: Rows, name: &'static str) -> Result<Rows, Error> {
        let shape = *x.shape();
        let each = x.into_shape(&(elements(&[shape.0, shape.1])?, 1))?;
        Self::weighted(each, self.weights.matrix(name, 1)?)?.into_shape(&shape)
    }

    /// How well each query fits each key: `(B, T, N)` and `(B, S, N)` give `(B, T, S)`.
    fn scores(&self, q: Matrices, k: Matrices) -> Result<Matrices, Error> {
        let (&(batch, queries, features), &(_, keys, _)) = (q.shape(), k.shape());
        let shape = (batch, queries, keys);
        let rows = (elements(&[batch, queries])?, keys);
        if self.fit == Fit::Dot {
            let scores = products(q, k, false)?;
            if !self.use_scale {
                return Ok(scores);
            }
            return self.scaled(scores.into_shape(&rows)?, "scale")?.into_shape(&shape);
        }
        let (mut q, mut k) = (q, k);
        if self.fit == Fit::Concat && self.use_scale {
            let scaled = |x: Matrices| -> Result<Matrices, Error> {
                let (shape, rows) = (*x.shape(), elements(&[batch, x.shape().1])?);
                self.scaled(x.into_shape(&(rows, features))?, "scale")?.into_shape(&shape)
            };
            (q, k) = (scaled(q)?, scaled(k)?);
        }
        let weights = match (self.fit, self.use_scale) {
            (Fit::Additive, true) => self.weights.flat("scale")?,
            _ => tensor(vec![1.0; features])?,
        };
        let scores = Cpu::additive_scores([q, k], &weights)?;
        let scores = match self.fit {
            Fit::Concat => {
                self.scaled(scores.into_shape(&rows)?, "concat_score_weight")?.into_shape(&shape)?
            }
            _ => scores,
        };
        Ok(scores)
    }

    fn run(&self, x: Flows, dropout: f64) -> Result<Flows, Error> {
        let signals: Vec<AnySignal> = x.iter().map(Flow::signal).collect();
        let known = |size: Option<usize>| size.unwrap_or(0);
        let sizes = self.sizes(&signals)?;
        let [of_scores, gives] =
            sizes.map(|sizes| sizes.into_iter().map(known).collect::<Vec<usize>>());
        let mut list = Vec::new();
        for one in x {
            let Numbers { x, sizes, mask } = one.numbers()?;
            // On the tape of the input: a gradient goes back through what replaces the padding.
            let x = Cpu::bounded_padding(x, mask.as_ref())?;
            list.push(Flow::Numbers(Numbers { x, sizes, mask }));
        }
        let (x, tape) = join_tapes(list);
        let list = x.into_iter().map(Flow::numbers).collect::<Result<Vec<_>, Error>>()?;
        let mut list = list.into_iter();
        let (Some(query), Some(value)) = (list.next(), list.next()) else {
            return Err(Error::Empty("the list of inputs"));
        };
        let key = list.next().unwrap_or_else(|| value.clone());
        let rank = of_scores.len();
        let (of_queries, of_keys) = (query.mask.clone(), value.mask.clone());
        let batch = of_scores[0];

        let (of_key, of_value) = (tape.beside(), tape.beside());
        let scores = self
            .scores(matrices(query.put_tape(tape), rank)?, matrices(key.put_tape(of_key), rank)?)?;
        let shape = *scores.shape();
        let mut scores = scores.into_shape(&as_rows(&of_scores)?)?;
        let mut seen: Vec<Seen> = of_keys.iter().map(Seen::of_keys).collect();
        if self.said.has(CAUSAL) {
            seen.push(Seen::causal(of_scores[rank - 2], of_scores[rank - 1])?);
        }
        let mut seen = seen.into_iter();
        if let Some(first) = seen.next() {
            let keep = seen.try_fold(first, Seen::and)?.over(&of_scores, 2)?;
            scores = lowered(scores, &keep)?;
        }
        let mut shares = dropped(shares(scores, None)?, batch, None, dropout)?;
        let mut given = None;
        if self.said.has(SCORES) {
            let (x, tape) = shares.split_tape();
            given = Some(Flow::plain(beside(&x, &tape), of_scores)?);
            shares = x.put_tape(tape);
        }
        let order: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
        let value = value.put_tape(of_value);
        let (x, sizes) = permuted(value.x, &value.sizes, &order)?;
        let value = matrices(Numbers { x, sizes, mask: None }, rank)?;
        let sums = products(shares.into_shape(&shape)?, value, false)?;
        let mut y = sums.into_shape(&as_rows(&gives)?)?;
        if let Some(mask) = of_queries.as_ref().filter(|_| !gives.contains(&0)) {
            y = hidden(y, mask.as_slice(), 0.0)?;
        }
        let mut gives = vec![Flow::Numbers(Numbers { x: y, sizes: gives, mask: of_queries })];
        gives.extend(given);
        Ok(gives)
    }
}

/// The last two dimensions as those of matrices.
fn matrices(x: Numbers, rank: usize) -> Result<Matrices, Error> {
    let (outer, matrix) = x.sizes.split_at(rank - 2);
    x.x.into_shape(&(elements(outer)?, matrix[0], matrix[1]))
}

/// Scores with so much less for what is not kept that nothing of it is left. Where nothing is kept, all of it is.
fn lowered(scores: Rows, keep: &[bool]) -> Result<Rows, Error> {
    if keep.iter().all(|&keep| keep) {
        return Ok(scores);
    }
    let less = keep.iter().map(|&keep| if keep { 0.0 } else { -1e9 }).collect();
    let less: Rows<NoneTape> =
        scores.device().try_tensor_from_vec(less, *scores.shape()).or_device()?;
    scores.try_add(less).or_device()
}

impl Op for Attention {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let [scores, sizes] = self.sizes(arrive)?;
        let mut gives = vec![AnySignal { kind: arrive[0].kind, sizes }];
        if self.said.has(SCORES) {
            gives.push(AnySignal::numbers(scores));
        }
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        let query = arrive.first().ok_or(Error::Empty("the list of inputs"))?;
        let features = [known_features(query)?];
        let one = Initializer::ONES;
        let wanted = [
            (self.use_scale && self.fit == Fit::Additive).then_some((
                "scale",
                &features[..],
                Initializer::GLOROT_UNIFORM,
                Role::Trained,
            )),
            (self.use_scale && self.fit != Fit::Additive).then_some((
                "scale",
                &[],
                one,
                Role::Trained,
            )),
            (self.fit == Fit::Concat).then_some(("concat_score_weight", &[], one, Role::Trained)),
        ];
        let wanted: Vec<_> = wanted.into_iter().flatten().collect();
        self.weights = Weights::draw(dev, &wanted)?;
        self.features = Some(features[0]);
        Ok(())
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        self.run(x, 0.0)
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        self.run(x, self.dropout)
    }

    fn words(&self) -> CallWords {
        CallWords { flags: &[CAUSAL, SCORES], ..CallWords::default() }
    }

    fn called(&mut self, said: Said) {
        self.said = said;
    }

    fn call_flags(&self) -> &[&'static str] {
        &self.said.flags
    }

    visit!();
}
