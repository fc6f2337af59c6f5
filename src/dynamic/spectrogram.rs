//! Keras's `STFTSpectrogram`: the frequencies in each frame of a signal.

use dfdx::{
    prelude::TryConcatAlong,
    shapes::{Axis, HasShape},
    tensor::{Cpu, SplitTape},
};
use serde_json::Value;

use super::{
    conv::{PlacesOf, Slider, padding},
    flow::{Flow, Numbers, Rows, with_tape},
    fourier::{Shading, Side, power, transformed, waves},
    functions::FoundFunction,
    graph::angles,
    merge::{Merging, merged},
    op::OneToOne,
    options::Options,
    places::permuted,
    scaling::constant,
    visit,
    weights::{Role, Weights},
    words::refused,
};
use crate::{
    backend::{IntoShape, WeightCache, map_values},
    error::{Error, OrDevice},
    fields::{AnySignal, Initializer},
};

/// What leaves the layer of the complex values of a frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Log,
    Magnitude,
    Density,
    Real,
    Imaginary,
    Angle,
    Both,
}

/// What a power counts as at least: Keras's `epsilon`.
const LEAST: f32 = 1e-7;

#[derive(Debug, Clone)]
pub(crate) struct Spectrogram {
    mode: Mode,
    frame: usize,
    slider: Slider,
    bins: usize,
    shading: Shading,
    periodic: bool,
    /// What the window is divided by: the root of the sum of its squares, or the sum of its values.
    scaling: Option<String>,
    /// Whether the frequencies are an axis of their own.
    expand: bool,
    linear: FoundFunction,
    weights: Weights,
    caches: [WeightCache; 2],
}

impl Spectrogram {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let get = |key: &str| options.value(key);
        let mode = match options.text("mode")?.as_str() {
            "magnitude" => Mode::Magnitude,
            "psd" => Mode::Density,
            "real" => Mode::Real,
            "imag" => Mode::Imaginary,
            "angle" => Mode::Angle,
            "stft" => Mode::Both,
            _ => Mode::Log,
        };
        let frame = options.size("frame_length")?;
        let size = |key: &str, usual: Option<usize>, among: std::ops::RangeInclusive<usize>| {
            let found = match get(key) {
                Value::Null => usual,
                value => crate::fields::whole(value).and_then(|n| usize::try_from(n).ok()),
            };
            let expected =
                || format!("a whole number from {} to {} is needed", among.start(), among.end());
            found
                .filter(|n| among.contains(n))
                .ok_or_else(|| options.misfit(key, &expected(), get(key)))
        };
        let step = size("frame_step", Some(frame / 2), 1..=frame)?;
        let length = size("fft_length", frame.checked_next_power_of_two(), frame.max(2)..=1 << 28)?;
        let said = get("window");
        let shading = Shading::read(said, frame).ok_or_else(|| {
            let expected = "\"hann\", \"hamming\", \"blackman\", \"nuttall\", \"blackmanharris\", \"boxcar\", `null` or a \
                            list of as many numbers as a frame has is needed";
            options.misfit("window", expected, said)
        })?;
        let padding: PlacesOf = padding(options)?;
        Ok(Self {
            mode,
            frame,
            slider: Slider::along_steps(frame, step, padding),
            bins: length / 2 + 1,
            shading,
            periodic: options.flag("periodic")?,
            scaling: get("scaling").as_str().map(str::to_owned),
            expand: options.flag("expand_dims")?,
            linear: options.custom.function("linear")?,
            weights: Weights::default(),
            caches: Default::default(),
        })
    }

    /// The window as it is multiplied with the waves.
    fn window(&self) -> Vec<f64> {
        let Some(window) = self.shading.values(self.frame, self.periodic) else {
            return vec![1.0; self.frame];
        };
        let divisor = match self.scaling.as_deref() {
            Some("density") => window.iter().map(|x| x * x).sum::<f64>().sqrt(),
            Some("spectrum") => window.iter().map(|x| x.abs()).sum(),
            _ => 1.0,
        };
        window.iter().map(|x| x / divisor).collect()
    }

    /// How many values each frame of a signal gives.
    fn values(&self) -> usize {
        if self.mode == Mode::Both { 2 * self.bins } else { self.bins }
    }

    /// What the complex values become.
    fn of_parts(&self, part: impl Fn(Side) -> Result<Rows, Error>) -> Result<Rows, Error> {
        let (real, imaginary) = match self.mode {
            Mode::Real => return part(Side::Real),
            Mode::Imaginary => return part(Side::Imaginary),
            _ => (part(Side::Real)?, part(Side::Imaginary)?),
        };
        match self.mode {
            Mode::Both => return (real, imaginary).try_concat_along(Axis::<1>).or_device(),
            Mode::Angle => return angles(imaginary, real),
            _ => {}
        }
        let power = power(real, imaginary)?;
        match self.mode {
            Mode::Density => {
                // The frequencies that are left out are as strong, but for the first and the last one.
                let (rows, bins) = *power.shape();
                let mut factors = vec![2.0; bins];
                (factors[0], factors[bins - 1]) = (1.0, 1.0);
                merged(Merging::Product, power, constant(factors, &[bins], &[rows, bins])?)
            }
            Mode::Magnitude => {
                let slope = |x, y: f32| if x > LEAST { 0.5 / y } else { 0.0 };
                map_values(power, |x| x.max(LEAST).sqrt(), slope)
            }
            _ => {
                let slope = |x, _| if x > LEAST { 0.5 / x } else { 0.0 };
                map_values(power, |x| x.max(LEAST).sqrt().ln(), slope)
            }
        }
    }
}

impl OneToOne for Spectrogram {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        let gives = self.slider.gives(arrives, None)?;
        let [batch, frames, channels] = gives.sizes[..] else {
            return Err(refused("one value is needed here"));
        };
        let values = self.values();
        if self.expand {
            return Ok(AnySignal::numbers([batch, frames, Some(values), channels]));
        }
        let too_many =
            || refused(format!("{values} frequencies of each signal of `{arrives}` are too many"));
        let all = channels.map(|n| n.checked_mul(values).ok_or_else(too_many)).transpose()?;
        Ok(AnySignal::numbers([batch, frames, all]))
    }

    fn build(&mut self, dev: &Cpu, _: &str, _: &AnySignal) -> Result<(), Error> {
        let sizes = [self.frame, 1, self.bins];
        let wanted = [("real_kernel", Side::Real), ("imag_kernel", Side::Imaginary)];
        let wanted: Vec<_> = wanted
            .into_iter()
            .filter(|(_, side)| match self.mode {
                Mode::Real => *side == Side::Real,
                Mode::Imaginary => *side == Side::Imaginary,
                _ => true,
            })
            .collect();
        let weights: Vec<_> = wanted
            .iter()
            .map(|&(name, _)| (name, &sizes[..], Initializer::ZEROS, Role::Trained))
            .collect();
        self.weights = Weights::draw(dev, &weights)?;
        let window = self.window();
        for (name, side) in wanted {
            let waves = waves(side, &window, self.bins, 2 * (self.bins - 1))?;
            self.weights.set(name, &waves);
        }
        Ok(())
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        let [batch, length, channels] = *sizes else {
            return Err(refused(format!("no sequence: {sizes:?}")));
        };
        let (x, _) = permuted(x, &sizes, &[0, 2, 1])?;
        let signals = [batch * channels, length, 1];
        let (x, tape) = x.into_shape(&(batch * channels * length, 1))?.split_tape();
        let part = |side: Side| {
            let (name, cache) = match side {
                Side::Real => ("real_kernel", &self.caches[0]),
                Side::Imaginary => ("imag_kernel", &self.caches[1]),
            };
            let kernel = self.weights.matrix(name, self.bins)?;
            let signals = (&x, signals, &tape);
            Ok(transformed(&self.slider, signals, &kernel, cache, &self.linear)?.0)
        };
        let y = self.of_parts(part)?;
        let y = with_tape(y, tape);
        let values = self.values();
        let frames = y.shape().0 / (batch * channels).max(1);
        let sizes = [batch, channels, frames, values];
        let order = if self.expand { [0, 2, 3, 1] } else { [0, 2, 1, 3] };
        let (y, _) = permuted(y, &sizes, &order)?;
        match self.expand {
            true => Flow::plain(y, [batch, frames, values, channels]),
            false => Flow::plain(y, [batch, frames, channels * values]),
        }
    }

    visit!();
}
