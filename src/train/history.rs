use std::fmt;

/// What was measured in each epoch: Keras's `history.history`.
///
/// The names are `loss`, those of the metrics, and the same with `val_` in front for the validation data.
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
    /// Adds an epoch.
    pub fn push(&mut self, values: impl IntoIterator<Item = (String, f64)>) {
        for (name, value) in values {
            match self.columns.iter_mut().find(|(column, _)| *column == name) {
                Some((_, column)) => column.push(value),
                None => self.columns.push((name, vec![value])),
            }
        }
    }

    /// The values of a name, one an epoch.
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

    /// How many epochs there are.
    pub fn epochs(&self) -> usize {
        self.columns.first().map_or(0, |(_, values)| values.len())
    }
}

impl fmt::Display for History {
    /// One line an epoch.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for epoch in 0..self.epochs() {
            write!(f, "epoch {:>3}", epoch + 1)?;
            for (name, values) in &self.columns {
                if let Some(value) = values.get(epoch) {
                    write!(f, "  {name} {value:.4}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
