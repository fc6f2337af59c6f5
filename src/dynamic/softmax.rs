use serde_json::Value;

use super::{
    flow::{Flow, Numbers},
    op::OneToOne,
    options::Options,
    words::{self, refused},
};
use crate::{
    backend::{logits, memory::elements},
    error::Error,
    fields::AnySignal,
};

/// The softmax along an axis.
#[derive(Debug, Clone)]
pub(crate) struct SoftmaxOp(i64);

impl SoftmaxOp {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let axis = options.config.config.get("axis").and_then(Value::as_i64);
        axis.map(Self).ok_or_else(|| options.misfit("axis", "one axis is needed", &Value::Null))
    }

    /// The axis, counted from the front.
    fn axis(&self, rank: usize) -> Result<usize, Error> {
        let axis = if self.0 < 0 { self.0 + rank as i64 } else { self.0 };
        let axis = usize::try_from(axis).ok().filter(|axis| (1..rank.max(2)).contains(axis));
        axis.ok_or_else(|| refused(format!("there is no axis {} of {rank} dimensions", self.0)))
    }
}

impl OneToOne for SoftmaxOp {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        if self.0 == -1 {
            words::last_axis(arrives)?;
            return Ok(arrives.clone());
        }
        let axis = self.axis(arrives.rank())?;
        if axis + 1 == arrives.rank() {
            words::last_axis(arrives)?;
        } else {
            words::unmasked(arrives)?;
        }
        Ok(arrives.clone())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let x = x.numbers()?;
        let rank = x.sizes.len();
        let axis = if self.0 == -1 { rank.saturating_sub(1) } else { self.axis(rank)? };
        if axis + 1 >= rank {
            return x.map(logits::softmax);
        }
        let Numbers { x, sizes, mask } = x;
        let [before, behind] = [&sizes[..axis], &sizes[axis + 1..]];
        let x = logits::softmax_along(x, [elements(before)?, sizes[axis], elements(behind)?])?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}
