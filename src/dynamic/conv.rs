use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, SplitTape, Tensor},
};

use super::{
    MAX_NUMBERS,
    dense::known_features,
    flow::{Flow, Numbers, with_tape},
    functions::FoundFunction,
    op::OneToOne,
    options::Options,
    visit,
    volumes::{Depth, stacked},
    weights::{Role, Weights},
    words::{self, Places, axes_of},
};
use crate::{
    backend::{
        ActivationKind, Backend, ConvWeights, ImageShape, IntoShape, Pooling, Recorder,
        WeightCache, Window,
    },
    error::Error,
    fields::{AnySignal, Initializer},
    shape::{Causal, Padding, Same, Valid},
};

/// A window on images; on sequences it has one row.
#[derive(Debug, Clone)]
pub(super) struct Slider {
    pub(super) images: bool,
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    dilation: [usize; 2],
    padding: PlacesOf,
}

/// How many places a window takes along a size, and how much stands in front of it.
pub(super) type PlacesOf = fn(usize, usize, usize) -> Option<(usize, usize)>;

pub(super) fn padding(options: &Options<'_>) -> Result<PlacesOf, Error> {
    Ok(match options.text("padding")?.as_str() {
        Same::NAME => Same::places,
        Causal::NAME => Causal::places,
        _ => Valid::places,
    })
}

impl Slider {
    /// That of a layer of so many axes; of three, it is that of the last two.
    pub(super) fn new(options: &Options<'_>, axes: usize, kernel: &str) -> Result<Self, Error> {
        let pair = |key: &str| match axes {
            1 => options.sizes(key).map(|[n]| [1, n]),
            2 => options.sizes(key),
            _ => options.sizes(key).map(|[_, rows, columns]| [rows, columns]),
        };
        let pool = kernel == "pool_size";
        Ok(Self {
            images: axes > 1,
            kernel: pair(kernel)?,
            stride: pair("strides")?,
            dilation: if pool { [1, 1] } else { pair("dilation_rate")? },
            padding: padding(options)?,
        })
    }

    /// One of the same size and of another padding, which moves by one place.
    pub(super) fn with_padding(&self, padding: PlacesOf) -> Self {
        Self { stride: [1, 1], dilation: [1, 1], padding, ..self.clone() }
    }

    /// One that slides along the steps of sequences.
    pub(super) fn along_steps(kernel: usize, stride: usize, padding: PlacesOf) -> Self {
        let (kernel, stride) = ([1, kernel], [1, stride]);
        Self { images: false, kernel, stride, dilation: [1, 1], padding }
    }

    /// One that slides down the rows of images, with the same padding.
    pub(super) fn along_rows(&self, kernel: usize, stride: usize) -> Self {
        let (kernel, stride) = ([kernel, 1], [stride, 1]);
        Self { images: true, kernel, stride, dilation: [1, 1], padding: self.padding }
    }

    /// What leaves, with this number of channels.
    pub(super) fn gives(
        &self,
        arrives: &AnySignal,
        channels: Option<usize>,
    ) -> Result<AnySignal, Error> {
        if self.images {
            words::images(arrives)?
        } else {
            words::unmasked_steps(arrives)?
        };
        let mut sizes = arrives.sizes.clone();
        let first = if self.images { 0 } else { 1 };
        for (axis, size) in (first..2).zip(&mut sizes[1..]) {
            if let Some(size) = size {
                *size = self.along(axis, *size)?.count;
            }
        }
        if let Some(last) = sizes.last_mut() {
            *last = channels.or(*last);
        }
        Ok(arrives.with(sizes))
    }

    fn along(&self, axis: usize, size: usize) -> Result<Places, Error> {
        let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
        words::window(size, kernel, stride, self.dilation[axis], self.padding)
    }

    fn window(&self, size: [usize; 2]) -> Result<Window, Error> {
        let along = [self.along(0, size[0])?, self.along(1, size[1])?];
        let cells = size[0].saturating_mul(size[1]);
        let padded = [0, 1].map(|axis| size[axis].saturating_add(along[axis].reach));
        let padded = padded[0].saturating_mul(padded[1]);
        if padded > cells.saturating_mul(16).max(1 << 20) {
            return Err(words::refused(format!(
                "windows that reach beyond {size:?} make {padded} cells of {cells}"
            )));
        }
        let Self { kernel, stride, dilation, .. } = *self;
        let before = [0, 1].map(|axis| along[axis].before);
        let places = [0, 1].map(|axis| along[axis].count);
        let taps = kernel.iter().chain(&places).try_fold(1_usize, |n, &size| n.checked_mul(size));
        if taps.is_none_or(|n| n > MAX_NUMBERS) {
            return Err(words::refused(format!(
                "a window of {kernel:?} at {places:?} places covers more than {MAX_NUMBERS} cells"
            )));
        }
        Ok(Window { size, kernel, stride, dilation, before, places })
    }

    /// Slides over numbers, by an operation on images that leaves so many channels for each place.
    pub(super) fn slide(
        &self,
        x: Flow,
        run: impl FnOnce(Images, &Window) -> Result<Images, Error>,
    ) -> Result<Flow, Error> {
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

pub(super) type Images = Tensor<ImageShape, f32, Cpu, Recorder>;

#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    slider: Slider,
    /// What there is more of volumes.
    depth: Option<Depth>,
    filters: usize,
    /// In how many groups the channels are, each with filters of its own.
    groups: usize,
    activation: FoundFunction,
    use_bias: bool,
    kernel: Initializer,
    bias: Initializer,
    channels: Option<usize>,
    weights: Weights,
    cache: WeightCache,
}

impl Convolution {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let axes = axes_of(&options.config.class_name);
        Ok(Self {
            slider: Slider::new(options, axes, "kernel_size")?,
            depth: (axes > 2).then(|| Depth::new(options, "kernel_size")).transpose()?,
            filters: options.size("filters")?,
            groups: options.size("groups")?,
            activation: options.activation("activation")?,
            use_bias: options.flag("use_bias")?,
            kernel: options.initializer("kernel_initializer")?,
            bias: options.initializer("bias_initializer")?,
            channels: None,
            weights: Weights::default(),
            cache: WeightCache::default(),
        })
    }

    /// The sizes of the kernel, the first of them for volumes.
    fn sizes(&self, channels: usize) -> [usize; 5] {
        let ([rows, columns], depth) = (self.slider.kernel, &self.depth);
        let depth = depth.as_ref().map_or(1, |depth| depth.kernel);
        [depth, rows, columns, channels / self.groups, self.filters]
    }
}

/// Slides a convolution and applies an activation.
pub(super) fn slid(
    slider: &Slider,
    x: Flow,
    weights: ConvWeights<'_, f32, Cpu>,
    activation: &FoundFunction,
) -> Result<Flow, Error> {
    let (x, recorded) = x.recorded();
    let finish = activation.finish(recorded);
    let y = slider.slide(x, |x, window| Cpu::conv2d(x, weights, window, finish.into()))?;
    finished(y, finish, activation)
}

/// The same for images, and for volumes, along the depth of which a window slides too. `sizes` are those of the kernel.
pub(super) fn convolved(
    (slider, depth): (&Slider, Option<&Depth>),
    x: Flow,
    weights: ConvWeights<'_, f32, Cpu>,
    sizes: [usize; 5],
    activation: &FoundFunction,
) -> Result<Flow, Error> {
    let Some(depth) = depth else { return slid(slider, x, weights, activation) };
    let (x, places) = depth.side_by_side(x, weights.groups)?;
    let kernel = weights.kernel.clone().retaped::<Recorder>();
    let (kernel, more) = depth.kernel(kernel, sizes)?.split_tape();
    let mut x = x.numbers()?;
    x.x = with_tape(x.x, more);
    let cache = WeightCache::default();
    let weights = ConvWeights { kernel: &kernel, cache: &cache, ..weights };
    stacked(slid(slider, Flow::Numbers(x), weights, activation)?, places)
}

/// Applies an activation, unless the operation before has.
pub(super) fn finished(
    y: Flow,
    finish: ActivationKind,
    activation: &FoundFunction,
) -> Result<Flow, Error> {
    match finish {
        ActivationKind::Nothing => y.numbers()?.map(|y| activation.apply(y)),
        _ => Ok(y),
    }
}

impl OneToOne for Convolution {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        let gives = match &self.depth {
            Some(depth) => depth.gives(&self.slider, arrives, Some(self.filters))?,
            None => self.slider.gives(arrives, Some(self.filters))?,
        };
        words::features(arrives, self.channels)?;
        let channels = arrives.features().unwrap_or(0);
        if !(channels.is_multiple_of(self.groups) && self.filters.is_multiple_of(self.groups)) {
            return Err(words::refused(format!(
                "{channels} channels and {} filters cannot be in {} groups",
                self.filters, self.groups
            )));
        }
        Ok(gives)
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let channels = known_features(arrives)?;
        let sizes = self.sizes(channels);
        let first = match (self.slider.images, &self.depth) {
            (_, Some(_)) => 0,
            (true, None) => 1,
            (false, None) => 2,
        };
        let wanted = [
            ("kernel", &sizes[first..], self.kernel, Role::Trained),
            ("bias", &sizes[4..], self.bias, Role::Trained),
        ];
        let count = if self.use_bias { 2 } else { 1 };
        self.weights = Weights::draw(dev, &wanted[..count])?;
        self.channels = Some(channels);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let kernel = self.weights.matrix("kernel", self.filters)?;
        let bias = self.use_bias.then(|| self.weights.flat("bias")).transpose()?;
        let (bias, groups) = (bias.as_ref(), self.groups);
        let weights = ConvWeights { kernel: &kernel, bias, groups, cache: &self.cache };
        let sizes = self.sizes(self.channels.unwrap_or(0));
        convolved((&self.slider, self.depth.as_ref()), x, weights, sizes, &self.activation)
    }

    visit!();
}

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    slider: Slider,
    depth: Option<Depth>,
    pooling: Pooling,
}

impl Pool {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = &options.config.class_name;
        let (axes, max) = (axes_of(class), class.starts_with("Max"));
        let pooling = if max { Pooling::Max } else { Pooling::Average };
        let depth = (axes > 2).then(|| Depth::new(options, "pool_size")).transpose()?;
        Ok(Self { slider: Slider::new(options, axes, "pool_size")?, depth, pooling })
    }
}

impl OneToOne for Pool {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        match &self.depth {
            Some(depth) => depth.gives(&self.slider, arrives, None),
            None => self.slider.gives(arrives, None),
        }
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        match &self.depth {
            Some(depth) => depth.pooled(&self.slider, x, self.pooling),
            None => self.slider.slide(x, |x, window| Cpu::pool2d(x, self.pooling, window)),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct GlobalPool {
    /// How many axes are gone over.
    axes: usize,
    pooling: Pooling,
    /// Whether the axes that are gone over stay, with the size 1.
    keepdims: bool,
}

impl GlobalPool {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = &options.config.class_name;
        let pooling = if class.contains("Max") { Pooling::Max } else { Pooling::Average };
        Ok(Self { axes: axes_of(class), pooling, keepdims: options.flag("keepdims")? })
    }

    /// The sizes behind it.
    fn sizes<S: Copy>(&self, batch: S, features: S, one: S) -> Vec<S> {
        let kept = if self.keepdims { self.axes } else { 0 };
        [&[batch], &vec![one; kept][..], &[features]].concat()
    }
}

impl OneToOne for GlobalPool {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        match (self.axes, self.pooling) {
            (1, Pooling::Average) => words::steps(arrives)?,
            (axes, _) => words::places(arrives, axes)?,
        }
        Ok(AnySignal::numbers(self.sizes(arrives.sizes[0], arrives.features(), Some(1))))
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, mask } = x.numbers()?;
        let (batch, features) = (sizes[0], sizes.last().copied().unwrap_or(0));
        let steps: usize = sizes[1..sizes.len() - 1].iter().product();
        let gives = self.sizes(batch, features, 1);
        match self.pooling {
            Pooling::Average => {
                let x = x.into_shape(&(batch, steps, features))?;
                Flow::plain(Cpu::mean_over_steps(x, mask.as_ref())?, gives)
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
                Flow::plain(Cpu::pool2d(x, Pooling::Max, &window)?, gives)
            }
        }
    }
}
