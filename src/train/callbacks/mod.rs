//! Keras's [callbacks](https://keras.io/api/callbacks/), to be given to a trainer by
//! [`callback`](super::Trainer::callback).
//!
//! ```
//! use kerata::{*, callbacks::{EarlyStopping, ReduceLrOnPlateau}, data::InMemory, loss::MeanSquaredError,
//!     model::Sequential, optim::Adam, prelude::*, train::{Fit, Trainer}};
//!
//! let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
//! let mut trainer = Trainer::new(model, MeanSquaredError, Adam::new(0.1))?
//!     .callback(ReduceLrOnPlateau::new("val_loss").patience(2))
//!     .callback(EarlyStopping::new("val_loss").patience(5).restore_best_weights(true));
//! let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
//! let history = trainer.fit_validated(&data, &data, &Fit::epochs(2000))?;
//! let early: &EarlyStopping = trainer.find_callback().unwrap();
//! assert_eq!(early.stopped_epoch(), Some(history.epochs() - 1));
//! assert!(history.get("learning_rate").is_some());
//! # Ok::<(), Error>(())
//! ```

/// Methods that set one thing each.
macro_rules! setters {
    ($($(#[$doc:meta])* fn $name:ident($value:ident: $type:ty) => $($field:ident).+ = $to:expr;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $value: $type) -> Self {
            self.$($field).+ = $to;
            self
        })*
    };
}

mod bar;
mod csv_logger;
#[cfg(feature = "ctrlc")]
mod ctrl_c;
mod early_stopping;
mod json_lines;
mod lambda;
mod learning_rate_scheduler;
mod lines;
mod model_checkpoint;
mod monitor;
mod pattern;
mod progress;
mod python;
mod recorder;
mod reduce_lr;
mod swap_ema_weights;
mod tensorboard;
mod terminate_on_nan;
mod validation;

pub use csv_logger::CsvLogger;
#[cfg(feature = "ctrlc")]
pub use ctrl_c::StopOnCtrlC;
pub use early_stopping::EarlyStopping;
pub use json_lines::JsonLines;
pub use lambda::LambdaCallback;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use model_checkpoint::ModelCheckpoint;
#[doc(hidden)]
pub use monitor::Monitors;
pub use monitor::{Mode, Monitored};
pub use progress::Progress;
pub(super) use recorder::Recorder;
pub use reduce_lr::ReduceLrOnPlateau;
pub use swap_ema_weights::SwapEmaWeights;
pub use tensorboard::TensorBoard;
pub use terminate_on_nan::TerminateOnNan;
pub(super) use validation::Lent as ValidationOfFit;
pub use validation::Validation;

/// The column of the learning rate, of callbacks that change it.
const LEARNING_RATE: &str = "learning_rate";
