use dfdx::{
    prelude::{ChooseFrom, HasShape, PermuteTo, SelectTo, TryAdd, TryMul, TryStack},
    shapes::Axes3,
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::sums::{every_row, product};
use crate::{
    backend::{
        Backend, Element, IntoShape, LstmInputs, LstmOutputs, LstmWeights, keep_rows,
        memory::{elements, elements_of},
        zeros_after,
    },
    error::{Error, OrDevice},
};

use super::sigmoid;

pub(crate) fn lstm<E: Element, D: Backend<E>, T: Tape<E, D>>(
    inputs: LstmInputs<'_, E, D, T>,
    weights: LstmWeights<'_, E, D>,
) -> Result<LstmOutputs<E, D, T>, Error> {
    let LstmInputs { x, mask, initial } = inputs;
    let dev = x.device().clone();
    let ((rows, length, features), units) = (*x.shape(), weights.units());
    weights.check(features, units)?;
    elements_of(&x)?;
    elements(&[rows, length, 4, units])?;
    let row_shape = (rows, units);
    let zeros = || dev.try_zeros_like(&row_shape).or_device();
    let [mut h, mut c] = match initial {
        Some(state) => state,
        None => [zeros()?, zeros()?],
    };
    if rows == 0 || length == 0 {
        return Ok((zeros_after(x, &(rows, length, units))?, [h, c]));
    }

    // Masked steps are calculated with, here and in the gradient of the kernel.
    let x = match mask {
        Some(mask) => keep_rows(x, mask.as_slice(), E::zero())?,
        None => x,
    };
    // All input projections in one product.
    let (count, size) = (rows * length, 4 * units);
    let projected = product(x.into_shape(&(count, features))?, weights.kernel.retaped())?;
    let bias = every_row(weights.bias.retaped::<T>(), count)?;
    let projected = projected.try_add(bias).or_device()?;
    let projected = projected.into_shape(&(rows, length, size))?;
    let (projected, mut tape) = projected.split_tape();

    let index = |i: usize| dev.try_tensor_from_vec(vec![i; rows], (rows,)).or_device();
    // The output of masked steps before the first real one is 0, also with an initial state.
    let mut out = zeros()?;
    let mut outputs = Vec::with_capacity(length);
    for step in 0..length {
        let x: Tensor<(usize, usize), E, D, T> =
            projected.retaped::<T>().try_select(index(step)?).or_device()?;
        let recurrent = product(h.clone().put_tape(tape), weights.recurrent_kernel.retaped())?;
        let gates = x.try_add(recurrent).or_device()?.into_shape(&(rows, 4, units))?;
        let (gates, gates_tape) = gates.split_tape();
        let gate = |i: usize| -> Result<Tensor<(usize, usize), E, D, T>, Error> {
            gates.retaped::<T>().try_select(index(i)?).or_device()
        };
        let input = sigmoid(gate(0)?)?;
        let forget = sigmoid(gate(1)?)?;
        let cell = gate(2)?.try_tanh().or_device()?;
        let output = sigmoid(gate(3)?)?;
        let kept = forget.try_mul(c.clone()).or_device()?;
        let (c_new, c_tape) =
            kept.try_add(input.try_mul(cell).or_device()?).or_device()?.split_tape();
        let squashed = c_new.clone().put_tape(c_tape.merge(gates_tape)).try_tanh().or_device()?;
        let (h_new, h_tape) = squashed.try_mul(output).or_device()?.split_tape();
        tape = h_tape;

        if let Some(mask) = mask {
            let keep: Vec<bool> =
                (0..rows).flat_map(|row| (0..units).map(move |_| mask.row(row)[step])).collect();
            let keep = dev.try_tensor_from_vec(keep, row_shape).or_device()?;
            let mut choose = |new: &Tensor<_, E, D>, old: &Tensor<_, E, D>| {
                let taken = std::mem::take(&mut tape);
                let chosen = keep.clone().try_choose(new.clone().put_tape(taken), old.clone());
                let (chosen, rest) = chosen.or_device()?.split_tape();
                tape = rest;
                Ok::<_, Error>(chosen)
            };
            c = choose(&c_new, &c)?;
            out = choose(&h_new, &out)?;
            h = choose(&h_new, &h)?;
        } else {
            (c, h, out) = (c_new, h_new.clone(), h_new);
        }
        outputs.push(out.retaped::<T>());
    }

    let stacked = outputs.try_stack().or_device()?;
    let permuted: Tensor<(usize, usize, usize), E, D, T> =
        stacked.try_permute::<_, Axes3<1, 0, 2>>().or_device()?;
    let (outputs, out_tape) = permuted.split_tape();
    Ok((outputs.put_tape(out_tape.merge(tape)), [h, c]))
}

pub(crate) fn lstm_last<E: Element, D: Backend<E>, T: Tape<E, D>>(
    inputs: LstmInputs<'_, E, D, T>,
    weights: LstmWeights<'_, E, D>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (outputs, [h, _]) = lstm(inputs, weights)?;
    Ok(h.put_tape(outputs.split_tape().1))
}
