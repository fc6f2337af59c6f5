use dfdx::{
    prelude::{
        BroadcastTo, HasShape, PermuteTo, ReshapeTo, SelectTo, TryAdd, TryMul, TryStack, TrySub,
    },
    shapes::{Axes3, Axis},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{
    sums::{every_row, product, rows_of},
    walk::{TapedStates, walk},
};
use crate::{
    backend::{
        Backend, CellKind, Element, GateDropout, HiddenStates, IntoShape, RecurrentBias,
        RecurrentInputs, RecurrentOutputs, RecurrentWeights, StateSizes, StepFunctions, keep_rows,
        memory::{elements, elements_of},
        operands::same,
    },
    error::{Error, OrDevice},
};

type Rows<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// The functions of a step, which may be a user's own.
pub(crate) struct StepOptions<'a, E: Element, D: Backend<E>, T> {
    /// The activation.
    pub(crate) activation: &'a dyn Fn(Rows<E, D, T>) -> Result<Rows<E, D, T>, Error>,
    /// That of the gates.
    pub(crate) gate: &'a dyn Fn(Rows<E, D, T>) -> Result<Rows<E, D, T>, Error>,
}

pub(crate) fn recurrent<E: Element, D: Backend<E>, T: Tape<E, D>>(
    inputs: RecurrentInputs<'_, E, D, T>,
    weights: RecurrentWeights<'_, E, D>,
) -> Result<RecurrentOutputs<E, D, T>, Error> {
    let StepFunctions { activation, gate } = weights.functions;
    let options = StepOptions { activation: &|x| activation.apply(x), gate: &|x| gate.apply(x) };
    recurrent_with(inputs, weights, &options)
}

/// Multiplies the inputs with what drops of them in all gates alike.
pub(crate) fn drop_inputs<'a, E: Element, D: Backend<E>, T: Tape<E, D>>(
    inputs: RecurrentInputs<'a, E, D, T>,
) -> Result<RecurrentInputs<'a, E, D, T>, Error> {
    let RecurrentInputs { x, mask, initial, order, mut dropout } = inputs;
    let x = match dropout.inputs.as_slice() {
        [dropped] => every_step(x, dropped)?,
        _ => return Ok(RecurrentInputs { x, mask, initial, order, dropout }),
    };
    dropout.inputs.clear();
    Ok(RecurrentInputs { x, mask, initial, order, dropout })
}

/// Multiplies each step of a sequence with rows.
fn every_step<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize, usize), E, D, T>,
    rows: &Tensor<(usize, usize), E, D>,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    let (batch, _, features) = *x.shape();
    same("the shape of a dropout", &(batch, features), rows.shape())?;
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let rows = rows.clone().try_broadcast_like::<_, Axis<1>>(x.shape()).or_device()?;
    x.try_mul(rows).or_device()?.try_contiguous().or_device()
}

/// The same with other functions.
pub(crate) fn recurrent_with<E: Element, D: Backend<E>, T: Tape<E, D>>(
    inputs: RecurrentInputs<'_, E, D, T>,
    weights: RecurrentWeights<'_, E, D>,
    options: &StepOptions<'_, E, D, T>,
) -> Result<RecurrentOutputs<E, D, T>, Error> {
    let RecurrentInputs { x, mask, initial, order, dropout } = drop_inputs(inputs)?;
    let ((rows, length, features), units) = (*x.shape(), weights.units());
    weights.check(features, units)?;
    dropout.check(weights.cell.gates(), (rows, features, units))?;
    elements_of(&x)?;
    let gates = weights.cell.gates();
    let wide = elements(&[gates, units])?;
    elements(&[rows, length, wide])?;
    let sizes = StateSizes { units, has_c: weights.cell.has_c() };
    if rows == 0 || length == 0 {
        let dropout = GateDropout::default();
        let inputs = RecurrentInputs { x, mask, initial, order, dropout };
        return walk(inputs, sizes, &mut |_, states| Ok(states));
    }

    // Masked steps are calculated with, here and in the gradient of the kernel.
    let x = match mask {
        Some(mask) => keep_rows(x, mask.as_slice(), E::zero())?,
        None => x,
    };
    // All input projections in one product.
    let count = rows * length;
    let mut projected = if dropout.inputs.is_empty() {
        product(x.into_shape(&(count, features))?, weights.kernel.retaped())?
    } else {
        let (x, mut tape) = x.split_tape();
        let mut of_gates = Vec::new();
        for (gate, dropped) in dropout.inputs.iter().enumerate() {
            let x = every_step(x.clone().put_tape(std::mem::take(&mut tape)), dropped)?;
            let kernel = of_gate(weights.kernel.retaped(), gates, gate)?;
            let (product, rest) = product(x.into_shape(&(count, features))?, kernel)?.split_tape();
            tape = rest;
            of_gates.push(product);
        }
        join_gates(of_gates, tape)?
    };
    match &weights.bias {
        RecurrentBias::None => {}
        RecurrentBias::One(bias) => {
            projected = projected.try_add(every_row(bias.retaped::<T>(), count)?).or_device()?;
        }
        RecurrentBias::Two(both) => {
            let bias = rows_of(both.retaped::<T>(), vec![0; count])?;
            projected = projected.try_add(bias).or_device()?;
        }
    }
    let x = projected.into_shape(&(rows, length, wide))?;
    let GateDropout { states: dropped, .. } = dropout;
    let inputs = RecurrentInputs { x, mask, initial, order, dropout: GateDropout::default() };
    walk(inputs, sizes, &mut |x, (h, c)| next(x, h, c, &weights, options, &dropped))
}

/// The next state, from the projected inputs of a step and the state before it.
fn next<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    h: Rows<E, D, T>,
    c: Option<Rows<E, D, T>>,
    weights: &RecurrentWeights<'_, E, D>,
    options: &StepOptions<'_, E, D, T>,
    dropped: &[Tensor<(usize, usize), E, D>],
) -> Result<TapedStates<E, D, T>, Error> {
    let ((rows, units), gates) = (*h.shape(), weights.cell.gates());
    let dev = x.device().clone();
    let StepOptions { activation, gate: sigmoid } = options;
    let (state, state_tape) = h.split_tape();
    let mut state_tape = Some(state_tape);
    // What the products of a gate see of the state. The first one has the tape.
    let mut seen = |i: usize| {
        let state = state.clone().put_tape(state_tape.take().unwrap_or_default());
        match dropped.get(i).or(dropped.first()) {
            Some(dropped) => state.try_mul(dropped.clone()).or_device(),
            None => Ok(state),
        }
    };
    let kernel = |i: usize| of_gate(weights.recurrent_kernel.retaped::<T>(), gates, i);
    // The recurrent products of all gates.
    let mut products = || -> Result<Rows<E, D, T>, Error> {
        if dropped.len() < 2 {
            return product(seen(0)?, weights.recurrent_kernel.retaped());
        }
        let (mut of_gates, mut tape) = (Vec::new(), T::default());
        for i in 0..gates {
            let (product, rest) = product(seen(i)?, kernel(i)?)?.split_tape();
            tape = tape.merge(rest);
            of_gates.push(product);
        }
        join_gates(of_gates, tape)
    };
    let index =
        |count: usize, i: usize| dev.try_tensor_from_vec(vec![i; count], (count,)).or_device();
    let apart = |x: Rows<E, D, T>| x.into_shape(&(rows, gates, units));
    let gate =
        |of: &Tensor<(usize, usize, usize), E, D>, i: usize| -> Result<Rows<E, D, T>, Error> {
            of.retaped::<T>().try_select(index(rows, i)?).or_device()
        };
    match (weights.cell, c) {
        (CellKind::LstmCell, Some(c)) => {
            let (gates, tape) = apart(x.try_add(products()?).or_device()?)?.split_tape();
            let (input, forget) = (sigmoid(gate(&gates, 0)?)?, sigmoid(gate(&gates, 1)?)?);
            let candidate = activation(gate(&gates, 2)?)?;
            let output = sigmoid(gate(&gates, 3)?)?;
            let old = forget.try_mul(c).or_device()?;
            let new = input.try_mul(candidate).or_device()?;
            let (c, c_tape) = old.try_add(new).or_device()?.split_tape();
            let tanh_c = activation(c.clone().put_tape(c_tape.merge(tape)))?;
            Ok((tanh_c.try_mul(output).or_device()?, Some(c.put_tape(T::default()))))
        }
        (CellKind::GruCell { reset_after: true }, _) => {
            let mut products = products()?;
            if let RecurrentBias::Two(both) = &weights.bias {
                let bias = rows_of(both.retaped::<T>(), vec![1; rows])?;
                products = products.try_add(bias).or_device()?;
            }
            let (products, products_tape) = apart(products)?.split_tape();
            let (x, tape) = apart(x)?.split_tape();
            let sum = |i: usize| gate(&x, i)?.try_add(gate(&products, i)?).or_device();
            let reset = sigmoid(sum(1)?)?.try_mul(gate(&products, 2)?).or_device()?;
            let candidate = activation(gate(&x, 2)?.try_add(reset).or_device()?)?;
            let (h, rest) = blend(sigmoid(sum(0)?)?, &state, candidate)?.split_tape();
            Ok((h.put_tape(rest.merge(tape).merge(products_tape)), None))
        }
        (CellKind::GruCell { .. }, _) => {
            let (x, x_tape) = apart(x)?.split_tape();
            let mut of_h = |i| -> Result<_, Error> {
                let product = product(seen(i)?, kernel(i)?)?;
                sigmoid(gate(&x, i)?.try_add(product).or_device()?)
            };
            let (reset, update) = (of_h(1)?, of_h(0)?);
            let reset = reset.try_mul(seen(2)?).or_device()?;
            let candidate = gate(&x, 2)?.try_add(product(reset, kernel(2)?)?).or_device()?;
            let candidate = activation(candidate)?;
            let (h, rest) = blend(update, &state, candidate)?.split_tape();
            Ok((h.put_tape(rest.merge(x_tape)), None))
        }
        (CellKind::SimpleCell | CellKind::LstmCell, _) => {
            Ok((activation(x.try_add(products()?).or_device()?)?, None))
        }
    }
}

/// The part of a kernel that is of one gate.
fn of_gate<E: Element, D: Backend<E>, T: Tape<E, D>>(
    kernel: Rows<E, D, T>,
    gates: usize,
    gate: usize,
) -> Result<Rows<E, D, T>, Error> {
    let (inputs, wide) = *kernel.shape();
    let index = vec![gate; inputs];
    let index = kernel.device().try_tensor_from_vec(index, (inputs,)).or_device()?;
    kernel.into_shape(&(inputs, gates, wide / gates))?.try_select(index).or_device()
}

/// The values of the gates, `(R, H)` each, side by side.
fn join_gates<E: Element, D: Backend<E>, T: Tape<E, D>>(
    gates: Vec<Tensor<(usize, usize), E, D>>,
    tape: T,
) -> Result<Rows<E, D, T>, Error> {
    let count = gates.len();
    let mut tape = Some(tape);
    let taped = |gate: Tensor<_, E, D>| gate.put_tape(tape.take().unwrap_or_default());
    let stacked = gates.into_iter().map(taped).collect::<Vec<_>>().try_stack().or_device()?;
    let (_, rows, units) = *stacked.shape();
    let permuted: Tensor<(usize, usize, usize), E, D, T> =
        stacked.try_permute::<_, Axes3<1, 0, 2>>().or_device()?;
    permuted.try_contiguous().or_device()?.into_shape(&(rows, count * units))
}

/// `update * h + (1 - update) * candidate`.
fn blend<E: Element, D: Backend<E>, T: Tape<E, D>>(
    update: Rows<E, D, T>,
    h: &Tensor<(usize, usize), E, D>,
    candidate: Rows<E, D, T>,
) -> Result<Rows<E, D, T>, Error> {
    let (candidate, tape) = candidate.split_tape();
    let change = h.retaped::<T>().try_sub(candidate.clone()).or_device()?;
    let change = update.try_mul(change).or_device()?;
    change.try_add(candidate.put_tape(tape)).or_device()
}

pub(crate) fn recurrent_last<E: Element, D: Backend<E>, T: Tape<E, D>>(
    inputs: RecurrentInputs<'_, E, D, T>,
    weights: RecurrentWeights<'_, E, D>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (states, tape) = recurrent_states(inputs, weights)?;
    Ok(states.h.put_tape(tape))
}

pub(crate) fn recurrent_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
    inputs: RecurrentInputs<'_, E, D, T>,
    weights: RecurrentWeights<'_, E, D>,
) -> Result<(HiddenStates<E, D>, T), Error> {
    let (outputs, states) = recurrent(inputs, weights)?;
    Ok((states, outputs.split_tape().1))
}
