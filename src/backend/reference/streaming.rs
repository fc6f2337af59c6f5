//! The steps of a stream in plain loops.

use std::sync::Arc;

use dfdx::{shapes::HasShape, tensor::Tensor};

use crate::{
    backend::{
        ActivationKind, Backend, CellKind, Element, RecurrentBias, RecurrentStep, RecurrentWeights,
        StepProduct, StepStates, StepStatesMut, StepTable,
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
    fn product(&self, x: &[E], y: &mut [E]) {
        let units = self.bias.len().max(1);
        let inputs = (self.kernel.len() / units).max(1);
        for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(units)) {
            y.copy_from_slice(&self.bias);
            add_product(x, &self.kernel, y);
            y.iter_mut().for_each(|y| *y = self.then.of(*y));
        }
    }
}

/// Adds `x . kernel` to a row.
fn add_product<E: Element>(x: &[E], kernel: &[E], y: &mut [E]) {
    let units = y.len().max(1);
    for (&x, kernel) in x.iter().zip(kernel.chunks_exact(units)) {
        y.iter_mut().zip(kernel).for_each(|(y, &w)| *y += x * w);
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
    fn step(&mut self, x: &[E], before: StepStates<'_, E>, after: StepStatesMut<'_, E>) {
        let units = self.units.max(1);
        let rows = x.chunks_exact(self.inputs.max(1)).zip(before.h.chunks_exact(units));
        for ((row, (x, h)), new) in rows.enumerate().zip(after.h.chunks_exact_mut(units)) {
            self.gates.copy_from_slice(&self.bias);
            add_product(x, &self.kernel, &mut self.gates);
            self.products.copy_from_slice(&self.recurrent_bias);
            add_product(h, &self.recurrent, &mut self.products);
            let here = row * units..(row + 1) * units;
            match self.cell {
                CellKind::LstmCell => self.lstm(&before.c[here.clone()], new, &mut after.c[here]),
                CellKind::GruCell { reset_after } => self.gru(reset_after, h, new),
                CellKind::SimpleCell => {
                    for ((new, &x), &h) in new.iter_mut().zip(&self.gates).zip(&self.products) {
                        *new = ActivationKind::HyperbolicTangent.of(x + h);
                    }
                }
            }
        }
    }
}

impl<E: Element> Recurrent<E> {
    /// A gate of a unit before its activation.
    fn sum(&self, gate: usize, unit: usize) -> E {
        let at = gate * self.units + unit;
        self.gates[at] + self.products[at]
    }

    fn lstm(&self, before: &[E], h: &mut [E], c: &mut [E]) {
        let (sigmoid, tanh) = (ActivationKind::Logistic, ActivationKind::HyperbolicTangent);
        for (unit, (h, c)) in h.iter_mut().zip(c).enumerate() {
            let [input, forget, output] = [0, 1, 3].map(|gate| sigmoid.of(self.sum(gate, unit)));
            *c = forget * before[unit] + input * tanh.of(self.sum(2, unit));
            *h = output * tanh.of(*c);
        }
    }

    fn gru(&mut self, reset_after: bool, before: &[E], h: &mut [E]) {
        let (sigmoid, tanh) = (ActivationKind::Logistic, ActivationKind::HyperbolicTangent);
        let units = self.units;
        for (unit, &before) in before.iter().enumerate() {
            let reset = sigmoid.of(self.sum(1, unit));
            // What it acts on: the product, or the state.
            let on = if reset_after { self.products[2 * units + unit] } else { before };
            self.reset[unit] = reset * on;
        }
        if !reset_after {
            let candidate = &mut self.products[2 * units..];
            candidate.fill(E::zero());
            for (&x, kernel) in self.reset.iter().zip(self.recurrent.chunks_exact(3 * units)) {
                let kernel = &kernel[2 * units..];
                candidate.iter_mut().zip(kernel).for_each(|(y, &w)| *y += x * w);
            }
            self.reset.copy_from_slice(candidate);
        }
        for (unit, (h, &before)) in h.iter_mut().zip(before).enumerate() {
            let update = sigmoid.of(self.sum(0, unit));
            let candidate = tanh.of(self.gates[2 * units + unit] + self.reset[unit]);
            *h = update * (before - candidate) + candidate;
        }
    }
}

pub(crate) fn step_activation<E: Element>(kind: ActivationKind, values: &mut [E]) {
    values.iter_mut().for_each(|x| *x = kind.of(*x));
}

pub(crate) fn step_softmax<E: Element>(row: &mut [E]) {
    let most = row.iter().fold(E::neg_infinity(), |most, &x| num_traits::Float::max(most, x));
    row.iter_mut().for_each(|x| *x = num_traits::Float::exp(*x - most));
    let sum = row.iter().fold(E::zero(), |sum, &x| sum + x);
    row.iter_mut().for_each(|x| *x /= sum);
}
