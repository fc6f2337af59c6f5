use dfdx::{
    prelude::{HasShape, PermuteTo, ReshapeTo, TryMatMul, TryMul},
    shapes::Axes2,
    tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor},
};

use super::{Labels, Loss, Prediction, PredictionRows, settings::settings};
use crate::{
    backend::{Backend, Element, memory::filled, over_ranks, to_values, zeros_after},
    distributed::{self, Pass},
    error::{Error, OrDevice},
};

/// A loss for embeddings: those of one class come together, those of different classes apart
/// ([Sun et al. 2020](https://arxiv.org/abs/2002.10857)).
///
/// With the distances `d = max(1 - a . b, 0)` of an embedding to all others of the batch, `p` to those of its class and `n` to
/// those of other classes, its loss is
///
/// ```text
/// softplus(logsumexp(gamma * (p + margin) * (p - margin)) + logsumexp(gamma * max(1 + margin - n, 0) * (1 - margin - n)))
/// ```
///
/// Embeddings are of length 1. One without another of its class, or of which all are of its class, has the loss 0; as in
/// Keras, what has the loss 0 does not count in the mean. What a mask leaves out is compared with nothing.
///
/// Keras: [`Circle`](https://keras.io/api/losses/).
///
/// # Shapes
/// - prediction `(Batch, .., Features)`, masked or not; target `Ids<(Batch, ..)>`, any numbers
///
/// # Errors
/// [`Error::Invalid`] for a setting that is not finite, or a `gamma` that is not positive.
///
/// ```
/// use kerata::{*, prelude::*, loss::Circle};
///
/// let dev = Cpu::default();
/// let near = dev.tensor([[1.0_f32, 0.0], [1.0, 0.0], [0.0, 1.0]]);
/// let far = dev.tensor([[1.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0]]);
/// let labels = || dev.tensor([7_usize, 7, 2]);
/// let loss = Circle::default();
/// assert!(loss.compute(near, labels())?.array() < 0.01);
/// assert!(loss.compute(far, labels())?.array() > 50.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// How much differences of distances count. Default 80.
    pub gamma: f64,
    /// From how far those of one class are drawn together. Default 0.4.
    pub margin: f64,
    /// Whether an embedding is not compared with itself. Default yes.
    pub remove_diagonal: bool,
}

impl Default for Circle {
    fn default() -> Self {
        Self { gamma: 80.0, margin: 0.4, remove_diagonal: true }
    }
}

/// The logarithm of a sum of exponentials, and the share of each of them, which is added at its place.
fn log_sum_exp(terms: &[(usize, f64)], shares: &mut [f64]) -> f64 {
    // NaN stays.
    let most = terms.iter().fold(f64::NEG_INFINITY, |a, (_, b)| if *b <= a { a } else { *b });
    if most == f64::NEG_INFINITY {
        return most;
    }
    let sum: f64 = terms.iter().map(|(_, term)| (term - most).exp()).sum();
    for (at, term) in terms {
        shares[*at] = (term - most).exp() / sum;
    }
    most + sum.ln()
}

impl Circle {
    fn check(&self) -> Result<(), Error> {
        if !(self.gamma > 0.0 && self.gamma.is_finite()) {
            return Err(Error::invalid("gamma", self.gamma, "it must be finite and positive"));
        }
        if !self.margin.is_finite() {
            return Err(Error::invalid("margin", self.margin, "it must be finite"));
        }
        Ok(())
    }

    /// The loss of one embedding by its products with the others, and its derivative in each product.
    fn of_row(&self, products: &[f64], kinds: &[Option<bool>], slopes: &mut [f64]) -> f64 {
        let Self { gamma, margin, .. } = *self;
        let distance = |product: f64| if product > 1.0 { 0.0 } else { 1.0 - product };
        let terms = |same: bool, of: &dyn Fn(f64) -> f64| -> Vec<(usize, f64)> {
            let of_kind = (0..products.len()).filter(|&i| kinds[i] == Some(same));
            of_kind.map(|i| (i, of(distance(products[i])))).collect()
        };
        let reach = |d: f64| if d > 1.0 + margin { 0.0 } else { 1.0 + margin - d };
        let positives = terms(true, &|d| {
            let weight = if d < -margin { 0.0 } else { d + margin };
            gamma * weight * (d - margin)
        });
        let negatives = terms(false, &|d| gamma * reach(d) * (1.0 - margin - d));
        let sum = log_sum_exp(&positives, slopes) + log_sum_exp(&negatives, slopes);
        // Of an infinite one nothing is left.
        if sum == f64::NEG_INFINITY {
            slopes.fill(0.0);
            return 0.0;
        }
        let outer = 1.0 / (1.0 + (-sum).exp());
        for ((slope, &product), kind) in slopes.iter_mut().zip(products).zip(kinds) {
            let d = distance(product);
            let of_distance = match kind {
                Some(true) if d >= -margin => 2.0 * gamma * d,
                Some(false) if reach(d) > 0.0 => gamma * (2.0 * d - 2.0),
                _ => 0.0,
            };
            *slope *= if product > 1.0 { 0.0 } else { -outer * of_distance };
        }
        sum.max(0.0) + (-sum.abs()).exp().ln_1p()
    }

    fn of_batch<E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        labels: &[usize],
        keep: Option<&[bool]>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        self.check()?;
        let (positions, width) = *prediction.shape();
        if labels.len() != positions {
            return Err(Error::mismatch("the number of labels", positions, labels.len()));
        }
        if positions * width == 0 {
            return zeros_after(prediction, &(positions,));
        }
        let (x, tape) = prediction.split_tape();
        // A tensor of its own: a product of one with itself has no gradient in dfdx.
        let across = x.clone().put_tape(T::default()).try_mul(E::one()).or_device()?;
        let others = Others::of_batch(across, labels, keep)?;
        let across = others.embeddings.try_permute::<(usize, usize), Axes2<1, 0>>().or_device()?;
        let products = x.put_tape(tape).try_matmul(across).or_device()?;
        let (products, tape) = products.split_tape();
        let values = to_values(&products)?;
        let count = others.labels.len();
        let mut losses = filled(&[positions], E::zero())?;
        let mut slopes = filled(&[positions, count], E::zero())?;
        let (mut row, mut of_row) = (filled(&[count], 0.0)?, filled(&[count], 0.0)?);
        let mut kinds = filled(&[count], None)?;
        for at in (0..positions).filter(|&at| keep.is_none_or(|keep| keep[at])) {
            let range = at * count..(at + 1) * count;
            for (to, value) in row.iter_mut().zip(&values[range.clone()]) {
                *to = value.as_f64();
            }
            for ((other, kind), label) in kinds.iter_mut().enumerate().zip(&others.labels) {
                let is_self = other == others.first + at && self.remove_diagonal;
                *kind = label.filter(|_| !is_self).map(|label| label == labels[at] as f64);
            }
            of_row.fill(0.0);
            losses[at] = E::of(self.of_row(&row, &kinds, &mut of_row));
            slopes[range].iter_mut().zip(&of_row).for_each(|(to, &slope)| *to = E::of(slope));
        }
        D::with_slopes(products.put_tape(tape), losses, slopes)
    }
}

/// What the embeddings are compared with: all of the batch, those of other ranks too.
struct Others<E: Element, D: Backend<E>, T> {
    embeddings: Tensor<(usize, usize), E, D, T>,
    /// None of one that counts for nothing.
    labels: Vec<Option<f64>>,
    /// Which of them is the first of this rank.
    first: usize,
}

impl<E: Element, D: Backend<E>, T: Tape<E, D>> Others<E, D, T> {
    fn of_batch(
        embeddings: PredictionRows<E, D, T>,
        labels: &[usize],
        keep: Option<&[bool]>,
    ) -> Result<Self, Error> {
        let counts = |at: usize| keep.is_none_or(|keep| keep[at]);
        let Some(pass) = distributed::current() else {
            let labels = labels.iter().enumerate();
            let labels = labels.map(|(at, &label)| counts(at).then_some(label as f64)).collect();
            return Ok(Self { embeddings, labels, first: 0 });
        };
        let (positions, width) = *embeddings.shape();
        // A label may be any number, so that none of them says that the embedding does not count.
        let own = labels.iter().enumerate();
        let own = own.flat_map(|(at, &label)| [label as f64, f64::from(u8::from(counts(at)))]);
        let (first, of_all) = pass.gather_rows(positions, &own.collect::<Vec<_>>())?;
        let labels = of_all.chunks_exact(2);
        let labels = labels.map(|of| (of[1] != 0.0).then_some(of[0])).collect::<Vec<_>>();
        let embeddings = gathered(embeddings, &pass, (first, labels.len(), width))?;
        Ok(Self { embeddings, labels, first })
    }
}

/// The rows of all ranks, of which those of this one begin at `first`.
fn gathered<E: Element, D: Backend<E>, T: Tape<E, D>>(
    rows: PredictionRows<E, D, T>,
    pass: &Pass,
    (first, all, width): (usize, usize, usize),
) -> Result<PredictionRows<E, D, T>, Error> {
    let dev = rows.device().clone();
    let own = rows.shape().0;
    // By a product, which has a gradient, each row comes to its place.
    let mut places = filled(&[all, own], E::zero())?;
    if pass.share.counts {
        (0..own).for_each(|at| places[(first + at) * own + at] = E::one());
    }
    let places = dev.try_tensor_from_vec(places, (all, own)).or_device()?;
    let rows = places.put_tape(T::default()).try_matmul(rows).or_device()?;
    let rows = over_ranks(rows.try_reshape_like(&(all * width,)).or_device()?)?;
    rows.try_reshape_like(&(all, width)).or_device()
}

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Labels<P>, E: Element, D: Backend<E>> Loss<P, Y, E, D> for Circle {
    fn name(&self) -> &'static str {
        "circle"
    }

    settings!(gamma, margin, remove_diagonal);

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        self.of_batch(prediction, &Y::labels::<E, D>(target)?, None)
    }

    fn per_batch<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        _: &[usize],
        keep: Option<&[bool]>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        self.of_batch(prediction, &Y::labels::<E, D>(target)?, keep)
    }

    fn leaves_out_zeros(&self) -> bool {
        true
    }
}
