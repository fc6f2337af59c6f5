//! The third axis of windows on volumes: what is done on images serves for its slices.

use dfdx::tensor::Cpu;

use super::{
    MAX_NUMBERS,
    conv::{PlacesOf, Slider, padding},
    flow::{Flow, Numbers, Rows},
    options::Options,
    places::{all, arranged, permuted},
    words::{self, Places, refused},
};
use crate::{
    backend::{Backend, IntoShape, Pooling},
    error::Error,
    fields::AnySignal,
};

/// How a window slides along the depth of volumes.
#[derive(Debug, Clone)]
pub(super) struct Depth {
    pub(super) kernel: usize,
    stride: usize,
    dilation: usize,
    padding: PlacesOf,
}

impl Depth {
    pub(super) fn new(options: &Options<'_>, kernel: &str) -> Result<Self, Error> {
        let first = |key: &str| options.sizes::<3>(key).map(|[depth, _, _]| depth);
        let dilation = if kernel == "pool_size" { 1 } else { first("dilation_rate")? };
        let (kernel, stride) = (first(kernel)?, first("strides")?);
        Ok(Self { kernel, stride, dilation, padding: padding(options)? })
    }

    /// One of the same size and of another padding, which moves by one slice.
    pub(super) fn with_padding(&self, padding: PlacesOf) -> Self {
        Self { kernel: self.kernel, stride: 1, dilation: 1, padding }
    }

    /// What leaves, with this number of channels, if another window slides over the slices.
    pub(super) fn gives(
        &self,
        slider: &Slider,
        arrives: &AnySignal,
        channels: Option<usize>,
    ) -> Result<AnySignal, Error> {
        words::volumes(arrives)?;
        let mut slice = arrives.sizes.clone();
        let depth = slice.remove(1);
        let mut gives = slider.gives(&AnySignal::numbers(slice), channels)?;
        let depth = depth.map(|depth| self.window(depth)).transpose()?;
        gives.sizes.insert(1, depth.map(|places| places.count));
        Ok(gives)
    }

    fn window(&self, depth: usize) -> Result<Places, Error> {
        words::window(depth, self.kernel, self.stride, self.dilation, self.padding)
    }

    /// The slices that a window covers at each of its places, side by side in the channels, as images; and how many
    /// places there are.
    pub(super) fn side_by_side(&self, x: Flow, groups: usize) -> Result<(Flow, usize), Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        let [batch, depth, height, width, channels] = *sizes else {
            return Err(refused(format!("no volumes: {sizes:?}")));
        };
        let Places { count: places, before, reach } = self.window(depth)?;
        few_enough([batch, places, height, width, self.kernel, channels])?;
        let long = (places - 1) * self.stride + reach;
        let (x, sizes) = if before == 0 && long <= depth {
            (x, sizes)
        } else {
            let mut padded = all(&sizes);
            let slice = |at: usize| at.checked_sub(before).filter(|&at| at < depth);
            padded[1].take((0..long).map(slice))?;
            arranged(x, padded)?
        };
        let padded = [batch, sizes[1], height, width, channels];
        let taps = [self.kernel, self.dilation];
        Ok((taps_side_by_side(x, padded, [places, self.stride], taps, groups)?, places))
    }

    /// A kernel of these sizes, for what stands side by side.
    pub(super) fn kernel(&self, kernel: Rows, sizes: [usize; 5]) -> Result<Rows, Error> {
        let [depth, rows, columns, channels, filters] = sizes;
        let (kernel, _) = permuted(kernel, &sizes, &[1, 2, 0, 3, 4])?;
        kernel.into_shape(&(rows * columns * depth * channels, filters))
    }

    /// Slides a pool: over the slices first, then over what is left of them.
    pub(super) fn pooled(&self, slider: &Slider, x: Flow, pooling: Pooling) -> Result<Flow, Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        let [batch, depth, height, width, channels] = *sizes else {
            return Err(refused(format!("no volumes: {sizes:?}")));
        };
        let slices = Flow::plain(x, [batch * depth, height, width, channels])?;
        let y = slider.slide(slices, |x, window| Cpu::pool2d(x, pooling, window))?;
        let Numbers { x, sizes, .. } = y.numbers()?;
        let (rows, columns) = (sizes[1], sizes[2]);
        let columns_of = Flow::plain(x, [batch, depth, rows * columns, channels])?;
        let along = slider.along_rows(self.kernel, self.stride);
        let y = along.slide(columns_of, |x, window| Cpu::pool2d(x, pooling, window))?;
        let Numbers { x, sizes, .. } = y.numbers()?;
        Flow::plain(x, [batch, sizes[1], rows, columns, channels])
    }
}

/// Refuses windows that cover too many values: `(batch, places, height, width, slices, channels)`.
pub(super) fn few_enough(windows: [usize; 6]) -> Result<(), Error> {
    let count = windows.iter().try_fold(1_usize, |n, &size| n.checked_mul(size.max(1)));
    if count.is_some_and(|n| n <= MAX_NUMBERS) {
        return Ok(());
    }
    let [_, places, _, _, slices, _] = windows;
    Err(refused(format!(
        "windows of {slices} slices at {places} places cover more than {MAX_NUMBERS} values"
    )))
}

/// The slices that a window covers at each of its places, which are so far apart, side by side in the channels of each group;
/// the taps of the window are so many, and so far apart.
pub(super) fn taps_side_by_side(
    x: Rows,
    [batch, depth, height, width, channels]: [usize; 5],
    [places, stride]: [usize; 2],
    [kernel, dilation]: [usize; 2],
    groups: usize,
) -> Result<Flow, Error> {
    let grouped = [batch, depth, height, width, groups, channels / groups];
    let (mut along, mut taps) = (all(&grouped), all(&grouped).remove(1));
    along[1].take((0..places).map(|place| Some(place * stride)))?;
    taps.take((0..kernel).map(|tap| Some(tap * dilation)))?;
    along.insert(5, taps);
    let (x, _) = arranged(x, along)?;
    Flow::plain(x, [batch * places, height, width, kernel * channels])
}

/// Images as slices of volumes.
pub(super) fn stacked(x: Flow, places: usize) -> Result<Flow, Error> {
    let Numbers { x, sizes, .. } = x.numbers()?;
    let batch = sizes[0] / places.max(1);
    Flow::plain(x, [&[batch, places], &sizes[1..]].concat())
}
