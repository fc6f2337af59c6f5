use dfdx::{
    prelude::HasShape,
    tensor::{NoneTape, Tape, Tensor},
};

use super::{
    EPSILON, Labels, Loss, Prediction, PredictionRows, logits::by_logits, settings::settings,
    signals::check_labels,
};
use crate::{
    backend::{Backend, Element},
    error::Error,
};

/// The cross-entropy of class probabilities against labels that are whole numbers, `-ln p[label]`.
///
/// Probabilities are clipped to `[1e-7, 1 - 1e-7]` and divided by their sum.
///
/// Keras: [`SparseCategoricalCrossentropy`](https://keras.io/api/losses/probabilistic_losses/#sparsecategoricalcrossentropy-class).
/// Where a [`Softmax`](crate::layers::Softmax) stands last in the model, the loss goes back to its logits, and clips nothing: see
/// [`loss`](crate::loss#saturated-outputs).
///
/// # Shapes
/// - prediction `(Batch, .., Classes)`, masked or not; target `Ids<(Batch, ..)>`
///
/// # Errors
/// [`Error::LabelOutOfRange`] for a label without a class.
///
/// ```
/// use kerata::{*, prelude::*, loss::SparseCategoricalCrossentropy};
///
/// let dev = Cpu::default();
/// let prediction = dev.tensor([[0.75_f32, 0.25]]);
/// let loss = SparseCategoricalCrossentropy::default().compute(prediction, dev.tensor([1_usize]))?;
/// assert!((loss.array() - 4.0_f32.ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SparseCategoricalCrossentropy {
    /// Whether the prediction is logits, to which no softmax has been applied.
    pub from_logits: bool,
    /// A label that does not count: no loss, and no part in the mean. Default none.
    pub ignore_class: Option<usize>,
}

impl SparseCategoricalCrossentropy {
    /// For predictions without a softmax.
    pub fn from_logits() -> Self {
        Self { from_logits: true, ..Self::default() }
    }
}

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Labels<P>, E: Element, D: Backend<E>> Loss<P, Y, E, D>
    for SparseCategoricalCrossentropy
{
    fn name(&self) -> &'static str {
        "sparse_categorical_crossentropy"
    }

    settings!(from_logits, ignore_class);

    fn counted(&self, target: &Y::Data<E, D, NoneTape>) -> Result<Option<Vec<bool>>, Error> {
        let Some(ignored) = self.ignore_class else { return Ok(None) };
        let labels = Y::labels::<E, D>(target)?;
        Ok(Some(labels.into_iter().map(|label| label != ignored).collect()))
    }

    by_logits!(SOFTMAX);

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        let labels = Y::labels::<E, D>(target)?;
        let (positions, classes) = *prediction.shape();
        check_labels(&labels, positions, classes)?;
        D::sparse_crossentropy(prediction, labels, (!self.from_logits).then_some(EPSILON))
    }
}
