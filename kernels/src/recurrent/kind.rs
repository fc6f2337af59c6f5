//! What there is to choose from: the cells, and the order of the steps.

/// What happens in a step of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Four gates, in the order input, forget, candidate, output, and a cell state `c` beside the output `h`.
    LstmCell,
    /// Three gates, in the order update, reset, candidate.
    GruCell {
        /// Whether the reset gate acts on the recurrent product, which then has a bias of its own; else on the state.
        reset_after: bool,
    },
    /// One: `h' = activation(x . kernel + h . recurrent_kernel + bias)`.
    SimpleCell,
}

impl CellKind {
    /// How many gates there are.
    pub const fn gates(self) -> usize {
        match self {
            Self::LstmCell => 4,
            Self::GruCell { .. } => 3,
            Self::SimpleCell => 1,
        }
    }

    /// Whether there is a cell state beside the output.
    pub const fn has_c(self) -> bool {
        matches!(self, Self::LstmCell)
    }
}

/// In which order the steps of a sequence are gone through, and what stands at masked ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepOrder {
    /// The last step first.
    pub backwards: bool,
    /// Whether the outputs stand in the order in which they were made, as with Keras's `go_backwards`; else at the steps
    /// that they are of.
    pub as_made: bool,
    /// Whether the output of a masked step is 0, as with Keras's `zero_output_for_mask`; else it is that of the step
    /// before.
    pub zero_masked: bool,
}

impl StepOrder {
    /// The place of a step in the order, or the step at a place.
    pub fn place(self, length: usize, step: usize) -> usize {
        if self.backwards { length - 1 - step } else { step }
    }

    /// Where the outputs of some places stand.
    pub fn outputs(self, length: usize, places: std::ops::Range<usize>) -> std::ops::Range<usize> {
        if self.backwards && !self.as_made {
            length - places.end..length - places.start
        } else {
            places
        }
    }
}
