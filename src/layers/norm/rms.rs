use dfdx::{
    shapes::Rank1,
    tensor::{Cpu, Tape, Tensor},
};

use super::{by_rows, check_epsilon, rows::RowNormStepper};
use crate::{
    backend::{Backend, Centre, Element, NormWeights, sized},
    error::Error,
    init, layer,
    layer::Layer,
    layers::Unmasked,
    shape::{Fault, Features},
    signal::{MaskTransparent, StepValues},
    stream::{Streamable, room},
};

/// Divides the features of each position by their root mean square
/// ([Zhang and Sennrich 2019](https://arxiv.org/abs/1910.07467)): `x / sqrt(mean(x^2) + 0.000001) * scale`.
///
/// In Keras it drops a mask, with a warning; here an `Unmask` in front of it does.
///
/// Keras: [`RMSNormalization`](https://keras.io/api/layers/normalization_layers/rms_normalization/).
///
/// # Shapes
/// - input `(Batch, .., F)`, without a mask
/// - output the same
/// - `scale` `(F,)`, ones
///
/// ```
/// use kerata::{Cpu, Error, RmsNorm, prelude::*};
///
/// let norm = RmsNorm::<2>::build(&Cpu::default())?;
/// let [[a, b]] = norm.forward(Cpu::default().tensor([[1.0_f32, 7.0]]))?.array();
/// assert!((a - 0.2).abs() < 1e-6 && (b - 1.4).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "RMSNormalization",
    input = (Batch, .., F),
    infer,
    check = super::wrong_size(F).tell(),
    keys(axis: last_axis(true)),
)]
pub struct RmsNorm<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// What the normalised numbers are multiplied with.
    #[weight(init = ones, keys = false)]
    pub scale: Tensor<Rank1<F>, E, D>,
    /// What is added to a mean of squares before the root. Default 0.000001.
    #[option(default = 1e-6)]
    pub epsilon: f64,
}

impl<In, const F: usize, E, D> Layer<In, E, D> for RmsNorm<F, E, D>
where
    In: Unmasked + MaskTransparent + Features,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    const FAULT: Fault = super::wrong_features(F, In::SIZE);

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let weights = self.weights()?;
        In::map(x, |x| by_rows(x, F, |x| D::layer_norm(x, weights, Centre::Zero)))
    }
}

impl<const F: usize, E: Element, D: Backend<E>> RmsNorm<F, E, D> {
    fn weights(&self) -> Result<NormWeights<E, D>, Error> {
        check_epsilon::<E>(self.epsilon)?;
        let gamma = sized(self.scale.clone())?;
        let beta = init::zeros(self.scale.device(), (F,))?;
        Ok(NormWeights { gamma, beta, epsilon: self.epsilon })
    }
}

#[diagnostic::do_not_recommend]
impl<In, const F: usize, E, D> Streamable<In, E, D> for RmsNorm<F, E, D>
where
    In: Unmasked + MaskTransparent + Features + StepValues,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = RowNormStepper<E>;

    fn begin(&self, rows: usize) -> Result<(RowNormStepper<E>, ()), Error> {
        let values = room(rows, In::WIDTH)?;
        Ok((RowNormStepper::new(&self.weights()?, Centre::Zero, values)?, ()))
    }

    fn step<'a>(
        stepper: &'a mut RowNormStepper<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<In::StepData<'a, E>, Error> {
        let (x, keep) = In::unpack(x);
        Ok(In::pack(stepper.step(x, keep), keep))
    }
}
