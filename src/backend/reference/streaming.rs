//! The steps of a stream in plain loops.

use std::sync::Arc;

use dfdx::{shapes::HasShape, tensor::Tensor};

use crate::{
    backend::{
        ActivationFunction, ActivationKind, Backend, CellKind, Element, RecurrentBias,
        RecurrentStep, RecurrentWeights, StepFunctions, StepProduct, StepStates, StepStatesMut,
        StepTable,
        memory::{elements, filled},
        to_values,
    },
    error::Error,
};

/// `x . kernel + bias`.
struct Product<E> {
    kernel: Vec<E>,
    bias: Vec<E>,
    then: ActivationKind,
}

impl<E: Element> StepProduct<E> for Product<E> {
    fn product(&self, x: &[E], y: &mut [E]) -> Result<(), Error> {
        let units = self.bias.len().max(1);
        let inputs = (self.kernel.len() / units).max(1);
        for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(units)) {
            y.copy_from_slice(&self.bias);
            add_product(x, &self.kernel, y);
            y.iter_mut().for_each(|y| *y = self.then.of(*y));
        }
        Ok(())
    }
}

/// How many sums are made at once.
const SUMS: usize = 16;

/// Adds `x . kernel` to a row.
fn add_product<E: Element>(x: &[E], kernel: &[E], y: &mut [E]) {
    add_columns(x, kernel, (y.len(), 0), y);
}

/// Adds to a row the product with the columns of a kernel of some width, from one on. The sums are in double precision.
fn add_columns<E: Element>(x: &[E], kernel: &[E], (width, from): (usize, usize), y: &mut [E]) {
    for (block, y) in y.chunks_mut(SUMS).enumerate() {
        let (mut sums, from) = ([0.0; SUMS], from + block * SUMS);
        for (x, kernel) in x.iter().zip(kernel.chunks_exact(width)) {
            let kernel = &kernel[from..from + y.len()];
            sums.iter_mut().zip(kernel).for_each(|(sum, w)| *sum += x.as_f64() * w.as_f64());
        }
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = E::of(y.as_f64() + sum));
    }
}

pub(crate) fn step_product<E: Element, D: Backend<E>>(
    kernel: &Tensor<(usize, usize), E, D>,
    bias: Option<&Tensor<(usize,), E, D>>,
    then: ActivationKind,
) -> Result<Box<dyn StepProduct<E>>, Error> {
    let bias = match bias {
        Some(bias) => to_values(bias)?,
        None => filled(&[kernel.shape().1], E::zero())?,
    };
    Ok(Box::new(Product { kernel: to_values(kernel)?, bias, then }))
}

pub(crate) fn step_table<E: Element, D: Backend<E>>(
    table: &Tensor<(usize, usize), E, D>,
) -> Result<StepTable<E>, Error> {
    Ok(Arc::new(to_values(table)?))
}

struct Recurrent<E> {
    cell: CellKind,
    functions: StepFunctions,
    inputs: usize,
    units: usize,
    kernel: Vec<E>,
    recurrent: Vec<E>,
    bias: Vec<E>,
    recurrent_bias: Vec<E>,
    /// Of one row: the projected inputs, and the recurrent products.
    gates: Vec<E>,
    products: Vec<E>,
    reset: Vec<E>,
}

pub(crate) fn recurrent_step<E: Element, D: Backend<E>>(
    weights: RecurrentWeights<'_, E, D>,
) -> Result<Box<dyn RecurrentStep<E>>, Error> {
    let (inputs, wide) = *weights.kernel.shape();
    let units = weights.units();
    weights.check(inputs, units)?;
    let zeros = || filled(&[elements(&[wide])?], E::zero());
    let (bias, recurrent_bias) = match &weights.bias {
        RecurrentBias::None => (zeros()?, zeros()?),
        RecurrentBias::One(bias) => (to_values(bias)?, zeros()?),
        RecurrentBias::Two(both) => {
            let mut both = to_values(both)?;
            let recurrent = both.split_off(wide);
            (both, recurrent)
        }
    };
    Ok(Box::new(Recurrent {
        cell: weights.cell,
        functions: weights.functions,
        inputs,
        units,
        kernel: to_values(&weights.kernel)?,
        recurrent: to_values(&weights.recurrent_kernel)?,
        bias,
        recurrent_bias,
        gates: zeros()?,
        products: zeros()?,
        reset: filled(&[units], E::zero())?,
    }))
}

impl<E: Element> RecurrentStep<E> for Recurrent<E> {
    fn step(
        &mut self,
        x: &[E],
        before: StepStates<'_, E>,
        after: StepStatesMut<'_, E>,
    ) -> Result<(), Error> {
        let units = self.units.max(1);
        let rows = x.chunks_exact(self.inputs.max(1)).zip(before.h.chunks_exact(units));
        for ((row, (x, h)), new) in rows.enumerate().zip(after.h.chunks_exact_mut(units)) {
            self.gates.copy_from_slice(&self.bias);
            add_product(x, &self.kernel, &mut self.gates);
            self.products.copy_from_slice(&self.recurrent_bias);
            add_product(h, &self.recurrent, &mut self.products);
            let here = row * units..(row + 1) * units;
            match self.cell {
                CellKind::LstmCell => {
                    self.lstm(&before.c[here.clone()], new, &mut after.c[here])?
                }
                CellKind::GruCell { reset_after } => self.gru(reset_after, h, new)?,
                CellKind::SimpleCell => {
                    for ((new, &x), &h) in new.iter_mut().zip(&self.gates).zip(&self.products) {
                        *new = x + h;
                    }
                    self.functions.activation.in_place(new)?;
                }
            }
        }
        Ok(())
    }
}

impl<E: Element> Recurrent<E> {
    /// Makes gates of their projected inputs: adds the recurrent products and applies the function.
    fn activate(&mut self, gate: usize, function: ActivationFunction) -> Result<(), Error> {
        let here = gate * self.units..(gate + 1) * self.units;
        let sums = &mut self.gates[here.clone()];
        sums.iter_mut().zip(&self.products[here]).for_each(|(x, &product)| *x += product);
        function.in_place(sums)
    }

    fn lstm(&mut self, before: &[E], h: &mut [E], c: &mut [E]) -> Result<(), Error> {
        let StepFunctions { activation, gate } = self.functions;
        [(0, gate), (1, gate), (2, activation), (3, gate)]
            .into_iter()
            .try_for_each(|(i, function)| self.activate(i, function))?;
        let of = |gate: usize, unit: usize| self.gates[gate * self.units + unit];
        for (unit, (c, &before)) in c.iter_mut().zip(before).enumerate() {
            *c = of(1, unit) * before + of(0, unit) * of(2, unit);
        }
        h.copy_from_slice(c);
        activation.in_place(h)?;
        h.iter_mut().enumerate().for_each(|(unit, h)| *h *= of(3, unit));
        Ok(())
    }

    fn gru(&mut self, reset_after: bool, before: &[E], h: &mut [E]) -> Result<(), Error> {
        let StepFunctions { activation, gate } = self.functions;
        let units = self.units;
        self.activate(0, gate)?;
        self.activate(1, gate)?;
        let (gates, candidate) = self.gates.split_at_mut(2 * units);
        let (update, reset) = gates.split_at(units);
        if reset_after {
            let products = &self.products[2 * units..];
            let parts = candidate.iter_mut().zip(reset).zip(products);
            parts.for_each(|((x, &reset), &product)| *x += reset * product);
        } else {
            let states = self.reset.iter_mut().zip(reset).zip(before);
            states.for_each(|((state, &reset), &before)| *state = reset * before);
            let columns = (3 * units, 2 * units);
            add_columns(&self.reset, &self.recurrent, columns, candidate);
        }
        activation.in_place(candidate)?;
        for (((h, &before), &update), &new) in h.iter_mut().zip(before).zip(update).zip(&*candidate)
        {
            *h = update * (before - new) + new;
        }
        Ok(())
    }
}

pub(crate) fn step_activation<E: Element>(kind: ActivationKind, values: &mut [E]) {
    values.iter_mut().for_each(|x| *x = kind.of(*x));
}

pub(crate) fn step_softmax<E: Element>(row: &mut [E]) {
    let most = row.iter().fold(E::neg_infinity(), |most, &x| num_traits::Float::max(most, x));
    row.iter_mut().for_each(|x| *x = num_traits::Float::exp(*x - most));
    let sum = E::of(row.iter().map(|x| x.as_f64()).sum());
    row.iter_mut().for_each(|x| *x /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of many terms, and of more columns than are made at once.
    #[test]
    fn sums_keep_their_digits() {
        let n = 1_000_000;
        let right = f64::from(0.1_f32) * f64::from(0.3_f32) * n as f64 + 1.0;
        let close = |found: f32, right: f64| (f64::from(found) / right - 1.0).abs() < 1e-6;
        let mut y = [1.0_f32; 2];
        add_product(&vec![0.3_f32; n], &vec![0.1; 2 * n], &mut y);
        assert!(y.iter().all(|&y| close(y, right)), "{y:?}, not {right}");
        let mut row = vec![0.7_f32; n];
        step_softmax(&mut row);
        assert!(row.iter().all(|&share| close(share, 1e-6)), "{}", row[0]);
        let mut row = vec![0.7_f32; n];
        ActivationFunction::LOG_SOFTMAX.in_place(&mut row).unwrap();
        assert!(row.iter().all(|&log| close(log, -(n as f64).ln())), "{}", row[0]);
        let width = SUMS + 3;
        let kernel: Vec<f64> = (0..2 * width).map(|i| i as f64).collect();
        let mut y = vec![0.5; width];
        add_product(&[1.0, 10.0], &kernel, &mut y);
        let right = |i: usize| 0.5 + i as f64 + 10.0 * (i + width) as f64;
        assert!(y.iter().enumerate().all(|(i, y)| *y == right(i)), "{y:?}");
        let mut some = [0.0; 2];
        add_columns(&[1.0, 10.0], &kernel, (width, 5), &mut some);
        assert_eq!(some, [right(5) - 0.5, right(6) - 0.5]);
    }

    /// What is nearly certain is not rounded to what is certain.
    #[test]
    fn the_logarithm_of_what_is_nearly_1() {
        let mut row = [0.0_f64, -50.0];
        ActivationFunction::LOG_SOFTMAX.in_place(&mut row).unwrap();
        assert_eq!(row, [-(-50.0_f64).exp(), -50.0 - (-50.0_f64).exp()]);
    }
}
