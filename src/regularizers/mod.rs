//! Regularizers, which add a penalty on weights to the loss, and constraints, which bring weights back after each step.
//!
//! `#[with(..)]` on a field of a `#[model]` says them of a weight, by Keras's keys: `kernel_regularizer = L2(1e-4)`,
//! `kernel_constraint = MaxNorm::new(2.0)`. The penalties are part of the `loss` that a
//! [`Trainer`](crate::train::Trainer) reports, in evaluation too, and of its gradients, as in Keras; weights that are
//! not trained have none. In a loop of your own [`State::attempt`](crate::optim::State::attempt) adds them.
//!
//! `activity_regularizer` is of what leaves a layer, whose penalty is divided by the number of samples, as in Keras. `Dense`, `Embedding`,
//! convolutions and recurrent layers have it. What a mask leaves out has no penalty (Keras takes it for activity).
//!
//! ```
//! use kerata::{*, data::InMemory, loss::MeanSquaredError, optim::Sgd, prelude::*, train::{Fit, Trainer}};
//!
//! #[model(input = (Batch, 2), output = (Batch, 1))]
//! struct Net {
//!     #[with(kernel_regularizer = L2(0.01), kernel_constraint = MaxNorm::new(2.0))]
//!     hidden: Dense<_, 8, Relu>,
//!     #[with(kernel_regularizer = L1L2 { l1: 1e-4, l2: 1e-3 }, bias_constraint = NonNeg)]
//!     head: Dense<_, 1>,
//! }
//!
//! let net = Net::build(&Cpu::seed_from_u64(0))?;
//! assert!(optim::penalty(&net)? > 0.0);
//! let data = InMemory::new(vec![[1.0_f32, 2.0]], vec![[-9.0_f32]])?;
//! let mut trainer = Trainer::new(net, MeanSquaredError, Sgd::new(0.01))?;
//! trainer.fit(&data, &Fit::epochs(5))?;
//! assert!(trainer.model.head.bias.array()[0] >= 0.0);
//! # Ok::<(), Error>(())
//! ```

mod activity;
mod axes;
mod constraint;
mod norms;
mod orthogonal;
mod penalty;
mod read;
mod rules;

pub(crate) use activity::{collected, is_penalized, penalize};
pub use axes::Axes;
pub use constraint::{Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm};
pub use norms::{L1, L1L2, L2};
pub use orthogonal::{OrthogonalMode, OrthogonalRegularizer};
pub use penalty::Regularizer;
pub(crate) use read::{constraint, regularizer};
pub use rules::Rule;

/// What keeps a division by a norm finite, as in Keras.
const EPSILON: f64 = 1e-7;
