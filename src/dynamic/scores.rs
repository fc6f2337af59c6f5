//! What the queries of an attention see: which keys, and how much of each value.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Tensor},
};

use super::{MAX_NUMBERS, flow::Rows, words::refused};
use crate::{
    backend::{
        Backend, Recorder, keep_rows,
        memory::{elements, reserved},
    },
    error::Error,
    signal::Mask,
};

/// What a call may say: that no query sees what stands behind its own place.
pub(super) const CAUSAL: &str = "use_causal_mask";
/// What a call may say: that the shares leave the layer, too.
pub(super) const SCORES: &str = "return_attention_scores";

/// Matrices of one size.
pub(super) type Matrices = Tensor<(usize, usize, usize), f32, Cpu, Recorder>;

/// Which keys each query may see: flags of some dimensions, the queries and the keys last. One of size 1 is the same for
/// all.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    sizes: Vec<usize>,
    keep: Vec<bool>,
}

impl Seen {
    pub(super) fn new(sizes: Vec<usize>, keep: Vec<bool>) -> Self {
        Self { sizes, keep }
    }

    /// Only queries that a mask keeps see anything.
    pub(super) fn of_queries(mask: &Mask) -> Self {
        Self::new(vec![mask.batch(), mask.length(), 1], mask.as_slice().to_vec())
    }

    /// Only keys that a mask keeps are seen.
    pub(super) fn of_keys(mask: &Mask) -> Self {
        Self::new(vec![mask.batch(), 1, mask.length()], mask.as_slice().to_vec())
    }

    /// A query sees the keys at places that fit its own.
    pub(super) fn by_places(
        queries: usize,
        keys: usize,
        fits: impl Fn(usize, usize) -> bool,
    ) -> Result<Self, Error> {
        let mut keep = reserved(elements(&[queries, keys])?)?;
        for query in 0..queries {
            keep.extend((0..keys).map(|key| fits(query, key)));
        }
        Ok(Self::new(vec![1, queries, keys], keep))
    }

    /// No query sees a key behind its own place.
    pub(super) fn causal(queries: usize, keys: usize) -> Result<Self, Error> {
        Self::by_places(queries, keys, |query, key| key <= query)
    }

    /// What both allow. The dimensions are counted from the last one.
    pub(super) fn and(self, other: Self) -> Result<Self, Error> {
        let rank = self.sizes.len().max(other.sizes.len());
        let size = |sizes: &[usize], i: usize| match (i + sizes.len()).checked_sub(rank) {
            Some(at) => sizes[at],
            None => 1,
        };
        let mut sizes = Vec::new();
        for i in 0..rank {
            sizes.push(match (size(&self.sizes, i), size(&other.sizes, i)) {
                (1, size) => size,
                (size, _) => size,
            });
        }
        let mut keep = self.along(&sizes)?;
        let others = other.along(&sizes)?;
        keep.iter_mut().zip(others).for_each(|(keep, other)| *keep &= other);
        Ok(Self::new(sizes, keep))
    }

    /// The flags for scores of these sizes. The heads, and what else may lack, stand in front of the last dimensions, of
    /// which there are `last`.
    pub(super) fn over(mut self, sizes: &[usize], last: usize) -> Result<Vec<bool>, Error> {
        if self.sizes.len() < last {
            return Err(refused(format!(
                "a mask of the sizes {:?} is too small for scores of the sizes {sizes:?}",
                self.sizes
            )));
        }
        let missing = sizes.len().saturating_sub(self.sizes.len());
        let at = self.sizes.len() - last;
        self.sizes.splice(at..at, std::iter::repeat_n(1, missing));
        self.along(sizes)
    }

    /// The flags for these sizes, counted from the last one.
    fn along(&self, sizes: &[usize]) -> Result<Vec<bool>, Error> {
        fn fill(out: &mut Vec<bool>, keep: &[bool], own: &[usize], sizes: &[usize]) {
            match (own, sizes) {
                ([], []) => out.extend_from_slice(keep),
                ([1, own @ ..], [size, sizes @ ..]) => {
                    (0..*size).for_each(|_| fill(out, keep, own, sizes));
                }
                _ if own == sizes => out.extend_from_slice(keep),
                ([n, own @ ..], [_, sizes @ ..]) => {
                    let part = keep.len() / n.max(&1);
                    (0..*n).for_each(|i| fill(out, &keep[i * part..][..part], own, sizes));
                }
                _ => {}
            }
        }

        let mut own = self.sizes.clone();
        while own.len() < sizes.len() {
            own.insert(0, 1);
        }
        let fits = |(own, size): (&usize, &usize)| *own == 1 || own == size;
        if own.len() != sizes.len() || !own.iter().zip(sizes).all(fits) {
            return Err(refused(format!(
                "a mask of the sizes {:?} does not fit scores of the sizes {sizes:?}",
                self.sizes
            )));
        }
        let mut out = reserved(elements(sizes)?)?;
        fill(&mut out, &self.keep, &own, sizes);
        Ok(out)
    }
}

/// Fails if an attention would have to make more numbers than a layer may give.
pub(super) fn affordable(sizes: &[Option<usize>]) -> Result<(), Error> {
    // An empty batch does not make long sequences short.
    let mut known = sizes.iter().map(|size| size.unwrap_or(1).max(1));
    match known.try_fold(1_usize, |n, size| n.checked_mul(size)) {
        Some(..=MAX_NUMBERS) => Ok(()),
        _ => {
            let sizes: Vec<String> =
                sizes.iter().map(|size| size.map_or("?".to_owned(), |n| n.to_string())).collect();
            Err(refused(format!("it would make ({}) numbers, more than 2^28", sizes.join(", "))))
        }
    }
}

/// Shares that sum to 1 in each row of scores, of 0 for what is not kept. All are equal if nothing is.
pub(super) fn shares(scores: Rows, keep: Option<&[bool]>) -> Result<Rows, Error> {
    let (rows, width) = *scores.shape();
    if rows * width == 0 {
        return Ok(scores);
    }
    let scores = match keep {
        Some(keep) => hidden(scores, keep, 0.7 * f32::MIN)?,
        None => scores,
    };
    Cpu::softmax(scores)
}

/// Another number for each that is not kept.
pub(super) fn hidden(x: Rows, keep: &[bool], other: f32) -> Result<Rows, Error> {
    if keep.is_empty() { Ok(x) } else { keep_rows(x, keep, other) }
}
