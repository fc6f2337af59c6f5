/// What was measured, under the names of a [`History`](super::History): `loss`, those of the metrics, and with `val_`
/// in front those of the validation data.
///
/// ```
/// use kerata::train::Logs;
///
/// let mut logs = Logs::default();
/// logs.set("loss", 0.5);
/// logs.set("seconds", 12.0);
/// assert_eq!((logs.get("loss"), logs.get("val_loss")), (Some(0.5), None));
/// assert_eq!(logs.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["loss", "seconds"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logs {
    values: Vec<(String, f64)>,
}

impl Logs {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
    }

    /// Sets the value of a name. At the end of an epoch, what is set stands in the history too.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.values.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = value,
            None => self.values.push((name.to_owned(), value)),
        }
    }

    /// All names with their values, in the order in which they were measured.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// All values in a line, `loss 0.5123, val_loss 0.6201`.
    pub(super) fn line(&self) -> String {
        let each = self.iter().map(|(name, value)| format!("{name} {value:.4}"));
        each.collect::<Vec<_>>().join(", ")
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The names from this one on.
    pub(super) fn since(&self, first: usize) -> Self {
        Self { values: self.values[first..].to_vec() }
    }

    /// Other values for the first names, without a look at these.
    pub(super) fn update(&mut self, values: impl IntoIterator<Item = f64>) {
        self.values.iter_mut().zip(values).for_each(|((_, own), value)| *own = value);
    }
}

impl FromIterator<(String, f64)> for Logs {
    fn from_iter<I: IntoIterator<Item = (String, f64)>>(values: I) -> Self {
        Self { values: values.into_iter().collect() }
    }
}
