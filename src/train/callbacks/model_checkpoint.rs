use std::path::{Path, PathBuf};

use super::{Mode, Monitors, monitor::Monitor, pattern::Pattern};
use crate::{
    backend::{Backend, Element},
    error::Error,
    io::{self, SaveWeights},
    never::Is,
    parameters::Parameters,
    train::{Callback, Logs, Saved, Training},
};

/// Saves the training, or only the weights, after epochs or batches.
///
/// In the name of the file stand the epoch and the batch, from 1 as in Keras, and what was measured:
/// `"model-{epoch:02d}-{val_loss:.2f}.safetensors"`, written as Python's `format` does; what it groups, `,` and `_`, its `#` and `z`, and
/// numbers that are not decimal are errors. Such a file is a checkpoint, from which
/// [`resume`](crate::train::Trainer::resume) goes on, and which
/// [`load_weights`](crate::io::SaveWeights::load_weights) reads too; it is written whole or not at all.
///
/// Keras: [`ModelCheckpoint`](https://keras.io/api/callbacks/model_checkpoint/).
///
/// ```
/// use kerata::callbacks::ModelCheckpoint;
///
/// let every_epoch = ModelCheckpoint::new(std::path::Path::new("runs").join("run.safetensors"));
/// let every_hundred_batches = ModelCheckpoint::new("run.safetensors").every_batches(100);
/// let best = ModelCheckpoint::new("best.safetensors").monitor("val_loss").save_best_only(true).save_weights_only(true);
/// ```
#[derive(Debug, Clone)]
pub struct ModelCheckpoint {
    path: PathBuf,
    pattern: Option<Pattern>,
    monitor: Monitor,
    best_only: bool,
    weights_only: bool,
    every: Every,
    threshold: Option<f64>,
    best: Option<f64>,
    waited: usize,
    last: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Every {
    Epochs(usize),
    Batches(usize),
}

impl ModelCheckpoint {
    /// Saves the training after each epoch, into a file of this name or pattern.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            pattern: None,
            monitor: Monitor::new("val_loss"),
            best_only: false,
            weights_only: false,
            every: Every::Epochs(1),
            threshold: None,
            best: None,
            waited: 0,
            last: None,
        }
    }

    /// What has to be better with [`save_best_only`](Self::save_best_only). Default `val_loss`.
    #[must_use]
    pub fn monitor<N: Monitors>(mut self, monitor: impl Is<N>) -> N::By<Self> {
        self.monitor.name = monitor.unchanged().name();
        N::by(self)
    }

    setters! {
        /// Which values are the better ones. Default as the loss or the metric says.
        fn mode(mode: Mode) => monitor.mode = mode;
        /// Whether only what is better than before is saved. Default no.
        fn save_best_only(best_only: bool) => best_only = best_only;
        /// Whether only the weights of the model are saved, as `.safetensors` or `.npz`. Default no.
        fn save_weights_only(weights_only: bool) => weights_only = weights_only;
        /// Saves after so many epochs. Default 1.
        fn every_epochs(epochs: usize) => every = Every::Epochs(epochs);
        /// Saves after so many batches, over the ends of epochs: Keras's `save_freq`.
        fn every_batches(batches: usize) => every = Every::Batches(batches);
    }

    /// What the first value has to be better than. Default none.
    #[must_use]
    pub fn initial_value_threshold(mut self, value: f64) -> Self {
        (self.threshold, self.best) = (Some(value), Some(value));
        self
    }

    /// The best value so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The file that was saved last.
    pub fn last(&self) -> Option<&Path> {
        self.last.as_deref()
    }

    /// The names that may stand in the pattern.
    fn known<M, E: Element, D: Backend<E>>(&self, training: &Training<'_, M, E, D>) -> Vec<String> {
        let (own, measured): (&[&str], Vec<&str>) = match self.every {
            Every::Epochs(_) => (&["epoch"], training.names().collect()),
            Every::Batches(_) => (&["epoch", "batch"], training.names_in_batches().collect()),
        };
        own.iter().copied().chain(measured).map(str::to_owned).collect()
    }

    fn save<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        if self.best_only {
            let Some(current) = self.monitor.current(logs) else { return Ok(()) };
            if !self.monitor.improves(current, self.best) {
                return Ok(());
            }
            self.best = Some(current);
        }
        let Some(pattern) = &self.pattern else { return Ok(()) };
        let epoch = training.epoch();
        let path = PathBuf::from(pattern.format(|name| match name {
            "epoch" => Some((epoch + 1) as f64),
            "batch" => Some((batch + 1) as f64),
            name => logs.get(name),
        }));
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| io::failed(folder, e))?;
        }
        self.last = Some(path.clone());
        if self.weights_only {
            training.model.save_weights(&path)?;
            log::info!("weights saved in {}", path.display());
            return Ok(());
        }
        training.save_checkpoint(path);
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<M: Parameters<E, D>, E: Element, D: Backend<E>> Callback<M, E, D> for ModelCheckpoint {
    fn reads_model_in_batches(&self) -> bool {
        matches!(self.every, Every::Batches(every) if self.waited.saturating_add(1) >= every)
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        if matches!(self.every, Every::Epochs(0) | Every::Batches(0)) {
            return Err(Error::invalid("save_freq", 0, "it must be at least 1"));
        }
        let Some(path) = self.path.to_str() else {
            let path = self.path.display();
            return Err(Error::invalid("the name of a checkpoint", path, "it must be Unicode"));
        };
        let pattern = Pattern::parse(path)?;
        let known = self.known(training);
        if let Some(name) = pattern.names().find(|name| !known.iter().any(|own| own == name)) {
            return Err(Error::Unknown { what: "in a file name", name: name.into(), known });
        }
        let npz = (!self.weights_only).then_some("npz");
        let mut others = io::OTHERS.into_iter().chain(npz);
        if others.any(|other| io::has_extension(&self.path, other)) {
            let expected = match self.weights_only {
                true => "weights are written as .safetensors or .npz",
                false => "a checkpoint is a .safetensors file; only weights may be others",
            };
            return Err(Error::invalid("the name of a checkpoint", path, expected));
        }
        if self.best_only {
            self.monitor.settle(training)?;
            Monitor::check_compared("initial_value_threshold", self.threshold)?;
            if !known.contains(&self.monitor.name) {
                let expected = "it is not measured after each batch";
                return Err(Error::invalid("the monitored value", &self.monitor.name, expected));
            }
        }
        self.pattern = Some(pattern);
        self.waited = 0;
        Ok(())
    }

    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        let Every::Batches(every) = self.every else { return Ok(()) };
        self.waited = self.waited.saturating_add(1);
        if self.waited < every {
            return Ok(());
        }
        self.waited = 0;
        self.save(training, batch, logs)
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        _: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let Every::Epochs(every) = self.every else { return Ok(()) };
        self.waited = self.waited.saturating_add(1);
        if self.waited < every {
            return Ok(());
        }
        self.waited = 0;
        self.save(training, 0, logs)
    }

    fn visit_saved(&mut self, saved: &mut Saved<'_>) -> Result<(), Error> {
        saved.optional("best", &mut self.best)?;
        saved.value("waited", &mut self.waited)
    }
}
