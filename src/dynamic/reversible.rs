//! Keras's `ReversibleEmbedding`: rows of a table for ids, and the other way around the fit of a vector to each row.

use dfdx::{
    prelude::{TryDiv, TryMul},
    tensor::{Cpu, SplitTape},
};
use serde_json::Value;

use super::{
    dense::EmbeddingOp,
    flow::{Flow, Flows, Numbers, Rows, with_tape},
    functions::FoundFunction,
    op::{Op, one, only},
    options::Options,
    said::CallWords,
    words,
};
use crate::{
    backend::{ActivationKind, Backend, DenseWeights, WeightCache},
    error::{Error, OrDevice},
    fields::{AnySignal, SignalKind},
    parameters::Visitor,
};

/// What a call says that goes from vectors to the words.
pub(super) const REVERSE: &str = "reverse";

/// Ids become rows, and numbers, which reach it in calls with `reverse=True`, how they fit each row.
#[derive(Debug, Clone)]
pub(crate) struct Reversible {
    table: EmbeddingOp,
    /// The bound of what leaves it the other way around.
    cap: Option<f64>,
    tanh: FoundFunction,
}

impl Reversible {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let get = |key: &str| options.value(key);
        let (dtype, cap) = (get("reverse_dtype"), get("logit_soft_cap"));
        if !(dtype.is_null() || dtype == "float32") {
            let expected = "`null` or \"float32\" is needed";
            return Err(options.misfit("reverse_dtype", expected, dtype));
        }
        let above_zero =
            |cap: &Value| cap.as_f64().filter(|cap| *cap as f32 > 0.0 && (*cap as f32).is_finite());
        let cap = match cap {
            Value::Null => None,
            cap => Some(above_zero(cap).ok_or_else(|| {
                let expected = "`null`, or a number above 0 that an `f32` holds, is needed";
                options.misfit("logit_soft_cap", expected, cap)
            })?),
        };
        let table = EmbeddingOp::reversible(options)?;
        Ok(Self { table, cap, tanh: options.custom.function("tanh")? })
    }

    fn capped(&self, x: Rows) -> Result<Rows, Error> {
        let Some(cap) = self.cap else { return Ok(x) };
        let x = x.try_div(cap as f32).or_device()?;
        self.tanh.apply(x)?.try_mul(cap as f32).or_device()
    }
}

impl Op for Reversible {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let arrives = only(arrive)?;
        if arrives.kind == SignalKind::Tokens {
            return Op::gives(&self.table, arrive);
        }
        words::features_axis(arrives)?;
        words::features(arrives, Some(self.table.features))?;
        let mut sizes = arrives.sizes.clone();
        if let Some(last) = sizes.last_mut() {
            *last = Some(self.table.rows);
        }
        Ok(vec![AnySignal::numbers(sizes)])
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        Op::build(&mut self.table, dev, prefix, arrive)
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        if let [Flow::Tokens { .. }] = x.as_slice() {
            return Op::apply(&self.table, x);
        }
        let Numbers { x, sizes, mask } = one(x)?.numbers()?;
        let kernel = self.table.reverse_kernel()?;
        let (kernel, more) = kernel.split_tape();
        let x = Numbers { x: with_tape(x, more), sizes, mask };
        let cache = WeightCache::default();
        let weights = DenseWeights { kernel, bias: None, cache: &cache };
        let mut y = x.map(|x| self.capped(Cpu::dense(x, weights, ActivationKind::Nothing)?))?;
        y.set_mask(None);
        Ok(vec![y])
    }

    fn words(&self) -> CallWords {
        CallWords { flags: &[REVERSE], ..CallWords::default() }
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        Op::visit(&mut self.table, visitor)
    }

    fn takes_ids(&self) -> bool {
        true
    }
}
