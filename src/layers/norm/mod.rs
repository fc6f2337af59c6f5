//! Normalisation.

mod batch;
mod layer;

pub use batch::BatchNorm;
pub use layer::LayerNorm;

use dfdx::{
    prelude::{HasShape, ReshapeTo},
    shapes::{Const, Shape},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
};

/// What is added to a variance before the root, as in Keras.
const EPSILON: f64 = 1e-3;

/// Rows of `F` numbers.
type Rows<const F: usize, E, D, T> = Tensor<(usize, Const<F>), E, D, T>;

/// Numbers of any shape whose last dimension is `F`, as rows.
fn rows<S: Shape, const F: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Rows<F, E, D, T>, Error> {
    let rows = x.shape().num_elements().checked_div(F).unwrap_or(0);
    x.try_reshape_like(&(rows, Const)).or_device()
}

/// Fails, with the numbers, unless the features that reach a layer are those that it takes.
const fn check_features(takes: usize, arrive: usize) {
    if takes != arrive {
        const_panic::concat_panic!("", takes, " features are needed here, but ", arrive, " arrive");
    }
}
