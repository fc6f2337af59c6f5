use std::collections::HashMap;

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{Classes, InMemory, Samples};
use crate::{error::Error, order::sort_places, reduce::SampleWeights};

/// A part of a dataset.
type Part<X, Y, W> = InMemory<<X as Samples>::Selected, <Y as Samples>::Selected, W>;

impl<X: Samples, Y: Samples, W: SampleWeights> InMemory<X, Y, W> {
    /// Cuts off the last samples, a share of all: Keras's `validation_split`.
    ///
    /// If the samples are sorted, the parts are not alike: [`split_shuffled`](InMemory::split_shuffled).
    ///
    /// # Errors
    /// [`Error::Invalid`] if one of the two parts would be empty.
    pub fn split(&self, share: f64) -> Result<(Part<X, Y, W>, Part<X, Y, W>), Error> {
        self.cut(&self.rows()?, self.first_part(share)?)
    }

    /// Splits off a share of all samples, taken by chance: scikit-learn's `train_test_split`. The same seed gives the
    /// same parts.
    ///
    /// # Errors
    /// [`Error::Invalid`] if one of the two parts would be empty.
    ///
    /// ```
    /// use kerata::data::InMemory;
    ///
    /// let data = InMemory::new((0..8).map(f64::from).collect::<Vec<_>>(), vec![0, 0, 0, 0, 1, 1, 1, 1])?;
    /// let (train, validation) = data.split_shuffled(0.25, 7)?;
    /// assert_eq!((train.len(), validation.len()), (6, 2));
    /// assert_ne!(validation.inputs(), &[6.0, 7.0]);
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn split_shuffled(
        &self,
        share: f64,
        seed: u64,
    ) -> Result<(Part<X, Y, W>, Part<X, Y, W>), Error> {
        let mut rows = self.rows()?;
        rows.shuffle(&mut StdRng::seed_from_u64(seed));
        self.cut(&rows, self.first_part(share)?)
    }

    /// Splits off a share of the samples of each class, taken by chance: scikit-learn's `train_test_split` with
    /// `stratify`. A class is what has equal targets, such as one label or one one-hot row.
    ///
    /// Where a class cannot be divided so, it is rounded, in such a way that the share of all is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] if one of the two parts would be empty, and for a class of a single sample.
    ///
    /// ```
    /// use kerata::data::InMemory;
    ///
    /// let data = InMemory::new(vec![[0.5]; 8], vec![0, 0, 0, 0, 0, 0, 1, 1])?;
    /// let (train, validation) = data.split_stratified(0.5, 7)?;
    /// assert_eq!(train.targets().iter().filter(|&&label| label == 1).count(), 1);
    /// assert_eq!(validation.targets().iter().filter(|&&label| label == 1).count(), 1);
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn split_stratified(
        &self,
        share: f64,
        seed: u64,
    ) -> Result<(Part<X, Y, W>, Part<X, Y, W>), Error>
    where
        Y: Classes,
    {
        let first = self.first_part(share)?;
        let (mut classes, mut known) = (Vec::<Vec<usize>>::new(), HashMap::new());
        for row in 0..self.len() {
            let class = *known.entry(self.targets().class(row)).or_insert_with(|| {
                classes.push(Vec::new());
                classes.len() - 1
            });
            classes[class].push(row);
        }
        if let Some(alone) = classes.iter().find(|class| class.len() == 1) {
            let value = format!("one sample, row {}", alone[0]);
            let expected = "to be split, it must have at least 2";
            return Err(Error::Invalid { name: "a class", value, expected });
        }
        let mut random = StdRng::seed_from_u64(seed);
        classes.iter_mut().for_each(|class| class.shuffle(&mut random));
        let sizes = apportioned(&classes, self.len() - first, self.len());
        let (mut rows, mut last) = (Vec::with_capacity(self.len()), Vec::new());
        for (class, size) in classes.iter().zip(sizes) {
            let (kept, split_off) = class.split_at(class.len() - size);
            rows.extend_from_slice(kept);
            last.extend_from_slice(split_off);
        }
        rows.shuffle(&mut random);
        last.shuffle(&mut random);
        rows.extend(last);
        self.cut(&rows, first)
    }

    /// How many samples stay, if a share is split off.
    fn first_part(&self, share: f64) -> Result<usize, Error> {
        let first = (self.len() as f64 * (1.0 - share)).floor();
        if first >= 1.0 && first < self.len() as f64 {
            return Ok(first as usize);
        }
        let (name, value) = ("the share to split off", share.to_string());
        Err(Error::Invalid { name, value, expected: "both parts must hold samples" })
    }

    fn cut(&self, rows: &[usize], first: usize) -> Result<(Part<X, Y, W>, Part<X, Y, W>), Error> {
        let (first, last) = rows.split_at(first);
        Ok((self.select(first)?, self.select(last)?))
    }
}

/// How many of each class belong to `part` of `all` samples: the largest remainders are rounded up.
fn apportioned(classes: &[Vec<usize>], part: usize, all: usize) -> Vec<usize> {
    let exact = |class: &Vec<usize>| class.len() as u128 * part as u128;
    let all = all as u128;
    let mut sizes: Vec<usize> = classes.iter().map(|class| (exact(class) / all) as usize).collect();
    let mut order: Vec<usize> = (0..classes.len()).collect();
    let rest = |class: usize| exact(&classes[class]) % all;
    sort_places(&mut order, |a, b| rest(b).cmp(&rest(a)));
    let missing = part - sizes.iter().sum::<usize>();
    order.into_iter().take(missing).for_each(|class| sizes[class] += 1);
    sizes
}
