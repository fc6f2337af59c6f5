use std::{collections::BTreeSet, path::PathBuf};

use super::lines::Lines;
use crate::{
    backend::{Backend, Element},
    error::Error,
    train::{Callback, Logs, Training},
};

/// Writes a line per epoch into a CSV file: the epoch, from 0, and all that was measured, by name. What was not
/// measured is `NA`.
///
/// The columns are what is measured in every training like this, what callbacks say that they [add](Callback::adds), and what those before
/// this one have set at the end of the first epoch. What is set for the first time later on has none, which is logged as a warning.
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
    /// The columns behind that of the epoch, once they are known.
    names: Option<Vec<String>>,
    /// Whether the file has a header already.
    has_header: bool,
}

impl CsvLogger {
    /// A file that is written anew.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { lines: Lines::new(path), separator: ',', names: None, has_header: false }
    }

    setters! {
        /// What stands between two values: no quote, digit or other part of a number, and no end of a line. Default a comma.
        fn separator(separator: char) => separator = separator;
        /// Whether what is there stays. Default no, but for a training that is resumed.
        fn append(append: bool) => lines.append = append;
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

/// The cells of a row, of which some may be in quotes.
fn cells(row: &str, separator: char) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    let mut rest = row.chars().peekable();
    while let Some(c) = rest.next() {
        let own = cells.len() - 1;
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => cells[own].extend(rest.next()),
            '"' => quoted = !quoted,
            c if c == separator && !quoted => cells.push(String::new()),
            c => cells[own].push(c),
        }
    }
    cells
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for CsvLogger {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        let separator = self.separator;
        if separator.is_ascii_alphanumeric() || "\"\r\n.+-".contains(separator) {
            let expected =
                "it must not be a part of a number or a name, a quote or an end of a line";
            return Err(Error::invalid("separator", format!("{separator:?}"), expected));
        }
        let epoch = |line: &str| line.split(separator).next()?.parse().ok();
        let first = self.lines.open(training.resumed(), epoch)?;
        // A training that is resumed goes on in the columns that it had.
        self.names = first
            .as_ref()
            .filter(|_| training.resumed().is_some())
            .map(|header| cells(header.trim_end_matches(['\r', '\n']), separator).split_off(1));
        self.has_header = first.is_some();
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let is_first = self.names.is_none();
        let names = self.names.take().unwrap_or_else(|| {
            let names = training.names().chain(logs.iter().map(|(name, _)| name));
            let names: BTreeSet<String> = names.map(str::to_owned).collect();
            names.into_iter().collect()
        });
        if is_first && !self.has_header {
            let header = std::iter::once("epoch".to_owned()).chain(names.iter().cloned());
            self.lines.add(&self.row(header))?;
        }
        for (name, _) in logs.iter().filter(|(name, _)| !names.iter().any(|own| own == name)) {
            log::warn!("`{name}` has no column in {}", self.lines.path.display());
        }
        let value = |name: &String| logs.get(name).map_or("NA".to_owned(), |v| v.to_string());
        let line = self.row(std::iter::once(epoch.to_string()).chain(names.iter().map(value)));
        self.names = Some(names);
        self.lines.add(&line)
    }

    fn on_train_end(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.lines.close();
        Ok(())
    }
}
