//! Convolutions in which each channel has windows of its own.

use dfdx::tensor::Cpu;

use super::{
    conv::{Slider, finished, slid},
    dense::known_features,
    flow::Flow,
    functions::FoundFunction,
    op::OneToOne,
    options::Options,
    visit,
    weights::{Role, Weights},
    words::{self, axes_of, refused},
};
use crate::{
    backend::{ConvWeights, DenseWeights, WeightCache},
    error::Error,
    fields::{AnySignal, Initializer},
    layers::separable,
};

/// A `DepthwiseConv`, or a `SeparableConv`, which mixes the channels behind it.
#[derive(Debug, Clone)]
pub(crate) struct Depthwise {
    slider: Slider,
    multiplier: usize,
    /// How many filters mix the channels, if some do.
    filters: Option<usize>,
    activation: FoundFunction,
    use_bias: bool,
    /// How the kernel, that of the mixing, and the bias begin.
    hows: [Initializer; 3],
    channels: Option<usize>,
    weights: Weights,
    /// Of the kernel, and of that of the mixing.
    window_cache: WeightCache,
    cache: WeightCache,
}

impl Depthwise {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let class = options.config.class_name.clone();
        let separable = class.starts_with("Separable");
        let how = |key: &str| options.initializer(&format!("{key}_initializer"));
        let mixing = if separable { how("pointwise")? } else { Initializer::GLOROT_UNIFORM };
        Ok(Self {
            slider: Slider::new(options, axes_of(&class), "kernel_size")?,
            multiplier: options.size("depth_multiplier")?,
            filters: separable.then(|| options.size("filters")).transpose()?,
            activation: options.activation("activation")?,
            use_bias: options.flag("use_bias")?,
            hows: [how("depthwise")?, mixing, how("bias")?],
            channels: None,
            weights: Weights::default(),
            window_cache: WeightCache::default(),
            cache: WeightCache::default(),
        })
    }

    /// How many channels the windows give.
    fn wide(&self, channels: usize) -> Result<usize, Error> {
        let wide = channels.checked_mul(self.multiplier);
        wide.ok_or_else(|| {
            refused(format!("{} times as many channels are too many", self.multiplier))
        })
    }

    fn kernel(&self) -> &'static str {
        if self.filters.is_some() { "depthwise_kernel" } else { "kernel" }
    }
}

impl OneToOne for Depthwise {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::features(arrives, self.channels)?;
        let wide = arrives.features().map(|channels| self.wide(channels)).transpose()?;
        self.slider.gives(arrives, self.filters.or(wide))
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let channels = known_features(arrives)?;
        let ([rows, columns], wide) = (self.slider.kernel, self.wide(channels)?);
        let last = self.filters.unwrap_or(wide);
        let (kernel, mixing) = ([rows, columns, channels, self.multiplier], [1, 1, wide, last]);
        let axes = if self.slider.images { 0 } else { 1 };
        let [of_kernel, of_mixing, of_bias] = self.hows;
        let mut wanted = vec![(self.kernel(), &kernel[axes..], of_kernel, Role::Trained)];
        if self.filters.is_some() {
            wanted.push(("pointwise_kernel", &mixing[axes..], of_mixing, Role::Trained));
        }
        if self.use_bias {
            wanted.push(("bias", &mixing[3..], of_bias, Role::Trained));
        }
        self.weights = Weights::draw(dev, &wanted)?;
        self.channels = Some(channels);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let channels = self.channels.unwrap_or(0);
        let kernel = self.weights.matrix(self.kernel(), self.wide(channels)?)?;
        let bias = self.use_bias.then(|| self.weights.flat("bias")).transpose()?;
        let cache = &self.window_cache;
        let weights = ConvWeights { kernel: &kernel, bias: None, groups: channels.max(1), cache };
        let Some(filters) = self.filters else {
            let weights = ConvWeights { bias: bias.as_ref(), ..weights };
            return slid(&self.slider, x, weights, &self.activation);
        };
        let kernel = self.weights.matrix("pointwise_kernel", filters)?;
        let mixing = DenseWeights { kernel, bias, cache: &self.cache };
        let (x, recorded) = x.recorded();
        let finish = self.activation.finish(recorded);
        let y = self.slider.slide(x, |x, window| separable(x, weights, window, mixing, finish))?;
        finished(y, finish, &self.activation)
    }

    visit!();
}
