use std::fmt;

/// What was measured in each epoch: Keras's `history.history`.
///
/// The names are `loss`, those of the metrics, and the same with `val_` in front for the validation data. Each has
/// one value per epoch, which is NaN where nothing was measured: without validation data, say, in some epochs.
///
/// ```
/// use kerata::train::History;
///
/// let mut history = History::default();
/// history.push([("loss".into(), 0.7), ("val_loss".into(), 0.9)]);
/// history.push([("loss".into(), 0.5), ("val_loss".into(), 0.8)]);
/// assert_eq!(history.get("loss"), Some(&[0.7, 0.5][..]));
/// assert_eq!(history.last("val_loss"), Some(0.8));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    columns: Vec<(String, Vec<f64>)>,
}

impl History {
    /// Adds an epoch. A name that comes twice is numbered the second time, `name_1`.
    pub fn push(&mut self, values: impl IntoIterator<Item = (String, f64)>) {
        let before = self.epochs();
        for (name, value) in values {
            let numbered = (1..).map(|number| format!("{name}_{number}"));
            for name in std::iter::once(name.clone()).chain(numbered) {
                match self.columns.iter_mut().find(|(column, _)| *column == name) {
                    // It has a value of this epoch.
                    Some((_, column)) if column.len() > before => continue,
                    Some((_, column)) => column.push(value),
                    None => {
                        let mut column = vec![f64::NAN; before];
                        column.push(value);
                        self.columns.push((name, column));
                    }
                }
                break;
            }
        }
        let epochs = self.columns.iter().map(|(_, column)| column.len()).max().unwrap_or(before);
        self.columns.iter_mut().for_each(|(_, column)| column.resize(epochs, f64::NAN));
    }

    /// The values of a name, one per epoch.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, values)| values.as_slice())
    }

    /// The value of a name in the last epoch.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }

    /// The names, in the order in which they were measured.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The names with their values.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.columns.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// The history with these columns, which are made equally long.
    pub(super) fn of_columns(mut columns: Vec<(String, Vec<f64>)>) -> Self {
        let epochs = columns.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        columns.iter_mut().for_each(|(_, values)| values.resize(epochs, f64::NAN));
        Self { columns }
    }

    /// The epochs from this one on, with the columns that were measured in them.
    pub(super) fn since(&self, epoch: usize) -> Self {
        let rest = self.columns.iter().map(|(name, values)| (name, values.get(epoch..)));
        let rest = rest.filter_map(|(name, values)| Some((name.clone(), values?.to_vec())));
        let measured = |values: &[f64]| values.iter().any(|value| !value.is_nan());
        Self { columns: rest.filter(|(_, values)| measured(values)).collect() }
    }

    /// How many epochs there are.
    pub fn epochs(&self) -> usize {
        self.columns.first().map_or(0, |(_, values)| values.len())
    }
}

impl fmt::Display for History {
    /// One line per epoch, with what was measured in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for epoch in 0..self.epochs() {
            write!(f, "epoch {:>3}", epoch + 1)?;
            for (name, values) in &self.columns {
                match values.get(epoch) {
                    Some(value) if !value.is_nan() => write!(f, "  {name} {value:.4}")?,
                    _ => write!(f, "  {name} -")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
