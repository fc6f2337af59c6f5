//! What an attention of several heads is given beside its queries, keys and values.

use std::sync::Arc;

use super::memory::{collected, elements};
use crate::{error::Error, mask::Mask};

/// How an attention of several heads goes from queries, keys and values to its sums.
#[derive(Debug, Clone)]
pub struct AttentionOptions {
    /// In how many equal parts the features are cut, each of which attends by itself.
    pub heads: usize,
    /// What the products of queries and keys are multiplied with before the softmax.
    pub scale: f64,
    /// Which keys each query sees.
    pub visible: Visible,
    /// Whether a query that sees nothing gets the mean of all values, as Keras has it without a dropout; else it gets zeros.
    pub mean_if_blind: bool,
    /// The rate at which what is seen drops.
    pub dropout: f64,
}

/// Which keys each query of an attention sees: those that all of these allow.
#[derive(Debug, Clone, Default)]
pub struct Visible {
    /// The queries that see anything.
    pub queries: Option<Mask>,
    /// The keys that are seen.
    pub keys: Option<Mask>,
    /// Whether no query sees a key behind its own place.
    pub causal: bool,
    /// A flag for each sample, head, query and key, in this order.
    pub flags: Option<Arc<Vec<bool>>>,
}

/// The sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttentionSizes {
    pub(crate) batch: usize,
    pub(crate) heads: usize,
    pub(crate) queries: usize,
    pub(crate) keys: usize,
    /// The features of a key, and those of a value, in each head.
    pub(crate) features: [usize; 2],
}

type Shape = (usize, usize, usize);

impl AttentionOptions {
    /// The sizes of an attention of queries, keys and values, each `(Batch, Length, heads * features)`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if they do not fit each other, the heads or the masks.
    pub(crate) fn sizes(&self, q: &Shape, k: &Shape, v: &Shape) -> Result<AttentionSizes, Error> {
        if (q.0, q.2) != (k.0, k.2) {
            let what = "the batch and features of the keys of an attention";
            return Err(Error::mismatch(what, (q.0, q.2), (k.0, k.2)));
        }
        if (k.0, k.1) != (v.0, v.1) {
            let what = "the batch and length of the values of an attention";
            return Err(Error::mismatch(what, (k.0, k.1), (v.0, v.1)));
        }
        if self.heads == 0 || !q.2.is_multiple_of(self.heads) || !v.2.is_multiple_of(self.heads) {
            let expected = format!("multiples of {}", self.heads);
            return Err(Error::mismatch("the features of an attention", expected, [q.2, v.2]));
        }
        let Visible { queries, keys, flags, .. } = &self.visible;
        for (mask, steps) in [(queries, (q.0, q.1)), (keys, (k.0, k.1))] {
            if let Some(mask) = mask
                && (mask.batch(), mask.length()) != steps
            {
                let found = (mask.batch(), mask.length());
                return Err(Error::mismatch("the batch and length of a mask", steps, found));
            }
        }
        let sizes = AttentionSizes {
            batch: q.0,
            heads: self.heads,
            queries: q.1,
            keys: k.1,
            features: [q.2 / self.heads, v.2 / self.heads],
        };
        if let Some(flags) = flags
            && elements(&sizes.scores()) != Ok(flags.len())
        {
            return Err(Error::mismatch("the flags of an attention", sizes.scores(), flags.len()));
        }
        Ok(sizes)
    }
}

impl AttentionSizes {
    /// Those of the scores.
    pub(crate) fn scores(&self) -> [usize; 4] {
        [self.batch, self.heads, self.queries, self.keys]
    }
}

impl Visible {
    /// Whether a query sees a key as far as the masks of both and the places say.
    fn allows(&self, sample: usize, query: usize, key: usize) -> bool {
        let real = |mask: &Option<Mask>, step: usize| {
            mask.as_ref().is_none_or(|mask| mask.as_slice()[sample * mask.length() + step])
        };
        real(&self.queries, query) && real(&self.keys, key) && (!self.causal || key <= query)
    }

    /// A flag for each score; `None` if all are seen.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for them.
    pub(crate) fn all_flags(&self, sizes: &AttentionSizes) -> Result<Option<Vec<bool>>, Error> {
        if self.queries.is_none() && self.keys.is_none() && !self.causal && self.flags.is_none() {
            return Ok(None);
        }
        let scores = sizes.scores();
        let [_, heads, queries, keys] = scores;
        let flag = |at: usize| {
            let (row, key) = (at / keys, at % keys);
            let (sample, query) = (row / queries / heads, row % queries);
            self.allows(sample, query, key) && self.flags.as_ref().is_none_or(|flags| flags[at])
        };
        collected(&scores, (0..elements(&scores)?).map(flag)).map(Some)
    }
}
