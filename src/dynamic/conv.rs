use dfdx::tensor::{Cpu, TensorFromVec};
use serde_json::Value;

use super::{
    Dynamic, DynamicValue, LayerWeight, MAX_NUMBERS,
    custom::{ActivationFunction, Options},
    dense::known_features,
    weights, words,
};
use crate::{
    backend::{Backend, ConvWeights, Finish, ImageShape, Pooling, Prepared, Window, numbers},
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer},
    shape::{Causal, Padding, Same, Valid},
    signal::Mask,
};

/// A window on images; on sequences it has one row.
#[derive(Debug)]
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
        let cells = kernel.iter().chain(&places).try_fold(1_usize, |n, &size| n.checked_mul(size));
        if cells.is_none_or(|n| n > MAX_NUMBERS) {
            return Err(words::refused(format!(
                "a window of {kernel:?} at {places:?} places covers more than {MAX_NUMBERS} cells"
            )));
        }
        Ok(Window { size, kernel, stride, dilation, before, places })
    }

    /// The value as images, and what slides over them.
    fn images(&self, x: &DynamicValue) -> Result<(ImageShape, Window), Error> {
        let shape = match *x.sizes() {
            [batch, height, width, channels] => (batch, height, width, channels),
            [batch, length, features] => (batch, 1, length, features),
            _ => return Err(words::refused(format!("no images: `{}`", x.signal()))),
        };
        Ok((shape, self.window([shape.1, shape.2])?))
    }

    fn value(
        &self,
        batch: usize,
        window: &Window,
        channels: usize,
        values: Vec<f32>,
    ) -> Result<DynamicValue, Error> {
        let [rows, columns] = window.places;
        let sizes = match self.images {
            true => vec![batch, rows, columns, channels],
            false => vec![batch, columns, channels],
        };
        DynamicValue::numbers(sizes, values)
    }
}

#[derive(Debug)]
pub(crate) struct Convolution {
    slider: Slider,
    filters: usize,
    activation: ActivationFunction,
    use_bias: bool,
    kernel: Initializer,
    bias: Initializer,
    channels: Option<usize>,
    weights: Vec<LayerWeight>,
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
            weights: Vec::new(),
        })
    }
}

impl Dynamic for Convolution {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        let gives = self.slider.gives(arrives, Some(self.filters))?;
        words::features(arrives, self.channels)?;
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrives: &AnySignal) -> Result<(), Error> {
        let channels = known_features(arrives)?;
        let [rows, columns] = self.slider.kernel;
        let sizes = [rows, columns, channels, self.filters];
        let kernel = if self.slider.images { &sizes[..] } else { &sizes[1..] };
        let weights = [("kernel", kernel, self.kernel), ("bias", &sizes[3..], self.bias)];
        let count = if self.use_bias { 2 } else { 1 };
        self.weights = LayerWeight::several(dev, prefix, &weights[..count])?;
        self.channels = Some(channels);
        Ok(())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let (shape, window) = self.slider.images(&x)?;
        let dev = Cpu::default();
        let kernel = super::dense::matrix(&self.weights[0], window.cells() * shape.3)?;
        let bias = self.weights.get(1).map(|bias| bias.values.clone());
        let bias = bias.map(|bias| dev.try_tensor_from_vec(bias, (self.filters,)));
        let x = dev.try_tensor_from_vec(x.into_values(), shape).or_device()?;
        let bias = bias.transpose().or_device()?;
        let weights =
            ConvWeights { kernel: &kernel, bias: bias.as_ref(), prepared: &Prepared::default() };
        let y = numbers(&Cpu::conv2d(x, weights, &window, Finish::Nothing)?)?;
        let y = self.activation.apply(y, self.filters)?;
        self.slider.value(shape.0, &window, self.filters, y)
    }

    weights!();
}

#[derive(Debug)]
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

impl Dynamic for Pool {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        self.slider.gives(arrives, None)
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let (shape, window) = self.slider.images(&x)?;
        let x = Cpu::default().try_tensor_from_vec(x.into_values(), shape).or_device()?;
        let y = numbers(&Cpu::pool2d(x, self.pooling, &window)?)?;
        self.slider.value(shape.0, &window, shape.3, y)
    }
}

#[derive(Debug)]
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

impl Dynamic for GlobalPool {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        match (self.images, self.pooling) {
            (true, _) => words::images(arrives)?,
            (false, Pooling::Average) => words::steps(arrives)?,
            (false, Pooling::Max) => words::unmasked_steps(arrives)?,
        }
        Ok(AnySignal::numbers([arrives.sizes[0], arrives.features()]))
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let (sizes, mask) = (x.sizes().to_vec(), x.mask().cloned());
        let (batch, features) = (sizes[0], sizes.last().copied().unwrap_or(0));
        let steps: usize = sizes[1..sizes.len() - 1].iter().product();
        let dev = Cpu::default();
        let y = match self.pooling {
            Pooling::Average => {
                let mask: Option<&Mask> = mask.as_ref();
                let shape = (batch, steps, features);
                let x = dev.try_tensor_from_vec(x.into_values(), shape).or_device()?;
                numbers(&Cpu::mean_over_steps(x, mask)?)?
            }
            Pooling::Max if steps == 0 => {
                return Err(Error::mismatch("the steps of a pool (at least)", 1, 0));
            }
            Pooling::Max => {
                let shape = (batch, 1, steps, features);
                let (size, one) = ([1, steps], [1, 1]);
                let (before, places) = ([0, 0], one);
                let window =
                    Window { size, kernel: size, stride: one, dilation: one, before, places };
                let x = dev.try_tensor_from_vec(x.into_values(), shape).or_device()?;
                numbers(&Cpu::pool2d(x, Pooling::Max, &window)?)?
            }
        };
        DynamicValue::numbers([batch, features], y)
    }
}

#[derive(Debug)]
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

impl Dynamic for ZeroPadding {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::images(arrives)?;
        let mut sizes = arrives.sizes.clone();
        for (size, more) in sizes[1..3].iter_mut().zip([self.rows, self.columns]) {
            *size = size.map(|size| grown(size, more)).transpose()?;
        }
        Ok(arrives.with(sizes))
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let [batch, height, width, channels] = *x.sizes() else { return Ok(x) };
        let (rows, columns) = (grown(height, self.rows)?, grown(width, self.columns)?);
        let mut values = vec![0.0; batch * rows * columns * channels];
        if width * channels > 0 {
            for (i, row) in x.values().chunks(width * channels).enumerate() {
                let (image, line) = (i / height, i % height + self.rows);
                let start = ((image * rows + line) * columns + self.columns) * channels;
                values[start..start + row.len()].copy_from_slice(row);
            }
        }
        DynamicValue::numbers([batch, rows, columns, channels], values)
    }
}
