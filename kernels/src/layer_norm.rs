//! Normalisation of each row by its own mean and variance.

use crate::{simd::vectorized, sums::total};

/// From where the values of a row are measured when the row is normalised by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Centre {
    /// From their mean, which becomes 0.
    Mean,
    /// From 0, so that nothing is taken away.
    Zero,
}

/// How many values are kept of each row: its mean, what that lacks to the mean in double precision, and one over its
/// deviation.
pub const STATISTICS: usize = 3;

/// One over the deviation of values whose squares are beyond the range of `f32`.
#[cold]
fn inverse_of_huge(x: &[f32], [mean, rest]: [f32; 2], epsilon: f32) -> f32 {
    let distance = |&x: &f32| f64::from(x) - f64::from(mean) - f64::from(rest);
    let squares: f64 = x.iter().map(|x| distance(x) * distance(x)).sum();
    (1.0 / (squares / x.len() as f64 + f64::from(epsilon)).sqrt()) as f32
}

vectorized! {
    /// Normalises rows, and gives the statistics of each. The centre is in two parts: values that are close to each other, and
    /// far from 0, would lose their digits where it is rounded to one.
    pub fn forward<'a>(
        y: &'a mut [f32],
        x: &'a [f32],
        statistics: &'a mut [f32],
        gamma: &'a [f32],
        beta: &'a [f32],
        epsilon: f32,
        centre: Centre,
    ) {
        let n = gamma.len();
        let rows = y.chunks_exact_mut(n.max(1)).zip(x.chunks_exact(n.max(1)));
        for ((y, x), statistics) in rows.zip(statistics.chunks_exact_mut(STATISTICS)) {
            let (gamma, beta, x) = (&gamma[..n], &beta[..n], &x[..n]);
            let (mut mean, mut rest) = (0.0, 0.0);
            if centre == Centre::Mean {
                mean = (total(n, |i| x[i]) / n as f64) as f32;
                rest = (total(n, |i| x[i] - mean) / n as f64) as f32;
            }
            let centred = |i: usize| (x[i] - mean) - rest;
            let variance = (total(n, |i| centred(i) * centred(i)) / n as f64) as f32;
            let mut inverse = 1.0 / (variance + epsilon).sqrt();
            if variance == f32::INFINITY && mean.is_finite() {
                inverse = inverse_of_huge(x, [mean, rest], epsilon);
            }
            statistics.copy_from_slice(&[mean, rest, inverse]);
            for (((y, &x), &gamma), &beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = ((x - mean) - rest) * inverse * gamma + beta;
            }
        }
    }
}

vectorized! {
    /// Adds to the gradients of rows, of `gamma` and of `beta`.
    pub fn backward<'a>(
        d_x: &'a mut [f32],
        x: &'a [f32],
        d_y: &'a [f32],
        statistics: &'a [f32],
        gamma: &'a [f32],
        d_weights: [&'a mut [f32]; 2],
        centre: Centre,
    ) {
        let (n, [d_gamma, d_beta]) = (gamma.len(), d_weights);
        let rows = d_x.chunks_exact_mut(n.max(1)).zip(x.chunks_exact(n.max(1)));
        let rows = rows.zip(d_y.chunks_exact(n.max(1))).zip(statistics.chunks_exact(STATISTICS));
        for (((d_x, x), d_y), statistics) in rows {
            let (gamma, x, d_y) = (&gamma[..n], &x[..n], &d_y[..n]);
            let (mean, rest, inverse) = (statistics[0], statistics[1], statistics[2]);
            let shift = match centre {
                Centre::Mean => (total(n, |i| d_y[i] * gamma[i]) / n as f64) as f32,
                Centre::Zero => 0.0,
            };
            let normal = |x: f32| ((x - mean) - rest) * inverse;
            let slope = (total(n, |i| d_y[i] * gamma[i] * normal(x[i])) / n as f64) as f32;
            let values = d_x.iter_mut().zip(x).zip(d_y).zip(gamma);
            let parameters = d_gamma.iter_mut().zip(&mut *d_beta);
            for ((((d_x, &x), &g), &gamma), (d_gamma, d_beta)) in values.zip(parameters) {
                let normal = normal(x);
                *d_x += inverse * (g * gamma - shift - normal * slope);
                *d_gamma += g * normal;
                *d_beta += g;
            }
        }
    }
}
