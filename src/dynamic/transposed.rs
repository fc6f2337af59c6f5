//! Convolutions the other way around: each value is spread over a window.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape},
};
use serde_json::Value;

use super::{
    conv::finished,
    dense::known_features,
    flow::{Flow, Numbers},
    functions::FoundFunction,
    op::{OneToOne, Pass},
    options::Options,
    places::{all, arranged, permuted},
    visit,
    weights::{Role, Weights},
    words::{self, refused},
};
use crate::{
    backend::{Backend, ConvWeights, IntoShape, NOWHERE, WeightCache, Window},
    error::Error,
    fields::{AnySignal, Initializer, whole},
};

/// A `Conv1DTranspose` or `Conv2DTranspose`: a convolution of the values with zeros between them.
#[derive(Debug, Clone)]
pub(crate) struct Transposed {
    images: bool,
    same: bool,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    filters: usize,
    activation: FoundFunction,
    use_bias: bool,
    hows: [Initializer; 2],
    channels: Option<usize>,
    weights: Weights,
}

impl Transposed {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let images = options.config.class_name.starts_with("Conv2D");
        let axes = |key: &str| {
            if images { options.sizes(key) } else { options.sizes(key).map(|[n]| [1, n]) }
        };
        let more = options.config.config.get("output_padding").unwrap_or(&Value::Null);
        if !more.is_null() {
            let none = |value: &Value| whole(value) == Some(0);
            let none = none(more) || more.as_array().is_some_and(|list| list.iter().all(none));
            if !none || options.text("padding")? != "valid" {
                return Err(options.misfit("output_padding", "only null is possible", more));
            }
        }
        Ok(Self {
            images,
            same: options.text("padding")? == "same",
            kernel: axes("kernel_size")?,
            stride: axes("strides")?,
            dilation: axes("dilation_rate")?,
            filters: options.size("filters")?,
            activation: options.activation("activation")?,
            use_bias: options.flag("use_bias")?,
            hows: [
                options.initializer("kernel_initializer")?,
                options.initializer("bias_initializer")?,
            ],
            channels: None,
            weights: Weights::default(),
        })
    }

    /// The size of a window, with what is left out in it.
    fn reach(&self, axis: usize) -> Option<usize> {
        (self.kernel[axis] - 1).checked_mul(self.dilation[axis])?.checked_add(1)
    }

    /// The size behind it, and how many zeros stand in front of the first value.
    fn along(&self, axis: usize, size: usize) -> Result<(usize, usize), Error> {
        let (stride, reach) = (self.stride[axis], self.reach(axis));
        let sizes = reach.and_then(|reach| {
            let long = size.checked_mul(stride)?;
            let over = reach.saturating_sub(stride);
            let long = if self.same { long } else { long.checked_add(over)? };
            let cut = if self.same { over / 2 } else { 0 };
            Some((long, reach - 1 - cut.min(reach - 1)))
        });
        let fits = sizes.filter(|(long, before)| {
            long.checked_add(*before).is_some_and(|all| all < NOWHERE as usize)
        });
        fits.ok_or_else(|| refused(format!("windows of {:?} make `{size}` too large", self.kernel)))
    }
}

impl OneToOne for Transposed {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        if self.images {
            words::images(arrives)?;
        } else {
            words::unmasked_steps(arrives)?;
        }
        words::features(arrives, self.channels)?;
        let mut sizes = arrives.sizes.clone();
        let first = if self.images { 0 } else { 1 };
        for (axis, size) in (first..2).zip(&mut sizes[1..]) {
            *size = size.map(|size| self.along(axis, size)).transpose()?.map(|(long, _)| long);
        }
        if let Some(last) = sizes.last_mut() {
            *last = Some(self.filters);
        }
        Ok(arrives.with(sizes))
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let channels = known_features(arrives)?;
        let [rows, columns] = self.kernel;
        let (sizes, bias) = ([rows, columns, self.filters, channels], [self.filters]);
        let kernel = if self.images { &sizes[..] } else { &sizes[1..] };
        let wanted = [
            ("kernel", kernel, self.hows[0], Role::Trained),
            ("bias", &bias, self.hows[1], Role::Trained),
        ];
        self.weights = Weights::draw(dev, &wanted[..if self.use_bias { 2 } else { 1 }])?;
        self.channels = Some(channels);
        Ok(())
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        let sizes = match *sizes {
            [batch, height, width, channels] => [batch, height, width, channels],
            [batch, length, features] => [batch, 1, length, features],
            _ => return Err(refused(format!("no images: {sizes:?}"))),
        };
        let [batch, height, width, channels] = sizes;
        let ((rows, top), (columns, left)) = (self.along(0, height)?, self.along(1, width)?);
        let reach = [self.reach(0).unwrap_or(1), self.reach(1).unwrap_or(1)];
        // The values with zeros between, before and behind them, so that the windows have all places.
        let mut along = all(&sizes)?;
        for (axis, (long, before)) in [(rows, top), (columns, left)].into_iter().enumerate() {
            let (size, stride) = (sizes[axis + 1], self.stride[axis]);
            along[axis + 1].take((0..long + reach[axis] - 1).map(|place| {
                let at = place.checked_sub(before).filter(|at| at % stride == 0)? / stride;
                Some(at).filter(|&at| at < size)
            }))?;
        }
        let (x, spread) = arranged(x, &along)?;
        // The window the other way around, and from the channels to the filters.
        let [high, wide] = self.kernel;
        let kernel = [high, wide, self.filters, channels];
        let mut turned = all(&kernel)?;
        turned[0].take((0..high).rev().map(Some))?;
        turned[1].take((0..wide).rev().map(Some))?;
        let weights = self.weights.matrix("kernel", channels)?;
        let (weights, _) = arranged(weights.retaped::<T>(), &turned)?;
        let (weights, _) = permuted(weights, &kernel, &[0, 1, 3, 2])?;
        let weights = weights.into_shape(&(high * wide * channels, self.filters))?;
        let ((weights, more), (x, tape)) = (weights.split_tape(), x.split_tape());
        let window = Window {
            size: [spread[1], spread[2]],
            kernel: self.kernel,
            stride: [1, 1],
            dilation: self.dilation,
            before: [0, 0],
            places: [rows, columns],
        };
        let cache = WeightCache::default();
        let bias = self.use_bias.then(|| self.weights.flat("bias")).transpose()?;
        let weights =
            ConvWeights { kernel: &weights, bias: bias.as_ref(), groups: 1, cache: &cache };
        let finish = self.activation.finish::<T>();
        let x =
            x.put_tape(tape.merge(more)).into_shape(&(batch, spread[1], spread[2], channels))?;
        let y = Cpu::conv2d(x, weights, &window, finish.into())?;
        debug_assert_eq!(y.shape().3, self.filters);
        let y = match self.images {
            true => Flow::plain(y, [batch, rows, columns, self.filters])?,
            false => Flow::plain(y, [batch, columns, self.filters])?,
        };
        finished(y, finish, &self.activation)
    }

    visit!();
}
