//! Files that TensorBoard reads.

mod events;
mod messages;

use std::path::PathBuf;

use self::{
    events::EventFile,
    messages::{histogram, scalar, text},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    io::{self, Values},
    parameters::Parameters,
    train::{Callback, Logs, Saved, Training},
};

/// Writes what is measured into files that [TensorBoard](https://www.tensorflow.org/tensorboard) reads: scalars of each
/// epoch or batch, histograms of the weights, and the list of the parameters as a text.
///
/// As Keras does, it writes `epoch_loss` and the like into the folders `train` and `validation`, and with
/// [`update_freq`](Self::update_freq) `batch_loss`.
///
/// Keras: [`TensorBoard`](https://keras.io/api/callbacks/tensorboard/). The graph, images and profiles are not written.
///
/// ```
/// use kerata::callbacks::TensorBoard;
///
/// let board = TensorBoard::new("logs/run-1").histogram_freq(1);
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    histogram_freq: usize,
    update_freq: usize,
    train: Option<EventFile>,
    validation: Option<EventFile>,
    batches: u64,
}

impl TensorBoard {
    /// Writes the scalars of each epoch into files in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            histogram_freq: 0,
            update_freq: 0,
            train: None,
            validation: None,
            batches: 0,
        }
    }

    setters! {
        /// After how many epochs histograms of the weights are written; 0 for never. Default 0.
        fn histogram_freq(epochs: usize) => histogram_freq = epochs;
        /// After how many batches scalars are written besides; 0 for never. Default 0.
        fn update_freq(batches: usize) => update_freq = batches;
    }

    fn file<'a>(
        file: &'a mut Option<EventFile>,
        folder: &std::path::Path,
        name: &str,
    ) -> Result<&'a mut EventFile, Error> {
        match file {
            Some(file) => Ok(file),
            None => Ok(file.insert(EventFile::create(&folder.join(name))?)),
        }
    }

    fn train(&mut self) -> Result<&mut EventFile, Error> {
        Self::file(&mut self.train, &self.folder, "train")
    }

    fn validation(&mut self) -> Result<&mut EventFile, Error> {
        Self::file(&mut self.validation, &self.folder, "validation")
    }
}

/// The parameters of a model as a table.
fn table<M: Parameters<E, D>, E: Element, D: Backend<E>>(model: &M) -> String {
    let mut table = "| parameter | shape | trainable |\n| --- | --- | --- |\n".to_owned();
    for named in crate::parameters::list(model) {
        let shape = named.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        let trainable = if named.trainable { "yes" } else { "no" };
        table.push_str(&format!("| {} | {shape} | {trainable} |\n", named.name));
    }
    table
}

#[diagnostic::do_not_recommend]
impl<M: Parameters<E, D>, E: Element, D: Backend<E>> Callback<M, E, D> for TensorBoard {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        (self.train, self.validation, self.batches) = (None, None, 0);
        let model = table(training.model);
        self.train()?.add(0, &text("model", &model))
    }

    fn on_train_batch_end(
        &mut self,
        _: &mut Training<'_, M, E, D>,
        _: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        let step = self.batches;
        self.batches += 1;
        if self.update_freq == 0 || !step.is_multiple_of(self.update_freq as u64) {
            return Ok(());
        }
        let file = self.train()?;
        logs.iter()
            .try_for_each(|(name, value)| file.add(step, &scalar(&format!("batch_{name}"), value)))
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let step = epoch as u64;
        for (name, value) in logs.iter() {
            let (file, name) = match name.strip_prefix("val_") {
                Some(name) => (self.validation()?, name),
                None => (self.train()?, name),
            };
            file.add(step, &scalar(&format!("epoch_{name}"), value))?;
        }
        // Keras writes the rate of every epoch, whether or not it changes.
        if logs.get(super::LEARNING_RATE).is_none() {
            let rate = training.learning_rate()?;
            self.train()?.add(step, &scalar("epoch_learning_rate", rate))?;
        }
        if self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq) {
            for weight in io::collect(training.model)? {
                let values: Vec<f64> = match weight.values {
                    Values::F32(values) => values.into_iter().map(f64::from).collect(),
                    Values::F64(values) => values,
                };
                let name = format!("{}/histogram", weight.name.replace('.', "/"));
                self.train()?.add(step, &histogram(&name, &values))?;
            }
        }
        self.train.iter_mut().chain(&mut self.validation).try_for_each(EventFile::flush)
    }

    fn on_train_end(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        let flushed =
            self.train.iter_mut().chain(&mut self.validation).try_for_each(EventFile::flush);
        (self.train, self.validation) = (None, None);
        flushed
    }

    fn visit_saved(&mut self, saved: &mut Saved<'_>) -> Result<(), Error> {
        saved.value("batches", &mut self.batches)
    }
}
