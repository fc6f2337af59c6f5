//! Recurrent layers as operations on dfdx's tape.

use std::sync::{Arc, OnceLock};

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{
    chunks,
    step_functions::{functions, is_fused},
};
use crate::{
    backend::{
        CellKind, HiddenStates, RecurrentBias, RecurrentInputs, RecurrentOutputs, RecurrentWeights,
        StepFunctions,
        memory::{NoMemory, elements, filled, get_or_make, listed, zeros, zeros_of},
        reference,
        tape::{self, Grads, Recorder, RequiresGrad, Taped, borrow, from_vec, record},
    },
    error::Error,
    mask::Mask,
};
use kerata_kernels::{
    buffer::Buffer,
    matrix::Matrix,
    packed::Packed,
    recurrent::{
        self as kernels, Functions, Part, RowGradients, RowOut, Saved, Sizes, States, Steps, Walk,
    },
    threads::{fixed_chunk, parallel, threads},
};

/// How many rows are trained together at least, for the products of each step to be quick.
const ROWS: usize = 16;

type Of<S> = Tensor<S, f32, Cpu>;

/// The outputs of all steps if they are wanted, else nothing, and the final state; the tape goes with them.
type Outputs = (Option<Of<(usize, usize, usize)>>, HiddenStates<f32, Cpu>, Recorder);

/// The outputs of all steps, and the final state.
pub(crate) fn recurrent(
    inputs: RecurrentInputs<'_, f32, Cpu, Recorder>,
    weights: RecurrentWeights<'_, f32, Cpu>,
) -> Result<RecurrentOutputs<f32, Cpu, Recorder>, Error> {
    if !is_fused(&inputs, &weights) {
        let (inputs, tape) = inputs.split();
        if tape.is_on() {
            return reference::recurrent(inputs.with(tape), weights);
        }
        // The steps know by the type that no gradients are wanted.
        return Ok(reference::recurrent(inputs, weights)?.with(tape));
    }
    let (outputs, states, tape) = run_any(inputs, weights, true)?;
    let outputs = outputs.ok_or(Error::Empty("the list of outputs"))?;
    Ok((outputs.put_tape(tape), states))
}

/// The output at the last real step.
pub(crate) fn recurrent_last(
    inputs: RecurrentInputs<'_, f32, Cpu, Recorder>,
    weights: RecurrentWeights<'_, f32, Cpu>,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let (states, tape) = recurrent_states(inputs, weights)?;
    Ok(states.h.put_tape(tape))
}

/// The state behind the last step, and the tape.
pub(crate) fn recurrent_states(
    inputs: RecurrentInputs<'_, f32, Cpu, Recorder>,
    weights: RecurrentWeights<'_, f32, Cpu>,
) -> Result<(HiddenStates<f32, Cpu>, Recorder), Error> {
    if !is_fused(&inputs, &weights) {
        let (inputs, tape) = inputs.split();
        if tape.is_on() {
            return reference::recurrent_states(inputs.with(tape), weights);
        }
        return Ok((reference::recurrent_states(inputs, weights)?.0, tape));
    }
    let (_, states, tape) = run_any(inputs, weights, false)?;
    Ok((states, tape))
}

fn run_any(
    inputs: RecurrentInputs<'_, f32, Cpu, Recorder>,
    weights: RecurrentWeights<'_, f32, Cpu>,
    sequences: bool,
) -> Result<Outputs, Error> {
    let RecurrentInputs { x, mask, initial, order, .. } = reference::drop_inputs(inputs)?;
    let cell = weights.cell;
    let (x, mut tape) = x.split_tape();
    let ((rows, length, features), units) = (*x.shape(), weights.units());
    let sizes = Sizes { inputs: features, units, length };
    let dev = x.device().clone();

    weights.check(features, units)?;
    let outputs_of_row = elements(&[length, units])?;
    let all_outputs = [if sequences { rows } else { 0 }, length, units];
    let (values, mut outputs) = (borrow(&x)?, zeros_of(&all_outputs)?);
    let cache = Weights::of(&weights, !tape.is_on())?;
    let walk = cache.walk();
    let initial = initial.map(|states| (states.h, states.c.filter(|_| cell.has_c())));
    let given = match &initial {
        Some((h, c)) => Some((borrow(h)?, c.as_ref().map(borrow).transpose()?)),
        None => None,
    };
    let given = given.as_ref().map(|(h, c)| States { h, c: c.as_deref().unwrap_or_default() });

    let steps = mask.map_or(rows * length, |mask| mask.count());
    let work = steps.saturating_mul(cell.gates() * units * (features + units));
    // In inference few rows are not shared out, but the units are.
    let parts = match tape.is_on() || rows > threads(work, rows) {
        true => 1,
        false => walk.parts(threads(work, usize::MAX), units),
    };
    let row_threads = match (tape.is_on(), parts) {
        // Each share has sums of its own for the gradients of the weights.
        (true, _) => rows.div_ceil(fixed_chunk(work, rows).max(ROWS)),
        (false, 1) => threads(work, rows),
        (false, _) => 1,
    };
    let lengths = mask.map_or_else(|| filled(&[rows], length), Mask::try_lengths)?;
    let shares = Steps::share(&lengths, row_threads)?;
    let rows_of_c = if cell.has_c() { rows } else { 0 };
    let (mut h, mut c) = (zeros_of(&[rows, units])?, zeros_of(&[rows_of_c, units])?);
    let jobs = {
        let mut outputs = chunks(&mut outputs, outputs_of_row, rows);
        let (mut h, mut c) = (chunks(&mut h, units, rows), chunks(&mut c, units, rows_of_c));
        let job = |rows: Vec<usize>| {
            let steps = Steps::pack(&rows, length, mask.map(Mask::as_slice), order)?;
            let row = |&row: &usize| RowOut {
                outputs: sequences.then(|| std::mem::take(&mut outputs[row])),
                h: std::mem::take(&mut h[row]),
                c: c.get_mut(row).map(std::mem::take).unwrap_or_default(),
            };
            let out = listed(steps.rows.iter().map(row))?;
            Ok::<_, Error>((steps, out))
        };
        let jobs: Vec<_> = shares.into_iter().map(job).collect::<Result<_, _>>()?;
        jobs
    };
    let of_kernel = cache.kernel(sizes);
    let saved = if tape.is_on() {
        let recurrent = get_or_make(&cache.packed, || walk.pack(cache.recurrent(units), units))?;
        parallel(jobs, |(steps, mut out)| {
            walk.forward(of_kernel, recurrent, &values, given, steps, &mut out)
        })
        .into_iter()
        .collect::<Result<Vec<Saved>, _>>()?
    } else if parts > 1 {
        let cut = || walk.cut(of_kernel, &cache.recurrent, parts);
        let parts = get_or_make(&cache.parts, cut)?;
        for (steps, mut out) in jobs {
            walk.infer_few(sizes, parts, &values, given, &steps, &mut out)?;
        }
        Vec::new()
    } else {
        let whole = cache.whole(sizes)?;
        parallel(jobs, |(steps, mut out)| {
            let infer = |part| walk.infer(sizes, part, &values, given, &steps, &mut out);
            whole.first().map_or(Ok(()), infer)
        })
        .into_iter()
        .collect::<Result<(), _>>()?;
        Vec::new()
    };

    // What most likely is read next comes last.
    let c = if cell.has_c() { Some(from_vec(&dev, (rows, units), c)?) } else { None };
    let h = from_vec(&dev, (rows, units), h)?;
    let outputs =
        if sequences { Some(from_vec(&dev, (rows, length, units), outputs)?) } else { None };
    let states = HiddenStates::new(h, c);
    if tape.is_on() {
        let backward = Backward {
            sizes,
            cache,
            saved,
            requires_grad: RequiresGrad::of(&x),
            x,
            weights: (weights.kernel, weights.recurrent_kernel, weights.bias),
            initial,
            outputs: outputs.clone(),
            states: states.clone(),
        };
        record(&mut tape, move |grads| backward.run(grads));
    }
    Ok((outputs, states, tape))
}

/// The weights as the kernels want them.
#[derive(Debug)]
pub(super) struct Weights {
    cell: CellKind,
    functions: StepFunctions,
    /// The same, where they are not the usual ones.
    curves: Option<Functions>,
    kernel: tape::Weights<(usize, usize)>,
    recurrent: tape::Weights<(usize, usize)>,
    bias: Bias,
    /// The recurrent weights, packed for training.
    packed: OnceLock<Vec<Packed>>,
    /// For inference, all weights: cut into parts for threads, if there are few rows, or in one.
    parts: OnceLock<Vec<Part>>,
    whole: OnceLock<Vec<Part>>,
}

#[derive(Debug)]
enum Bias {
    /// Zeros.
    None(Buffer),
    One(tape::Weights<(usize,)>),
    Two(tape::Weights<(usize, usize)>),
}

impl Bias {
    fn of(bias: &RecurrentBias<f32, Cpu>, width: usize) -> Result<Self, Error> {
        Ok(match bias {
            RecurrentBias::None => Self::None(Buffer::zeros(width)?),
            RecurrentBias::One(bias) => Self::One(tape::Weights::read(bias)?),
            RecurrentBias::Two(bias) => Self::Two(tape::Weights::read(bias)?),
        })
    }

    fn is_of(&self, bias: &RecurrentBias<f32, Cpu>) -> bool {
        match (self, bias) {
            (Self::None(_), RecurrentBias::None) => true,
            (Self::One(kept), RecurrentBias::One(bias)) => kept.are_of(bias),
            (Self::Two(kept), RecurrentBias::Two(bias)) => kept.are_of(bias),
            _ => false,
        }
    }

    /// The bias of the inputs and that of the recurrent product, which may not be there.
    fn parts(&self) -> (&[f32], &[f32]) {
        match self {
            Self::None(zeros) => (zeros, &[]),
            Self::One(bias) => (bias, &[]),
            Self::Two(both) => both.split_at(both.len() / 2),
        }
    }
}

impl Weights {
    pub(super) fn of(
        weights: &RecurrentWeights<'_, f32, Cpu>,
        keep: bool,
    ) -> Result<Arc<Self>, Error> {
        let &RecurrentWeights { cell, ref kernel, ref recurrent_kernel, ref bias, cache, .. } =
            weights;
        let fits = |kept: &Self| {
            kept.cell == cell
                && kept.functions == weights.functions
                && kept.kernel.are_of(kernel)
                && kept.recurrent.are_of(recurrent_kernel)
                && kept.bias.is_of(bias)
        };
        cache.get(keep, fits, || {
            Ok(Self {
                cell,
                functions: weights.functions,
                curves: functions(weights),
                kernel: tape::Weights::read(kernel)?,
                recurrent: tape::Weights::read(recurrent_kernel)?,
                bias: Bias::of(bias, kernel.shape().1)?,
                packed: OnceLock::new(),
                parts: OnceLock::new(),
                whole: OnceLock::new(),
            })
        })
    }

    fn kernel(&self, sizes: Sizes) -> kernels::Weights<'_> {
        let (bias, recurrent_bias) = self.bias.parts();
        let functions = self.curves.as_ref();
        kernels::Weights { sizes, kernel: &self.kernel, bias, recurrent_bias, functions }
    }

    /// The walk over time.
    pub(super) fn walk(&self) -> &'static dyn Walk {
        match self.curves {
            Some(_) => self.cell.walk_with(),
            None => self.cell.walk(),
        }
    }

    /// All weights in one part, for inference.
    pub(super) fn whole(&self, sizes: Sizes) -> Result<&[Part], NoMemory> {
        let cut = || self.walk().cut(self.kernel(sizes), &self.recurrent, 1);
        Ok(get_or_make(&self.whole, cut)?)
    }

    fn recurrent(&self, units: usize) -> Matrix<'_> {
        Matrix::new(&self.recurrent, units, self.cell.gates() * units)
    }
}

/// What the backward pass needs.
struct Backward {
    sizes: Sizes,
    cache: Arc<Weights>,
    saved: Vec<Saved>,
    x: Of<(usize, usize, usize)>,
    /// Whether anybody asks for its gradient.
    requires_grad: RequiresGrad,
    weights: (Of<(usize, usize)>, Of<(usize, usize)>, RecurrentBias<f32, Cpu>),
    initial: Option<(Of<(usize, usize)>, Option<Of<(usize, usize)>>)>,
    outputs: Option<Of<(usize, usize, usize)>>,
    states: HiddenStates<f32, Cpu>,
}

impl Backward {
    fn run(self, grads: &mut Grads<'_>) -> Result<(), tape::Failure> {
        let (rows, length, features) = *self.x.shape();
        let units = self.sizes.units;
        let (cell, walk) = (self.cache.cell, self.cache.walk());
        let transposed = walk.pack_transposed(self.cache.recurrent(units), units)?;
        let d_outputs = match &self.outputs {
            Some(outputs) => Some(grads.take(outputs)?),
            None => None,
        };
        let HiddenStates { h: of_h, c: of_c, .. } = &self.states;
        let d_h = grads.take(of_h)?;
        let d_c = of_c.as_ref().map(|of_c| grads.take(of_c)).transpose()?;
        let rows_of_c = if cell.has_c() { rows } else { 0 };
        let mut d_initial = match &self.initial {
            Some(_) => Some((Buffer::zeros(rows * units)?, Buffer::zeros(rows_of_c * units)?)),
            None => None,
        };
        let (of_kernel, saved) = (self.cache.kernel(self.sizes), self.saved);
        let requires_grad = self.requires_grad.now();
        let by_rows = |d_x: &mut [f32]| {
            let mut d_x = requires_grad.then(|| chunks(d_x, length * features, rows));
            let mut d_initial = d_initial
                .as_mut()
                .map(|(h, c)| (chunks(h, units, rows), chunks(c, units, rows_of_c)));
            let job = |saved: Saved| {
                let row = |&row: &usize| RowGradients {
                    outputs: d_outputs
                        .as_ref()
                        .map(|d| &d[row * length * units..][..length * units]),
                    h: &d_h[row * units..(row + 1) * units],
                    c: d_c.as_ref().map_or(&[][..], |d_c| &d_c[row * units..(row + 1) * units]),
                    x: d_x.as_mut().map(|d_x| std::mem::take(&mut d_x[row])),
                    initial: d_initial.as_mut().map(|(h, c)| {
                        let c = c.get_mut(row).map(std::mem::take).unwrap_or_default();
                        (std::mem::take(&mut h[row]), c)
                    }),
                };
                let rows = listed(saved.steps.rows.iter().map(row))?;
                Ok::<_, NoMemory>((saved, rows))
            };
            let jobs = saved.into_iter().map(job).collect::<Result<_, _>>()?;
            let gradients = parallel(jobs, |(saved, mut rows)| {
                walk.backward(of_kernel, &transposed, saved, &mut rows)
            });
            gradients.into_iter().collect::<Result<Vec<_>, NoMemory>>()
        };
        let gradients =
            if requires_grad { grads.with(&self.x, by_rows)?? } else { by_rows(&mut [])? };

        let mut bias: Vec<f64> = zeros(cell.gates() * units)?;
        let mut recurrent_bias = Vec::new();
        for gradient in gradients {
            grads.add(&self.weights.0, &gradient.kernel)?;
            grads.add(&self.weights.1, &gradient.recurrent)?;
            if recurrent_bias.is_empty() {
                recurrent_bias = zeros(gradient.recurrent_bias.len())?;
            }
            for (totals, sums) in
                [(&mut bias, gradient.bias), (&mut recurrent_bias, gradient.recurrent_bias)]
            {
                totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            }
        }
        match &self.weights.2 {
            RecurrentBias::None => {}
            RecurrentBias::One(of_bias) => grads.add_sums(of_bias, &bias)?,
            RecurrentBias::Two(of_both) => {
                grads.add_sums(of_both, &listed(bias.into_iter().chain(recurrent_bias))?)?
            }
        }
        if let (Some(outputs), Some(gradient)) = (&self.outputs, d_outputs) {
            grads.give(outputs, gradient)?;
        }
        grads.give(of_h, d_h)?;
        if let (Some(of_c), Some(d_c)) = (of_c, d_c) {
            grads.give(of_c, d_c)?;
        }
        if let (Some((of_h, of_c)), Some((h, c))) = (&self.initial, &d_initial) {
            grads.add(of_h, h)?;
            if let Some(of_c) = of_c {
                grads.add(of_c, c)?;
            }
        }
        Ok(())
    }
}
