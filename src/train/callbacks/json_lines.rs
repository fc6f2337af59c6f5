use std::path::PathBuf;

use serde_json::Value;

use super::lines::Lines;
use crate::{
    backend::{Backend, Element},
    error::Error,
    train::{Callback, Logs, Training},
};

/// Writes an object per epoch into a file of [JSON lines](https://jsonlines.org): `epoch`, from 0, and all that was
/// measured, by name. What is no number is `null`.
///
/// ```
/// use kerata::callbacks::JsonLines;
///
/// let logger = JsonLines::new("training.jsonl");
/// ```
#[derive(Debug)]
pub struct JsonLines {
    lines: Lines,
}

impl JsonLines {
    /// A file that is written anew.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { lines: Lines::new(path) }
    }

    /// Whether what is there stays. Default no, but for a training that is resumed.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.lines.append = append;
        self
    }
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for JsonLines {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        let epoch = |line: &str| {
            let object: Value = serde_json::from_str(line).ok()?;
            usize::try_from(object.get("epoch")?.as_u64()?).ok()
        };
        self.lines.open(training.resumed(), epoch).map(|_| ())
    }

    fn on_epoch_end(
        &mut self,
        _: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let mut line = format!("{{\"epoch\":{epoch}");
        for (name, value) in logs.iter() {
            line.push_str(&format!(",{}:{}", Value::from(name), Value::from(value)));
        }
        self.lines.add(&(line + "}"))
    }

    fn on_train_end(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.lines.close();
        Ok(())
    }
}
