//! Functions of Keras's that order values: `sort`, `argsort` and `top_k`.

use std::{cmp::Ordering, sync::Arc};

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, TensorFromVec},
};
use serde_json::{Map, Value};

use super::super::{
    flow::{Flow, Flows, Numbers, Rows, beside},
    words::refused,
};
use crate::{
    backend::{memory::filled, parallel, pick_values, to_values},
    error::{Error, OrDevice},
};

type Options = Map<String, Value>;

/// How many values are a job at least.
const JOB: usize = 8 << 10;

/// How many values of the last axis `top_k` leaves.
pub(super) fn count(size: Option<usize>, options: &Options) -> Result<usize, Error> {
    let value = options.get("k").unwrap_or(&Value::Null);
    let k = value.as_u64().and_then(|k| usize::try_from(k).ok());
    let k = k.filter(|&k| k > 0 && size.is_none_or(|size| k <= size));
    k.ok_or_else(|| match size {
        Some(size) => refused(format!("`k` {value} of a function is not in 1..={size}")),
        None => refused(format!("`k` {value} of a function is no number above 0")),
    })
}

/// NaN is behind all other values.
fn ascending(a: f32, b: f32) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The places of the first values of each row: of the smallest, or of the largest.
fn places(x: &[f32], width: usize, count: usize, largest: bool) -> Result<Vec<u32>, Error> {
    let rows = x.len().checked_div(width).unwrap_or(0);
    let mut found = filled(&[rows, count], 0_u32)?;
    let some = JOB.div_ceil(width.max(1));
    let jobs = found.chunks_mut((some * count).max(1)).zip(x.chunks((some * width).max(1)));
    parallel(jobs.collect(), |(found, x): (&mut [u32], &[f32])| {
        let mut order: Vec<u32> = Vec::with_capacity(width);
        for (found, row) in found.chunks_mut(count).zip(x.chunks(width)) {
            order.clear();
            order.extend(0..row.len() as u32);
            // Of equal values the first one comes first; 0 is larger than -0 among the largest alone, as in JAX.
            let compared = |&a: &u32, &b: &u32| {
                let (x, y) = (row[a as usize], row[b as usize]);
                let values = if largest { y.total_cmp(&x) } else { ascending(x, y) };
                values.then(a.cmp(&b))
            };
            if count < order.len() {
                order.select_nth_unstable_by(count, compared);
            }
            order[..count].sort_unstable_by(compared);
            found.copy_from_slice(&order[..count]);
        }
    });
    Ok(found)
}

/// The values at these places of each row; gradients go to where they stood.
fn picked(x: Rows, mut places: Vec<u32>, count: usize) -> Result<Rows, Error> {
    let (rows, width) = *x.shape();
    for (row, places) in places.chunks_mut(count.max(1)).enumerate() {
        let first = u32::try_from(row * width).map_err(|_| refused("too many values to sort"))?;
        places.iter_mut().for_each(|place| *place += first);
    }
    pick_values(x, Arc::new(places), (rows, count))
}

/// The places as values, which have no gradient.
fn numbers(x: Rows, places: &[u32], count: usize) -> Result<Rows, Error> {
    let (rows, (_, tape)) = (x.shape().0, x.split_tape());
    let values = places.iter().map(|&place| place as f32).collect();
    let y = Cpu::default().try_tensor_from_vec(values, (rows, count)).or_device()?;
    Ok(y.put_tape(tape))
}

/// Each row in order.
pub(super) fn sorted(x: Rows) -> Result<Rows, Error> {
    let width = x.shape().1;
    let places = places(&to_values(&x)?, width, width, false)?;
    picked(x, places, width)
}

/// Where the values of each row in order stand in it.
pub(super) fn order(x: Rows) -> Result<Rows, Error> {
    let width = x.shape().1;
    let places = places(&to_values(&x)?, width, width, false)?;
    numbers(x, &places, width)
}

/// The largest values of each row, and where they stand in it.
pub(super) fn top(x: Flow, options: &Options) -> Result<Flows, Error> {
    let Numbers { x, mut sizes, .. } = x.numbers()?;
    let (width, Some(last)) = (x.shape().1, sizes.last_mut()) else {
        return Err(refused("one number has no largest ones"));
    };
    let count = count(Some(width), options)?;
    *last = count;
    let places = places(&to_values(&x)?, width, count, true)?;
    let (x, tape) = x.split_tape();
    let numbers = numbers(beside(&x, &tape), &places, count)?;
    let values = picked(x.put_tape(tape), places, count)?;
    Ok(vec![Flow::plain(values, sizes.clone())?, Flow::plain(numbers, sizes)?])
}
