//! Convolutions the other way around: each value is spread over a window.

use dfdx::tensor::Cpu;
use serde_json::Value;

use super::{
    conv::finished,
    dense::known_features,
    flow::{Flow, Numbers},
    functions::FoundFunction,
    op::OneToOne,
    options::Options,
    visit,
    weights::{Role, Weights},
    words::{self, refused},
};
use crate::{
    backend::{IntoShape, NOWHERE},
    error::Error,
    fields::{AnySignal, Initializer, whole},
    layers::Spreading,
};

/// A `Conv1DTranspose` or `Conv2DTranspose`: a convolution of the values with zeros between them.
#[derive(Debug, Clone)]
pub(crate) struct Transposed {
    images: bool,
    spreading: Spreading,
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
            spreading: Spreading {
                kernel: axes("kernel_size")?,
                stride: axes("strides")?,
                dilation: axes("dilation_rate")?,
                padding: if options.text("padding")? == "same" { "same" } else { "valid" },
            },
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

    /// The size behind it.
    fn along(&self, axis: usize, size: usize) -> Result<usize, Error> {
        let fits = self.spreading.along(axis, size).filter(|(long, before)| {
            long.checked_add(*before).is_some_and(|all| all < NOWHERE as usize)
        });
        fits.map(|(long, _)| long).ok_or_else(|| {
            refused(format!("windows of {:?} make `{size}` too large", self.spreading.kernel))
        })
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
            *size = size.map(|size| self.along(axis, size)).transpose()?;
        }
        if let Some(last) = sizes.last_mut() {
            *last = Some(self.filters);
        }
        Ok(arrives.with(sizes))
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let channels = known_features(arrives)?;
        let [rows, columns] = self.spreading.kernel;
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

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let (x, recorded) = x.recorded();
        let Numbers { x, sizes, .. } = x.numbers()?;
        let (batch, height, width, channels) = match *sizes {
            [batch, height, width, channels] => (batch, height, width, channels),
            [batch, length, features] => (batch, 1, length, features),
            _ => return Err(refused(format!("no images: {sizes:?}"))),
        };
        let (rows, columns) = (self.along(0, height)?, self.along(1, width)?);
        let kernel = self.weights.matrix("kernel", channels)?;
        let bias = self.use_bias.then(|| self.weights.flat("bias")).transpose()?;
        let finish = self.activation.finish(recorded);
        let x = x.into_shape(&(batch, height, width, channels))?;
        let y = self.spreading.spread(x, kernel, bias.as_ref(), finish)?;
        let y = match self.images {
            true => Flow::plain(y, [batch, rows, columns, self.filters])?,
            false => Flow::plain(y, [batch, columns, self.filters])?,
        };
        finished(y, finish, &self.activation)
    }

    visit!();
}
