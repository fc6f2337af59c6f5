use dfdx::tensor::Tape;

use crate::{
    backend::{Backend, Element},
    error::Error,
    layer,
    layer::Layer,
    signal::Signal,
    stream::handed_on,
};

/// Gives what it takes, whatever that is.
///
/// In a `#[model]` that gives two values it is the last field, `#[from(a, b)] both: Identity`.
///
/// Keras: [`Identity`](https://keras.io/api/layers/core_layers/identity/).
///
/// # Shapes
/// Any signal; it stays.
///
/// ```
/// use kerata::{Cpu, Error, Identity, prelude::*};
///
/// let x = Cpu::default().tensor([[1.0_f32, 2.0]]);
/// assert_eq!(Identity.forward(x)?.array(), [[1.0, 2.0]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Identity")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Identity;

impl<In: Signal, E: Element, D: Backend<E>> Layer<In, E, D> for Identity {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        Ok(x)
    }
}

handed_on!([In: Signal] Identity, In, x => x);
