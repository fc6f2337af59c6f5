//! Sequences and images that are padded with zeros, cut or stretched.

use serde_json::Value;

use super::{
    flow::{Flow, Numbers, Rows},
    op::{OneToOne, Pass},
    options::Options,
    places::{all, arranged},
    words,
};
use crate::{
    backend::NOWHERE,
    error::Error,
    fields::{AnySignal, whole},
};

/// What is done along the axes behind the batch, but the channels.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    images: bool,
    change: Change,
    /// How much before and after, or how many times.
    sizes: Vec<[usize; 2]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Zeros,
    Cut,
    /// Each value that often.
    Repeat,
    /// Between two values, by how near they are.
    Between,
}

impl Space {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = options.config.class_name.clone();
        let images = class.ends_with("2D");
        let (change, key) = match class.as_str() {
            "Cropping1D" | "Cropping2D" => (Change::Cut, "cropping"),
            "UpSampling1D" | "UpSampling2D" => (Change::Repeat, "size"),
            _ => (Change::Zeros, "padding"),
        };
        let change = match options.config.config.get("interpolation").and_then(Value::as_str) {
            Some("bilinear") => Change::Between,
            _ => change,
        };
        let value = options.config.config.get(key).unwrap_or(&Value::Null);
        let size = |value: &Value| usize::try_from(whole(value)?).ok();
        let repeats = change == Change::Repeat || change == Change::Between;
        // Of a change of size there is one number for each axis, else one before and one after.
        let of = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([a, b]) if !repeats => Some([size(a)?, size(b)?]),
            _ => size(value).map(|one| [one; 2]),
        };
        let sizes: Option<Vec<[usize; 2]>> = match value.as_array() {
            Some(list) if images => list.iter().map(of).collect(),
            _ => of(value).map(|one| vec![one]),
        };
        let needed = || options.misfit(key, "a size for each axis, or a pair, is needed", value);
        Ok(Self { images, change, sizes: sizes.ok_or_else(needed)? })
    }

    /// The size that an axis has behind it.
    fn size(&self, axis: usize, size: usize) -> Result<usize, Error> {
        let [before, after] = self.sizes[axis];
        let changed = match self.change {
            Change::Zeros => before.checked_add(after).and_then(|more| size.checked_add(more)),
            Change::Cut => {
                let left = before.checked_add(after).and_then(|less| size.checked_sub(less));
                return left.filter(|&left| left > 0).ok_or_else(|| {
                    words::refused(format!("{before} and {after} cannot be cut off `{size}`"))
                });
            }
            Change::Repeat | Change::Between => size.checked_mul(before),
        };
        // A place is a number of 32 bits.
        changed
            .filter(|&size| size < NOWHERE as usize)
            .ok_or_else(|| words::refused(format!("{before} and {after} make `{size}` too large")))
    }
}

impl OneToOne for Space {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        if self.images {
            words::images(arrives)?;
        } else {
            words::unmasked_steps(arrives)?;
        }
        let mut sizes = arrives.sizes.clone();
        for axis in 0..self.sizes.len() {
            let size = &mut sizes[axis + 1];
            *size = size.map(|size| self.size(axis, size)).transpose()?;
        }
        Ok(arrives.with(sizes))
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let Numbers { mut x, mut sizes, mask } = x.numbers()?;
        if self.change == Change::Between {
            for axis in 0..self.sizes.len() {
                (x, sizes) = between(x, &sizes, axis + 1, self.sizes[axis][0])?;
            }
            return Ok(Flow::Numbers(Numbers { x, sizes, mask }));
        }
        let mut along = all(&sizes);
        for axis in 0..self.sizes.len() {
            let (size, [before, _]) = (sizes[axis + 1], self.sizes[axis]);
            let places = (0..self.size(axis, size)?).map(|place| match self.change {
                Change::Zeros => place.checked_sub(before).filter(|&from| from < size),
                Change::Cut => Some(place + before),
                Change::Repeat | Change::Between => Some(place / before),
            });
            along[axis + 1].take(places);
        }
        let (x, sizes) = arranged(x, &along)?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}

/// Stretches one axis: each value between the two that are nearest to it, whose centres lie half a step inside.
fn between<T: Pass>(
    x: Rows<T>,
    sizes: &[usize],
    axis: usize,
    times: usize,
) -> Result<(Rows<T>, Vec<usize>), Error> {
    use super::merge::{Merging, merged};
    use crate::backend::memory::filled;
    use dfdx::tensor::{Cpu, PutTape, TensorFromVec};

    let (size, long) = (sizes[axis], sizes[axis] * times);
    let at = |place: usize| ((place as f64 + 0.5) / times as f64 - 0.5).max(0.0);
    let below = |place: usize| (at(place) as usize).min(size.saturating_sub(1));
    let above = |place: usize| (below(place) + 1).min(size.saturating_sub(1));
    let inner: usize = sizes[axis + 1..].iter().product();
    let mut halves = Vec::new();
    for upper in [false, true] {
        let mut along = all(sizes);
        along[axis]
            .take((0..long).map(|place| Some(if upper { above(place) } else { below(place) })));
        let (y, sizes) = arranged(x.retaped::<T>(), &along)?;
        let share = |place: usize| {
            let share = (at(place) - below(place) as f64) as f32;
            if upper { share } else { 1.0 - share }
        };
        let mut shares = filled(&sizes, 0.0)?;
        for (i, value) in shares.iter_mut().enumerate() {
            *value = share(i / inner.max(1) % long.max(1));
        }
        let shape = super::flow::as_rows(&sizes)?;
        let shares =
            crate::error::OrDevice::or_device(Cpu::default().try_tensor_from_vec(shares, shape))?;
        halves.push((merged(Merging::Product, y, shares.put_tape(T::default()))?, sizes));
    }
    let (Some((b, sizes)), Some((a, _))) = (halves.pop(), halves.pop()) else {
        return Err(Error::Empty("the list of inputs"));
    };
    // The tape of what was there before goes on with the first.
    let (_, tape) = dfdx::tensor::SplitTape::split_tape(x);
    let (a, more) = dfdx::tensor::SplitTape::split_tape(a);
    Ok((merged(Merging::Sum, a.put_tape(tape.merge(more)), b)?, sizes))
}
