//! Why variants are passed over.

use crate::report::{
    Reason,
    Until::{self, Accepted, Never},
};

const fn reason(text: &'static str, until: Until) -> Reason {
    Reason { text, until }
}

pub(crate) const SOFTMAX_MASK: Reason =
    reason("a mask has one flag per step, Keras's Softmax takes one per element", Never);

pub(crate) const BROADCAST: Reason = reason(
    "weights of samples are counted once per step here; Keras counts them once per sample there",
    Never,
);

pub(crate) const DROPPED_MASK: Reason =
    reason("Keras drops the mask in silence; here that is refused", Accepted);
pub(crate) const NEGATIVE_ID: Reason =
    reason("ids are unsigned: Keras counts negative ones from the end", Never);
