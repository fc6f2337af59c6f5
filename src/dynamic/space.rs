//! Sequences, images and volumes that are padded with zeros, cut or stretched.

use serde_json::Value;

use super::{
    flow::{Flow, Numbers, Rows, as_rows},
    op::OneToOne,
    options::Options,
    places::{all, arranged},
    words::{self, axes_of},
};
use crate::{
    backend::{IntoShape, NOWHERE},
    error::Error,
    fields::{AnySignal, whole},
    layers::{ResizeInterpolation, Stretch},
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
    More(ResizeInterpolation),
}

impl Space {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = options.config.class_name.clone();
        let axes = axes_of(&class);
        let (change, key) = match class.as_str() {
            "UpSampling2D" => (Change::More(options.word("interpolation")?), "size"),
            class if class.starts_with("UpSampling") => {
                (Change::More(ResizeInterpolation::Nearest), "size")
            }
            class if class.starts_with("Cropping") => (Change::Cut, "cropping"),
            _ => (Change::Zeros, "padding"),
        };
        let value = options.value(key);
        let size = |value: &Value| usize::try_from(whole(value)?).ok();
        let repeats = matches!(change, Change::More(_));
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

    /// What becomes of an axis.
    fn along(&self, axis: usize, size: usize) -> Result<Stretch, Error> {
        let around @ [before, after] = self.sizes[axis];
        let along = match self.change {
            Change::Zeros => Stretch::padded(size, around),
            Change::Cut => {
                return Stretch::cut(size, around).map_err(|_| {
                    words::refused(format!("{before} and {after} cannot be cut off `{size}`"))
                });
            }
            Change::More(how) => Stretch::times(size, before, how),
        };
        let along = along.ok().filter(|along| along.to < NOWHERE as usize);
        along.ok_or_else(|| words::refused(format!("{before} and {after} make `{size}` too large")))
    }
}

/// Values of which an axis has changed.
pub(super) fn stretched(
    x: Rows,
    mut sizes: Vec<usize>,
    axis: usize,
    along: Stretch,
) -> Result<(Rows, Vec<usize>), Error> {
    let x = along.apply(x, &sizes, axis)?;
    sizes[axis] = along.to;
    Ok((x.into_shape(&as_rows(&sizes)?)?, sizes))
}

impl OneToOne for Space {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::places(arrives, self.axes)?;
        let mut sizes = arrives.sizes.clone();
        for axis in 0..self.sizes.len() {
            let size = &mut sizes[axis + 1];
            *size = size.map(|size| self.along(axis, size)).transpose()?.map(|along| along.to);
        }
        Ok(arrives.with(sizes))
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { mut x, mut sizes, mask } = x.numbers()?;
        if !matches!(self.change, Change::More(how) if how != ResizeInterpolation::Nearest) {
            let mut places = all(&sizes);
            for (axis, &[first, _]) in self.sizes.iter().enumerate() {
                let size = sizes[axis + 1];
                let from = |place: usize| match self.change {
                    Change::Zeros => place.checked_sub(first).filter(|&at| at < size),
                    Change::Cut => Some(place + first),
                    Change::More(_) => Some(place / first),
                };
                let to = self.along(axis, size)?.to;
                places[axis + 1].take((0..to).map(from))?;
            }
            let (x, sizes) = arranged(x, places)?;
            return Ok(Flow::Numbers(Numbers { x, sizes, mask }));
        }
        for axis in 0..self.sizes.len() {
            let along = self.along(axis, sizes[axis + 1])?;
            (x, sizes) = stretched(x, sizes, axis + 1, along)?;
        }
        Ok(Flow::Numbers(Numbers { x, sizes, mask }))
    }
}
