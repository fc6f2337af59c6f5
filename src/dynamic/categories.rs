//! Ids as vectors, without weights.

use dfdx::tensor::{Cpu, PutTape, TensorFromVec};

use super::{
    flow::{Flow, Numbers},
    op::OneToOne,
    options::Options,
    words,
};
use crate::{
    backend::{
        Recorder,
        memory::{elements, filled},
    },
    error::{Error, OrDevice},
    fields::AnySignal,
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
        Self::of(options.size("num_tokens")?, options)
    }

    /// For so many different ids.
    pub(super) fn of(tokens: usize, options: &Options<'_>) -> Result<Self, Error> {
        let value = options.value("output_mode");
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

    /// The sizes of the vectors for ids of these sizes.
    pub(super) fn sizes<S: Copy + PartialEq + From<usize>>(&self, mut of_ids: Vec<S>) -> Vec<S> {
        // Each id has a vector of its own, in a sequence of them.
        let is_sequence = self.mode == Mode::OneHot && of_ids.last() != Some(&1.into());
        if of_ids.len() > 1 && !is_sequence {
            of_ids.pop();
        }
        of_ids.push(self.tokens.into());
        of_ids
    }

    /// The vectors for ids.
    pub(super) fn encoded(
        &self,
        sizes: Vec<usize>,
        ids: &[usize],
        tape: Recorder,
    ) -> Result<Flow, Error> {
        Error::check_ids(ids, &sizes, self.tokens)?;
        let length = sizes.get(1).copied().unwrap_or(1);
        // How many ids share a vector.
        let each = if self.mode == Mode::OneHot { 1 } else { length };
        let sizes = self.sizes(sizes);
        let mut values = filled(&sizes, 0.0_f32)?;
        for (at, &id) in ids.iter().enumerate() {
            let value = &mut values[at / each * self.tokens + id];
            *value = if self.mode == Mode::Count { *value + 1.0 } else { 1.0 };
        }
        let rows = elements(&sizes)? / self.tokens;
        let rows = Cpu::default().try_tensor_from_vec(values, (rows, self.tokens)).or_device()?;
        Ok(Flow::Numbers(Numbers::new(rows.put_tape(tape), sizes, None)?))
    }
}

impl OneToOne for Categories {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::token_ids(arrives, false)?;
        Ok(AnySignal::numbers(self.sizes(arrives.sizes.clone())))
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        match x {
            Flow::Tokens { sizes, ids, tape } => self.encoded(sizes, &ids, tape),
            Flow::Numbers(_) => Ok(x),
        }
    }

    fn takes_ids(&self) -> bool {
        true
    }
}
