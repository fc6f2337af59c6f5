//! Convolutions the other way around: each value is spread over a window.

use dfdx::tensor::{Cpu, NoneTape, SplitTape};
use serde_json::Value;

use super::{
    conv::finished,
    dense::known_features,
    flow::{Flow, Numbers, Rows, with_tape},
    functions::FoundFunction,
    op::OneToOne,
    options::Options,
    places::{all, arranged},
    visit,
    volumes::{few_enough, stacked, taps_side_by_side},
    weights::{Role, Weights},
    words::{self, axes_of, refused},
};
use crate::{
    backend::{IntoShape, NOWHERE, Recorder},
    error::Error,
    fields::{AnySignal, Initializer, whole},
    layers::Spreading,
};

/// A `Conv1DTranspose`, `Conv2DTranspose` or `Conv3DTranspose`: a convolution of the values with zeros between them.
#[derive(Debug, Clone)]
pub(crate) struct Transposed {
    /// Along how many axes its window goes.
    axes: usize,
    spreading: Spreading,
    /// That along the depth of volumes, as the first of two axes.
    depth: Option<Spreading>,
    filters: usize,
    activation: FoundFunction,
    use_bias: bool,
    hows: [Initializer; 2],
    channels: Option<usize>,
    weights: Weights,
}

/// What is said of the size behind it, along the depth, the rows and the columns.
fn output_padding(options: &Options<'_>, axes: usize) -> Result<[Option<usize>; 3], Error> {
    let said = options.value("output_padding");
    let number = |value: &Value| usize::try_from(whole(value)?).ok();
    let found: Option<Vec<usize>> = match said {
        Value::Null => return Ok([None; 3]),
        Value::Array(list) => list.iter().map(number).collect(),
        one => number(one).map(|one| vec![one; axes]),
    };
    let found = found.filter(|found| found.len() == axes).ok_or_else(|| {
        options.misfit("output_padding", "`null`, or a whole number for each axis, is needed", said)
    })?;
    // Along the axes in front of those that there are, nothing is padded.
    let mut more = [None; 3];
    more.iter_mut().rev().zip(found.into_iter().rev()).for_each(|(more, one)| *more = Some(one));
    Ok(more)
}

impl Transposed {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let axes = axes_of(&options.config.class_name);
        let each = |key: &str| match axes {
            1 => options.sizes(key).map(|[n]| [1, 1, n]),
            2 => options.sizes(key).map(|[rows, columns]| [1, rows, columns]),
            _ => options.sizes(key),
        };
        let (kernel, stride, dilation) =
            (each("kernel_size")?, each("strides")?, each("dilation_rate")?);
        let padding = if options.text("padding")? == "same" { "same" } else { "valid" };
        let more = output_padding(options, axes)?;
        let of = |first: usize, second: usize| Spreading {
            kernel: [kernel[first], kernel[second]],
            stride: [stride[first], stride[second]],
            dilation: [dilation[first], dilation[second]],
            padding,
            more: [more[first], more[second]],
        };
        Ok(Self {
            axes,
            spreading: of(1, 2),
            depth: (axes == 3).then(|| of(0, 1)),
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

    /// The sizes of the kernel along all axes.
    fn sizes(&self, channels: usize) -> [usize; 5] {
        let [rows, columns] = self.spreading.kernel;
        let depth = self.depth.as_ref().map_or(1, |depth| depth.kernel[0]);
        [depth, rows, columns, self.filters, channels]
    }

    /// Spreads sequences, images, or the slices of volumes.
    fn spread(
        &self,
        Numbers { x, sizes, .. }: Numbers,
        kernel: Rows<NoneTape>,
        recorded: bool,
    ) -> Result<Flow, Error> {
        let (batch, height, width, channels) = match *sizes {
            [batch, height, width, channels] => (batch, height, width, channels),
            [batch, length, features] => (batch, 1, length, features),
            _ => return Err(refused(format!("no images: {sizes:?}"))),
        };
        let size = |axis: usize, size: usize| along(&self.spreading, axis, size);
        let ((rows, _), (columns, _)) = (size(0, height)?, size(1, width)?);
        let bias = self.use_bias.then(|| self.weights.flat("bias")).transpose()?;
        let finish = self.activation.finish(recorded);
        let x = x.into_shape(&(batch, height, width, channels))?;
        let y = self.spreading.spread(x, kernel, bias.as_ref(), finish)?;
        let y = match self.axes {
            1 => Flow::plain(y, [batch, columns, self.filters])?,
            _ => Flow::plain(y, [batch, rows, columns, self.filters])?,
        };
        finished(y, finish, &self.activation)
    }

    /// The spreading of each axis, and which of its axes that is.
    fn each(&self) -> impl Iterator<Item = (&Spreading, usize)> {
        let depth = self.depth.iter().map(|depth| (depth, 0));
        depth.chain(
            [(&self.spreading, 0), (&self.spreading, 1)].into_iter().skip(2 - self.axes.min(2)),
        )
    }
}

/// The size behind windows along an axis, and how many zeros stand in front of its first value.
fn along(spreading: &Spreading, axis: usize, size: usize) -> Result<(usize, usize), Error> {
    let fits = spreading.along(axis, size).filter(|(long, before)| {
        long.checked_add(*before).is_some_and(|all| all < NOWHERE as usize)
    });
    let kernel = spreading.kernel[axis];
    fits.ok_or_else(|| refused(format!("a window of {kernel} makes `{size}` too large")))
}

/// The slices that spread over each slice of the result, side by side in the channels, as images; and how many results there are.
fn spread_side_by_side(depth: &Spreading, x: Numbers) -> Result<(Flow, usize), Error> {
    let Numbers { x, sizes, .. } = x;
    let [batch, size, height, width, channels] = *sizes else {
        return Err(refused(format!("no volumes: {sizes:?}")));
    };
    let (long, before) = along(depth, 0, size)?;
    let (kernel, dilation) = (depth.kernel[0], depth.dilation[0]);
    few_enough([batch, long, height, width, kernel, channels])?;
    let all_taps = long + (kernel - 1) * dilation;
    let mut padded = all(&sizes);
    padded[1].take((0..all_taps).map(|place| depth.value_at(0, size, before, place)))?;
    let (x, _) = arranged(x, padded)?;
    let padded = [batch, all_taps, height, width, channels];
    Ok((taps_side_by_side(x, padded, [long, 1], [kernel, dilation], 1)?, long))
}

impl OneToOne for Transposed {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        match self.axes {
            1 => words::unmasked_steps(arrives)?,
            2 => words::images(arrives)?,
            _ => words::volumes(arrives)?,
        }
        words::features(arrives, self.channels)?;
        let mut sizes = arrives.sizes.clone();
        for ((spreading, axis), size) in self.each().zip(&mut sizes[1..]) {
            *size =
                size.map(|size| along(spreading, axis, size)).transpose()?.map(|(long, _)| long);
        }
        if let Some(last) = sizes.last_mut() {
            *last = Some(self.filters);
        }
        Ok(arrives.with(sizes))
    }

    fn build(&mut self, dev: &Cpu, _: &str, arrives: &AnySignal) -> Result<(), Error> {
        let channels = known_features(arrives)?;
        let (sizes, bias) = (self.sizes(channels), [self.filters]);
        let wanted = [
            ("kernel", &sizes[3 - self.axes..], self.hows[0], Role::Trained),
            ("bias", &bias, self.hows[1], Role::Trained),
        ];
        self.weights = Weights::draw(dev, &wanted[..if self.use_bias { 2 } else { 1 }])?;
        self.channels = Some(channels);
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let (x, recorded) = x.recorded();
        let channels = self.channels.unwrap_or(0);
        let kernel = self.weights.matrix("kernel", channels)?;
        let Some(depth) = &self.depth else { return self.spread(x.numbers()?, kernel, recorded) };
        let (x, long) = spread_side_by_side(depth, x.numbers()?)?;
        // As the slices stand: the window the other way around.
        let sizes = self.sizes(channels);
        let mut along = all(&sizes);
        along[0].take((0..sizes[0]).rev().map(Some))?;
        along[..4].rotate_left(1);
        let (kernel, _) = arranged(kernel.retaped::<Recorder>(), along)?;
        let [slices, rows, columns, filters, _] = sizes;
        let kernel = kernel.into_shape(&(rows * columns * filters, slices * channels))?;
        let (kernel, more) = kernel.split_tape();
        let mut x = x.numbers()?;
        x.x = with_tape(x.x, more);
        stacked(self.spread(x, kernel, recorded)?, long)
    }

    visit!();
}
