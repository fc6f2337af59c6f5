use dfdx::{
    shapes::HasShape,
    tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor},
};

use super::{EPSILON, PredictionRows, signals::same_rows};
use crate::{
    backend::{
        Backend, Element,
        memory::{collected, filled},
        parallel, to_values, zeros_after,
    },
    error::Error,
};

/// A loss as a function of a row: the prediction and the target of one position.
pub(super) trait RowLoss: Sync {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// [`Loss::settings`](super::Loss::settings).
    fn settings(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What becomes of all targets of a batch before.
    fn prepare(&self, _targets: &mut [f64]) {}

    /// The loss, and its derivative for each value of the prediction, instead of zeros.
    fn of_row<E: Element>(&self, p: &[f64], y: &[f64], slope: &mut [f64]) -> f64;

    /// The mean of a function of each value: its value and its derivative.
    fn mean_of(p: &[f64], y: &[f64], slope: &mut [f64], f: impl Fn(f64, f64) -> (f64, f64)) -> f64 {
        let (share, mut sum) = (1.0 / p.len() as f64, 0.0);
        for ((&p, &y), slope) in p.iter().zip(y).zip(slope) {
            let (value, derivative) = f(p, y);
            *slope = derivative * share;
            sum += value;
        }
        sum * share
    }
}

/// A probability clipped to `[1e-7, 1 - 1e-7]`, as these bounds are in its number type: `f32` has no number so close to 1.
pub(super) fn clipped<E: Element>(p: f64) -> f64 {
    let bound = |bound: f64| E::of(bound).as_f64();
    p.clamp(bound(EPSILON), bound(1.0 - EPSILON))
}

/// How many values are a job at least, which take some ten nanoseconds each.
const JOB: usize = 4096;

/// The loss of each row, calculated in double precision.
///
/// # Errors
/// [`Error::Mismatch`] if prediction and target have different sizes; those of the settings; [`Error::Device`].
pub(super) fn of_rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
    loss: &impl RowLoss,
    prediction: PredictionRows<E, D, T>,
    target: &Tensor<(usize, usize), E, D, NoneTape>,
) -> Result<Tensor<(usize,), E, D, T>, Error> {
    same_rows(&prediction, target)?;
    loss.check()?;
    let (positions, width) = *target.shape();
    if positions * width == 0 {
        return zeros_after(prediction, &(positions,));
    }
    let (x, tape) = prediction.split_tape();
    let values = to_values(&x)?;
    let targets = to_values(target)?.into_iter().map(Element::as_f64);
    let mut targets = collected(&[positions, width], targets)?;
    loss.prepare(&mut targets);
    let mut losses = filled(&[positions], E::zero())?;
    let mut slopes = filled(&[positions, width], E::zero())?;
    let rows_of_job = JOB.div_ceil(width);
    let size = rows_of_job * width;
    let jobs = losses.chunks_mut(rows_of_job).zip(slopes.chunks_mut(size));
    let jobs = jobs.zip(values.chunks(size).zip(targets.chunks(size))).collect();
    let done = parallel(jobs, |((losses, slopes), (values, targets))| {
        let (losses, slopes): (&mut [E], &mut [E]) = (losses, slopes);
        let (values, targets): (&[E], &[f64]) = (values, targets);
        let (mut p, mut slope) = (filled(&[width], 0.0)?, filled(&[width], 0.0)?);
        let rows = values.chunks_exact(width).zip(targets.chunks_exact(width));
        let rows = rows.zip(losses.iter_mut().zip(slopes.chunks_exact_mut(width)));
        for ((of_p, y), (of_row, slopes)) in rows {
            p.iter_mut().zip(of_p).for_each(|(p, value)| *p = value.as_f64());
            slope.fill(0.0);
            *of_row = E::of(loss.of_row::<E>(&p, y, &mut slope));
            slopes.iter_mut().zip(&slope).for_each(|(to, &slope)| *to = E::of(slope));
        }
        Ok(())
    });
    done.into_iter().collect::<Result<(), Error>>()?;
    D::with_slopes(x.put_tape(tape), losses, slopes)
}

/// Makes a [`RowLoss`] a [`Loss`](super::Loss) with the name that Keras gives it.
macro_rules! row_loss {
    ($loss:ty, $name:literal $(, $activation:ident)?) => {
        #[diagnostic::do_not_recommend]
        impl<P, Y, E, D> crate::loss::Loss<P, Y, E, D> for $loss
        where
            P: crate::loss::Prediction,
            Y: crate::loss::Target<P>,
            E: crate::backend::Element,
            D: crate::backend::Backend<E>,
        {
            fn name(&self) -> &'static str {
                $name
            }

            fn settings(&self) -> Vec<(&'static str, String)> {
                crate::loss::row::RowLoss::settings(self)
            }

            $(crate::loss::logits::by_logits!($activation);)?

            fn per_position<T: dfdx::tensor::Tape<E, D>>(
                &self,
                prediction: crate::loss::PredictionRows<E, D, T>,
                target: &Y::Data<E, D, dfdx::tensor::NoneTape>,
            ) -> Result<dfdx::tensor::Tensor<(usize,), E, D, T>, crate::error::Error> {
                crate::loss::row::of_rows(self, prediction, &Y::rows(target)?)
            }
        }
    };
}
pub(super) use row_loss;
