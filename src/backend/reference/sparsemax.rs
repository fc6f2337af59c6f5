//! Keras's `sparsemax`.

use std::cmp::Ordering;

use dfdx::{
    prelude::{TryMul, TrySub},
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use super::sums::{along_rows, row_sums};
use crate::{
    backend::{
        Backend, Element,
        memory::{elements_of, filled, listed, reserved},
        to_values,
    },
    error::{Error, OrDevice},
    order::sort_places,
};

/// What Keras 3 takes from each value of a row, and by how much each value changes it.
///
/// It is not the threshold of the paper: Keras adds up the running sums of the values that count, and not these values
/// themselves, so that a row need not have the sum 1. Its numbers are what models were trained with.
pub(crate) fn sparse_threshold<E: Element>(row: &[E]) -> Result<(E, Vec<E>), Error> {
    let mut order = listed(0..row.len())?;
    sort_places(&mut order, |a, b| row[b].partial_cmp(&row[a]).unwrap_or(Ordering::Equal));
    // In double precision: they are running sums, and `sums` is one of these.
    let (mut sum, mut sums, mut count) = (0.0, 0.0, 0);
    for (rank, &i) in order.iter().enumerate() {
        sum += row[i].as_f64();
        if 1.0 + (rank + 1) as f64 * row[i].as_f64() > sum {
            sums += sum;
            count += 1;
        }
    }
    let mut slopes = filled(&[row.len()], E::zero())?;
    if row.iter().any(|x| x.is_nan()) {
        slopes.fill(E::nan());
        return Ok((E::nan(), slopes));
    }
    let k = count as f64;
    for (rank, &i) in order.iter().enumerate().take(count) {
        slopes[i] = E::of((k - rank as f64) / k);
    }
    Ok((E::of((sums - 1.0) / k), slopes))
}

/// What is more than the threshold of its row, and else 0.
pub(crate) fn sparsemax<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let shape @ (rows, width) = *x.shape();
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let (dev, values) = (x.device().clone(), to_values(&x)?);
    let (mut slopes, mut kept) = (reserved(rows * width)?, reserved(rows * width)?);
    let mut rest = reserved(rows)?;
    for row in values.chunks_exact(width) {
        let (threshold, mut own) = sparse_threshold(row)?;
        let sum: f64 = row.iter().zip(&own).map(|(x, slope)| x.as_f64() * slope.as_f64()).sum();
        rest.push(E::of(sum - threshold.as_f64()));
        // Not what is above: NaN stays.
        kept.extend(row.iter().map(|&x| if x <= threshold { E::zero() } else { E::one() }));
        slopes.append(&mut own);
    }
    let slopes = dev.try_tensor_from_vec(slopes, shape).or_device()?;
    let kept = dev.try_tensor_from_vec(kept, shape).or_device()?;
    let rest: Tensor<(usize,), E, D> = dev.try_tensor_from_vec(rest, (rows,)).or_device()?;
    let threshold = row_sums(x.retaped::<T>().try_mul(slopes).or_device()?)?;
    let threshold = along_rows(threshold.try_sub(rest).or_device()?, width)?;
    x.try_sub(threshold).or_device()?.try_mul(kept).or_device()
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::{Cpu, TensorFromVec, Trace};

    use super::*;

    /// The threshold is the mean of running sums, less the share of 1: of equal values, about half of their sum.
    #[test]
    fn many_values() {
        let n = 1_000_000;
        let row = vec![1e-6_f32; n];
        let (threshold, _) = sparse_threshold(&row).unwrap();
        let right = (f64::from(1e-6_f32) * (n as f64 + 1.0) * n as f64 / 2.0 - 1.0) / n as f64;
        assert!((f64::from(threshold) / right - 1.0).abs() < 1e-6, "{threshold}, not {right}");
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        let dev = Cpu::default();
        let rows = [[0.5_f64, 0.2, -1.3, 0.1], [3.0, 1.0, 0.4, 0.3], [0.1, 0.12, 0.08, 0.11]];
        // Not the sum, of which some gradients are 0.
        let loss = |x: [f64; 4], i: usize| {
            let (threshold, _) = sparse_threshold(&x).unwrap();
            x.iter()
                .zip(1..)
                .map(|(x, n)| f64::from(n + i as i32) * (x - threshold).max(0.0))
                .sum::<f64>()
        };
        for (i, row) in rows.into_iter().enumerate() {
            let x = dev.tensor_from_vec(row.to_vec(), (1_usize, 4_usize));
            let n: Vec<f64> = (1..5).map(|n| f64::from(n + i as i32)).collect();
            let n = dev.tensor_from_vec(n, (1_usize, 4_usize));
            let y = sparsemax(x.leaky_trace()).unwrap().try_mul(n).unwrap();
            let gradients =
                dfdx::prelude::Backward::backward(dfdx::prelude::SumTo::sum::<(), _>(y));
            let found = gradients.get(&x).as_vec();
            for (at, found) in found.into_iter().enumerate() {
                let moved = |step: f64| {
                    let mut row = row;
                    row[at] += step;
                    loss(row, i)
                };
                let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((found - expected).abs() < 1e-6, "{i} {at}: {found}, not {expected}");
            }
        }
    }
}
