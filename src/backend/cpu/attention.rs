//! Attention of one sample, forward and backward. Only real queries and keys are looked at.

use kerata_kernels::{
    attention::{Shares, factors, gradient},
    buffer::Buffer,
    gemm::product,
    matrix::Matrix,
    rows::Rows,
};

use crate::{
    backend::{
        AttentionOptions, AttentionSizes, drop_values, dropout_parts,
        memory::{NoMemory, filled},
    },
    mask::Mask,
};

/// What drops of the shares of a batch: the random numbers follow from the seed and the place of a sample in the whole
/// batch, of which this one begins there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drops {
    pub(crate) seed: u64,
    pub(crate) first: usize,
}

/// An attention, for each sample by itself.
#[derive(Debug)]
pub(crate) struct Attention {
    pub(crate) options: AttentionOptions,
    pub(crate) sizes: AttentionSizes,
    /// There if something drops.
    pub(crate) drops: Option<Drops>,
}

/// The queries, keys and values of a sample, or their gradients.
pub(crate) type Inputs<'a> = [&'a [f32]; 3];

/// A sample whose real steps lie one after the other.
struct Sample<'a> {
    attention: &'a Attention,
    number: usize,
    queries: Rows,
    keys: Rows,
    /// Those of real steps, and already scaled.
    q: Buffer,
    k: Buffer,
    v: Buffer,
    /// What each share is multiplied with, for all heads, queries and keys.
    factors: Option<Vec<f32>>,
}

impl Attention {
    fn sample(&self, number: usize, [q, k, v]: Inputs<'_>) -> Result<Sample<'_>, NoMemory> {
        let AttentionSizes { heads, queries, keys, features, .. } = self.sizes;
        let visible = &self.options.visible;
        let of = |mask: &Option<Mask>, length| {
            Rows::of(mask.as_ref().map(|mask| mask.row(number)), length)
        };
        let (queries, keys) = (of(&visible.queries, queries)?, of(&visible.keys, keys)?);
        let mut scaled = queries.together(q, heads * features[0])?;
        let scale = self.options.scale as f32;
        scaled.iter_mut().for_each(|q| *q *= scale);
        Ok(Sample {
            attention: self,
            number,
            q: scaled,
            k: keys.together(k, heads * features[0])?,
            v: keys.together(v, heads * features[1])?,
            factors: self.factors(number)?,
            queries,
            keys,
        })
    }

    /// What each share of a sample is multiplied with: 0, or what makes up for those that drop.
    fn factors(&self, number: usize) -> Result<Option<Vec<f32>>, NoMemory> {
        let Some(Drops { seed, first }) = self.drops else { return Ok(None) };
        let AttentionSizes { heads, queries, keys, .. } = self.sizes;
        let sizes = [heads, queries, keys];
        let mut factors = filled(&sizes, 1.0).map_err(|_| NoMemory::of(sizes.iter().product()))?;
        for part in dropout_parts(&mut factors, (first + number, 1), None) {
            drop_values(part, self.options.dropout, seed);
        }
        Ok(Some(factors))
    }

    /// The sums of one sample; `y` is of zeros.
    pub(crate) fn forward(
        &self,
        number: usize,
        inputs: Inputs<'_>,
        y: &mut [f32],
    ) -> Result<(), NoMemory> {
        let sample = self.sample(number, inputs)?;
        let (width, features) = (self.sizes.heads * self.sizes.features[1], self.sizes.features[1]);
        let mut shares = Shares::new(sample.queries.len(), sample.keys.len())?;
        let mut sums = Buffer::uncleared(sample.queries.len() * features)?;
        for head in 0..self.sizes.heads {
            sample.shares(head, &mut shares)?;
            if let Some(factors) = sample.factors_of(head) {
                sample.drop(&mut shares, factors);
            }
            product(&mut sums, shares.matrix(), sample.values(head), false)?;
            sample.queries.put(&sums, y, (width, head * features), 1.0);
            if self.options.mean_if_blind {
                let mean = sample.mean(inputs[2], head);
                for query in sample.blind(&shares) {
                    y[query * width + head * features..][..features].copy_from_slice(&mean);
                }
            }
        }
        Ok(())
    }

    /// The gradients of the queries, keys and values of one sample, which are of zeros before.
    pub(crate) fn backward(
        &self,
        number: usize,
        inputs: Inputs<'_>,
        d_y: &[f32],
        [d_q, d_k, d_v]: [&mut [f32]; 3],
    ) -> Result<(), NoMemory> {
        let sample = self.sample(number, inputs)?;
        let AttentionSizes { heads, features: [of_keys, of_values], .. } = self.sizes;
        let (width_k, width_v) = (heads * of_keys, heads * of_values);
        let (queries, keys) = (sample.queries.len(), sample.keys.len());
        let of_sums = sample.queries.together(d_y, width_v)?;
        let mut shares = Shares::new(queries, keys)?;
        let mut slopes = Shares::new(queries, keys)?;
        let rows = queries.max(keys);
        let mut memory = Buffer::uncleared(rows * of_keys.max(of_values))?;
        let scale = self.options.scale as f32;
        for head in 0..heads {
            sample.shares(head, &mut shares)?;
            let d_sums =
                Matrix::new(&of_sums, queries, width_v).columns(head * of_values, of_values);
            slopes.product(d_sums, sample.values(head).transposed())?;
            let factors = sample.factors_of(head);
            let d_values = &mut memory[..keys * of_values];
            match factors {
                None => product(d_values, shares.matrix().transposed(), d_sums, false)?,
                Some(each) => {
                    sample.drop(&mut slopes, each);
                    let mut dropped = shares.copied()?;
                    sample.drop(&mut dropped, each);
                    product(d_values, dropped.matrix().transposed(), d_sums, false)?;
                }
            }
            sample.keys.put(d_values, d_v, (width_v, head * of_values), 1.0);
            gradient(&shares, &mut slopes);
            let d_queries = &mut memory[..queries * of_keys];
            product(d_queries, slopes.matrix(), sample.keys_of(head), false)?;
            sample.queries.put(d_queries, d_q, (width_k, head * of_keys), scale);
            let d_keys = &mut memory[..keys * of_keys];
            product(d_keys, slopes.matrix().transposed(), sample.queries_of(head), false)?;
            sample.keys.put(d_keys, d_k, (width_k, head * of_keys), 1.0);
            if self.options.mean_if_blind {
                sample.add_mean_gradient(&shares, head, d_y, d_v);
            }
        }
        Ok(())
    }
}

impl Sample<'_> {
    fn head<'a>(&self, all: &'a [f32], steps: &Rows, features: usize, head: usize) -> Matrix<'a> {
        let width = self.attention.sizes.heads * features;
        Matrix::new(all, steps.len(), width).columns(head * features, features)
    }

    fn queries_of(&self, head: usize) -> Matrix<'_> {
        self.head(&self.q, &self.queries, self.attention.sizes.features[0], head)
    }

    fn keys_of(&self, head: usize) -> Matrix<'_> {
        self.head(&self.k, &self.keys, self.attention.sizes.features[0], head)
    }

    fn values(&self, head: usize) -> Matrix<'_> {
        self.head(&self.v, &self.keys, self.attention.sizes.features[1], head)
    }

    /// How much of each key each query sees in a head, before anything drops.
    fn shares(&self, head: usize, shares: &mut Shares) -> Result<(), NoMemory> {
        shares.product(self.queries_of(head), self.keys_of(head).transposed())?;
        let visible = &self.attention.options.visible;
        let AttentionSizes { heads, queries, keys, .. } = self.attention.sizes;
        let row = |query: usize| ((self.number * heads + head) * queries + query) * keys;
        shares.softmax(|at, scores| {
            let query = self.queries.place(at);
            // Keys come in their order: those behind the place of the query are the last ones.
            let seen = if visible.causal { self.keys.up_to(query) } else { scores.len() };
            scores[seen..].fill(f32::NEG_INFINITY);
            let Some(flags) = &visible.flags else { return seen > 0 };
            let flags = &flags[row(query)..][..keys];
            let mut any = false;
            for (i, score) in scores[..seen].iter_mut().enumerate() {
                match flags[self.keys.place(i)] {
                    true => any = true,
                    false => *score = f32::NEG_INFINITY,
                }
            }
            any
        });
        Ok(())
    }

    fn factors_of(&self, head: usize) -> Option<&[f32]> {
        let AttentionSizes { queries, keys, .. } = self.attention.sizes;
        let factors = self.factors.as_ref()?;
        Some(&factors[head * queries * keys..][..queries * keys])
    }

    /// Multiplies what a head sees, or its gradient, with what drops.
    fn drop(&self, shares: &mut Shares, each: &[f32]) {
        let keys = self.attention.sizes.keys;
        for (at, row) in shares.rows().enumerate() {
            let each = &each[self.queries.place(at) * keys..][..keys];
            factors(row, |i| each[self.keys.place(i)]);
        }
    }

    /// The queries of the sample that see nothing.
    fn blind(&self, shares: &Shares) -> impl Iterator<Item = usize> {
        let mut blind = vec![true; self.attention.sizes.queries];
        for (at, &seen) in shares.seen().iter().enumerate() {
            blind[self.queries.place(at)] = !seen;
        }
        blind.into_iter().enumerate().filter_map(|(query, blind)| blind.then_some(query))
    }

    /// The mean of all values of a head, those of the padding too.
    fn mean(&self, v: &[f32], head: usize) -> Vec<f32> {
        let AttentionSizes { heads, keys, features: [_, features], .. } = self.attention.sizes;
        let mut totals = vec![0.0_f64; features];
        for row in v.chunks_exact((heads * features).max(1)) {
            let row = &row[head * features..][..features];
            totals.iter_mut().zip(row).for_each(|(total, &v)| *total += f64::from(v));
        }
        totals.into_iter().map(|total| (total / keys as f64) as f32).collect()
    }

    /// Adds what comes from queries that see nothing to the gradient of all values.
    fn add_mean_gradient(&self, shares: &Shares, head: usize, d_y: &[f32], d_v: &mut [f32]) {
        let AttentionSizes { heads, keys, features: [_, features], .. } = self.attention.sizes;
        let width = heads * features;
        let mut totals = vec![0.0_f64; features];
        for query in self.blind(shares) {
            let d_y = &d_y[query * width + head * features..][..features];
            totals.iter_mut().zip(d_y).for_each(|(total, &d)| *total += f64::from(d));
        }
        for row in d_v.chunks_exact_mut(width.max(1)) {
            let row = &mut row[head * features..][..features];
            row.iter_mut().zip(&totals).for_each(|(d, total)| *d += (total / keys as f64) as f32);
        }
    }
}
