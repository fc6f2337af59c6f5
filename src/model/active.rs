use dfdx::{
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::Error,
    regularizers::{Regularizer, penalize},
    shape::Shape,
    signal::{Mask, SeeTensor, Signal},
};

/// Adds the penalty of an `activity_regularizer` on what leaves a layer to the loss of the pass.
///
/// # Errors
/// Those of the regularizer.
pub fn active<S: Signal, E: Element, D: Backend<E>, T: Tape<E, D>>(
    data: &S::Data<E, D, T>,
    regularizer: &dyn Regularizer,
) -> Result<(), Error> {
    struct Penalize<'a>(&'a dyn Regularizer);

    impl<E: Element, D: Backend<E>, T: Tape<E, D>> SeeTensor<E, D, T> for Penalize<'_> {
        fn tensor<S: Shape>(
            &mut self,
            tensor: &Tensor<S, E, D, T>,
            mask: Option<&Mask>,
        ) -> Result<(), Error> {
            let sizes: Vec<usize> = tensor.shape().concrete().into();
            penalize(tensor.retaped(), &sizes, mask, self.0, T::OWNS_TAPE)
        }
    }

    S::each_tensor::<E, D, T>(data, &mut Penalize(regularizer))
}
