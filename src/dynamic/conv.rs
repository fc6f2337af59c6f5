use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Tensor},
};
use serde_json::Value;

use super::{
    MAX_NUMBERS,
    custom::{ActivationFunction, Options},
    dense::known_features,
    flow::{Flow, Numbers},
    op::{OneToOne, Pass},
    visit,
    weights::{Role, Weights},
    words,
};
use crate::{
    backend::{Backend, ConvWeights, ImageShape, IntoShape, Pooling, WeightCache, Window},
    error::Error,
    fields::{AnySignal, Initializer},
    layers::padded,
    shape::{Causal, Padding, Same, Valid},
};

/// A window on images; on sequences it has one row.
#[derive(Debug, Clone)]
struct Slider {
    images: bool,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: fn(usize, usize, usize) -> Option<(usize, usize)>,
}

impl Slider {
    fn new(options: &Options<'_>, images: bool, kernel: &str) -> Result<Self, Error> {
        let axes = |key: &str| {
            if images { options.sizes(key) } else { options.sizes(key).map(|[n]| [1, n]) }
        };
        let pool = kernel == "pool_size";
        let padding: fn(_, _, _) -> _ = match options.text("padding")?.as_str() {
            Same::NAME => Same::places,
            Causal::NAME => Causal::places,
            _ => Valid::places,
        };
        Ok(Self {
            images,
            kernel: axes(kernel)?,
            stride: axes("strides")?,
            dilation: if pool { [1, 1] } else { axes("dilation_rate")? },
            padding,
        })
    }

    /// What leaves, with this number of channels.
    fn gives(&self, arrives: &AnySignal, channels: Option<usize>) -> Result<AnySignal, Error> {
        if self.images {
            words::images(arrives)?
        } else {
            words::unmasked_steps(arrives)?
        };
        let mut sizes = arrives.sizes.clone();
        let first = if self.images { 0 } else { 1 };
        for (axis, size) in (first..2).zip(&mut sizes[1..]) {
            let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
            *size = words::window(*size, kernel, stride, self.dilation[axis], self.padding)?;
        }
        if let Some(last) = sizes.last_mut() {
            *last = channels.or(*last);
        }
        Ok(arrives.with(sizes))
    }

    fn window(&self, size: [usize; 2]) -> Result<Window, Error> {
        let along = |axis: usize| {
            let reach = self.kernel[axis].saturating_sub(1) * self.dilation[axis] + 1;
            let misfit = || Error::mismatch("the size of a window", size[axis], reach);
            (self.padding)(size[axis], reach, self.stride[axis]).ok_or_else(misfit)
        };
        let (rows, columns) = (along(0)?, along(1)?);
        let Self { kernel, stride, dilation, .. } = *self;
        let (before, places) = ([rows.1, columns.1], [rows.0, columns.0]);
        let taps = kernel.iter().chain(&places).try_fold(1_usize, |n, &size| n.checked_mul(size));
        if taps.is_none_or(|n| n > MAX_NUMBERS) {
            return Err(words::refused(format!(
                "a window of {kernel:?} at {places:?} places covers more than {MAX_NUMBERS} cells"
            )));
        }
        Ok(Window { size, kernel, stride, dilation, before, places })
    }

    /// Slides over numbers, by an operation on images that leaves so many channels for each place.
    fn slide<T: Pass>(
        &self,
        x: Flow<T>,
        run: impl FnOnce(Images<T>, &Window) -> Result<Images<T>, Error>,
    ) -> Result<Flow<T>, Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        let shape = match *sizes {
            [batch, height, width, channels] => (batch, height, width, channels),
            [batch, length, features] => (batch, 1, length, features),
            _ => return Err(words::refused(format!("no images: {sizes:?}"))),
        };
        let window = self.window([shape.1, shape.2])?;
        let y = run(x.into_shape(&shape)?, &window)?;
        let (batch, rows, columns, channels) = *y.shape();
        match self.images {
            true => Flow::plain(y, [batch, rows, columns, channels]),
            false => Flow::plain(y, [batch, columns, channels]),
        }
    }
}

type Images<T> = Tensor<ImageShape, f32, Cpu, T>;

#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    slider: Slider,
    filters: usize,
    activation: ActivationFunction,
    use_bias: bool,
    kernel: Initializer,
    bias: Initializer,
    channels: Option<usize>,
    weights: Weights,
    cache: WeightCache,
}

impl Convolution {
    pub(crate) fn one(options: &mut Options<'_>) -> Result<Self, Error> {
        Self::new(options, false)
    }

    pub(crate) fn two(options: &mut Options<'_>) -> Result<Self, Error> {
        Self::new(options, true)
    }

    fn new(options: &mut Options<'_>, images: bool) -> Result<Self, Error> {
        Ok(Self {
            slider: Slider::new(options, images, "kernel_size")?,
            filters: options.size("filters")?,
            activation: options.activation("activation")?,
            use_bias: options.flag("use_bias")?,
            kernel: options.initializer("kernel_initializer")?,
            bias: options.initializer("bias_initializer")?,
            channels: None,
            weights: Weights::default(),
            cache: WeightCache::default(),
        })
    }
}

impl OneToOne for Convolution {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        let gives = self.slider.gives(arrives, Some(self.filters))?;
        words::features(arrives, self.channels)?;
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let channels = known_features(arrives)?;
        let [rows, columns] = self.slider.kernel;
        let sizes = [rows, columns, channels, self.filters];
        let kernel = if self.slider.images { &sizes[..] } else { &sizes[1..] };
        let wanted = [
            ("kernel", kernel, self.kernel, Role::Trained),
            ("bias", &sizes[3..], self.bias, Role::Trained),
        ];
        let count = if self.use_bias { 2 } else { 1 };
        self.weights = Weights::draw(dev, &wanted[..count])?;
        self.channels = Some(channels);
        Ok(())
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let kernel = self.weights.matrix("kernel", self.filters)?;
        let bias = self.use_bias.then(|| self.weights.flat("bias")).transpose()?;
        let weights = ConvWeights { kernel: &kernel, bias: bias.as_ref(), cache: &self.cache };
        let finish = self.activation.finish();
        let y = self.slider.slide(x, |x, window| Cpu::conv2d(x, weights, window, finish))?;
        y.numbers()?.map(|y| self.activation.finished(y))
    }

    visit!();
}

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    slider: Slider,
    pooling: Pooling,
}

impl Pool {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = &options.config.class_name;
        let pooling = if class.starts_with("Max") { Pooling::Max } else { Pooling::Average };
        Ok(Self { slider: Slider::new(options, class.ends_with("2D"), "pool_size")?, pooling })
    }
}

impl OneToOne for Pool {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        self.slider.gives(arrives, None)
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        self.slider.slide(x, |x, window| Cpu::pool2d(x, self.pooling, window))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct GlobalPool {
    images: bool,
    pooling: Pooling,
}

impl GlobalPool {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = &options.config.class_name;
        let pooling = if class.contains("Max") { Pooling::Max } else { Pooling::Average };
        Ok(Self { images: class.ends_with("2D"), pooling })
    }
}

impl OneToOne for GlobalPool {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        match (self.images, self.pooling) {
            (true, _) => words::images(arrives)?,
            (false, Pooling::Average) => words::steps(arrives)?,
            (false, Pooling::Max) => words::unmasked_steps(arrives)?,
        }
        Ok(AnySignal::numbers([arrives.sizes[0], arrives.features()]))
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let Numbers { x, sizes, mask } = x.numbers()?;
        let (batch, features) = (sizes[0], sizes.last().copied().unwrap_or(0));
        let steps: usize = sizes[1..sizes.len() - 1].iter().product();
        match self.pooling {
            Pooling::Average => {
                let x = x.into_shape(&(batch, steps, features))?;
                Flow::plain(Cpu::mean_over_steps(x, mask.as_ref())?, [batch, features])
            }
            Pooling::Max if steps == 0 => {
                Err(Error::mismatch("the steps of a pool (at least)", 1, 0))
            }
            Pooling::Max => {
                let (size, one) = ([1, steps], [1, 1]);
                let (before, places) = ([0, 0], one);
                let window =
                    Window { size, kernel: size, stride: one, dilation: one, before, places };
                let x = x.into_shape(&(batch, 1, steps, features))?;
                Flow::plain(Cpu::pool2d(x, Pooling::Max, &window)?, [batch, features])
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ZeroPadding {
    rows: usize,
    columns: usize,
}

impl ZeroPadding {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let sizes = options.config.config.get("padding").and_then(|list| {
            let axis = |i: usize| usize::try_from(list.get(i)?.get(0)?.as_u64()?).ok();
            Some(Self { rows: axis(0)?, columns: axis(1)? })
        });
        sizes.ok_or_else(|| options.misfit("padding", "two pairs are needed", &Value::Null))
    }
}

fn grown(size: usize, more: usize) -> Result<usize, Error> {
    let grown = more.checked_mul(2).and_then(|more| size.checked_add(more));
    grown.ok_or_else(|| words::refused(format!("{more} rows or columns of zeros are too many")))
}

impl OneToOne for ZeroPadding {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::images(arrives)?;
        let mut sizes = arrives.sizes.clone();
        for (size, more) in sizes[1..3].iter_mut().zip([self.rows, self.columns]) {
            *size = size.map(|size| grown(size, more)).transpose()?;
        }
        Ok(arrives.with(sizes))
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let Numbers { x, sizes, mask } = x.numbers()?;
        let [batch, height, width, channels] = *sizes else {
            return Ok(Flow::Numbers(Numbers { x, sizes, mask }));
        };
        let size = [grown(height, self.rows)?, grown(width, self.columns)?];
        let x = x.into_shape(&(batch, height, width, channels))?;
        let y = padded(x, [self.rows, self.columns], size)?;
        Flow::plain(y, [batch, size[0], size[1], channels])
    }
}
