//! Normalisation.

mod batch;
mod layer;

pub use batch::BatchNorm;
pub(crate) use batch::train as batch_norm_train;
pub use layer::LayerNorm;

use dfdx::{
    shapes::Shape,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape, memory::elements_of},
    error::Error,
    shape::at_least_one,
};

/// What is added to a variance before the root, as in Keras.
const EPSILON: f64 = 1e-3;

/// Rows of features.
type Rows<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// A tensor of any shape whose last dimension is that of the features, as rows.
fn rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    features: usize,
) -> Result<Rows<E, D, T>, Error> {
    let rows = elements_of(&x)?.checked_div(features).unwrap_or(0);
    x.into_shape(&(rows, features))
}

/// Fails, while the program is compiled, if there is nothing to normalise.
#[track_caller]
const fn check_any(features: usize) {
    at_least_one(features, "a normalisation takes at least 1 feature, not 0");
}

/// Fails, with the numbers, unless the features that reach a layer are those that it takes.
#[track_caller]
const fn check_features(takes: usize, arrive: usize) {
    check_any(takes);
    if takes != arrive {
        const_panic::concat_panic!("", takes, " features are needed here, but ", arrive, " arrive");
    }
}
