//! Functions of Keras's that make one value of those along some axes.

use std::sync::Arc;

use dfdx::{
    prelude::{HasShape, TryAdd, TryMul},
    tensor::{Cpu, PutTape, SplitTape, TensorFromVec},
};
use serde_json::{Map, Value};

use super::{
    super::{flow::Rows, places::permuted, words::refused},
    reshape::axes,
};
use crate::{
    backend::{IntoShape, near, pick_values, row_means, row_sums, to_values},
    error::{Error, OrDevice},
    fields::AnySignal,
};

/// What becomes of the numbers along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dynamic) enum Reduction {
    Sum,
    Mean,
    Largest,
    Smallest,
    PlaceOfLargest,
    PlaceOfSmallest,
    /// 1 if one of them is not 0.
    Any,
    /// 1 if none of them is 0.
    All,
    /// How many are not 0.
    Count,
    Product,
    Variance,
    Deviation,
    /// The root of the sum of the squares.
    Norm,
    LogSumExp,
}

type Options = Map<String, Value>;

/// Along which axes values become one, and the sizes of what is left.
pub(super) fn reduced(
    arrives: &AnySignal,
    options: &Options,
) -> Result<(Vec<usize>, Vec<Option<usize>>), Error> {
    let axes = axes(options, "axis", arrives.rank())?;
    if axes.contains(&0) {
        return Err(refused("a function along the batch is not known here"));
    }
    if (1..axes.len()).any(|i| axes[..i].contains(&axes[i])) {
        return Err(refused("axes behind the batch, each once, are needed"));
    }
    let order = options.get("ord").filter(|order| !order.is_null());
    let usual = |order: &Value| match axes.len() {
        1 => order.as_f64() == Some(2.0),
        axes => axes == 2 && order == "fro",
    };
    if let Some(order) = order.filter(|order| !usual(order)) {
        return Err(refused(format!("`ord` {order} of a function is not known here")));
    }
    let keep = match options.get("keepdims") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(keep)) => *keep,
        Some(other) => {
            return Err(refused(format!("`keepdims` {other} of a function is not known here")));
        }
    };
    let sizes =
        arrives.sizes.iter().enumerate().filter_map(|(i, &size)| match (axes.contains(&i), keep) {
            (false, _) => Some(size),
            (true, true) => Some(Some(1)),
            (true, false) => None,
        });
    Ok((axes.clone(), sizes.collect()))
}

/// Makes one value of those along some axes.
pub(super) fn reduce(
    reduction: Reduction,
    x: Rows,
    sizes: &[usize],
    options: &Options,
) -> Result<(Rows, Vec<usize>), Error> {
    let known: Vec<Option<usize>> = sizes.iter().copied().map(Some).collect();
    let (axes, left) = reduced(&AnySignal::numbers(known), options)?;
    let left: Vec<usize> = left.into_iter().map(|size| size.unwrap_or(0)).collect();
    let order: Vec<usize> =
        (0..sizes.len()).filter(|i| !axes.contains(i)).chain(axes.iter().copied()).collect();
    let along: usize = axes.iter().map(|&axis| sizes[axis]).product();
    let rows: usize = left.iter().product();
    let (x, _) = permuted(x, sizes, &order)?;
    let x = x.into_shape(&(rows, along))?;
    let y = match reduction {
        Reduction::Sum => row_sums(x)?,
        // Of no values there is no mean.
        Reduction::Mean if along == 0 => row_sums(x)?.try_mul(f32::NAN).or_device()?,
        Reduction::Mean => row_means(x)?,
        Reduction::Largest | Reduction::Smallest => {
            let (x, tape) = x.split_tape();
            let values = to_values(&x)?;
            let best = values.chunks(along.max(1)).enumerate().map(|(row, values)| {
                let best = best(values, reduction == Reduction::Largest);
                u32::try_from(row * along + best).unwrap_or(u32::MAX)
            });
            let best: Vec<u32> = best.collect();
            pick_values(x.put_tape(tape), Arc::new(best), (rows,))?
        }
        _ => match reduction.of_row() {
            Ok(of_row) => {
                let values = to_values(&x)?;
                let (mut slopes, mut y) = (vec![0.0; values.len()], Vec::with_capacity(rows));
                let both = values.chunks(along.max(1)).zip(slopes.chunks_mut(along.max(1)));
                y.extend(both.map(|(row, slopes)| of_row(row, slopes)));
                // What is not finite has no gradient.
                slopes.iter_mut().filter(|slope| !slope.is_finite()).for_each(|slope| *slope = 0.0);
                let y = Cpu::default().try_tensor_from_vec(y, (rows,)).or_device()?;
                row_sums(near(x, values, slopes)?)?.try_add(y).or_device()?
            }
            Err(of_row) => {
                let (x, tape) = x.split_tape();
                let y = to_values(&x)?.chunks(along.max(1)).map(of_row).collect();
                Cpu::default().try_tensor_from_vec(y, (rows,)).or_device()?.put_tape(tape)
            }
        },
    };
    let count = y.shape().0;
    Ok((y.into_shape(&(count, 1))?, left))
}

/// Where the largest value is, or the smallest; the first of equal ones, and NaN before all.
fn best(values: &[f32], largest: bool) -> usize {
    (0..values.len()).fold(0, |best, i| {
        let better = if largest { values[i] > values[best] } else { values[i] < values[best] };
        let better = better || values[i].is_nan();
        if better && !values[best].is_nan() { i } else { best }
    })
}

/// The value of a row, and its derivatives.
type WithSlopes = fn(&[f32], &mut [f32]) -> f32;

/// The value of a row that has no derivatives.
type WithoutSlopes = fn(&[f32]) -> f32;

impl Reduction {
    fn of_row(self) -> Result<WithSlopes, WithoutSlopes> {
        match self {
            Self::Product => Ok(product),
            Self::Variance => Ok(variance),
            Self::Deviation => Ok(deviation),
            Self::Norm => Ok(norm),
            Self::PlaceOfLargest => Err(|row| best(row, true) as f32),
            Self::PlaceOfSmallest => Err(|row| best(row, false) as f32),
            Self::Any => Err(|row| f32::from(u8::from(row.iter().any(|&x| x != 0.0)))),
            Self::All => Err(|row| f32::from(u8::from(row.iter().all(|&x| x != 0.0)))),
            Self::Count => Err(|row| row.iter().filter(|&&x| x != 0.0).count() as f32),
            _ => Ok(log_sum_exp),
        }
    }
}

fn product(row: &[f32], slopes: &mut [f32]) -> f32 {
    // The products of all behind each, which alone may be out of the range of what they are multiplied to.
    let behind = row.iter().rev().scan(1.0_f64, |all, &x| {
        let behind = *all;
        *all *= f64::from(x);
        Some(behind)
    });
    let behind: Vec<f64> = behind.collect();
    let mut before = 1.0_f64;
    for ((slope, &x), behind) in slopes.iter_mut().zip(row).zip(behind.into_iter().rev()) {
        *slope = (before * behind) as f32;
        before *= f64::from(x);
    }
    before as f32
}

/// The mean of a row, and the mean of the squares of what its values are away from that.
fn moments(row: &[f32]) -> [f64; 2] {
    let n = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    [mean, row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n]
}

/// Of each value, so many times what it is away from the mean.
fn away(row: &[f32], mean: f64, times: f64, slopes: &mut [f32]) {
    let slope = |&x: &f32| ((f64::from(x) - mean) * times) as f32;
    slopes.iter_mut().zip(row).for_each(|(to, x)| *to = slope(x));
}

fn variance(row: &[f32], slopes: &mut [f32]) -> f32 {
    let [mean, variance] = moments(row);
    away(row, mean, 2.0 / row.len() as f64, slopes);
    variance as f32
}

fn deviation(row: &[f32], slopes: &mut [f32]) -> f32 {
    let [mean, variance] = moments(row);
    away(row, mean, 1.0 / (variance.sqrt() * row.len() as f64), slopes);
    variance.sqrt() as f32
}

fn norm(row: &[f32], slopes: &mut [f32]) -> f32 {
    let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    slopes.iter_mut().zip(row).for_each(|(to, &x)| *to = (f64::from(x) / norm) as f32);
    norm as f32
}

fn log_sum_exp(row: &[f32], slopes: &mut [f32]) -> f32 {
    let most = row.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x));
    // Nothing is taken from what is infinite.
    let most = if most.is_finite() { f64::from(most) } else { 0.0 };
    let sum: f64 = row.iter().map(|&x| (f64::from(x) - most).exp()).sum();
    let slope = |&x: &f32| ((f64::from(x) - most).exp() / sum) as f32;
    slopes.iter_mut().zip(row).for_each(|(to, x)| *to = slope(x));
    (most + sum.ln()) as f32
}
