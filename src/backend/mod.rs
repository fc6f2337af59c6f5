//! The heavy operations, each with a reference in plain dfdx operations.
//!
//! [`Backend`] names what a device must be able to do. Its default methods are the reference: written
//! in dfdx's own operations, differentiable, right on any dfdx device and in `f64`, and slow.

mod activation;
mod attention;
mod carried;
mod cpu;
mod double;
mod element;
mod extremes;
pub(crate) mod logits;
mod near;
mod operands;
mod operations;
mod parameter;
mod prelu;
mod products;
mod random;
mod recurrent;
mod reference;
mod resampling;
mod row_operations;
mod rows;
mod streaming;
mod tape;
mod values;
mod weight_cache;
mod window;

pub(crate) use crate::memory;
pub(crate) use activation::WithFunction;
pub use activation::{ActivationFunction, Elementwise, ReluOptions};
pub(crate) use attention::AttentionSizes;
pub use attention::{AttentionOptions, Visible};
pub use carried::CarriedStates;
pub(crate) use carried::whole_pass;
pub use cpu::set_threads;
pub(crate) use cpu::{
    Arrangement, NOWHERE, Operand, Places, Reduce, arrange_values, combine, join_rows, map_slices,
    map_values, pick_values, reduce_values, running_sums,
};
pub use element::Element;
pub(crate) use extremes::Extreme;
pub(crate) use kerata_kernels::{
    curves::Pointwise,
    matrix::Matrix,
    multiply::product_into,
    table::scan,
    threads::{parallel, threads},
};
pub(crate) use near::near;
pub use operands::{
    Bags, Centre, ConvWeights, DenseWeights, Epilogue, FixedNorm, LstmState, NormWeights,
    Normalised, Scale, Seen,
};
pub use operations::Backend;
pub(crate) use parameter::{assign, vectorized_loops};
pub(crate) use prelu::prelu;
pub(crate) use products::{products, turned};
pub use random::random_u64;
pub(crate) use random::{OfSamples, Seeded, drop_values, dropout_parts, rows_in_batch};
pub(crate) use recurrent::last_is_state;
pub use recurrent::{
    CellKind, GateDropout, HiddenStates, RecurrentBias, RecurrentInputs, RecurrentOutputs,
    RecurrentWeights, StateSizes, StepFunctions, StepOrder,
};
pub(crate) use reference::{
    StepOptions, TapedStates, additive_attention, attention_shares, attention_sums, recurrent_with,
    row_sums, rows_of, walk,
};
pub use resampling::Resampling;
pub(crate) use rows::{choose_rows, in_order, keep_rows, put_rows_at, row_means, rows_at};
pub use streaming::{RecurrentStep, StepProduct, StepQuery, StepStates, StepStatesMut, StepTable};
pub use tape::{BringRows, FollowedRows, ReadRows, StopGradient};
pub(crate) use tape::{IntoShape, Recorder, apart, is_on, over_ranks, sized};
pub(crate) use values::{check_classes, largest, largest_padding, to_values, zeros_after};
pub use weight_cache::WeightCache;
pub(crate) use window::check_window;
pub use window::{ActivationKind, ImageShape, Pooling, Window};
