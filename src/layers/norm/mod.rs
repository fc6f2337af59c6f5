//! Normalisation.

mod batch;
mod group;
mod layer;
mod rms;
mod rows;
mod unit;

pub use batch::BatchNorm;
pub(crate) use batch::train as batch_norm_train;
pub use group::GroupNorm;
pub(crate) use group::group_norm;
pub use layer::LayerNorm;
pub use rms::RmsNorm;
pub(crate) use unit::LARGEST_FACTOR;
pub use unit::UnitNorm;

use dfdx::{
    shapes::{HasShape, Rank1},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape, memory::elements_of, sized},
    error::Error,
    init,
    shape::{Fault, Shape, Words, missing},
};

/// What is added to a variance before the root, as in Keras.
const EPSILON: f64 = 1e-3;

/// Rows of features.
type Rows<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// What an operation on rows of features does to a tensor of any shape whose last dimension is theirs. Nothing stays nothing.
pub(super) fn by_rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    features: usize,
    operation: impl FnOnce(Rows<E, D, T>) -> Result<Rows<E, D, T>, Error>,
) -> Result<Tensor<S, E, D, T>, Error> {
    let shape = *x.shape();
    let rows = match elements_of(&shape)? {
        0 => return Ok(x),
        elements => elements.checked_div(features).unwrap_or(0),
    };
    operation(x.into_shape(&(rows, features))?)?.into_shape(&shape)
}

/// The factor of the normalised values; ones where a layer has none.
fn factor<const F: usize, E: Element, D: Backend<E>>(
    gamma: &Tensor<Rank1<F>, E, D>,
    scale: bool,
) -> Result<Tensor<(usize,), E, D>, Error> {
    sized(if scale { gamma.clone() } else { init::ones(gamma.device(), *gamma.shape())? })
}

/// What is added to the normalised values; zeros where a layer has none.
fn shift<const F: usize, E: Element, D: Backend<E>>(
    beta: &Tensor<Rank1<F>, E, D>,
    center: bool,
) -> Result<Tensor<(usize,), E, D>, Error> {
    sized(if center { beta.clone() } else { init::zeros(beta.device(), *beta.shape())? })
}

/// Fails unless an epsilon, which is a public field, makes sense.
fn check_epsilon<E: Element>(epsilon: f64) -> Result<(), Error> {
    if epsilon >= 0.0 && E::of(epsilon).is_finite() {
        return Ok(());
    }
    Err(Error::invalid("epsilon", epsilon, "it must be at least 0, and finite"))
}

/// What is wrong if there is nothing to normalise.
pub(super) const fn wrong_size(features: usize) -> Fault {
    missing(features, "a normalisation takes at least 1 feature, not 0")
}

/// What is wrong, with the numbers, unless the features that reach a layer are those that it takes.
pub(super) const fn wrong_features(takes: usize, arrive: usize) -> Fault {
    let none = wrong_size(takes);
    if takes == arrive {
        return none;
    }
    none.or(Fault::new(&[
        Words::Number(takes),
        Words::Text(" features are needed here, but "),
        Words::Number(arrive),
        Words::Text(" arrive: `_` stands for what arrives"),
    ]))
}
