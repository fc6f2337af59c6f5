//! Ids as vectors, without weights.

use dfdx::tensor::{Cpu, PutTape, TensorFromVec};
use serde_json::Value;

use super::{
    flow::{Flow, Numbers},
    op::OneToOne,
    options::Options,
    words,
};
use crate::{
    backend::memory::{elements, filled},
    error::{Error, OrDevice},
    fields::{AnySignal, SignalKind},
};

/// Keras's `CategoryEncoding`: one vector for all ids of a sample, or one for each id.
#[derive(Debug, Clone)]
pub(crate) struct Categories {
    tokens: usize,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    OneHot,
    MultiHot,
    Count,
}

impl Categories {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let tokens = options.size("num_tokens")?;
        let value = options.config.config.get("output_mode").unwrap_or(&Value::Null);
        let mode = match value.as_str() {
            Some("one_hot") => Mode::OneHot,
            Some("multi_hot" | "binary") => Mode::MultiHot,
            Some("count") => Mode::Count,
            _ => {
                let needed = "`one_hot`, `multi_hot` or `count`";
                return Err(options.misfit("output_mode", needed, value));
            }
        };
        Ok(Self { tokens, mode })
    }

    /// Whether each id has a vector of its own, in a sequence of them.
    fn is_sequence(&self, length: Option<usize>) -> bool {
        self.mode == Mode::OneHot && length != Some(1)
    }
}

impl OneToOne for Categories {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::token_ids(arrives, false)?;
        let mut sizes = arrives.sizes.clone();
        if sizes.len() > 1 && !self.is_sequence(sizes.last().copied().flatten()) {
            sizes.pop();
        }
        sizes.push(Some(self.tokens));
        Ok(AnySignal { kind: SignalKind::Numbers, sizes })
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Flow::Tokens { mut sizes, ids, tape } = x else { return Ok(x) };
        let length = sizes.get(1).copied().unwrap_or(1);
        // How many ids share a vector.
        let each = if self.mode == Mode::OneHot { 1 } else { length };
        if sizes.len() > 1 && !self.is_sequence(Some(length)) {
            sizes.pop();
        }
        sizes.push(self.tokens);
        let mut values = filled(&sizes, 0.0_f32)?;
        for (at, &id) in ids.iter().enumerate() {
            if id >= self.tokens {
                let (row, step) = (at / length, at % length);
                return Err(Error::IdOutsideVocabulary { id, vocabulary: self.tokens, row, step });
            }
            let value = &mut values[at / each * self.tokens + id];
            *value = if self.mode == Mode::Count { *value + 1.0 } else { 1.0 };
        }
        let rows = elements(&sizes)? / self.tokens;
        let rows = Cpu::default().try_tensor_from_vec(values, (rows, self.tokens)).or_device()?;
        Ok(Flow::Numbers(Numbers::new(rows.put_tape(tape), sizes, None)?))
    }

    fn takes_ids(&self) -> bool {
        true
    }
}
