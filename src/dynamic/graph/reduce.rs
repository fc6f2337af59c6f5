//! Functions of Keras's that make one value of those along some axes.

use serde_json::{Map, Value};

use super::{
    super::{flow::Rows, places::permuted, words::refused},
    reshape::axes,
};
use crate::{
    backend::{IntoShape, Reduce, memory::elements, reduce_values},
    error::Error,
    fields::AnySignal,
};
use kerata_kernels::reduce as along;

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
    let along: usize = axes.iter().map(|&axis| sizes[axis]).product();
    let rows: usize = left.iter().product();
    let extreme = matches!(reduction, Reduction::Largest | Reduction::Smallest);
    if extreme && along == 0 && rows > 0 {
        return Err(refused("of no values, none is the largest or the smallest"));
    }
    let (first, last) = (axes.iter().min().copied(), axes.iter().max().copied());
    let (first, end) = (first.unwrap_or(0), last.map_or(0, |last| last + 1));
    let (x, parts) = if end - first == axes.len() {
        // The axes are one behind the other, as they are or as one.
        let size = |sizes: &[usize]| elements(sizes);
        (x, [size(&sizes[..first])?, along, size(&sizes[end..])?])
    } else {
        let order: Vec<usize> =
            (0..sizes.len()).filter(|i| !axes.contains(i)).chain(axes.iter().copied()).collect();
        (permuted(x, sizes, &order)?.0, [rows, along, 1])
    };
    let y = reduce_values(x, parts, reduction.kernel())?;
    Ok((y.into_shape(&(rows, 1))?, left))
}

/// The derivatives of an extreme: the first of equal ones has it all.
fn extreme_slopes(row: &[f32], extreme: f32, slopes: &mut [f32]) {
    slopes.fill(0.0);
    if let Some(slope) = slopes.get_mut(along::place(row, extreme)) {
        *slope = 1.0;
    }
}

impl Reduction {
    fn kernel(self) -> Reduce {
        let of = |row, slopes| Reduce { row, columns: None, slopes: Some(slopes) };
        let flat = |row| Reduce { row, columns: None, slopes: None };
        let with = |reduce, columns| Reduce { columns: Some(columns), ..reduce };
        match self {
            Self::Sum => {
                with(of(|row, _| along::sum(row), |_, slopes| slopes.fill(1.0)), |rows, y| {
                    along::sums_of_columns(rows, y, 1.0)
                })
            }
            Self::Mean => with(
                of(|row, _| along::mean(row), |_, slopes| slopes.fill(1.0 / slopes.len() as f32)),
                |rows, y| along::sums_of_columns(rows, y, y.len() as f64 / rows.len() as f64),
            ),
            Self::Largest => with(
                of(
                    |row, _| along::largest(row),
                    |row, slopes| extreme_slopes(row, along::largest(row), slopes),
                ),
                |rows, y| {
                    along::largest_of_columns(rows, y);
                    Ok(())
                },
            ),
            Self::Smallest => with(
                of(
                    |row, _| along::smallest(row),
                    |row, slopes| extreme_slopes(row, along::smallest(row), slopes),
                ),
                |rows, y| {
                    along::smallest_of_columns(rows, y);
                    Ok(())
                },
            ),
            Self::PlaceOfLargest => flat(|row, _| along::place(row, along::largest(row)) as f32),
            Self::PlaceOfSmallest => flat(|row, _| along::place(row, along::smallest(row)) as f32),
            Self::Any => flat(|row, _| f32::from(u8::from(row.iter().any(|&x| x != 0.0)))),
            Self::All => flat(|row, _| f32::from(u8::from(row.iter().all(|&x| x != 0.0)))),
            Self::Count => flat(|row, _| row.iter().filter(|&&x| x != 0.0).count() as f32),
            Self::Product => of(
                |row, _| row.iter().map(|&x| f64::from(x)).product::<f64>() as f32,
                product_slopes,
            ),
            Self::Variance => of(|row, _| along::variance(row) as f32, variance_slopes),
            Self::Deviation => of(|row, _| along::variance(row).sqrt() as f32, deviation_slopes),
            Self::Norm => of(|row, _| along::norm(row), norm_slopes),
            Self::LogSumExp => of(along::log_sum_exp, log_sum_exp_slopes),
        }
    }
}

fn product_slopes(row: &[f32], slopes: &mut [f32]) {
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

fn variance_slopes(row: &[f32], slopes: &mut [f32]) {
    let [mean, _] = moments(row);
    away(row, mean, 2.0 / row.len() as f64, slopes);
}

fn deviation_slopes(row: &[f32], slopes: &mut [f32]) {
    let [mean, variance] = moments(row);
    away(row, mean, 1.0 / (variance.sqrt() * row.len() as f64), slopes);
}

fn norm_slopes(row: &[f32], slopes: &mut [f32]) {
    let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    slopes.iter_mut().zip(row).for_each(|(to, &x)| *to = (f64::from(x) / norm) as f32);
}

fn log_sum_exp_slopes(row: &[f32], slopes: &mut [f32]) {
    let most = row.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x));
    // Nothing is taken from what is infinite.
    let most = if most.is_finite() { f64::from(most) } else { 0.0 };
    let sum: f64 = row.iter().map(|&x| (f64::from(x) - most).exp()).sum();
    let slope = |&x: &f32| ((f64::from(x) - most).exp() / sum) as f32;
    slopes.iter_mut().zip(row).for_each(|(to, x)| *to = slope(x));
}
