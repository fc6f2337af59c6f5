use dfdx::tensor::Tape;

use super::by_rows;
use crate::{
    backend::{Backend, Element},
    error::Error,
    layer,
    layer::Layer,
    shape::Features,
    signal::{MaskTransparent, StepValues},
    stream::{Streamable, copy_bounded, room},
};

/// Keras does not multiply by more than this.
pub(crate) const LARGEST_FACTOR: f64 = 1e12;

/// Makes the features of each position a vector of length 1: `x / sqrt(sum(x^2))`. One of zeros stays so.
///
/// Behind an encoder it makes a product of two vectors the cosine of the angle between them.
///
/// Keras: [`UnitNormalization`](https://keras.io/api/layers/normalization_layers/unit_normalization/), along the last axis.
///
/// # Shapes
/// - input `(Batch, .., F)`, masked or not; a mask passes
/// - output the same
///
/// ```
/// use kerata::{Cpu, Error, UnitNorm, prelude::*};
///
/// let x = Cpu::default().tensor([[3.0_f32, 4.0], [0.0, 0.0]]);
/// assert_eq!(UnitNorm.forward(x)?.array(), [[0.6, 0.8], [0.0, 0.0]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "UnitNormalization", keys(axis: last_axis(false)))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitNorm;

impl<In, E, D> Layer<In, E, D> for UnitNorm
where
    In: MaskTransparent + Features,
    E: Element,
    D: Backend<E>,
{
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, |x| by_rows(x, In::SIZE, |x| D::of_length_one(x, E::of(LARGEST_FACTOR))))
    }
}

#[diagnostic::do_not_recommend]
impl<In, E, D> Streamable<In, E, D> for UnitNorm
where
    In: MaskTransparent + Features + StepValues,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = Vec<E>;

    fn begin(&self, rows: usize) -> Result<(Vec<E>, ()), Error> {
        Ok((room(rows, In::WIDTH)?, ()))
    }

    fn step<'a>(
        values: &'a mut Vec<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<In::StepData<'a, E>, Error> {
        let (x, keep) = In::unpack(x);
        copy_bounded(x, keep, values);
        for row in values.chunks_exact_mut(In::SIZE.max(1)) {
            let factor = match length(row).recip() {
                factor if factor > LARGEST_FACTOR => LARGEST_FACTOR,
                factor => factor,
            };
            row.iter_mut().for_each(|x| *x = E::of(x.as_f64() * factor));
        }
        Ok(In::pack(values, keep))
    }
}

/// How long a vector is. NaN stays.
fn length<E: Element>(row: &[E]) -> f64 {
    let squares: f64 = row.iter().map(|x| x.as_f64().powi(2)).sum();
    match squares {
        // Those of `f64` may be beyond its range.
        f64::INFINITY => row.iter().fold(0.0_f64, |length, x| length.hypot(x.as_f64())),
        _ => squares.sqrt(),
    }
}
