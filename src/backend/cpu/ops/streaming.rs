//! The steps of a stream by the kernels. What is made of the weights is shared by all streams of a model.

use std::sync::Arc;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Tensor},
};

use super::{dense::Packable, recurrent, step_functions::has_functions};
use crate::{
    backend::{
        ActivationKind, DenseWeights, RecurrentStep, RecurrentWeights, StepProduct, StepQuery,
        StepStates, StepStatesMut, StepTable, WeightCache, memory::elements, reference, tape,
    },
    error::Error,
};
use kerata_kernels::{
    buffer::Buffer,
    matrix::Matrix,
    packed::Packed,
    query::Query,
    recurrent::{Before, CellKind, Sizes, Step},
    softmax,
};

/// A recurrent layer with the room for a step.
struct Recurrent {
    weights: Arc<recurrent::Weights>,
    sizes: Sizes,
    gates: Buffer,
    saved: Buffer,
    room: Buffer,
    cell: CellKind,
}

impl Recurrent {
    fn boxed(
        weights: &RecurrentWeights<'_, f32, Cpu>,
        rows: usize,
    ) -> Result<Box<dyn RecurrentStep<f32>>, Error> {
        let (inputs, wide) = *weights.kernel.shape();
        let sizes = Sizes { inputs, units: weights.units(), length: 1 };
        weights.check(inputs, sizes.units)?;
        let cell = weights.cell;
        let weights = recurrent::Weights::of(weights, true)?;
        weights.whole(sizes)?;
        let room = |width: usize| Ok::<_, Error>(Buffer::zeros(elements(&[rows, width])?)?);
        let saved = room(weights.walk().saved() * sizes.units)?;
        Ok(Box::new(Self { weights, sizes, gates: room(wide)?, saved, room: room(wide)?, cell }))
    }
}

impl RecurrentStep<f32> for Recurrent {
    fn step(
        &mut self,
        x: &[f32],
        before: StepStates<'_, f32>,
        after: StepStatesMut<'_, f32>,
    ) -> Result<(), Error> {
        let Sizes { inputs, units, .. } = self.sizes;
        let Some(part) = self.weights.whole(self.sizes)?.first() else { return Ok(()) };
        let rows = x.len() / inputs.max(1);
        let walk = self.weights.walk();
        let width = rows * self.cell.gates() * units;
        let gates = &mut self.gates[..width];
        part.kernel.product(x, gates, false)?;
        walk.step(Step {
            weights: part.step(),
            before: Some(Before { all: before.h, h: before.h, c: before.c }),
            gates,
            keep: false,
            saved: &mut self.saved[..rows * walk.saved() * units],
            h: after.h,
            c: after.c,
            room: &mut self.room[..width],
        })?;
        Ok(())
    }
}

pub(crate) fn recurrent_step(
    weights: RecurrentWeights<'_, f32, Cpu>,
    rows: usize,
) -> Result<Box<dyn RecurrentStep<f32>>, Error> {
    if !has_functions(&weights) {
        return reference::recurrent_step(weights);
    }
    Recurrent::boxed(&weights, rows)
}

/// A dense layer.
struct Dense(Arc<Packable>, ActivationKind);

impl StepProduct<f32> for Dense {
    fn product(&self, x: &[f32], y: &mut [f32]) -> Result<(), Error> {
        finish(self.0.packed()?, self.0.bias.as_deref(), self.1, x, y)
    }
}

/// A product whose packed kernel is its own.
struct Product(Packed, Option<Buffer>, ActivationKind);

impl StepProduct<f32> for Product {
    fn product(&self, x: &[f32], y: &mut [f32]) -> Result<(), Error> {
        finish(&self.0, self.1.as_deref(), self.2, x, y)
    }
}

fn finish(
    packed: &Packed,
    bias: Option<&[f32]>,
    then: ActivationKind,
    x: &[f32],
    y: &mut [f32],
) -> Result<(), Error> {
    if let Some(bias) = bias {
        y.chunks_exact_mut(bias.len().max(1)).for_each(|row| row.copy_from_slice(bias));
    }
    packed.product(x, y, bias.is_some())?;
    if then.is_fused() {
        then.apply(y);
    }
    Ok(())
}

pub(crate) fn step_dense(
    weights: DenseWeights<'_, f32, Cpu>,
    then: ActivationKind,
) -> Result<Box<dyn StepProduct<f32>>, Error> {
    weights.check(weights.kernel.shape().0)?;
    let weights = Packable::of(&weights.kernel, weights.bias.as_ref(), weights.cache, true)?;
    weights.packed()?;
    Ok(Box::new(Dense(weights, then)))
}

pub(crate) fn step_product(
    kernel: &Tensor<(usize, usize), f32, Cpu>,
    bias: Option<&Tensor<(usize,), f32, Cpu>>,
    then: ActivationKind,
) -> Result<Box<dyn StepProduct<f32>>, Error> {
    let (inputs, units) = *kernel.shape();
    let bias = bias.map(tape::copy).transpose()?;
    let packed = Packed::new(Matrix::new(&tape::copy(kernel)?, inputs, units))?;
    Ok(Box::new(Product(packed, bias, then)))
}

/// A table that is kept.
struct Table(Arc<tape::Weights<(usize, usize)>>);

impl AsRef<[f32]> for Table {
    fn as_ref(&self) -> &[f32] {
        &self.0
    }
}

pub(crate) fn step_table(
    table: &Tensor<(usize, usize), f32, Cpu>,
    cache: &WeightCache,
) -> Result<StepTable<f32>, Error> {
    Ok(Arc::new(Table(tape::Weights::kept(table, cache, true)?)))
}

pub(crate) fn step_activation(kind: ActivationKind, values: &mut [f32]) {
    kind.apply(values);
}

pub(crate) fn step_attention(query: StepQuery<'_, f32>, room: &mut [f32], y: &mut [f32]) {
    let StepQuery { heads, scale, query, past } = query;
    Query { heads, scale: scale as f32, query, past }.attend(room, y);
}

pub(crate) fn step_softmax(row: &mut [f32]) {
    softmax::softmax(row, row.len());
}
