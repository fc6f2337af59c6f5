use dfdx::{
    shapes::{Const, Dim as _, HasShape},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape},
    error::Error,
    layer,
    layer::Layer,
    shape::{Dim, Fault, missing},
    signal::{Is, OneVector},
};

/// One vector per sample, `N` times: a sequence of it.
///
/// Keras: [`RepeatVector`](https://keras.io/api/layers/reshaping_layers/repeat_vector/).
///
/// # Shapes
/// - input `(Batch, F)`
/// - output `(Batch, N, F)`
///
/// ```
/// use kerata::{Cpu, Error, RepeatVector, prelude::*};
///
/// let x = Cpu::default().tensor([[1.0_f32, 2.0]]);
/// assert_eq!(RepeatVector::<2>.forward(x)?.array(), [[[1.0, 2.0], [1.0, 2.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "RepeatVector", input = (Batch, Features), check = wrong_times(N).tell(), keys(n: size(N)))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepeatVector<const N: usize>;

const fn wrong_times(times: usize) -> Fault {
    missing(times, "a vector is repeated at least 1 time, not 0")
}

impl<B, const F: usize, In, const N: usize, E, D> Layer<In, E, D> for RepeatVector<N>
where
    B: Dim,
    In: OneVector<Batch = B, Features = Const<F>>,
    Const<F>: Is<F>,
    E: Element,
    D: Backend<E>,
{
    type Out = (B, Const<N>, Const<F>);

    const FAULT: Fault = wrong_times(N);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let x = In::vectors::<F, E, D, T>(x)?;
        let (batch, features) = *x.shape();
        let rows = x.into_shape(&(batch.size(), features.size()))?;
        D::repeated(rows, N)?.into_shape(&(batch, Const, features))
    }
}
