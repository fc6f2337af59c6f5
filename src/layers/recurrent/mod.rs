//! Layers that go over the steps of a sequence and keep a state.
//!
//! What happens in a step is a [`CellKind`](crate::backend::CellKind); the walk over the sequence is the same for all.

mod alike;
mod bidirectional;
mod cell;
mod gru;
mod layer;
mod lstm;
mod return_state;
mod returns;
mod rnn;
mod run;
mod simple_rnn;
mod stack;
mod stacked;
mod state;
mod stream;
mod to_state;

pub use bidirectional::{Bidirectional, BothStates, Concat, MergeMode, Merges, Separate, Sum};
pub use cell::{CellState, RnnCell};
pub use gru::{Gru, ResetAfter, ResetBefore, ResetGate};
pub use layer::Recurrent;
pub use lstm::Lstm;
pub use return_state::ReturnState;
pub use returns::{LastState, Returns, RowsWithStates, Sequences};
pub use rnn::Rnn;
pub use simple_rnn::SimpleRnn;
pub use stack::{HandsOn, Stack, StackLayer};
pub use stacked::StackedRnn;
pub use state::{InitialState, KeepsH, KeepsHc, RecurrentInput, SequenceFeatures, StateSignal};
pub use stream::StreamParts;
pub use to_state::{StateVectors, ToState};

use alike::{WithOutput, functions, order, reset, states, weighted};
use layer::OneDirection;
use run::{last_states, with_state};
