use dfdx::{
    shapes::Const,
    tensor::{Cpu, NoneTape, Tensor},
};

use super::{InMemory, Samples};
use crate::{
    backend::to_values,
    error::Error,
    reduce::{MultiplyWeights, PerSample, PerStep, SampleWeights},
    shape::Dim,
    signal::{Ids, NO_LABEL, Signal},
};

/// Targets that are classes: labels, or one-hot rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` holds no classes that could have weights",
    label = "no classes",
    note = "classes are labels, `Vec<usize>` or `Vec<[usize; L]>`, or one-hot rows, `Vec<[f32; CLASSES]>`"
)]
pub trait ClassTargets: Signal {
    /// One weight per sample, or one per step.
    type Weights: SampleWeights;

    /// The class of each position, and how many positions a sample has.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn classes(targets: &Self::Data<f32, Cpu, NoneTape>) -> Result<(Vec<usize>, usize), Error>;

    /// Weights that are given one by one.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the last sample is not full.
    fn weights(weights: Vec<f32>, positions: usize) -> Result<Self::Weights, Error>;

    /// The same weights, without those of the padding behind samples of these lengths.
    ///
    /// # Errors
    /// [`Error::Device`].
    #[doc(hidden)]
    fn cut(weights: Self::Weights, _lengths: &[usize]) -> Result<Self::Weights, Error> {
        Ok(weights)
    }
}

impl<B: Dim> ClassTargets for Ids<(B,)> {
    type Weights = PerSample;

    fn classes(targets: &Tensor<(B,), usize, Cpu>) -> Result<(Vec<usize>, usize), Error> {
        Ok((to_values(targets)?, 1))
    }

    fn weights(weights: Vec<f32>, _: usize) -> Result<PerSample, Error> {
        Ok(PerSample(weights))
    }
}

impl<B: Dim, L: Dim> ClassTargets for Ids<(B, L)> {
    type Weights = PerStep;

    fn classes(targets: &Tensor<(B, L), usize, Cpu>) -> Result<(Vec<usize>, usize), Error> {
        use dfdx::shapes::HasShape;
        Ok((to_values(targets)?, targets.shape().1.size()))
    }

    fn weights(weights: Vec<f32>, positions: usize) -> Result<PerStep, Error> {
        PerStep::new(weights, positions)
    }

    fn cut(weights: PerStep, lengths: &[usize]) -> Result<PerStep, Error> {
        weights.cut(lengths)
    }
}

impl<B: Dim, const V: usize> ClassTargets for (B, Const<V>) {
    type Weights = PerSample;

    fn classes(targets: &Tensor<(B, Const<V>), f32, Cpu>) -> Result<(Vec<usize>, usize), Error> {
        let values = to_values(targets)?;
        if let Some(index) = values.iter().position(|value| value.is_nan()) {
            let value = values[index].into();
            return Err(Error::NonFinite { what: "class target", index, value });
        }
        let class = |row: &[f32]| match row {
            // A single value is the class itself, 0 or 1.
            [value] => value.round().max(0.0) as usize,
            row => {
                let first = |most: usize, i: usize| if row[i] > row[most] { i } else { most };
                (0..row.len()).fold(0, first)
            }
        };
        Ok((values.chunks(V.max(1)).map(class).collect(), 1))
    }

    fn weights(weights: Vec<f32>, _: usize) -> Result<PerSample, Error> {
        Ok(PerSample(weights))
    }
}

/// The weights of the classes of targets.
type OfClasses<Y> = <<Y as Samples>::Signal as ClassTargets>::Weights;

impl<X: Samples, Y: Samples<Signal: ClassTargets>, W: SampleWeights> InMemory<X, Y, W> {
    /// Gives each sample, or each step, the weight of its class: Keras's `class_weight`. Weights of samples or steps, set by
    /// [`with_weights`](InMemory::with_weights) before or after it, are multiplied to these; Keras refuses both together.
    ///
    /// There is a weight for each class, from 0. In a padded sequence the labels of the padding need one too.
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`] for a class without a weight; [`Error::NonFinite`] and [`Error::Invalid`] for a weight that is
    /// no number, or below 0; [`Error::Device`].
    ///
    /// ```
    /// use kerata::{Error, data::InMemory, reduce::PerSample};
    ///
    /// let data = InMemory::new(vec![[0.1], [0.2], [0.9]], vec![0, 0, 1])?;
    /// // The rare class counts twice as much.
    /// let weighted = data.with_class_weight([1.0, 2.0])?;
    /// assert_eq!(weighted.weights(), &PerSample(vec![1.0, 1.0, 2.0]));
    /// let weighted = weighted.with_weights(vec![0.5, 1.0, 1.0])?; // times these
    /// # let _ = weighted;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn with_class_weight(
        self,
        weights: impl AsRef<[f32]>,
    ) -> Result<InMemory<X, Y, W::Product>, Error>
    where
        W: MultiplyWeights<OfClasses<Y>>,
    {
        let weights = weights.as_ref();
        Error::check_finite("the weight of class", weights)?;
        if let Some(class) = weights.iter().position(|weight| *weight < 0.0) {
            let value = format!("{} for class {class}", weights[class]);
            return Err(Error::invalid("a class weight", value, "it must be at least 0"));
        }
        let rows: Vec<usize> = (0..self.len()).collect();
        let targets = self.targets().target_batch::<f32, Cpu>(&rows, &Cpu::default())?;
        let (classes, positions) = Y::Signal::classes(&targets)?;
        let weight = |(position, &label): (usize, &usize)| {
            let classes = weights.len();
            let weight = if label == NO_LABEL { Some(0.0) } else { weights.get(label).copied() };
            weight.ok_or(Error::LabelOutOfRange { label, classes, position })
        };
        let each = classes.iter().enumerate().map(weight).collect::<Result<Vec<f32>, _>>()?;
        let weights = Y::Signal::weights(each, positions)?;
        let lengths: Vec<usize> = rows.iter().map(|&row| self.targets().length(row)).collect();
        self.with_weights(match lengths.iter().any(|&length| length > 0) {
            true => Y::Signal::cut(weights, &lengths)?,
            false => weights,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_classes() {
        let x = || vec![[0.0_f32]; 2];
        let one_hot = InMemory::new(x(), vec![[0.0_f32, 1.0], [1.0, 0.0]]).unwrap();
        let weighted = one_hot.with_class_weight([0.5, 3.0]).unwrap();
        assert_eq!(weighted.weights(), &PerSample(vec![3.0, 0.5]));
        let single = InMemory::new(x(), vec![[1.0_f32], [0.0]]).unwrap();
        let weighted = single.with_class_weight([0.5, 3.0]).unwrap();
        assert_eq!(weighted.weights(), &PerSample(vec![3.0, 0.5]));
        let steps = InMemory::new(x(), vec![[0_usize, 2], [1, 1]]).unwrap();
        let weighted = steps.with_class_weight([1.0, 2.0, 4.0]).unwrap();
        assert_eq!(weighted.weights(), &PerStep::from(vec![[1.0, 4.0], [2.0, 2.0]]));
        let labels = InMemory::new(x(), vec![0_usize, 3]).unwrap();
        let error = labels.with_class_weight([1.0, 1.0]).unwrap_err();
        assert_eq!(error, Error::LabelOutOfRange { label: 3, classes: 2, position: 1 });
    }
}
