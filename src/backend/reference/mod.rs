//! The operations of [`Backend`](super::Backend) in plain dfdx operations: what the fast kernels are
//! held against.

mod attention;
mod conv;
mod dense;
mod embedding;
mod group_norm;
mod largest;
mod norm;
mod padding;
mod pointwise;
mod pool;
mod prelu;
mod recurrent;
mod resampling;
mod rows;
mod slopes;
mod sparsemax;
mod streaming;
mod sums;
mod walk;

pub(super) use attention::additive_scores;
pub(crate) use attention::{additive_attention, attention_shares, attention_sums};
pub(super) use attention::{attention, step_attention};
pub(super) use conv::{conv2d, pool2d};
pub(super) use dense::dense;
pub(super) use embedding::{embedding, embedding_bag};
pub(super) use group_norm::group_norm;
pub(super) use largest::largest_gradient;
pub(super) use norm::{batch_norm, batch_norm_train, layer_norm, of_length_one};
pub(super) use padding::bounded_padding;
pub(super) use pointwise::{
    activation, add, dropout, log_softmax, relu, sigmoid, softmax, softmax_along,
    sparse_crossentropy, tanh,
};
pub(super) use pool::mean_over_steps;
pub(super) use prelu::prelu;
pub(crate) use recurrent::{StepOptions, recurrent_with};
pub(super) use recurrent::{drop_inputs, recurrent, recurrent_last, recurrent_states};
pub(super) use resampling::resampled;
pub(super) use rows::{add_row, choose_rows, clamp, drop_by, keep_rows, scaled};
pub(crate) use slopes::with_slopes;
pub(crate) use sparsemax::{sparse_threshold, sparsemax};
pub(super) use streaming::{
    recurrent_step, step_activation, step_product, step_softmax, step_table,
};
pub(crate) use sums::{repeated, row_sums, rows_of};
pub(crate) use walk::TapedStates;
pub(crate) use walk::walk;
