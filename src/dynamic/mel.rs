//! Keras's `MelSpectrogram`: how loud each frame of a signal is in bands that the ear tells apart.

use std::sync::{Arc, OnceLock};

use dfdx::{
    prelude::TrySub,
    shapes::HasShape,
    tensor::{Cpu, NoneTape, PutTape, SplitTape, TensorFromVec},
};
use serde_json::Value;

use super::{
    conv::Slider,
    flow::{Flow, Numbers, Rows, beside, with_tape},
    fourier::{Shading, Side, power, transformed, waves},
    functions::FoundFunction,
    merge::{Merging, merged},
    op::OneToOne,
    options::Options,
    places::{all, arranged, permuted},
    words::{self, refused},
};
use crate::{
    backend::{
        ActivationKind, Backend, DenseWeights, IntoShape, Pooling, WeightCache, Window, map_values,
    },
    error::{Error, OrDevice},
    fields::AnySignal,
    shape::{Padding, Valid},
};

/// How many values the waves and the bands hold at most: those of a transform of 2^13 values, or so.
const MOST: usize = 1 << 26;

#[derive(Debug, Clone)]
pub(crate) struct Mel {
    length: usize,
    stride: usize,
    /// How many values of a frame the window lets through; they are in its middle.
    seen: usize,
    window: Shading,
    bands: usize,
    /// Twice the largest frequency there is; the least and the largest that count.
    rate: f64,
    range: [f64; 2],
    /// What the lengths of the complex values are raised to.
    exponent: f32,
    decibels: Option<Decibels>,
    linear: FoundFunction,
    /// Made when they are first needed: they may be large.
    tables: OnceLock<Arc<Tables>>,
}

/// How loudness is said.
#[derive(Debug, Clone, Copy)]
struct Decibels {
    /// How far below the loudest value the others are at most.
    top: f32,
    least: f32,
    reference: f32,
}

#[derive(Debug)]
struct Tables {
    waves: [Rows<NoneTape>; 2],
    bands: Rows<NoneTape>,
    caches: [WeightCache; 3],
}

impl Mel {
    pub(crate) fn new(options: &mut Options<'_>) -> Result<Self, Error> {
        let get = |key: &str| options.value(key);
        let number = |key: &str, expected: &str, fits: &dyn Fn(f64) -> bool| {
            let value = get(key).as_f64().filter(|&x| fits(x) && (x as f32).is_finite());
            value.ok_or_else(|| options.misfit(key, expected, get(key)))
        };
        let above = "a number above 0 is needed";
        let length = options.size("fft_length")?;
        let seen = match get("sequence_length") {
            Value::Null => length,
            _ => options.size("sequence_length")?,
        };
        if length < 2 || seen == 0 || seen > length {
            let expected = "2 at least, and at least `sequence_length`, is needed";
            return Err(options.misfit("fft_length", expected, get("fft_length")));
        }
        let (bands, bins) = (options.size("num_mel_bins")?, length / 2 + 1);
        let count = |n: usize| bins.checked_mul(n).filter(|&n| n <= MOST);
        for (key, n) in [("fft_length", length), ("num_mel_bins", bands)] {
            if count(n).is_none() {
                return Err(options.misfit(key, "a smaller number is needed", get(key)));
            }
        }
        let said = get("window");
        let window = match said {
            // These are all that Keras takes here.
            Value::String(name) if name != "hann" && name != "hamming" => None,
            said => Shading::read(said, seen),
        };
        let window = window.ok_or_else(|| {
            let expected =
                "\"hann\", \"hamming\", `null` or a list of `sequence_length` numbers is needed";
            options.misfit("window", expected, said)
        })?;
        // Without a window, all of a frame is seen.
        let seen = if window == Shading::None { length } else { seen };
        let rate = number("sampling_rate", above, &|x| x > 0.0)?;
        let from = number("min_freq", "a number of at least 0 is needed", &|x| x >= 0.0)?;
        let to = match get("max_freq") {
            Value::Null => (rate / 2.0).trunc(),
            zero if zero.as_f64() == Some(0.0) => (rate / 2.0).trunc(),
            _ => number("max_freq", above, &|x| x > 0.0)?,
        };
        if to <= from {
            return Err(options.misfit(
                "min_freq",
                "less than `max_freq` is needed",
                get("min_freq"),
            ));
        }
        let decibels = match options.flag("power_to_db")? {
            false => None,
            true => {
                let least = number("min_power", above, &|x| x as f32 > 0.0)?;
                Some(Decibels {
                    top: number("top_db", "a number is needed", &|_| true)? as f32,
                    least: least as f32,
                    reference: number("ref_power", "a number is needed", &|_| true)?
                        .abs()
                        .max(least) as f32,
                })
            }
        };
        Ok(Self {
            length,
            stride: options.size("sequence_stride")?,
            seen,
            window,
            bands,
            rate,
            range: [from, to],
            exponent: number("mag_exp", above, &|x| x > 0.0)? as f32,
            decibels,
            linear: options.custom.function("linear")?,
            tables: OnceLock::new(),
        })
    }

    fn tables(&self) -> Result<Arc<Tables>, Error> {
        if let Some(tables) = self.tables.get() {
            return Ok(tables.clone());
        }
        let bins = self.length / 2 + 1;
        let window = self.window.values(self.seen, true).unwrap_or_else(|| vec![1.0; self.seen]);
        let table = |values: Vec<f32>, shape: (usize, usize)| {
            Cpu::default().try_tensor_from_vec(values, shape).or_device()
        };
        let wave = |side| table(waves(side, &window, bins, self.length)?, (self.seen, bins));
        let made = Tables {
            waves: [wave(Side::Real)?, wave(Side::Imaginary)?],
            bands: table(self.shares(bins), (bins, self.bands))?,
            caches: Default::default(),
        };
        Ok(self.tables.get_or_init(|| Arc::new(made)).clone())
    }

    /// How much of each frequency is in each band: triangles that overlap, on a scale on which the bands are equally far apart.
    fn shares(&self, bins: usize) -> Vec<f32> {
        let pitch = |hertz: f64| 1127.0 * (hertz / 700.0).ln_1p();
        let [from, to] = self.range.map(pitch);
        let step = (to - from) / (self.bands + 1) as f64;
        let share = |bin: usize, band: usize| {
            // The first frequency is none that is heard.
            if bin == 0 {
                return 0.0;
            }
            let at = pitch(self.rate / 2.0 * bin as f64 / (bins - 1) as f64);
            let edge = |n: usize| from + n as f64 * step;
            ((at - edge(band)) / step).min((edge(band + 2) - at) / step).max(0.0) as f32
        };
        (0..bins).flat_map(|bin| (0..self.bands).map(move |band| share(bin, band))).collect()
    }

    /// How many frames there are of so many values.
    fn frames(&self, samples: usize) -> Option<usize> {
        let padded = samples.checked_add(self.length / 2 * 2)?;
        Some(padded.checked_sub(self.length)? / self.stride + 1)
    }

    /// The values that the windows see, in front of and behind which the signal is reflected.
    fn padded(&self, x: Rows, samples: usize) -> Result<(Rows, usize), Error> {
        let frames = self.frames(samples).ok_or(Error::Empty("the values of a signal"))?;
        let long = (frames - 1) * self.stride + self.seen;
        // In front of what is seen, a frame has zeros.
        let behind = self.length / 2 - (self.length - self.seen) / 2;
        let period = (2 * (samples - 1)).max(1);
        let place = |at: usize| {
            let at = (at as i64 - behind as i64).rem_euclid(period as i64) as usize;
            Some(at.min(period - at).min(samples - 1))
        };
        let mut along = all(&[x.shape().0, samples]);
        along[1].take((0..long).map(place))?;
        Ok((arranged(x, along)?.0, long))
    }

    fn loud(&self, x: Rows) -> Result<Rows, Error> {
        let Some(Decibels { top, least, reference }) = self.decibels else { return Ok(x) };
        let offset = 10.0 * reference.log10();
        let slope = move |x, _| if x > least { 10.0 / (std::f32::consts::LN_10 * x) } else { 0.0 };
        let x = map_values(x, move |x| 10.0 * x.max(least).log10() - offset, slope)?;
        let (rows, columns) = *x.shape();
        let (x, tape) = x.split_tape();
        let count = rows * columns;
        let (size, one) = ([1, count], [1, 1]);
        let window =
            Window { size, kernel: size, stride: one, dilation: one, before: [0, 0], places: one };
        let row = beside(&x, &tape).into_shape(&(1, 1, count, 1))?;
        let loudest = Cpu::pool2d(row, Pooling::Max, &window)?.into_shape(&(1, 1))?;
        let floor = loudest.try_sub(top).or_device()?;
        let mut everywhere = all(&[1, 1]);
        everywhere[0].repeat(rows);
        everywhere[1].repeat(columns);
        let (floor, _) = arranged(floor, everywhere)?;
        merged(Merging::Largest, x.put_tape(tape), floor)
    }
}

impl OneToOne for Mel {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        words::unmasked(arrives)?;
        let &[batch, samples] = arrives.sizes.as_slice() else {
            return Err(refused(format!(
                "signals are needed here, `(Batch, Length)`, but `{arrives}` arrives"
            )));
        };
        let frames = |samples: usize| {
            let frames = if samples == 0 { None } else { self.frames(samples) };
            frames.ok_or_else(|| {
                refused(format!("{samples} values have no frames of {}", self.length))
            })
        };
        let frames = samples.map(frames).transpose()?;
        // What the frames overlap by counts as often.
        let held = frames
            .unwrap_or(1)
            .checked_mul(self.length)
            .and_then(|n| n.checked_mul(batch.unwrap_or(1).max(1)));
        if held.is_none_or(|n| n > super::MAX_NUMBERS) {
            return Err(refused(format!("the frames of `{arrives}` hold more than 2^28 numbers")));
        }
        Ok(AnySignal::numbers([batch, Some(self.bands), frames]))
    }

    fn apply(&self, x: Flow) -> Result<Flow, Error> {
        let Numbers { x, sizes, .. } = x.numbers()?;
        let [batch, samples] = *sizes else {
            return Err(refused(format!("no signals: {sizes:?}")));
        };
        let tables = self.tables()?;
        let (x, long) = self.padded(x, samples)?;
        let (x, tape) = x.into_shape(&(batch * long, 1))?.split_tape();
        let slider = Slider::along_steps(self.seen, self.stride, Valid::places);
        let part = |i: usize| {
            let signals = (&x, [batch, long, 1], &tape);
            let (kernel, cache) = (&tables.waves[i], &tables.caches[i]);
            Ok::<_, Error>(transformed(&slider, signals, kernel, cache, &self.linear)?.0)
        };
        let power = with_tape(power(part(0)?, part(1)?)?, tape);
        let exponent = self.exponent / 2.0;
        let slope = move |x: f32, _| if x > 0.0 { exponent * x.powf(exponent - 1.0) } else { 0.0 };
        let magnitudes = match exponent {
            1.0 => power,
            _ => map_values(power, move |x| x.powf(exponent), slope)?,
        };
        let (kernel, cache) = (tables.bands.clone(), &tables.caches[2]);
        let weights = DenseWeights { kernel, bias: None, cache };
        let bands = Cpu::dense(magnitudes, weights, ActivationKind::Nothing)?;
        let bands = self.loud(bands)?;
        let frames = bands.shape().0 / batch.max(1);
        let (y, _) = permuted(bands, &[batch, frames, self.bands], &[0, 2, 1])?;
        Flow::plain(y, [batch, self.bands, frames])
    }
}
