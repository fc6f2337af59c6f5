//! The options of a `Bidirectional`.

use super::options::{Options, Setting};
use crate::{
    error::Error,
    layers::{Bidirectional, MergeMode},
};

/// Those of the layer within, set in both directions.
#[diagnostic::do_not_recommend]
impl<L: Options, M: MergeMode> Options for Bidirectional<L, M> {
    const LAYER: &'static str = L::LAYER;
    const OPTIONS: &'static [(&'static str, [Option<f64>; 2], &'static str)] = L::OPTIONS;
    const WEIGHTS: &'static [(&'static str, &'static str)] = L::WEIGHTS;
    const SET_BY_ITSELF: &'static [(&'static str, &'static str)] = &[
        ("go_backwards", "of a `Bidirectional`, one layer goes forward and one backward"),
        (
            "zero_output_for_mask",
            "a `Bidirectional` sets it where the layers return sequences, as Keras does",
        ),
    ];
}

#[diagnostic::do_not_recommend]
impl<L, M, const AT: usize> Setting<AT> for Bidirectional<L, M>
where
    L: Setting<AT, Value: Clone>,
    M: MergeMode,
{
    type Value = L::Value;

    fn set(&mut self, value: L::Value) -> Result<(), Error> {
        self.forward.set(value.clone())?;
        self.backward.set(value)
    }
}
