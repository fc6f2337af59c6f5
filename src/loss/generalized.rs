use dfdx::{
    prelude::{HasShape, SelectTo, TryAdd},
    tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor},
};

use super::{
    EPSILON, Labels, Loss, Prediction, PredictionRows, relative::at_least, settings::settings,
    signals::check_labels,
};
use crate::{
    backend::{Backend, Element, near, to_values, zeros_after},
    error::{Error, OrDevice},
};

/// `(1 - p[label]^q) / q`, for labels some of which are wrong ([Zhang and Sabuncu 2018](https://arxiv.org/abs/1805.07836)): from the
/// cross-entropy at a small `q` to the absolute error at 1. Below a probability of 1e-7 the gradient is that at 1e-7, where Keras's
/// is infinite at 0.
///
/// Keras: [`CategoricalGeneralizedCrossEntropy`](https://keras.io/api/losses/probabilistic_losses/).
///
/// # Shapes
/// - prediction `(Batch, .., Classes)`, masked or not; target `Ids<(Batch, ..)>`
///
/// # Errors
/// [`Error::LabelOutOfRange`] for a label without a class, [`Error::Invalid`] for a `q` that is not between 0 and 1.
///
/// ```
/// use kerata::{*, prelude::*, loss::CategoricalGeneralizedCrossEntropy};
///
/// let dev = Cpu::default();
/// let loss = CategoricalGeneralizedCrossEntropy::default();
/// let loss = loss.compute(dev.tensor([[0.75_f32, 0.25]]), dev.tensor([1_usize]))?;
/// assert_eq!(loss.array(), (1.0 - 0.5) / 0.5);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CategoricalGeneralizedCrossEntropy {
    /// How much of the labels may be wrong, between 0 and 1. Default 0.5.
    pub q: f64,
}

impl Default for CategoricalGeneralizedCrossEntropy {
    fn default() -> Self {
        Self { q: 0.5 }
    }
}

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Labels<P>, E: Element, D: Backend<E>> Loss<P, Y, E, D>
    for CategoricalGeneralizedCrossEntropy
{
    fn name(&self) -> &'static str {
        "categorical_generalized_cross_entropy"
    }

    settings!(q);

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        let q = self.q;
        if !(q > 0.0 && q < 1.0) {
            return Err(Error::invalid("q", q, "it must be between 0 and 1"));
        }
        let labels = Y::labels::<E, D>(target)?;
        let (positions, classes) = *prediction.shape();
        check_labels(&labels, positions, classes)?;
        if positions == 0 {
            return zeros_after(prediction, &(positions,));
        }
        let dev = prediction.device().clone();
        let labels = dev.try_tensor_from_vec(labels, (positions,)).or_device()?;
        let (p, tape) = prediction.try_select(labels).or_device()?.split_tape();
        let values = to_values(&p)?;
        let each = |f: &dyn Fn(f64) -> f64| values.iter().map(|p| E::of(f(p.as_f64()))).collect();
        let losses: Vec<E> = each(&|p| (1.0 - p.powf(q)) / q);
        // At 0 it would be infinite, and no gradient could be computed with it.
        let slopes: Vec<E> = each(&|p| -at_least(p, EPSILON).powf(q - 1.0));
        let losses = dev.try_tensor_from_vec(losses, (positions,)).or_device()?;
        near(p.put_tape(tape), values, slopes)?.try_add(losses).or_device()
    }
}
