/// A weighted mean over as many batches as it is shown: what a metric is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mean {
    total: f64,
    weight: f64,
}

impl Mean {
    /// Adds values with their weights. A value whose weight is 0 is not looked at.
    pub fn add(
        &mut self,
        values: impl IntoIterator<Item = f64>,
        weights: impl IntoIterator<Item = f64>,
    ) {
        for (value, weight) in values.into_iter().zip(weights).filter(|(_, weight)| *weight != 0.0)
        {
            self.total += value * weight;
            self.weight += weight;
        }
    }

    /// What it is made of, for a checkpoint.
    pub(crate) fn parts(&self) -> [f64; 2] {
        [self.total, self.weight]
    }

    /// The mean that is made of these.
    pub(crate) fn of_parts([total, weight]: [f64; 2]) -> Self {
        Self { total, weight }
    }

    /// The mean; 0 if nothing was added.
    pub fn get(&self) -> f64 {
        if self.weight == 0.0 { 0.0 } else { self.total / self.weight }
    }
}
