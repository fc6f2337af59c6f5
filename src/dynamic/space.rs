//! Sequences, images and volumes that are padded with zeros, cut or stretched.

use serde_json::Value;

use super::{
    flow::{Flow, Numbers},
    op::{OneToOne, Pass},
    options::Options,
    places::{all, arranged},
    resampling::{Interpolation, Stretch},
    words::{self, axes_of},
};
use crate::{
    backend::NOWHERE,
    error::Error,
    fields::{AnySignal, whole},
};

/// What is done along the axes behind the batch, but the channels.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    /// How many axes there are behind the batch, but the channels.
    axes: usize,
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
    /// Between values, by how near they are.
    Between(Interpolation),
}

impl Space {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = options.config.class_name.clone();
        let axes = axes_of(&class);
        let (change, key) = match class.as_str() {
            class if class.starts_with("Cropping") => (Change::Cut, "cropping"),
            class if class.starts_with("UpSampling") => (Change::Repeat, "size"),
            _ => (Change::Zeros, "padding"),
        };
        let how = options.config.config.get("interpolation").and_then(Value::as_str);
        let change = match how.and_then(Interpolation::named) {
            None | Some(Interpolation::Nearest) => change,
            Some(how) => Change::Between(how),
        };
        let value = options.config.config.get(key).unwrap_or(&Value::Null);
        let size = |value: &Value| usize::try_from(whole(value)?).ok();
        let repeats = matches!(change, Change::Repeat | Change::Between(_));
        // Of a change of size there is one number for each axis, else one before and one after.
        let of = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([a, b]) if !repeats => Some([size(a)?, size(b)?]),
            _ => size(value).map(|one| [one; 2]),
        };
        let sizes: Option<Vec<[usize; 2]>> = match value.as_array() {
            Some(list) if axes > 1 => list.iter().map(of).collect(),
            _ => of(value).map(|one| vec![one]),
        };
        let needed = || options.misfit(key, "a size for each axis, or a pair, is needed", value);
        Ok(Self { axes, change, sizes: sizes.ok_or_else(needed)? })
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
            Change::Repeat | Change::Between(_) => size.checked_mul(before),
        };
        // A place is a number of 32 bits.
        changed
            .filter(|&size| size < NOWHERE as usize)
            .ok_or_else(|| words::refused(format!("{before} and {after} make `{size}` too large")))
    }
}

impl OneToOne for Space {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::places(arrives, self.axes)?;
        let mut sizes = arrives.sizes.clone();
        for axis in 0..self.sizes.len() {
            let size = &mut sizes[axis + 1];
            *size = size.map(|size| self.size(axis, size)).transpose()?;
        }
        Ok(arrives.with(sizes))
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let Numbers { mut x, mut sizes, mask } = x.numbers()?;
        if let Change::Between(how) = self.change {
            for axis in 0..self.sizes.len() {
                let (window, to) = (sizes[axis + 1], self.size(axis, sizes[axis + 1])?);
                let (from, antialias, fill) = (0, false, 0.0);
                let stretch = Stretch { from, window, to, how, antialias, fill };
                (x, sizes) = stretch.apply(x, &sizes, axis + 1)?;
            }
            return Ok(Flow::Numbers(Numbers { x, sizes, mask }));
        }
        let mut along = all(&sizes)?;
        for axis in 0..self.sizes.len() {
            let (size, [before, _]) = (sizes[axis + 1], self.sizes[axis]);
            let places = (0..self.size(axis, size)?).map(|place| match self.change {
                Change::Zeros => place.checked_sub(before).filter(|&from| from < size),
                Change::Cut => Some(place + before),
                Change::Repeat | Change::Between(_) => Some(place / before),
            });
            along[axis + 1].take(places)?;
        }
        let (x, sizes) = arranged(x, &along)?;
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}
