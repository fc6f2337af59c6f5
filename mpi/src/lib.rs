//! Training of kerata's models by the processes of an MPI program, on one machine or many.
//!
//! [`Mpi::run`] hands each process its [`MpiRank`], which [`Trainer::distributed`](kerata::train::Trainer::distributed) takes. The result is
//! that of one process on the whole batch; see the guide, [More than one machine](kerata::guide::distributed).
//!
//! ```
//! use kerata::{*, data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Sgd, prelude::*, train::{Fit, Trainer}};
//! use kerata_mpi::Mpi;
//!
//! // Started by `mpirun -n 4 ..`, or alone.
//! let history = Mpi::new().run(|rank| {
//!     let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
//!     let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
//!     let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?.distributed(rank);
//!     trainer.fit(&data, &Fit { progress: false, ..Fit::epochs(200) })
//! })?;
//! assert!(history.last("loss").unwrap() < 1e-4);
//! # Ok::<(), Error>(())
//! ```

// The example of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod rank;
mod run;
mod service;

pub use rank::MpiRank;
pub use run::Mpi;
