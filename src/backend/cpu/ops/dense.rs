use std::sync::{Arc, OnceLock};

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::chunks;
use crate::{
    backend::{
        ActivationKind, DenseWeights, WeightCache,
        memory::{NoMemory, get_or_make, zeros_of},
        tape::{Recorder, RequiresGrad, Weights, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    buffer::Buffer,
    gemm::{product, rows_of_job},
    matrix::Matrix,
    packed::Packed,
    rows::Rows,
    sums::column_sums,
    threads::{fixed_chunk, parallel},
};

/// The size from which on a kernel is packed for a single row.
const PACKED: usize = 16 << 10;

/// The weights, as they are and, where steps want them so, packed.
#[derive(Debug)]
pub(super) struct Packable {
    kernel: Weights<(usize, usize)>,
    pub(super) bias: Option<Weights<(usize,)>>,
    inputs: usize,
    units: usize,
    packed: OnceLock<Packed>,
    /// The same, some columns each.
    parts: OnceLock<Vec<Packed>>,
}

impl Packable {
    pub(super) fn of(
        kernel: &Tensor<(usize, usize), f32, Cpu>,
        bias: Option<&Tensor<(usize,), f32, Cpu>>,
        cache: &WeightCache,
        keep: bool,
    ) -> Result<Arc<Self>, Error> {
        cache.get(
            keep,
            |kept: &Self| {
                let same_bias = match (&kept.bias, bias) {
                    (Some(kept), Some(bias)) => kept.are_of(bias),
                    (kept, bias) => kept.is_none() && bias.is_none(),
                };
                same_bias && kept.kernel.are_of(kernel)
            },
            || {
                let (inputs, units) = *kernel.shape();
                let (kernel, bias) = (Weights::read(kernel)?, bias.map(Weights::read).transpose()?);
                let (packed, parts) = (OnceLock::new(), OnceLock::new());
                Ok(Self { kernel, bias, inputs, units, packed, parts })
            },
        )
    }

    pub(super) fn packed(&self) -> Result<&Packed, NoMemory> {
        let Self { kernel, inputs, units, .. } = self;
        get_or_make(&self.packed, || Packed::new(Matrix::new(kernel, *inputs, *units)))
    }

    /// How many columns one of the parts has, for a product of one row: each is worth a thread.
    fn columns(&self) -> usize {
        /// A multiple of what the micro-kernel takes at a time.
        const COLUMNS: usize = 64;
        COLUMNS * fixed_chunk(self.inputs * self.units, self.units.div_ceil(COLUMNS))
    }

    /// One row times the kernel, and the bias.
    fn of_row(
        &self,
        x: &[f32],
        y: &mut [f32],
        then: impl Fn(&mut [f32]) + Send + Sync,
    ) -> Result<(), NoMemory> {
        let Self { kernel, bias, inputs, units, parts, .. } = self;
        let columns = self.columns();
        let parts = get_or_make(parts, || {
            let kernel = Matrix::new(kernel, *inputs, *units);
            let starts = (0..*units).step_by(columns);
            let part = |at| Packed::new(kernel.columns(at, columns.min(units - at)));
            starts.map(part).collect::<Result<Vec<_>, _>>()
        })?;
        let jobs = y.chunks_mut(columns).zip(parts).enumerate();
        let done = parallel(jobs.collect(), |(i, (y, packed)): (usize, (&mut [f32], &Packed))| {
            if let Some(bias) = bias {
                y.copy_from_slice(&bias[i * columns..][..y.len()]);
            }
            packed.product(x, y, bias.is_some())?;
            then(y);
            Ok(())
        });
        done.into_iter().collect()
    }
}

/// `x . kernel + bias` on rows, and a function of each number.
pub(crate) fn dense(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    weights: DenseWeights<'_, f32, Cpu>,
    then: ActivationKind,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    weights.check(x.shape().1)?;
    let DenseWeights { kernel, bias, cache } = weights;
    let curve = then.is_fused().then_some(then);
    let (x, mut tape) = x.split_tape();
    let ((rows, inputs), (_, units)) = (*x.shape(), *kernel.shape());
    let values = borrow(&x)?;
    let cache = Packable::of(&kernel, bias.as_ref(), cache, !tape.is_on())?;
    let Packable { kernel: weights, bias: offsets, .. } = &*cache;
    let mut y = zeros_of(&[rows, units])?;
    if !tape.is_on() && rows == 1 && inputs * units >= PACKED {
        cache.of_row(&values, &mut y, |y| curve.into_iter().for_each(|curve| curve.apply(y)))?;
        return Ok(from_vec(x.device(), (rows, units), y)?.put_tape(tape));
    }
    let share = rows_of_job(rows * inputs * units, rows, units);
    let jobs = chunks(&mut y, share * units, 1).into_iter().enumerate();
    let done = parallel(jobs.collect(), |(job, y)| {
        if let Some(offsets) = offsets {
            y.chunks_exact_mut(units.max(1)).for_each(|row| row.copy_from_slice(offsets));
        }
        let rows = y.len() / units.max(1);
        let x = &values[job * share * inputs..][..rows * inputs];
        product(
            y,
            Matrix::new(x, rows, inputs),
            Matrix::new(weights, inputs, units),
            offsets.is_some(),
        )?;
        if let Some(curve) = curve {
            curve.apply(y);
        }
        Ok(())
    });
    done.into_iter().collect::<Result<(), NoMemory>>()?;
    let y = from_vec(x.device(), (rows, units), y)?;
    if tape.is_on() {
        let (result, requires_grad) = (borrow(&y)?, RequiresGrad::of(&x));
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let (of_result, weights) = (grads.take(&of_y)?, &*cache.kernel);
            let mut before_curve = None;
            if let Some(curve) = curve {
                let before = before_curve.insert(Buffer::uncleared(of_result.len())?);
                curve.gradient(&result, &of_result, before, false);
            }
            let gradient = before_curve.as_deref().unwrap_or(&of_result);
            // Padding takes no part in a loss, and costs nothing.
            let real = Rows::with_gradient(gradient, units, (&values, inputs))?;
            let packed = match real {
                Rows::All(_) => None,
                Rows::Some(_) => {
                    Some((real.together(&values, inputs)?, real.together(gradient, units)?))
                }
            };
            let (values, gradient) = match &packed {
                None => (&*values, gradient),
                Some((values, gradient)) => (&**values, &**gradient),
            };
            let rows = if packed.is_some() { real.len() } else { rows };
            let add_input = |d_x: &mut [f32], add: bool| {
                let share = rows_of_job(rows * inputs * units, rows, inputs);
                let jobs = chunks(d_x, share * inputs, 1).into_iter();
                let jobs = jobs.zip(gradient.chunks((share * units).max(1))).collect();
                let done = parallel(jobs, |(d_x, d_y)| {
                    let d_y = Matrix::new(d_y, d_y.len() / units.max(1), units);
                    product(d_x, d_y, Matrix::new(weights, inputs, units).transposed(), add)
                });
                done.into_iter().collect::<Result<(), NoMemory>>()
            };
            let of_input = |d_x: &mut [f32]| {
                if packed.is_none() {
                    return add_input(d_x, true);
                }
                let mut more = Buffer::uncleared(rows * inputs)?;
                add_input(&mut more, false)?;
                real.put(&more, d_x, (inputs, 0), 1.0);
                Ok(())
            };
            if requires_grad.now() {
                grads.with(&x, of_input)??;
            }
            grads.with(&kernel, |d_kernel| {
                let share = rows_of_job(rows * inputs * units, inputs, units);
                let jobs = chunks(d_kernel, share * units, 1).into_iter().enumerate().collect();
                let done = parallel(jobs, |(job, d_kernel)| {
                    let columns = Matrix::new(values, rows, inputs);
                    let columns = columns.columns(job * share, d_kernel.len() / units.max(1));
                    let d_y = Matrix::new(gradient, rows, units);
                    product(d_kernel, columns.transposed(), d_y, true)
                });
                done.into_iter().collect::<Result<(), NoMemory>>()
            })??;
            if let Some(bias) = &bias {
                grads.add_sums(bias, &column_sums(gradient, units)?)?;
            }
            grads.give(&of_y, of_result)
        });
    }
    Ok(y.put_tape(tape))
}
