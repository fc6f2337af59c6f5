use std::path::PathBuf;

use super::lines::Lines;
use crate::{
    backend::{Backend, Element},
    error::Error,
    train::{Callback, Logs, Training},
};

/// Writes a line per epoch into a CSV file: the epoch, from 0, and all that was measured, by name. What was not
/// measured is `NA`.
///
/// Keras: [`CSVLogger`](https://keras.io/api/callbacks/csv_logger/).
///
/// ```
/// use kerata::callbacks::CsvLogger;
///
/// let logger = CsvLogger::new("training.csv").separator(';').append(true);
/// ```
#[derive(Debug)]
pub struct CsvLogger {
    lines: Lines,
    separator: char,
    names: Vec<String>,
}

impl CsvLogger {
    /// A file that is written anew.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { lines: Lines::new(path), separator: ',', names: Vec::new() }
    }

    /// What stands between two values. Default a comma.
    #[must_use]
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Whether what is there stays. Default no, but for a training that is resumed.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.lines.append = append;
        self
    }

    fn row(&self, cells: impl Iterator<Item = String>) -> String {
        let special = [self.separator, '"', '\n', '\r'];
        let quoted = |cell: String| match cell.contains(special) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell,
        };
        cells.map(quoted).collect::<Vec<_>>().join(&self.separator.to_string())
    }
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for CsvLogger {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.names = training.names().map(str::to_owned).collect();
        self.names.sort_unstable();
        self.names.dedup();
        let names = std::iter::once("epoch".to_owned()).chain(self.names.iter().cloned());
        let (header, separator) = (self.row(names), self.separator);
        let epoch = |line: &str| line.split(separator).next()?.parse().ok();
        self.lines.open(training.resumed(), epoch, &header)
    }

    fn on_epoch_end(
        &mut self,
        _: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let value = |name: &String| logs.get(name).map_or("NA".to_owned(), |v| v.to_string());
        let values = self.names.iter().map(value);
        let line = self.row(std::iter::once(epoch.to_string()).chain(values));
        self.lines.add(&line)
    }

    fn on_train_end(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.lines.close();
        Ok(())
    }
}
