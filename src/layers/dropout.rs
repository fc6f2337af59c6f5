use dfdx::tensor::Tape;

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

impl<const PERCENT: usize, In, E, D> Layer<In, E, D> for Dropout<PERCENT>
where
    In: MaskTransparent,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const FAULT: Fault = match PERCENT {
        0..100 => Fault::NONE,
        _ => Fault::new(&[Words::Text("the rate of a `Dropout` is 0 to 99 percent")]),
    };

    // A layer around this one may hand on the pass of training by `call`: it implements no `call_mut`.
    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        if !trains() {
            return Ok(x);
        }
        <Self as Layer<In, E, D>>::call_mut(&mut self.clone(), x)
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        // Then it is the same data, of which the loss knows the logits.
        if PERCENT == 0 {
            return Ok(x);
        }
        let mask = In::mask::<E, D, T>(&x).cloned();
        In::map(x, |x| D::dropout(x, mask.as_ref(), PERCENT as f64 / 100.0))
    }
}

handed_on!([In: MaskTransparent, const PERCENT: usize] Dropout<PERCENT>, In, x => x);
