//! The kernels as operations on dfdx's tape.

mod add;
mod add_row;
mod additive;
mod arrange;
mod attention;
mod batch_norm;
mod choose;
mod combine;
mod conv;
mod crossentropy;
mod dense;
mod elementwise;
mod embedding;
mod embedding_bag;
mod group_norm;
mod layer_norm;
mod padding;
mod pointwise;
mod pool;
mod pool2d;
mod prelu;
mod recurrent;
mod reduce;
mod repeated;
mod resampling;
mod scaled;
mod slopes;
mod softmax;
mod step_functions;
mod streaming;
mod unit;

pub(super) use add::add;
pub(super) use add_row::add_row;
pub(super) use additive::additive_scores;
pub(crate) use arrange::{Arrangement, arrange_values, join_rows};
pub(super) use attention::attention;
pub(super) use batch_norm::{batch_norm, batch_norm_train};
pub(super) use choose::{choose_rows, drop_by, keep_rows};
pub(crate) use combine::{Operand, combine};
pub(super) use conv::conv2d;
pub(super) use crossentropy::sparse_crossentropy;
pub(super) use dense::dense;
pub(super) use elementwise::activation;
pub(crate) use elementwise::{NOWHERE, Places, map_slices, map_values, pick_values, running_sums};
pub(super) use embedding::embedding;
pub(crate) use embedding::few;
pub(super) use embedding_bag::embedding_bag;
pub(super) use group_norm::group_norm;
pub(super) use layer_norm::layer_norm;
pub(super) use padding::bounded_padding;
pub(super) use pointwise::{clamp, dropout, relu, sigmoid, tanh};
pub(super) use pool::mean_over_steps;
pub(super) use pool2d::pool2d;
pub(super) use prelu::prelu;
pub(super) use recurrent::{recurrent, recurrent_last, recurrent_states};
pub(crate) use reduce::{Reduce, reduce_values};
pub(super) use repeated::repeated;
pub(super) use resampling::resampled;
pub(super) use scaled::scaled;
pub(super) use slopes::with_slopes;
pub(super) use softmax::{log_softmax, softmax, softmax_along};
pub(super) use streaming::{
    recurrent_step, step_activation, step_attention, step_dense, step_product, step_softmax,
    step_table,
};
pub(super) use unit::of_length_one;

use crate::backend::memory::NoMemory;
use kerata_kernels::{
    buffer::{Part, Unwritten},
    threads::{parallel, threads},
};

/// How many values are a job at least, of functions that take about a nanosecond each.
const JOB: usize = 32 << 10;

/// Values that are made on several threads. `make` is told where some of them begin, and writes these; always a multiple
/// of `width`.
fn made(
    len: usize,
    width: usize,
    make: impl Fn(usize, &mut [f32]) + Send + Sync,
) -> Result<Vec<f32>, NoMemory> {
    /// How many are made at a time: they are cleared first, and are to be still at hand then.
    const SOME: usize = 2 << 10;
    let some = SOME.div_ceil(width.max(1)) * width.max(1);
    let job = JOB.div_ceil(some) * some;
    let mut values = Unwritten::new(len)?;
    parallel(values.parts(job).enumerate().collect(), |(i, mut part): (usize, Part<'_, f32>)| {
        let end = len.min((i + 1) * job);
        (i * job..end).step_by(some).for_each(|at| make(at, part.cleared(some)));
    });
    Ok(values.finish())
}

/// How many rows of a batch are a job: a few jobs a thread, so that one that is held up does not hold up all.
fn share(multiplications: usize, rows: usize) -> usize {
    let jobs = match threads(multiplications, rows) {
        1 => 1,
        threads => 4 * threads,
    };
    rows.div_ceil(jobs).max(1)
}

/// The pieces of a slice that belong to the rows of the batch.
fn chunks(values: &mut [f32], size: usize, rows: usize) -> Vec<&mut [f32]> {
    if size == 0 {
        (0..rows).map(|_| &mut [][..]).collect()
    } else {
        values.chunks_mut(size).collect()
    }
}
