//! The cross-entropy of a row of logits or probabilities against a label.

use crate::{softmax::exponentials, sums::sum};

/// The loss of logits. Its gradient takes their place: the softmax, and at the label minus the sum of the others.
///
/// Nothing is subtracted from 1, and no logarithm taken of what is close to 1: a loss and a gradient that are nearly 0
/// keep their digits.
pub fn of_logits(row: &mut [f32], label: usize) -> f32 {
    let logit = row[label];
    let most = exponentials(row);
    let first = row.iter().position(|&e| e == 1.0).unwrap_or(0);
    let top = std::mem::replace(&mut row[first], 0.0);
    // The exponential of the largest logit is 1, or NaN if that is infinite.
    let rest = sum(row.len(), |i| row[i]) + (top - 1.0);
    row[first] = top;
    let sum = rest + top;
    let others = if label == first { rest } else { sum - row[label] };
    let share = 1.0 / sum;
    row.iter_mut().for_each(|e| *e *= share);
    row[label] = -others * share;
    rest.ln_1p() + (most - logit)
}

/// The sum of the clipped probabilities but that of the label.
pub fn others(row: &[f32], label: usize, least: f32, most: f32) -> f32 {
    let clipped = |row: &[f32]| sum(row.len(), |i| row[i].clamp(least, most));
    clipped(&row[..label]) + clipped(&row[label + 1..])
}

/// Adds the gradient of a row, `g` times that of its loss; where it was of logits, `row` is that.
pub fn add_gradient(d_x: &mut [f32], row: &[f32], g: f32, label: usize, clip: Option<(f32, f32)>) {
    match clip {
        None => {
            d_x.iter_mut().zip(row).for_each(|(d_x, &slope)| *d_x += g * slope);
        }
        Some((least, most)) => {
            // What was clipped has no slope.
            let inside = least..=most;
            let p = row[label].clamp(least, most);
            let others = others(row, label, least, most);
            let share = g / (others + p);
            let slopes = row.iter().map(|p| if inside.contains(p) { share } else { 0.0 });
            let before = d_x[label];
            d_x.iter_mut().zip(slopes).for_each(|(d_x, slope)| *d_x += slope);
            // `1 / sum - 1 / p`, with the difference taken first.
            let slope = if inside.contains(&row[label]) { -share * (others / p) } else { 0.0 };
            d_x[label] = before + slope;
        }
    }
}
