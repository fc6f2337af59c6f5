//! The rows that work is done for: padding is left out.

use crate::{
    buffer::Buffer,
    memory::{NoMemory, listed},
};

/// Which rows.
#[derive(Debug)]
pub enum Rows {
    /// All of so many.
    All(usize),
    /// Those at these places.
    Some(Vec<usize>),
}

impl Rows {
    /// Those of a gradient that are not all zeros, as those of padding are, if it is worth to leave out the others.
    ///
    /// A row of `values` that holds what is no number is left out in any case: it takes no part.
    pub fn with_gradient(
        gradient: &[f32],
        width: usize,
        (values, wide): (&[f32], usize),
    ) -> Result<Self, NoMemory> {
        let rows = || gradient.chunks_exact(width.max(1)).enumerate();
        let is_real = |row: &[f32]| row.iter().any(|&d| d != 0.0);
        let all = rows().len();
        let real = listed(rows().filter(|(_, row)| is_real(row)).map(|(row, _)| row))?;
        let few = all - real.len() <= all / 8;
        let harmless = |row: usize| values[row * wide..][..wide].iter().all(|x| x.is_finite());
        let mut others = rows().filter(|(_, row)| !is_real(row)).map(|(row, _)| row);
        Ok(if few && others.all(harmless) { Self::All(all) } else { Self::Some(real) })
    }

    /// The real steps of a sample; `mask` says of each whether it is one.
    pub fn of(mask: Option<&[bool]>, length: usize) -> Result<Self, NoMemory> {
        let Some(mask) = mask else { return Ok(Self::All(length)) };
        let places = mask.iter().enumerate();
        let places = listed(places.filter_map(|(place, &real)| real.then_some(place)))?;
        Ok(if places.len() == length { Self::All(length) } else { Self::Some(places) })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::All(length) => *length,
            Self::Some(places) => places.len(),
        }
    }

    /// Where the `i`th of them is.
    pub fn place(&self, i: usize) -> usize {
        match self {
            Self::All(_) => i,
            Self::Some(places) => places[i],
        }
    }

    /// How many of them are not behind a place.
    pub fn up_to(&self, place: usize) -> usize {
        match self {
            Self::All(length) => (place + 1).min(*length),
            Self::Some(places) => places.partition_point(|&real| real <= place),
        }
    }

    /// Their rows, of so many values, one after the other.
    pub fn together(&self, rows: &[f32], width: usize) -> Result<Buffer, NoMemory> {
        let mut together = Buffer::uncleared(self.len() * width)?;
        match self {
            Self::All(_) => together.copy_from_slice(rows),
            Self::Some(places) => {
                for (to, place) in together.chunks_exact_mut(width.max(1)).zip(places) {
                    to.copy_from_slice(&rows[place * width..][..width]);
                }
            }
        }
        Ok(together)
    }

    /// Adds rows, each times a factor, to those of these steps, from a column on; these have a width of their own.
    pub fn put(&self, rows: &[f32], to: &mut [f32], (width, column): (usize, usize), factor: f32) {
        let count = rows.len() / self.len().max(1);
        for (i, row) in rows.chunks_exact(count.max(1)).enumerate() {
            let to = &mut to[self.place(i) * width + column..][..count];
            to.iter_mut().zip(row).for_each(|(to, x)| *to += x * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However few they are.
    #[test]
    fn what_is_no_number_takes_no_part() {
        let of = |no_gradient: &[usize], wild: &[usize]| {
            let row = |i: usize| if no_gradient.contains(&i) { 0.0 } else { 1.0 };
            let gradient: Vec<f32> = (0..20).map(row).collect();
            let value = |i: usize| if wild.contains(&(i / 2)) { f32::NAN } else { 3.0 };
            let values: Vec<f32> = (0..40).map(value).collect();
            Rows::with_gradient(&gradient, 1, (&values, 2)).unwrap().len()
        };
        assert_eq!(of(&[], &[5]), 20);
        assert_eq!(of(&[4], &[5]), 20);
        assert_eq!(of(&[5], &[5]), 19);
        assert_eq!(of(&[1, 2, 3], &[]), 17);
    }
}
