//! The LSTM as an operation on dfdx's tape.

use std::sync::{Arc, OnceLock};

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, CpuError, PutTape, SplitTape, Tape, Tensor},
};

use super::chunks;
use crate::backend::cpu::{
    buffer::Buffer,
    lstm::{self, Kept, Part, RowGradients, RowOut, Sizes, States, Steps},
    matrix::Matrix,
    packed::Packed,
    threads::{fixed_share, parallel, threads},
};
use crate::{
    backend::{
        HiddenStates, LstmInputs, LstmOutputs, LstmWeights,
        constant::Asked,
        lend::{put, read},
        memory::{elements, zeros_of},
        tape::{self, Grads, record},
    },
    error::Error,
};

/// How many rows are trained together at least, for the products of each step to be quick.
const ROWS: usize = 16;

/// The outputs of all steps if `sequences`, else nothing, and the final state; the tape goes with them.
type Lstm<T> = (Option<Tensor<(usize, usize, usize), f32, Cpu>>, HiddenStates<f32, Cpu>, T);

/// The outputs of all steps, and the final state.
pub(crate) fn lstm<T: Tape<f32, Cpu>>(
    inputs: LstmInputs<'_, f32, Cpu, T>,
    weights: LstmWeights<'_, f32, Cpu>,
) -> Result<LstmOutputs<f32, Cpu, T>, Error> {
    let (outputs, state, tape) = run(inputs, weights, true)?;
    let outputs = outputs.ok_or(Error::Empty("the list of outputs"))?;
    Ok((outputs.put_tape(tape), state))
}

/// The output at the last real step.
pub(crate) fn lstm_last<T: Tape<f32, Cpu>>(
    inputs: LstmInputs<'_, f32, Cpu, T>,
    weights: LstmWeights<'_, f32, Cpu>,
) -> Result<Tensor<(usize, usize), f32, Cpu, T>, Error> {
    let (_, [h, _], tape) = run(inputs, weights, false)?;
    Ok(h.put_tape(tape))
}

/// An LSTM over whole sequences; see [`lstm`](crate::backend::cpu::lstm).
fn run<T: Tape<f32, Cpu>>(
    inputs: LstmInputs<'_, f32, Cpu, T>,
    weights: LstmWeights<'_, f32, Cpu>,
    sequences: bool,
) -> Result<Lstm<T>, Error> {
    let LstmInputs { x, mask, initial } = inputs;
    let (x, mut tape) = x.split_tape();
    let (rows, length, features) = *x.shape();
    let units = weights.units();
    let sizes = Sizes { inputs: features, units, length };
    let dev = x.device().clone();

    weights.check(features, units)?;
    let outputs_of_row = elements(&[length, units])?;
    let (numbers, mut outputs) =
        (read(&x)?, zeros_of(&[if sequences { rows } else { 0 }, length, units])?);
    let prepared = Weights::of(&weights, !T::OWNS_TAPE)?;
    let given = match &initial {
        Some([h, c]) => Some((read(h)?, read(c)?)),
        None => None,
    };
    let given = given.as_ref().map(|(h, c)| States { h, c });

    let steps = mask.map_or(rows * length, |mask| mask.count());
    let work = steps.saturating_mul(4 * units * (features + units));
    // In inference few rows are not shared out, but the units are.
    let parts = match T::OWNS_TAPE || rows > threads(work, rows) {
        true => 1,
        false => Part::count(threads(work, usize::MAX), units),
    };
    let row_threads = match (T::OWNS_TAPE, parts) {
        // Each share has sums of its own for the gradients of the weights.
        (true, _) => rows.div_ceil(fixed_share(work, rows).max(ROWS)),
        (false, 1) => threads(work, rows),
        (false, _) => 1,
    };
    let shares = Steps::share(rows, length, mask, row_threads);
    let (mut h, mut c) = (zeros_of(&[rows, units])?, zeros_of(&[rows, units])?);
    let jobs = {
        let mut outputs = chunks(&mut outputs, outputs_of_row, rows);
        let (mut h, mut c) = (chunks(&mut h, units, rows), chunks(&mut c, units, rows));
        let job = |rows: Vec<usize>| {
            let steps = Steps::pack(&rows, length, mask);
            let row = |&row: &usize| RowOut {
                outputs: sequences.then(|| std::mem::take(&mut outputs[row])),
                h: std::mem::take(&mut h[row]),
                c: std::mem::take(&mut c[row]),
            };
            let out: Vec<RowOut<'_>> = steps.rows.iter().map(row).collect();
            (steps, out)
        };
        let jobs: Vec<_> = shares.into_iter().map(job).collect();
        jobs
    };
    let of_weights = lstm::Weights { kernel: &prepared.kernel, bias: &prepared.bias };
    let cut = |parts| Part::cut(sizes, of_weights, &prepared.recurrent, parts);
    let kept = if T::OWNS_TAPE {
        let recurrent = prepared.packed(units);
        parallel(jobs, |(steps, mut out)| {
            lstm::forward(sizes, of_weights, recurrent, &numbers, given, steps, &mut out)
        })
        .into_iter()
        .collect::<Result<Vec<Kept>, _>>()?
    } else if parts > 1 {
        let parts = prepared.parts.get_or_init(|| cut(parts));
        for (steps, mut out) in jobs {
            lstm::forward_few(sizes, parts, &numbers, given, &steps, &mut out)?;
        }
        Vec::new()
    } else {
        let whole = prepared.whole.get_or_init(|| cut(1));
        parallel(jobs, |(steps, mut out)| {
            let part = whole.first();
            part.map_or(Ok(()), |part| lstm::infer(sizes, part, &numbers, given, &steps, &mut out))
        })
        .into_iter()
        .collect::<Result<(), _>>()?;
        Vec::new()
    };

    // What most likely is read next comes last.
    let (c, h) = (put(&dev, (rows, units), c)?, put(&dev, (rows, units), h)?);
    let outputs = if sequences { Some(put(&dev, (rows, length, units), outputs)?) } else { None };
    let state = [h, c];
    if T::OWNS_TAPE {
        let backward = LstmBackward {
            sizes,
            prepared,
            kept,
            asked: Asked::of(&x),
            x,
            weights: (weights.kernel, weights.recurrent_kernel, weights.bias),
            initial,
            outputs: outputs.clone(),
            state: state.clone(),
        };
        record(&mut tape, move |grads| backward.run(grads));
    }
    Ok((outputs, state, tape))
}

/// The weights as the kernel wants them.
#[derive(Debug)]
struct Weights {
    kernel: tape::Weights<(usize, usize)>,
    recurrent: tape::Weights<(usize, usize)>,
    bias: tape::Weights<(usize,)>,
    /// The recurrent weights, packed for training.
    packed: OnceLock<Packed>,
    /// For inference, all weights: cut into parts for threads, if there are few rows, or in one.
    parts: OnceLock<Vec<Part>>,
    whole: OnceLock<Vec<Part>>,
}

impl Weights {
    fn of(weights: &LstmWeights<'_, f32, Cpu>, keep: bool) -> Result<Arc<Self>, Error> {
        let LstmWeights { kernel, recurrent_kernel, bias, prepared } = weights;
        let fits = |kept: &Self| {
            kept.kernel.are_of(kernel)
                && kept.recurrent.are_of(recurrent_kernel)
                && kept.bias.are_of(bias)
        };
        prepared.get(keep, fits, || {
            Ok(Self {
                kernel: tape::Weights::read(kernel)?,
                recurrent: tape::Weights::read(recurrent_kernel)?,
                bias: tape::Weights::read(bias)?,
                packed: OnceLock::new(),
                parts: OnceLock::new(),
                whole: OnceLock::new(),
            })
        })
    }

    fn packed(&self, units: usize) -> &Packed {
        let matrix = || Matrix::new(&self.recurrent, units, 4 * units);
        self.packed.get_or_init(|| Packed::new(matrix()))
    }
}

/// What the backward pass of an LSTM needs.
struct LstmBackward {
    sizes: Sizes,
    prepared: Arc<Weights>,
    kept: Vec<Kept>,
    x: Tensor<(usize, usize, usize), f32, Cpu>,
    /// Whether anybody asks for its gradient.
    asked: Asked,
    weights: (
        Tensor<(usize, usize), f32, Cpu>,
        Tensor<(usize, usize), f32, Cpu>,
        Tensor<(usize,), f32, Cpu>,
    ),
    initial: Option<HiddenStates<f32, Cpu>>,
    outputs: Option<Tensor<(usize, usize, usize), f32, Cpu>>,
    state: HiddenStates<f32, Cpu>,
}

impl LstmBackward {
    fn run(self, grads: &mut Grads<'_>) -> Result<(), CpuError> {
        let (rows, length, features) = *self.x.shape();
        let units = self.sizes.units;
        let recurrent = Matrix::new(&self.prepared.recurrent, units, 4 * units);
        let transposed = Packed::new(recurrent.transposed());
        let d_outputs = match &self.outputs {
            Some(outputs) => Some(grads.take(outputs)?),
            None => None,
        };
        let (d_h, d_c) = (grads.take(&self.state[0])?, grads.take(&self.state[1])?);
        let zeros = || Buffer::try_zeros(rows * units);
        let mut d_initial = match &self.initial {
            Some(_) => Some((zeros()?, zeros()?)),
            None => None,
        };
        let (sizes, prepared, kept) = (self.sizes, &self.prepared, self.kept);
        let asked = self.asked.now();
        let by_rows = |d_x: &mut [f32]| {
            let mut d_x = asked.then(|| chunks(d_x, length * features, rows));
            let mut d_initial =
                d_initial.as_mut().map(|(h, c)| (chunks(h, units, rows), chunks(c, units, rows)));
            let job = |kept: Kept| {
                let row = |&row: &usize| RowGradients {
                    outputs: d_outputs
                        .as_ref()
                        .map(|d| &d[row * length * units..(row + 1) * length * units]),
                    h: &d_h[row * units..(row + 1) * units],
                    c: &d_c[row * units..(row + 1) * units],
                    x: d_x.as_mut().map(|d_x| std::mem::take(&mut d_x[row])),
                    initial: d_initial
                        .as_mut()
                        .map(|(h, c)| (std::mem::take(&mut h[row]), std::mem::take(&mut c[row]))),
                };
                let rows: Vec<RowGradients<'_>> = kept.steps.rows.iter().map(row).collect();
                (kept, rows)
            };
            parallel(kept.into_iter().map(job).collect(), |(kept, mut rows)| {
                lstm::backward(sizes, &prepared.kernel, &transposed, kept, &mut rows)
            })
        };
        let gradients = if asked { grads.with(&self.x, by_rows)? } else { by_rows(&mut []) };

        let mut bias = vec![0.0; 4 * units];
        for gradient in gradients {
            let gradient = gradient?;
            grads.add(&self.weights.0, &gradient.kernel)?;
            grads.add(&self.weights.1, &gradient.recurrent)?;
            bias.iter_mut().zip(&gradient.bias).for_each(|(total, sum)| *total += sum);
        }
        grads.add_sums(&self.weights.2, &bias)?;
        if let (Some(outputs), Some(gradient)) = (&self.outputs, d_outputs) {
            grads.give(outputs, gradient)?;
        }
        grads.give(&self.state[0], d_h)?;
        grads.give(&self.state[1], d_c)?;
        if let (Some([of_h, of_c]), Some((h, c))) = (&self.initial, &d_initial) {
            grads.add(of_h, h)?;
            grads.add(of_c, c)?;
        }
        Ok(())
    }
}
