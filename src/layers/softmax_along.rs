use dfdx::{
    shapes::{HasShape, Shape as _},
    tensor::Tape,
};

use crate::{
    backend::{Backend, Element, logits, memory::elements},
    error::Error,
    layer,
    layer::Layer,
    layers::Unmasked,
    shape::{Fault, Shape, Words},
    signal::MaskTransparent,
};

/// The softmax along any axis: `exp(x) / sum(exp(x))`, where 1 is the axis behind the batch.
///
/// Along the last axis there is [`Softmax`](crate::Softmax), which the layer in front can do at once.
///
/// Keras: [`Softmax`](https://keras.io/api/layers/activation_layers/softmax/) with `axis`.
///
/// # Shapes
/// - input and output `(Batch, ..)` without a mask, whose steps would be mixed with the padding
///
/// ```
/// use kerata::{Batch, Cpu, Error, SoftmaxAlong, model, prelude::*};
///
/// #[model(input = (Batch, 3, 2), output = (Batch, 3, 2))]
/// struct Attention {
///     share: SoftmaxAlong<1>, // of each step, for each feature
/// }
///
/// let model = Attention::build(&Cpu::default())?;
/// let y = model.predict(&vec![[[1.0, 0.0]; 3]], 1)?.as_vec();
/// assert!(y.iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-6));
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Softmax", keys(softmax_along(AXIS)))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SoftmaxAlong<const AXIS: usize>;

const fn wrong_axis(axis: usize, rank: usize) -> Fault {
    if axis == 0 {
        return Fault::new(&[Words::Text(
            "axis 0 is the batch: the first one behind it is axis 1",
        )]);
    }
    if axis < rank {
        return Fault::NONE;
    }
    Fault::new(&[
        Words::Text("there is no axis "),
        Words::Number(axis),
        Words::Text(" of "),
        Words::Number(rank),
        Words::Text(" dimensions: the last one is axis "),
        Words::Number(rank - 1),
    ])
}

impl<In, const AXIS: usize, E, D> Layer<In, E, D> for SoftmaxAlong<AXIS>
where
    In: Unmasked + MaskTransparent,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const FAULT: Fault = wrong_axis(AXIS, <In as Unmasked>::Shape::SIZES.len());

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        In::map(x, |x| {
            let sizes = x.shape().concrete();
            let (before, rest) = sizes.as_ref().split_at(AXIS);
            let [along, behind @ ..] = rest else { return Ok(x) };
            logits::softmax_along(x, [elements(before)?, *along, elements(behind)?])
        })
    }
}
