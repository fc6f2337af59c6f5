use dfdx::tensor::Tape;

use super::training_only::{training_only, wrong_rate};
use crate::{
    backend::{Backend, Element},
    error::Error,
    layer,
    layer::{Layer, trains},
    shape::{Fault, Words},
    signal::MaskTransparent,
    stream::handed_on,
};

/// Sets `PERCENT` percent of the numbers to 0 and scales the others up, in the training pass only.
///
/// [`forward`](crate::layer::Forward::forward) is always the identity;
/// [`forward_mut`](crate::layer::Forward::forward_mut), the training pass that `fit` takes, drops. There is no
/// flag to forget. What is dropped of a masked sequence does not depend on its padding, where nothing is. The paper is [Srivastava et al. 2014](https://jmlr.org/papers/v15/srivastava14a.html);
/// Keras: [`Dropout`](https://keras.io/api/layers/regularization_layers/dropout/).
///
/// # Shapes
/// Any shape, masked or not; it stays.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::default();
/// let x = dev.tensor([[1.0_f32; 100]; 10]);
/// let mut dropout = Dropout::<50>;
/// assert_eq!(dropout.forward(x.clone())?.array(), x.array());
/// let dropped = dropout.forward_mut(x)?.as_vec();
/// assert!(dropped.iter().all(|&v| v == 0.0 || v == 2.0));
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Dropout",
    keys(
        rate: share(PERCENT as f64 / 100.0, None),
        seed(),
        none(&["noise_shape"]),
    ),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropout<const PERCENT: usize>;

training_only! {
    [const PERCENT: usize] Dropout<PERCENT>: MaskTransparent,
    wrong_rate(PERCENT, &[Words::Text("the rate of a `Dropout` is 0 to 99 percent")]),
    |_layer| PERCENT as f64 / 100.0,
    |rate, x, mask| match PERCENT {
        // Then it is the same data, of which the loss knows the logits.
        0 => Ok(x),
        _ => D::dropout(x, mask, rate),
    }
}

handed_on!([In: MaskTransparent, const PERCENT: usize] Dropout<PERCENT>, In, x => x);
