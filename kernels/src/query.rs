//! Attention of one query, as in a stream, whose past is read once for the scores and once for the sums.

use crate::{simd::vectorized, softmax::softmax};

/// How many products are added side by side, for vector code.
const LANES: usize = 16;

/// How many steps are added in single precision one after the other: their sums are added then.
const BLOCK: usize = 64;

/// One query of several heads, and the steps that it sees: of each the key of all heads, and behind it the value of all heads.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// How many heads there are.
    pub heads: usize,
    /// What the products are multiplied with before the softmax.
    pub scale: f32,
    /// The features of all heads.
    pub query: &'a [f32],
    /// The steps.
    pub past: &'a [f32],
}

impl Query<'_> {
    /// The mean of the values, by the softmax of the products; zeros of no steps. There is `room` for as many values as `y` has,
    /// and for one of each head and step.
    pub fn attend(self, room: &mut [f32], y: &mut [f32]) {
        let width = (self.query.len() + y.len()).max(1);
        let steps = self.past.len() / width;
        y.fill(0.0);
        if steps == 0 {
            return;
        }
        let (part, room) = room.split_at_mut(y.len());
        let scores = &mut room[..self.heads * steps];
        products(self, width, scores);
        softmax(scores, steps);
        sums(self, scores, part, y);
    }
}

/// The sum of the products of two rows.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

vectorized! {
    fn products<'a>(query: Query<'a>, width: usize, scores: &'a mut [f32]) {
        let (steps, each) = (query.past.len() / width, (query.query.len() / query.heads).max(1));
        for (t, step) in query.past.chunks_exact(width).enumerate() {
            for (head, (q, k)) in query.query.chunks_exact(each).zip(step.chunks_exact(each)).enumerate() {
                scores[head * steps + t] = dot(q, k) * query.scale;
            }
        }
    }
}

vectorized! {
    fn sums<'a>(query: Query<'a>, shares: &'a [f32], part: &'a mut [f32], y: &'a mut [f32]) {
        let (keys, width) = (query.query.len(), query.query.len() + y.len());
        let (steps, each) = (query.past.len() / width.max(1), (y.len() / query.heads).max(1));
        for (block, some) in query.past.chunks(BLOCK * width).enumerate() {
            part.fill(0.0);
            for (t, step) in some.chunks_exact(width).enumerate() {
                let of_heads = part.chunks_exact_mut(each).zip(step[keys..].chunks_exact(each));
                for (head, (sums, values)) in of_heads.enumerate() {
                    let share = shares[head * steps + block * BLOCK + t];
                    sums.iter_mut().zip(values).for_each(|(sum, &v)| *sum += share * v);
                }
            }
            y.iter_mut().zip(&*part).for_each(|(y, &part)| *y += part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two heads, of which the keys have another size than the values, and of more steps than a block.
    #[test]
    fn each_head_by_itself() {
        let (heads, steps, keys, values) = (2, 150, 19, 3);
        let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 50.0;
        let width = heads * (keys + values);
        let past: Vec<f32> = (0..steps * width).map(value).collect();
        let query: Vec<f32> = (0..heads * keys).map(|i| value(i + 11)).collect();
        let (mut y, mut room) = (vec![9.0; heads * values], vec![7.0; heads * (values + steps)]);
        Query { heads, scale: 0.3, query: &query, past: &past }.attend(&mut room, &mut y);
        for head in 0..heads {
            let exp: Vec<f64> = (0..steps)
                .map(|t| {
                    let key = &past[t * width + head * keys..][..keys];
                    let products = key.iter().zip(&query[head * keys..]);
                    (0.3 * products.map(|(&k, &q)| f64::from(k * q)).sum::<f64>()).exp()
                })
                .collect();
            for i in 0..values {
                let of = |t: usize| f64::from(past[t * width + heads * keys + head * values + i]);
                let sum: f64 = exp.iter().enumerate().map(|(t, exp)| exp * of(t)).sum();
                let right = sum / exp.iter().sum::<f64>();
                assert!((f64::from(y[head * values + i]) - right).abs() < 1e-6, "{y:?}");
            }
        }
        Query { heads, scale: 0.3, query: &query, past: &[] }.attend(&mut room, &mut y);
        assert_eq!(y, [0.0; 6]);
    }
}
