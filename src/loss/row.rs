use dfdx::{
    shapes::HasShape,
    tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor},
};
use kerata_kernels::simd::{Arch, Simd, WithSimd};

use super::{EPSILON, PredictionRows, signals::same_rows};
use crate::{
    backend::{Backend, Element, memory::filled, parallel, to_values, zeros_after},
    error::Error,
};

/// How all targets of a batch are moved before: times a factor, plus a number.
#[derive(Clone, Copy)]
pub(super) struct Moved {
    pub(super) times: f64,
    pub(super) plus: f64,
}

impl Moved {
    pub(super) const NOT: Self = Self { times: 1.0, plus: 0.0 };

    /// By label smoothing: so large a share of each is spread over `answers`.
    pub(super) fn smoothed(share: f64, answers: usize) -> Self {
        Self { times: 1.0 - share, plus: share / answers as f64 }
    }

    #[inline(always)]
    fn of(self, target: f64) -> f64 {
        target * self.times + self.plus
    }
}

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

    /// How the targets are moved.
    fn moved<E: Element>(&self, _targets: &[E], _width: usize) -> Moved {
        Moved::NOT
    }

    /// The loss, and its derivative for each value of the prediction, instead of zeros. What is always inlined here is compiled for
    /// the widest vectors that the processor has.
    fn of_row<E: Element>(&self, p: &[f64], y: &[f64], slope: &mut [f64]) -> f64;

    /// The losses of some rows, and their derivatives.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    #[inline(always)]
    fn of_rows<E: Element>(&self, rows: Rows<'_, E>) -> Result<(), Error> {
        let Rows { width, moved, .. } = rows;
        let (mut p, mut y) = (filled(&[width], 0.0)?, filled(&[width], 0.0)?);
        let mut slope = filled(&[width], 0.0)?;
        for (values, targets, loss, slopes) in rows.each(width) {
            p.iter_mut().zip(values).for_each(|(p, value)| *p = value.as_f64());
            y.iter_mut().zip(targets).for_each(|(y, target)| *y = moved.of(target.as_f64()));
            slope.fill(0.0);
            loss[0] = E::of(self.of_row::<E>(&p, &y, &mut slope));
            slopes.iter_mut().zip(&slope).for_each(|(to, &slope)| *to = E::of(slope));
        }
        Ok(())
    }
}

/// A loss that is the mean of a function of each value.
pub(super) trait ValueLoss: Sync {
    /// [`RowLoss::check`].
    ///
    /// # Errors
    /// [`Error::Invalid`].
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// [`RowLoss::settings`].
    fn settings(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// [`RowLoss::moved`].
    fn moved<E: Element>(&self, _targets: &[E]) -> Moved {
        Moved::NOT
    }

    /// The loss of a value and its derivative, always inlined and without a branch, if that can be.
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64);
}

impl<L: ValueLoss> RowLoss for L {
    fn check(&self) -> Result<(), Error> {
        ValueLoss::check(self)
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        ValueLoss::settings(self)
    }

    fn moved<E: Element>(&self, targets: &[E], _: usize) -> Moved {
        ValueLoss::moved(self, targets)
    }

    #[inline(always)]
    fn of_row<E: Element>(&self, p: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        let share = 1.0 / p.len() as f64;
        let mut sum = 0.0;
        for ((&p, &y), slope) in p.iter().zip(y).zip(slope) {
            let (value, derivative) = self.of_value::<E>(p, y);
            *slope = derivative * share;
            sum += value;
        }
        sum * share
    }

    /// The values of many short rows in one loop, and of a long one in several.
    #[inline(always)]
    fn of_rows<E: Element>(&self, rows: Rows<'_, E>) -> Result<(), Error> {
        /// How many losses stay in the nearest cache with what they are made of.
        const LOOP: usize = 512;

        let Rows { width, moved, .. } = rows;
        let share = 1.0 / width as f64;
        let size = LOOP.div_ceil(width) * width;
        let mut each = filled(&[size], 0.0)?;
        for (values, targets, losses, slopes) in rows.each(size) {
            let of_values = each.iter_mut().zip(slopes).zip(values.iter().zip(targets));
            for ((each, slope), (value, target)) in of_values {
                let (value, y) = (value.as_f64(), moved.of(target.as_f64()));
                let (loss, derivative) = self.of_value::<E>(value, y);
                (*each, *slope) = (loss, E::of(derivative * share));
            }
            for (loss, each) in losses.iter_mut().zip(each.chunks_exact(width)) {
                *loss = E::of(each.iter().sum::<f64>() * share);
            }
        }
        Ok(())
    }
}

/// The predictions and targets of some rows, and the places of their losses and derivatives.
pub(super) struct Rows<'a, E> {
    width: usize,
    moved: Moved,
    values: &'a [E],
    targets: &'a [E],
    losses: &'a mut [E],
    slopes: &'a mut [E],
}

impl<'a, E> Rows<'a, E> {
    /// Parts of `size` values, which are whole rows: values, targets, losses and derivatives.
    #[inline(always)]
    fn each(
        self,
        size: usize,
    ) -> impl Iterator<Item = (&'a [E], &'a [E], &'a mut [E], &'a mut [E])> {
        let given = self.values.chunks(size).zip(self.targets.chunks(size));
        let places = self.losses.chunks_mut(size / self.width).zip(self.slopes.chunks_mut(size));
        given.zip(places).map(|((p, y), (loss, slopes))| (p, y, loss, slopes))
    }
}

/// A probability clipped to `[1e-7, 1 - 1e-7]`, as these bounds are in its number type: `f32` has no number so close to 1.
#[inline(always)]
pub(super) fn clipped<E: Element>(p: f64) -> f64 {
    let (least, most) = (E::of(EPSILON).as_f64(), E::of(1.0 - EPSILON).as_f64());
    let p = if p < least { least } else { p };
    if p > most { most } else { p }
}

/// How many values are a job at least.
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
    let (losses, slopes) = on_threads(loss, width, &to_values(&x)?, &to_values(target)?)?;
    D::with_slopes(x.put_tape(tape), losses, slopes)
}

/// Rows, by loops for the vectors of the machine. (A closure in its place would stay a function of its own, without them.)
struct Job<'a, L, E> {
    loss: &'a L,
    rows: Rows<'a, E>,
}

impl<L: RowLoss, E: Element> WithSimd for Job<'_, L, E> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        self.loss.of_rows(self.rows)
    }
}

/// The losses of all rows, and their derivatives.
#[inline(never)]
fn on_threads<E: Element, L: RowLoss>(
    loss: &L,
    width: usize,
    values: &[E],
    targets: &[E],
) -> Result<(Vec<E>, Vec<E>), Error> {
    let moved = loss.moved(targets, width);
    let mut losses = filled(&[values.len() / width], E::zero())?;
    let mut slopes = filled(&[values.len()], E::zero())?;
    let rows = Rows { width, moved, values, targets, losses: &mut losses, slopes: &mut slopes };
    let jobs = rows.each(JOB.div_ceil(width) * width).collect();
    let done = parallel(jobs, |(values, targets, losses, slopes)| {
        let rows = Rows { width, moved, values, targets, losses, slopes };
        Arch::new().dispatch(Job { loss, rows })
    });
    done.into_iter().collect::<Result<(), Error>>()?;
    Ok((losses, slopes))
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
